//! Against what a C compiler says: the numbers below are those of `offsetof` and `sizeof` on
//! x86_64 and aarch64 Linux.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const SOURCE: &str = r#"
typedef enum { SMALL = -2, LARGE = 200 } Mood;
enum colour { RED, GREEN = 7 };
struct _ts;
typedef struct _ts Thread;
typedef struct { unsigned char interned; unsigned int kind : 3, compact : 1; } Small;
typedef struct {
    char tag;
    struct { unsigned int interned : 2, kind : 3, compact : 1, ascii : 1; unsigned int : 5; unsigned int wide : 20; } state;
    union { long number; struct { short low; const volatile Thread *thread; }; };
    long long packed : 40;
} Text;
struct cframe { char traced; struct frame *current; };
struct _ts {
    Thread *next;
    struct cframe *cframe;
    struct { struct { Thread *head; int count; } generations[3]; int grid[2][4]; } gc;
    Mood mood;
    _Atomic int flag;
    void *nothing;
    Text *items[1];
};
static int counter = 1;
Thread *first;
Text text; Small small; enum colour colour;
int *touch(void) { return &counter; }
"#;

/// Knows `struct frame`, which the first file only declares, and has its own idea of `Small`.
const OTHER: &str = r#"
struct frame { long previous; struct frame *back; };
typedef struct { long a, unique; } Small;
struct frame bottom; Small other;
"#;

struct Compiled {
    directory: PathBuf,
    bytes: Vec<u8>,
}

