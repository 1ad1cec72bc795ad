//! Garbage for every decoder of foreign bytes: pseudo-random, and real things with damage. Nothing
//! may panic; that nothing hangs or floods is what budgets and the checks in the bodies see to.
//! `fuzz/` gives the same bodies to libFuzzer.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/garbage.rs"]
mod bodies;

use bodies::{BODIES, Body, FUZZ, TABLES, elf_with, look_at_object, look_at_state, look_from};
use pitviper::address::{Addr, Pid, Version};
use pitviper::layout::{Flavour, Layout, LineTable as Encoding, Number, Source};
use pitviper::memory::{Image, Memory, Pages, ReadError};
use pitviper::os;
use pitviper::python::{LineTable, Python};
use pitviper::state::Places;
use pitviper::target::Target;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Marsaglia's xorshift: the same garbage in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A word that is no good: what breaks arithmetic, bounds and loops.
    fn bad_word(&mut self) -> u64 {
        let word = self.next();
        let choices = [0, 1, u64::MAX, 1 << 63, i64::MAX as u64, 1 << 45, 1 << 31, 0xffff, word, word >> (word & 63)];
        choices[self.below(choices.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        // Mostly small numbers: random bytes alone fail at the first length.
        let dense = self.below(3);
        (0..length)
            .map(|_| match dense {
                0 => self.next() as u8,
                1 => (self.next() & self.next() & self.next()) as u8,
                _ => [0, 0, 0, 0, 0x10, 0xff, 8, 1][self.below(8)],
            })
            .collect()
    }

    /// `bytes` with one to eight wounds.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    bytes.drain(at..end);
                }
                2 => {
                    let piece = bytes[at..(at + 16).min(bytes.len())].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 => bytes.iter_mut().skip(at).zip(self.bad_word().to_le_bytes()).for_each(|(to, from)| *to = from),
                _ => {
                    let byte = self.next() as u8;
                    bytes.iter_mut().skip(at).take(1).for_each(|to| *to = byte);
                }
            }
        }
    }
}

fn body(name: &str) -> Body {
    BODIES.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Gives the body `name` the `seed` as it is, and damaged so many times.
fn damaged(name: &str, seed: &[u8], times: u64) {
    let body = body(name);
    body(seed);
    for number in 0..times {
        let mut bytes = seed.to_vec();
        Random(number * 2 + 1).damage(&mut bytes);
        body(&bytes);
    }
}

#[test]
fn noise() {
    for (name, body) in BODIES {
        for number in 0..1000 {
            let mut random = Random(number * 2 + 1);
            let length = random.below(if *name == "memory_image" { 4096 } else { 512 });
            body(&random.bytes(length));
        }
        body(&[]);
    }
}

#[test]
fn damaged_offset_tables() {
    for (name, _) in pitviper::layout::all_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("python_offsets/{name}.toml"));
        damaged("offset_table", &std::fs::read(path).unwrap(), 100);
    }
}

/// Every number of a table, one after another, replaced by others that are numbers too.
#[test]
fn tables_of_wrong_numbers() {
    for (index, (_, table)) in TABLES.iter().enumerate() {
        let text = table.to_text(|_, _| String::new());
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(at, _)| at % TABLES.len() == index) {
            let Some((key, _)) = line.split_once(" = ") else { continue };
            for number in ["0", "-1", "1", "7", "16777215", "16777216", "4294967296", "[8, 16777215]"] {
                let line = format!("{key} = {number}");
                let mut lines = lines.clone();
                lines[at] = &line;
                body("offset_table")(lines.join("\n").as_bytes());
            }
        }
    }
}

/// Sizes by which memory is taken for each of 100,000 items.
#[test]
fn impossible_sizes_are_refused() {
    for (name, table) in TABLES.iter() {
        for (section, field) in [("str_object", "ascii_size"), ("str_object", "compact_size"), ("gil", "size")] {
            let mut table = table.clone();
            table.set(section, field, Number::One(1 << 24));
            let layout =
                Layout::from_table(&table, Version::release(3, 13, 0), Flavour::Gil, Source::User(String::new()));
            assert!(layout.is_err_and(|error| error.contains(field)), "{name}: {section}.{field}");
        }
    }
}

