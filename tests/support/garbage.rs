//! What is done to every decoder of foreign bytes: one function each, which takes any bytes and must
//! return, soon, whatever they are. `fuzz/` gives these to libFuzzer, `tests/garbage.rs` feeds them
//! damaged bytes of real things.

use pitviper::address::{Addr, Version};
use pitviper::binary::{DebugInfo, ElfFile, FileImage, Machine, MappedImage, references};
use pitviper::disassembly::{Bytecode, Looked, decode, parse_exception_table, states, subject};
use pitviper::layout::{self, Flavour, Layout, LineTable as Encoding, Opcodes, Source, Table, debug_offsets};
use pitviper::memory::{Budget, Image, Memory, Pages, Part, ReadError};
use pitviper::objects::{Limits, describe};
use pitviper::os;
use pitviper::profile::{Aggregator, By, Filter, Grain, Reader};
use pitviper::python::{CodeCache, InterpreterState, LineTable, Python, StackCopy};
use pitviper::state::{self, Places};
use pitviper::target;
use std::rc::Rc;
use std::sync::LazyLock;

/// Takes any bytes, and returns soon.
pub type Body = fn(&[u8]);

/// Every body, by the name of its fuzz target.
pub const BODIES: &[(&str, Body)] = &[
    ("line_table", line_table),
    ("bytecode", bytecode),
    ("offset_table", offset_table),
    ("debug_offsets", debug_offsets),
    ("elf", elf),
    ("dwarf", dwarf),
    ("code", code),
    ("proc_text", proc_text),
    ("memory_image", memory_image),
    ("recording", recording),
];

/// Line tables, in all encodings: a first line, an instruction, the table.
pub fn line_table(bytes: &[u8]) {
    let (head, table) = bytes.split_at(bytes.len().min(8));
    let first_line = i64::from(word(head) as i32);
    let lasti = i64::from((word(head) >> 32) as i32);
    for encoding in [Encoding::Lnotab, Encoding::LnotabUnsigned, Encoding::Ranges, Encoding::Locations] {
        let table = LineTable { encoding, bytes: table.to_vec(), first_line };
        for lasti in [lasti, -1, 0, i64::MAX] {
            table.position(lasti);
        }
    }
}

/// Bytecode of every series, as if the rest were its exception table: the first byte says where they part.
pub fn bytecode(bytes: &[u8]) {
    let Some((part, bytes)) = bytes.split_first() else { return };
    let (code, table) = bytes.split_at(bytes.len() * usize::from(*part) / 256);
    let handlers = parse_exception_table(table);
    assert!(handlers.len() <= table.len());
    for opcodes in OPCODES.iter() {
        let find = |_, unit: usize, argument: u8| table.get(unit).map(|opcode| (*opcode, argument));
        let bytecode = Bytecode::restored(opcodes, code.to_vec(), find);
        let raws = decode(opcodes, &bytecode);
        assert!(raws.len() <= code.len() && bytecode.original.len() == code.len());
        if let Some(last) = raws.last() {
            states(opcodes, &raws, &handlers, last.offset);
        }
    }
}

/// The text of an offset table, to the layout made of it, and a look through that layout.
pub fn offset_table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(table) = Table::parse("garbage.toml", &text) else { return };
    let again = Table::parse("again.toml", &table.to_text(|_, _| String::new()));
    assert!(again.is_ok(), "{again:?}");
    if let Ok(layout) = Layout::from_table(&table, VERSION, Flavour::Gil, SOURCE) {
        look(&Everywhere(bytes), &layout);
    }
}

/// The target's own `_Py_DebugOffsets`, laid over every table: the first byte chooses one.
pub fn debug_offsets(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let _ = debug_offsets::Head::parse(bytes);
    let (name, mut table) = chosen(&TABLES, *choice).clone();
    for problem in debug_offsets::apply(&mut table, bytes) {
        assert!(problem.len() < 200, "{name}: {problem}");
    }
    if let Ok(layout) = Layout::from_table(&table, VERSION, Flavour::Gil, SOURCE) {
        look(&Everywhere(bytes), &layout);
    }
}