impl Compiled {
    fn new(name: &str, flags: &[&str]) -> Self {
        let directory = std::env::temp_dir().join(format!("pitviper-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let library = directory.join("library.so");
        for (file, source) in [("first.c", SOURCE), ("other.c", OTHER)] {
            std::fs::write(directory.join(file), source).unwrap();
        }
        run(&directory, "gcc", &[&["-shared", "-fPIC", "first.c", "other.c", "-o", "library.so"], flags].concat());
        let bytes = std::fs::read(library).unwrap();
        Self { directory, bytes }
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).current_dir(directory).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

fn check_layouts(elf: &ElfFile<'_>) {
    let layouts = DebugInfo::parse(elf).unwrap();
    check_members(&layouts);
    check_bit_fields(&layouts);
    check_kinds(&layouts);
    check_absent(&layouts);
    check_names(&layouts, elf);
}

fn check_members(layouts: &DebugInfo<'_>) {
    let rows: [(&str, &[u64], Option<u64>); 15] = [
        ("Thread.next", &[0], Some(8)),
        ("_ts.cframe->current", &[8, 8], Some(8)),
        ("struct _ts.cframe->current->back", &[8, 8, 8], Some(8)),
        ("Thread.next->next->mood", &[0, 0, 96], Some(4)),
        ("Thread.gc.generations", &[16], Some(48)),
        ("Thread.gc.generations[2]", &[48], Some(16)),
        ("Thread.gc.generations[2].count", &[56], Some(4)),
        ("Thread.gc.grid[1]", &[80], Some(16)),
        ("Thread.gc.grid[1][3]", &[92], Some(4)),
        ("Thread.flag", &[100], Some(4)),
        ("Thread.nothing", &[104], Some(8)),
        ("Thread.items[5]", &[152], Some(8)),
        ("Text.thread", &[16], Some(8)),
        ("Text.low", &[8], Some(2)),
        ("Small.unique", &[8], Some(8)),
    ];
    for (path, offsets, size) in rows {
        let member = layouts.member(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!((&*member.offsets, member.size, member.bits), (offsets, size, None), "{path}");
    }
}

fn check_bit_fields(layouts: &DebugInfo<'_>) {
    let rows = [
        ("Text.state.interned", 4, 0, 2, 1),
        ("Text.state.kind", 4, 2, 3, 1),
        ("Text.state.compact", 4, 5, 1, 1),
        ("Text.state.ascii", 4, 6, 1, 1),
        ("Text.state.wide", 5, 4, 20, 3),
        ("Text.packed", 24, 0, 40, 5),
        ("Small.kind", 1, 0, 3, 1),
    ];
    for (path, offset, first, count, size) in rows {
        let member = layouts.member(path).unwrap_or_else(|| panic!("{path} is missing"));
        let bits = Some(Bits { first, count });
        assert_eq!((member.offsets, member.bits, member.size), (vec![offset], bits, Some(size)), "{path}");
    }
}

fn check_kinds(layouts: &DebugInfo<'_>) {
    for (path, is_pointer, is_signed) in [
        ("Thread.next", true, false),
        ("Thread.mood", false, true),
        ("Thread.gc.grid[0][0]", false, true),
        ("Thread.gc.grid[0]", false, false),
        ("Text.state.wide", false, false),
    ] {
        let member = layouts.member(path).unwrap();
        assert_eq!((member.is_pointer, member.is_signed), (is_pointer, is_signed), "{path}");
    }
}

fn check_absent(layouts: &DebugInfo<'_>) {
    for path in [
        "Thread.absent",
        "Absent.next",
        "Thread.next.next",
        "Thread.nothing->x",
        "Thread.gc->x",
        "Thread.gc.generations.head",
        "Thread.gc.generations[3]",
        "Thread.gc.grid[0][0][0]",
        "Text.state.kind.x",
    ] {
        assert_eq!(layouts.member(path), None, "{path}");
    }
}

fn check_names(layouts: &DebugInfo<'_>, elf: &ElfFile<'_>) {
    for (name, size) in [("Thread", 120), ("_ts", 120), ("Text", 32), ("frame", 16), ("enum colour", 4)] {
        assert_eq!(layouts.size_of(name), Some(size), "{name}");
    }
    for (name, value) in [("SMALL", -2), ("LARGE", 200), ("RED", 0), ("GREEN", 7)] {
        assert_eq!(layouts.constant(name), Some(value), "{name}");
    }
    for name in ["counter", "first", "text"] {
        let address = elf.symbol(name).map(|symbol| symbol.address);
        assert!(address.is_some() && layouts.variable(name) == address, "{name}");
    }
    assert_eq!((layouts.size_of("Absent"), layouts.constant("X"), layouts.variable("x")), (None, None, None));
}

#[test]
fn layouts_are_those_of_the_compiler() {
    for (name, flags) in [
        ("dwarf4", &["-gdwarf-4", "-O1"] as &[&str]),
        ("dwarf4-strict", &["-gdwarf-4", "-gstrict-dwarf"]),
        ("dwarf5", &["-gdwarf-5", "-O2"]),
        ("lto", &["-gdwarf-5", "-O1", "-flto"]),
        ("zlib", &["-g", "-gz=zlib"]),
        ("zlib-gnu", &["-g", "-gz=zlib-gnu"]),
    ] {
        let compiled = Compiled::new(name, flags);
        let elf = ElfFile::parse(&compiled.bytes).unwrap();
        assert!(elf.has_debug_info() && !elf.is_position_dependent());
        check_layouts(&elf);
    }
}

#[test]
fn detached_debug_files_are_read() {
    let compiled = Compiled::new("detached", &["-g", "-Wl,--build-id=sha1"]);
    let directory = &compiled.directory;
    run(directory, "objcopy", &["--only-keep-debug", "library.so", "library.debug"]);
    run(directory, "objcopy", &["--strip-debug", "--add-gnu-debuglink=library.debug", "library.so"]);
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
    let (stripped, detached) = (read("library.so"), read("library.debug"));
    let (stripped, detached) = (ElfFile::parse(&stripped).unwrap(), ElfFile::parse(&detached).unwrap());
    check_layouts(&detached);
    assert!(!stripped.has_debug_info() && DebugInfo::parse(&stripped).is_err());
    assert_eq!(stripped.debug_link(), Some("library.debug"));
    assert_eq!(stripped.build_id().map(<[u8]>::len), Some(20));
    assert_eq!(stripped.build_id(), detached.build_id());
}

#[test]
fn without_section_headers_the_dynamic_symbols_remain() {
    let mut compiled = Compiled::new("headless", &["-g", "-Wl,--build-id=sha1"]);
    let whole = compiled.bytes.clone();
    let whole = ElfFile::parse(&whole).unwrap();
    // e_shoff, then e_shnum and e_shstrndx.
    compiled.bytes[40..48].fill(0);
    compiled.bytes[60..64].fill(0);
    let elf = ElfFile::parse(&compiled.bytes).unwrap();
    assert!(elf.section(".text").is_none() && whole.section(".text").is_some());
    assert_eq!(elf.symbol("first"), whole.symbol("first"));
    assert!(elf.symbol("first").is_some_and(|symbol| symbol.is_defined && symbol.size == 8));
    assert_eq!(elf.symbol("counter"), None);
    assert_eq!(elf.build_id(), whole.build_id());
    assert!(elf.segments().eq(whole.segments()) && elf.segments().count() > 1);
}

/// Asks everything there is to ask; nothing may panic or take long.
fn exercise(bytes: &[u8]) {
    let Ok(elf) = ElfFile::parse(bytes) else {
        return;
    };
    let _ = (elf.build_id(), elf.debug_link(), elf.debug_alt_link(), elf.segments().count());
    let _ = (elf.symbols().count(), elf.section_data(".text").is_ok());
    let Ok(layouts) = DebugInfo::parse(&elf) else {
        return;
    };
    for path in ["Thread.cframe->current->back", "Thread.gc.grid[1][3]", "Text.thread", "Text.state.wide"] {
        let _ = layouts.member(path);
    }
    let _ = (layouts.size_of("Thread"), layouts.constant("LARGE"), layouts.variable("first"));
}

#[test]
fn garbled_files_never_panic() {
    let compiled = Compiled::new("garbled", &["-gdwarf-5", "-gz=none"]);
    let elf = ElfFile::parse(&compiled.bytes).unwrap();
    // Half of the damage goes where the debug info is, as most of a file is padding.
    let targets: Vec<(usize, usize)> = [".debug_info", ".debug_abbrev", ".dynamic", ".symtab"]
        .iter()
        .filter_map(|name| elf.section(name))
        .map(|section| (section.offset as usize, section.size as usize))
        .chain([(0, 64), (64, 600), (0, compiled.bytes.len()), (compiled.bytes.len() - 2400, 2400)])
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..4000 {
        let mut bytes = compiled.bytes.clone();
        for _ in 0..=random(8) {
            let (start, size) = targets[random(targets.len())];
            let value = random(256) as u8;
            bytes[start + random(size)] = [value, 0xff, 0x80, 0][random(4)];
        }
        exercise(&bytes);
    }
    for _ in 0..400 {
        exercise(&compiled.bytes[..random(compiled.bytes.len())]);
    }
}

/// A shared library with hand-made debug info: one unit that holds `entries`.
fn hand_made(name: &str, abbreviations: &[u8], entries: &[u8], strings: &[u8]) -> Vec<u8> {
    let compiled = Compiled::new(name, &[]);
    let unit = [&[5, 0, 1, 8, 0, 0, 0, 0], entries].concat();
    let info = [&(unit.len() as u32).to_le_bytes(), &*unit].concat();
    for (name, content) in [("info", &*info), ("abbrev", abbreviations), ("str", strings)] {
        std::fs::write(compiled.directory.join(name), content).unwrap();
        let section = format!(".debug_{name}={name}");
        run(&compiled.directory, "objcopy", &["--add-section", &section, "library.so"]);
    }
    std::fs::read(compiled.directory.join("library.so")).unwrap()
}

#[test]
fn types_that_dwz_moved_away_are_found_in_the_supplement() {
    // A unit; a typedef with an inline name and a type elsewhere (DW_FORM_GNU_ref_alt); a struct
    // with a name elsewhere (DW_FORM_GNU_strp_alt) and a size.
    let abbreviations = [
        1, 0x11, 1, 0, 0, 2, 0x16, 0, 0x03, 0x08, 0x49, 0xa0, 0x3e, 0, 0, 3, 0x13, 0, 0x03, 0xa1, 0x3e, 0x0b, 0x0b, 0,
        0, 0,
    ];
    let entries = [1, 2, b'T', 0, 13, 0, 0, 0, 3, 0, 0, 0, 0, 16, 0];
    let main = hand_made("dwz-main", &abbreviations, &entries, b"Wrong\0");
    // A partial unit; a struct with an inline name and a size.
    let abbreviations = [1, 0x3c, 1, 0, 0, 2, 0x13, 0, 0x03, 0x08, 0x0b, 0x0b, 0, 0, 0];
    let entries = [1, 2, b'S', 0, 24, 0];
    let supplement = hand_made("dwz-supplement", &abbreviations, &entries, b"Elsewhere\0");
    let main = ElfFile::parse(&main).unwrap();
    let supplement = ElfFile::parse_supplement(&supplement).unwrap();
    let sizes = |layouts: &DebugInfo<'_>| ["T", "S", "Elsewhere"].map(|name| layouts.size_of(name));
    let whole = DebugInfo::parse_with_supplement(&main, Some(&supplement)).unwrap();
    assert_eq!(sizes(&whole), [Some(24), Some(24), Some(16)]);
    assert_eq!(sizes(&DebugInfo::parse(&main).unwrap()), [None; 3]);
}

#[test]
fn a_struct_that_contains_itself_has_no_end_but_the_search_has() {
    // An unnamed member leads back to its own struct: the abbreviations are a unit, a struct with
    // children, and an unnamed member with a type and an offset of 0.
    let abbreviations = [1, 0x11, 1, 0, 0, 2, 0x13, 1, 0x0b, 0x0b, 0x03, 0x08, 0, 0, 3, 0x0d, 0, 0x49, 0x13, 0, 0, 0];
    let mut entries = vec![1, 2, 8, b'S', 0];
    for _ in 0..50 {
        entries.push(3);
        entries.extend(13_u32.to_le_bytes());
    }
    entries.extend([0, 0]);
    let bytes = hand_made("circular", &abbreviations, &entries, b"");
    let layouts = DebugInfo::parse(&ElfFile::parse(&bytes).unwrap()).unwrap();
    assert_eq!(layouts.size_of("S"), Some(8));
    assert_eq!(layouts.member("S.x"), None);
}