/// Fifty entries, each of which moves the line on by as much as it can.
#[test]
fn lines_do_not_wrap() {
    let step = [0x80 | 13 << 3, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f];
    let table = LineTable { encoding: Encoding::Locations, bytes: step.repeat(50), first_line: 1 };
    assert_eq!(table.position(98).line, Some(i64::MAX));
}

#[test]
fn damaged_debug_offsets() {
    for (index, (_, table)) in TABLES.iter().enumerate().filter(|(_, (_, table))| !table.debug_offsets.is_empty()) {
        let mut bytes = vec![0; 1025];
        bytes[0] = index as u8;
        bytes[1..9].copy_from_slice(b"xdebugpy");
        for at in table.debug_offsets.values() {
            let at = *at as usize + 1;
            bytes.iter_mut().skip(at).zip([64, 0]).for_each(|(to, from)| *to = from);
        }
        damaged("debug_offsets", &bytes, 300);
    }
}

#[test]
fn damaged_executables() {
    for path in ["/proc/self/exe", "/usr/bin/env"] {
        let bytes = std::fs::read(path).unwrap();
        let headers = |random: &mut Random| {
            let mut bytes = bytes.clone();
            let sections = u64::from_le_bytes(*bytes[40..].first_chunk().unwrap()) as usize;
            for _ in 0..=random.below(4) {
                // Where it hurts: the header, the program headers, the section headers.
                let (start, length) = [(0, 64), (64, 800), (sections, 2000)][random.below(3)];
                let at = (start + random.below(length) / 4 * 4).min(bytes.len() - 8);
                bytes[at..at + 8].copy_from_slice(&random.bad_word().to_le_bytes());
            }
            bytes
        };
        for number in 0..60 {
            body("elf")(&headers(&mut Random(number * 2 + 1)));
        }
    }
    let small = std::fs::read("/usr/bin/env").unwrap();
    damaged("elf", &small, 200);
}

/// Tables whose every entry refers to the longest text, or the largest table, of the file: with any
/// pass per entry these take hours.
#[test]
fn executables_and_debug_info_take_no_quadratic_time() {
    let blob = vec![0x41; 2 << 20];
    // A hundred thousand symbols whose names never end.
    let symbols: Vec<u8> =
        (0..100_000_u64).flat_map(|n| [n | 0x12 << 32 | 1 << 48, n, n]).flat_map(u64::to_le_bytes).collect();
    let mut file = elf_with(&[(".symtab", &symbols), (".strtab", &blob)]);
    let table = u64::from_le_bytes(*file[40..].first_chunk().unwrap()) as usize;
    // The first is a symbol table, named by the second.
    file[table + 64 + 4] = 2;
    file[table + 64 + 40] = 2;
    assert!(pitviper::binary::ElfFile::parse(&file).is_ok());
    body("elf")(&file);
    // Typedefs whose names are all over the same endless text; units each with its own abbreviations,
    // which never end either.
    let abbreviations =
        [&[1, 0x11, 1, 0, 0, 2, 0x16, 0, 3, 0x0e, 0x49, 0x13, 0, 0][..], &[3, 0x16, 0, 3, 8, 0, 0].repeat(100_000)]
            .concat();
    let unit = |abbreviations: u32, entries: &[u8]| {
        let length = (7 + entries.len()) as u32;
        [&length.to_le_bytes()[..], &[4, 0], &abbreviations.to_le_bytes(), &[8], entries].concat()
    };
    let entries: Vec<u8> = std::iter::once(1)
        .chain((0..200_000_u32).flat_map(|n| [[2].to_vec(), n.to_le_bytes().to_vec(), vec![11, 0, 0, 0]].concat()))
        .collect();
    let mut info = unit(0, &entries);
    for n in 0..50_000 {
        info.extend(unit(14 + 7 * n, &[3, 0]));
    }
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", &abbreviations), (".debug_str", &blob)];
    body("dwarf")(&elf_with(&sections));
}