/// An executable file: headers, sections, symbols, and the same as it would lie in memory.
pub fn elf(bytes: &[u8]) {
    let parsed = [ElfFile::parse(bytes), ElfFile::parse_supplement(bytes)];
    for elf in parsed.into_iter().flatten() {
        elf.machine();
        elf.is_position_dependent();
        elf.build_id();
        elf.debug_link();
        elf.debug_alt_link();
        elf.has_debug_info();
        for name in [".text", ".debug_info", ".debug_str", ".gnu_debuglink", ""] {
            elf.section(name);
            let _ = elf.section_data(name).map(|data| assert!(data.is_none_or(|data| data.len() <= 256 << 20)));
        }
        assert!(elf.symbols().all(|symbol| symbol.name.len() < 1 << 16));
        elf.symbol("_PyRuntime");
        let image = FileImage::new(&elf, bytes);
        if let Some(mapped) = image.base().and_then(|base| MappedImage::at(&image, base)) {
            let _ = (mapped.machine(), mapped.bias(), mapped.writable().len());
            mapped.symbol("_PyRuntime");
            mapped.symbol("Py_Version");
        }
        target::identify_file(&elf, bytes);
    }
    let everywhere = Everywhere(bytes);
    if let Some(mapped) = MappedImage::at(&everywhere, BASE) {
        mapped.symbol("_PyRuntime");
    }
}

/// Debug info: as an executable file; and, so that a fuzzer need not invent the file around it, as
/// the contents of the sections that are read. Five lengths of two bytes come first.
pub fn dwarf(bytes: &[u8]) {
    ask_debug_info(bytes);
    const NAMES: [&str; 6] =
        [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr"];
    let (lengths, mut rest) = bytes.split_at(bytes.len().min(2 * (NAMES.len() - 1)));
    let mut sections = Vec::new();
    for (index, name) in NAMES.into_iter().enumerate() {
        let length = lengths
            .get(2 * index..)
            .filter(|length| length.len() >= 2)
            .map_or(usize::MAX, |length| word(&length[..2]) as usize);
        let (section, later) = rest.split_at(rest.len().min(length));
        sections.push((name, section));
        rest = later;
    }
    ask_debug_info(&elf_with(&sections));
}

fn ask_debug_info(bytes: &[u8]) {
    let Ok(elf) = ElfFile::parse(bytes) else { return };
    let Ok(info) = DebugInfo::parse(&elf) else { return };
    for path in [
        "PyObject.ob_type",
        "S.a",
        "S.b",
        "S.c[1].a",
        "S.p->a",
        "struct S.u",
        "T.a[2][1]",
        "PyThreadState.cframe->current_frame",
    ] {
        info.member(path);
    }
    for name in ["PyObject", "S", "T", "struct S", "int", "union U"] {
        info.size_of(name);
    }
    let _ = (info.constant("E"), info.variable("v"));
    let _ = layout::extract::table(&elf, &info, VERSION, Flavour::Gil);
}

/// A 64-bit ELF file of these sections and no segments.
pub fn elf_with(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut file = vec![0; 64];
    let mut headers = vec![[0_u64; 8]];
    let mut header = |names: &mut Vec<u8>, name: &str, kind: u64, offset: usize, size: usize| {
        headers.push([names.len() as u64 | kind << 32, 0, 0, offset as u64, size as u64, 0, 1, 0]);
        names.extend(name.bytes().chain([0]));
    };
    for (name, bytes) in sections {
        header(&mut names, name, 1, file.len(), bytes.len());
        file.extend(*bytes);
    }
    let (at, length) = (file.len(), names.len() + ".shstrtab".len() + 1);
    header(&mut names, ".shstrtab", 3, at, length);
    file.extend(&names);
    let table = file.len() as u64;
    file.extend(headers.iter().flatten().flat_map(|word| word.to_le_bytes()));
    file[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0");
    file[40..48].copy_from_slice(&table.to_le_bytes());
    let count = headers.len() as u16;
    for (at, value) in [(52, 64), (54, 56), (58, 64), (60, count), (62, count - 1)] {
        file[at..at + 2].copy_from_slice(&u16::to_le_bytes(value));
    }
    file
}

/// The code of an accessor.
pub fn code(bytes: &[u8]) {
    let (address, code) = bytes.split_at(bytes.len().min(8));
    for machine in [Machine::X86_64, Machine::Aarch64] {
        assert!(references(machine, code, word(address)).len() <= code.len());
    }
}

/// What the kernel says of a process: names of files and commands in it are the target's.
pub fn proc_text(bytes: &[u8]) {
    for mapping in os::parse_maps(bytes) {
        let _ = (mapping.len(), mapping.is_empty(), mapping.is_file());
        mapping.file_name();
    }
    target::modules(&os::parse_maps(bytes));
    os::Stat::parse(bytes);
    os::parse_syscall(&String::from_utf8_lossy(bytes));
}

/// A recording: as it is; and, so that a fuzzer need not invent checksums, as the contents of a block.
/// A length of two bytes says how much of that is packed.
pub fn recording(bytes: &[u8]) {
    read_recording(bytes);
    let (length, rest) = bytes.split_at(bytes.len().min(2));
    let packed = if length.len() < 2 { 0 } else { word(length) as usize };
    let (packed, plain) = rest.split_at(rest.len().min(packed));
    let header = [1, 6, 0, 0, 0, 0, 0, 0];
    let blocks = [block(1, &header, &[]), block(2, packed, plain), block(3, plain, packed)];
    read_recording(&[b"PITVIPER\x01\0".as_slice(), &blocks.concat()].concat());
}

/// A block of a recording, unpacked, as docs/recording.md describes it.
fn block(kind: u32, packed: &[u8], plain: &[u8]) -> Vec<u8> {
    let contents = [packed, plain].concat();
    let length = packed.len() as u32;
    let mut head = Vec::new();
    for word in [kind, length, length, plain.len() as u32, crc(&contents)] {
        head.extend(word.to_le_bytes());
    }
    let sum = crc(&head);
    head.extend(sum.to_le_bytes());
    [head, contents].concat()
}

/// CRC-32 as gzip has it.
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

fn read_recording(bytes: &[u8]) {
    let Ok(mut reader) = Reader::open(bytes) else { return };
    let filter = Filter { by: By::Task, grain: Grain::Lines, idle: true, ..Filter::default() };
    let mut aggregator = Aggregator::new(filter);
    while let Some(block) = reader.next_block() {
        assert!(block.runs.len() <= 16 << 20);
        block.runs.iter().for_each(|run| aggregator.add(run));
    }
    let sum = aggregator.sum(reader.tables());
    for group in &sum.groups {
        assert!(sum.table(group).iter().all(|row| row.own <= row.total));
    }
}

/// The memory of a process, read with the layout that the first byte chooses. The second says
/// whether the rest repeats itself throughout the address space, so that every pointer leads
/// somewhere, or is a list of ranges: where (in words), how many bytes, the bytes.
pub fn memory_image(bytes: &[u8]) {
    let [choice, everywhere, rest @ ..] = bytes else { return };
    let layout = chosen(&LAYOUTS, *choice);
    if everywhere & 1 == 1 {
        return look(&Everywhere(rest), layout);
    }
    let (mut image, mut rest) = (Image::new(), rest);
    while let [a, b, length, more @ ..] = rest {
        let (range, later) = more.split_at(more.len().min(usize::from(*length) * 4));
        image = image.with(u64::from(u16::from_le_bytes([*a, *b])) * 8, range);
        rest = later;
    }
    look(&image, layout);
}

/// A process and everything of it that is read, found from [`BASE`] on.
fn look(memory: &dyn Memory, layout: &Layout) {
    let pages = Pages::within(memory, FUZZ);
    look_from(&pages, layout, BASE);
    let pages = Pages::within(memory, FUZZ);
    look_at_state(&pages, layout, BASE, &everywhere_at(BASE));
    // Each look has a budget of its own: a spent one would hide what comes after.
    let pages = Pages::within(memory, FUZZ);
    look_at_object(&Python::new(&pages, layout), BASE);
}

/// What a dump with variables does, from the pointer to the first interpreter at `head` on.
pub fn look_from(memory: &dyn Memory, layout: &Layout, head: Addr) {
    let memory = &Modest(memory);
    let python = Python::new(memory, layout);
    let codes = CodeCache::default();
    for interpreter in python.interpreters(head).items.into_iter().take(4) {
        look_at_modules(&python, interpreter);
        let _ = python.tasks(interpreter);
        for thread in python.threads(interpreter).items.into_iter().take(8) {
            let mut copy = StackCopy::new(thread.address, vec![(thread.address, 16)]);
            for _ in 0..2 {
                let taken = copy.take(&python);
                if taken.is_err() || !copy.deduce(&python, &codes) {
                    copy.exact(taken, &python, &codes);
                }
                assert!(copy.parts().iter().map(|part| part.bytes.len()).sum::<usize>() < 100 << 20);
                assert!(copy.take_same() <= copy.stack().len());
                codes.renew();
            }
            let first = python.current_frame(thread.address).ok().flatten();
            for frame in python.walk(first).frames.into_iter().take(50) {
                let Some(code) = frame.code.and_then(|code| codes.get(&python, code).ok()) else { continue };
                code.position(code.lasti(&python, &frame));
                let variables = python.variables(&frame, &code).ok().flatten().unwrap_or_default();
                for variable in variables.iter().take(50) {
                    check_size(&python, variable.value);
                }
            }
        }
    }
}

/// All that `pitviper state` reads, from the pointer to the first interpreter at `head` on.
pub fn look_at_state(memory: &dyn Memory, layout: &Layout, head: Addr, places: &Places) {
    let memory = &Modest(memory);
    let options = state::Options { sections: Vec::new(), origins: true, members: true };
    let state = state::read_memory(Python::new(memory, layout), head, places, &options);
    assert!(state.problems.len() <= 100 && state.problems.iter().all(|problem| problem.len() < 1000));
}

/// Places that are all the same.
fn everywhere_at(at: Addr) -> Places {
    let statics = ["enabled", "arenas", "maxarenas", "_PyObject", "_PyMem_Raw", "Handlers", "import_lock_thread"];
    Places {
        runtime: Some(at),
        generations: Some(at),
        eval_frame: Some(at),
        recursion_limit: Some(at),
        switch_interval: Some(at),
        check_interval: Some(at),
        finalizing: Some(at),
        statics: statics.into_iter().map(|name| (name.to_owned(), at)).collect(),
    }
}

fn look_at_modules(python: &Python<'_>, interpreter: InterpreterState) {
    let layout = &python.layout.interpreter;
    for field in [layout.modules, layout.sysdict, layout.builtins] {
        let Ok(Some(dict)) = python.get(interpreter.address, field) else { continue };
        let Ok(Some(found)) = python.item_named(dict, "threading") else { continue };
        let Ok(Some(names)) = python.get(found, python.layout.module.dict) else { continue };
        let Ok(Some(active)) = python.item_named(names, "_active") else { continue };
        for item in python.dict_items(active, 10).map(|(items, _)| items).unwrap_or_default() {
            let _ = (python.int(item.key), python.attribute(item.value, "_name"));
        }
    }
}

/// One object, taken for everything that there is, and without limits of the caller's.
pub fn look_at_object(python: &Python<'_>, at: Addr) {
    check_size(python, at);
    let memory = &Modest(python.memory);
    let python = Python::new(memory, python.layout);
    let _ = (python.text(at, usize::MAX), python.bytes(at, usize::MAX), python.bytearray(at, usize::MAX));
    let _ = (python.tuple_items(at, usize::MAX), python.list_items(at, usize::MAX), python.set_items(at, usize::MAX));
    let _ = (python.int(at), python.float(at), python.complex(at), python.name(at));
    let _ = (python.dict_items(at, usize::MAX), python.attributes(at, usize::MAX), python.slots(at));
    let of_itself = python.of_interpreter(at);
    let _ = (of_itself.class_dict(at), of_itself.subclasses(at, usize::MAX), python.subclasses(at, 10));
    let _ = (python.mro(at), python.qualified_name(at), python.type_name(at), python.item_named(at, "x"));
    if let (Ok(code), Ok(frame)) = (python.code(at), python.frame(at)) {
        code.position(code.lasti(&python, &frame));
        let _ = python.variables(&frame, &code);
    }
    if let Ok(Some(subject)) = subject(&python, at)
        && let Ok(code) = python.code(subject.code)
        && let Ok(opcodes) = Opcodes::of(python.layout.version)
    {
        let frame = subject.frame.and_then(|frame| python.frame(frame).ok());
        let _ = Looked::read(&python, &opcodes, Rc::new(code), frame.as_ref(), subject.settled);
    }
}

fn check_size(python: &Python<'_>, at: Addr) {
    fn characters(value: &pitviper::objects::Value) -> usize {
        let inside = value.attributes.iter().map(|(name, value)| name.len() + characters(value));
        value.text.len() + inside.sum::<usize>()
    }
    let value = describe(python, at, &Limits { depth: 2, items: 20, width: 300, printers: None });
    assert!(characters(&value) < 200_000, "{} bytes", characters(&value));
}

/// Reads no more at once than any decoder may ask for.
struct Modest<'m>(&'m dyn Memory);

impl Memory for Modest<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        assert!(buffer.len() <= 64 << 20, "a read of {} bytes", buffer.len());
        self.0.read(addr, buffer)
    }

    fn read_parts(&self, parts: &mut [Part]) -> Result<(), ReadError> {
        let size: usize = parts.iter().map(|part| part.bytes.len()).sum();
        assert!(size <= 80 << 20, "{} parts of {size} bytes", parts.len());
        self.0.read_parts(parts)
    }
}