const SOURCE: &str = "
typedef struct S S; union U { int i; char c; }; enum N { E = -5, F = 200 };
struct S { int a; unsigned b : 3, : 2, e : 9; struct { S *p; union U u; }; S *c2[4]; const volatile enum N n; };
typedef struct { int a[3][4]; S s[]; } T; S c; T t; static int v = 1; _Thread_local int w; long l;
int use(void) { return v + w + c.a + t.a[0][0]; }
";

#[test]
fn damaged_debug_info() {
    let folder = std::env::temp_dir().join(format!("pitviper-garbage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("s.c"), SOURCE).unwrap();
    for options in [&["-gdwarf-4"][..], &["-gdwarf-5"], &["-gdwarf-5", "-gz"]] {
        let compiler = Command::new("cc")
            .args(options)
            .args(["-shared", "-fPIC", "-nostdlib", "-o", "s.so", "s.c"])
            .current_dir(&folder)
            .status();
        assert!(compiler.unwrap().success());
        let bytes = std::fs::read(folder.join("s.so")).unwrap();
        damaged("dwarf", &bytes, 300);
        // The sections alone, each damaged more.
        let elf = pitviper::binary::ElfFile::parse(&bytes).unwrap();
        let section = |name| elf.section_data(name).unwrap().unwrap_or_default().into_owned();
        let names =
            [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr"];
        let sections = names.map(section);
        assert!(!sections[0].is_empty());
        for number in 0..1000 {
            let mut random = Random(number * 2 + 1);
            let mut sections = sections.clone();
            for _ in 0..2 {
                let which = random.below(2);
                random.damage(&mut sections[which]);
            }
            let pairs: Vec<(&str, &[u8])> = names.into_iter().zip(sections.iter().map(Vec::as_slice)).collect();
            body("dwarf")(&elf_with(&pairs));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn damaged_proc_texts() {
    for file in ["maps", "stat", "syscall"] {
        damaged("proc_text", &std::fs::read(format!("/proc/self/{file}")).unwrap(), 1000);
    }
}

/// What the captured process is: something of every kind of object, in frames of every kind.
const PROGRAM: &str = r#"
import sys, threading, time
class Old: pass
class Slots(object):
    __slots__ = ("first", "second")
class Both(Slots): pass
class Meta(type): pass
def generator(deep):
    held = [1, 2.5, 3j, None, True, deep]
    yield held
    for x in generator(deep - 1) if deep else [0]:
        yield x
def inner(n, *rest, **named):
    text, wide, data, array = u"caf\xe9 \u4e2d", u"\U0001f600" * 3, b"\x00abc", bytearray(b"xyz")
    numbers = (0, -1, 2 ** 31, -2 ** 63, 10 ** 40, 1 << 5000)
    plain, slots, both = Old(), Slots(), Both()
    plain.a, plain.self, slots.first, both.x, both.second = 1, plain, [slots], {1: 2}, "s"
    loop = [1]; loop.append(loop)
    table = dict((k, {k: [k]}) for k in range(30)); members, frozen = set(range(20)), frozenset("abc")
    known = [int, Old, Slots, inner, len, sys, threading.Thread, plain, type(None), Ellipsis]
    cell = lambda: (text, n)
    g = generator(2); next(g)
    if n:
        return inner(n - 1, n, named=n)
    for x in generator(3):
        if ready.append(1) or len(ready) > 0:
            go.wait()
ready, go = [], threading.Event()
for i in range(3):
    t = threading.Thread(target=inner, args=(3,)); t.daemon = True; t.start()
while len(ready) < 3: time.sleep(0.01)
time.sleep(0.1)
sys.stdout.write("ready\n"); sys.stdout.flush()
sys.stdin.read()
"#;

/// A real process, copied, and no longer there.
struct Captured {
    image: Image,
    target: Target,
    head: Addr,
    places: Places,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None` for a Python of which this build has no table.
fn capture(python: &Path) -> Option<Captured> {
    let child = Command::new(python).args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = Running(child.unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "{}", python.display());
    let pid = Pid(child.0.id());
    let target = Target::attach(pid, None).ok()?;
    let mut image = Image::new();
    for mapping in os::maps(pid).unwrap().iter().filter(|mapping| mapping.read && mapping.len() <= 8 << 20) {
        let mut bytes = vec![0; mapping.len() as usize];
        if target.memory.read(Addr::new(mapping.start)?, &mut bytes).is_ok() {
            image = image.with(mapping.start, &bytes);
        }
    }
    let head = target.interpreters_head()?;
    let places = Places::of(&target);
    Some(Captured { image, target, head, places })
}

/// Notes where what is read lies.
struct Watched<'m> {
    under: &'m Image,
    reads: RefCell<BTreeSet<(Addr, usize)>>,
}

impl Memory for Watched<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.under.read(addr, buffer)?;
        self.reads.borrow_mut().insert((addr, buffer.len()));
        Ok(())
    }
}

/// A memory with wounds.
struct Wounded<'m> {
    under: &'m Image,
    wounds: BTreeMap<u64, u8>,
}

impl Memory for Wounded<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.under.read(addr, buffer)?;
        for (at, byte) in self.wounds.range(addr.get()..addr.get().saturating_add(buffer.len() as u64)) {
            buffer[(at - addr.get()) as usize] = *byte;
        }
        Ok(())
    }
}

/// An interpreter of each series that scripts/get-pythons has gathered; else the system's own.
fn pythons() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folder = std::env::var_os("PITVIPER_PYTHONS").map(PathBuf::from);
    let list = folder.unwrap_or_else(|| home.join(".cache/pitviper/pythons")).join("pythons.json");
    let list = std::fs::read(list).ok().and_then(|text| serde_json::from_slice::<Vec<serde_json::Value>>(&text).ok());
    let mut series = BTreeMap::new();
    for python in list.iter().flatten() {
        let text = |key: &str| python.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let version = text("version").rsplit_once('.').map(|(series, _)| series.to_owned());
        series.entry(version).or_insert_with(|| PathBuf::from(text("path")));
    }
    if series.is_empty() { vec!["/usr/bin/python3".into()] } else { series.into_values().collect() }
}

#[test]
fn damaged_processes() {
    let mut looked = 0;
    for python in pythons() {
        let Some(captured) = capture(&python) else { continue };
        looked += 1;
        let (image, layout) = (&captured.image, &captured.target.layout);
        let watched = Watched { under: image, reads: RefCell::default() };
        look_from(&watched, layout, captured.head);
        look_at_state(&watched, layout, captured.head, &captured.places);
        let reads: Vec<(Addr, usize)> = watched.reads.into_inner().into_iter().collect();
        assert!(reads.len() > 1000, "{}: only {} places were read", python.display(), reads.len());
        for number in 0..100 {
            let mut random = Random(number * 2 + 1);
            let mut wounds = BTreeMap::new();
            for _ in 0..=random.below(12) {
                let (addr, length) = reads[random.below(reads.len())];
                let at = addr.get() + random.below(length) as u64 / 8 * 8;
                let elsewhere = reads[random.below(reads.len())].0.get();
                let word = match random.below(5) {
                    0 | 1 => elsewhere,
                    2 => at,
                    _ => random.bad_word(),
                };
                let width = [1, 2, 4, 8, 8, 8][random.below(6)];
                wounds.extend((at..).zip(word.to_le_bytes()).take(width));
            }
            let wounded = Wounded { under: image, wounds };
            let pages = Pages::within(&wounded, FUZZ);
            look_from(&pages, layout, captured.head);
            let pages = Pages::within(&wounded, FUZZ);
            look_at_state(&pages, layout, captured.head, &captured.places);
            let pages = Pages::within(&wounded, FUZZ);
            for _ in 0..4 {
                look_at_object(&Python::new(&pages, layout), reads[random.below(reads.len())].0);
            }
        }
    }
    assert!(looked > 0, "no Python could be looked at");
}