/// Bytes that repeat themselves throughout the address space.
struct Everywhere<'b>(&'b [u8]);

impl Memory for Everywhere<'_> {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let start = addr.get().checked_rem(self.0.len() as u64).unwrap_or(0) as usize;
        let bytes = self.0.iter().cycle().skip(start).chain(std::iter::repeat(&0));
        buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

/// Enough for every path, and little enough for thousands of looks.
pub const FUZZ: Budget = Budget { work: 50_000, bytes: 4 << 20 };

const BASE: Addr = match Addr::new(0x1000) {
    Some(addr) => addr,
    None => unreachable!(),
};

/// The instructions of all series.
static OPCODES: LazyLock<Vec<Opcodes>> = LazyLock::new(|| Opcodes::all().filter_map(|(_, made)| made.ok()).collect());

const VERSION: Version = Version::release(3, 13, 0);
const SOURCE: Source = Source::User(String::new());

/// The tables that are compiled in.
pub static TABLES: LazyLock<Vec<(String, Table)>> = LazyLock::new(|| {
    let mut tables: Vec<(String, Table)> = Vec::new();
    for (name, _) in layout::all_tables() {
        let mut numbers = name.split(['.', '-']).filter_map(|part| part.parse().ok());
        let version = Version::release(numbers.next().unwrap(), numbers.next().unwrap(), 0);
        tables.extend(layout::known_tables(version).into_iter().find(|(known, _)| known == name));
    }
    tables
});

/// And what they mean.
static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let layout = |(_, table): &(String, Table)| Layout::from_table(table, VERSION, table.flavours[0], SOURCE).unwrap();
    TABLES.iter().map(layout).collect()
});

fn chosen<T>(choices: &[T], choice: u8) -> &T {
    &choices[usize::from(choice) % choices.len()]
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
