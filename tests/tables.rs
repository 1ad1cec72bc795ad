//! Every table of `python_offsets/` against everything else that is known of CPython's layouts: a
//! collection of layouts made in another way, the debug info of real interpreters, and what real
//! interpreters tell of themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pitviper::address::Version;
use pitviper::binary::{DebugInfo, ElfFile, FileImage, Machine, MappedImage};
use pitviper::layout::extract::{self, CHARACTER_WIDTHS, FINGERPRINTS};
use pitviper::layout::{
    Build, Flavour, Layout, Number, Source, Table, all_tables, debug_offsets, known_tables, select, support,
};
use pitviper::memory::Memory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// First releases of ranges that no build and no collected layout shows: 3.14.0 to 3.14.7 tell
/// most of their numbers themselves, and the others are alike in all later 3.14 and 3.15. Of the structs that
/// are known to have changed in between (the collector's, 3.14.5), what they tell decides what is believed.
const UNSEEN_FIRST: &[&str] = &["3.14.0"];

/// What the collection calls each number of a table, `section.field`; several names are in the
/// order of preference, `->` follows a pointer. Numbers that it does not have are not listed.
const NAMES: &[(&str, &str)] = &[
    ("runtime.interpreters_head", "runtime.interpreters_head"),
    ("runtime.finalizing", "runtime.finalizing"),
    ("runtime.current_thread", "runtime.tstate_current"),
    ("runtime.gil", "runtime.gil"),
    ("runtime.gc_collecting", "runtime.gc_collecting"),
    ("interpreter.next", "interp.next"),
    ("interpreter.id", "interp.id"),
    ("interpreter.threads_head", "interp.tstate_head"),
    ("interpreter.modules", "interp.modules"),
    ("interpreter.sysdict", "interp.sysdict"),
    ("interpreter.builtins", "interp.builtins"),
    ("interpreter.gil", "interp.ceval_gil"),
    ("interpreter.gc_collecting", "interp.gc_collecting"),
    ("interpreter.code_object_generation", "interp.code_object_generation"),
    ("gil.last_holder", "gil.last_holder"),
    ("gil.locked", "gil.locked"),
    ("gil.enabled", "gil.enabled"),
    ("gil.size", "gil.size"),
    ("thread.next", "tstate.next"),
    ("thread.interpreter", "tstate.interp"),
    ("thread.current_frame", "tstate.current_frame | tstate.cframe->cframe.current_frame | tstate.frame"),
    ("thread.thread_id", "tstate.thread_id"),
    ("thread.native_thread_id", "tstate.native_thread_id"),
    ("thread.state", "tstate.state"),
    ("thread.datastack_chunk", "tstate.datastack_chunk"),
    ("thread.datastack_top", "tstate.datastack_top"),
    ("chunk.previous", "chunk.previous"),
    ("chunk.size", "chunk.size_"),
    ("chunk.top", "chunk.top"),
    ("chunk.data", "chunk.data"),
    ("frame.previous", "iframe.previous | frame.back"),
    ("frame.code", "iframe.code | frame.code"),
    ("frame.instruction", "iframe.instr | frame.lasti"),
    ("frame.localsplus", "iframe.localsplus | frame.localsplus"),
    ("frame.locals", "iframe.locals | frame.locals"),
    ("frame.owner", "iframe.owner"),
    ("frame.stacktop", "iframe.stacktop"),
    ("frame.tlbc_index", "iframe.tlbc_index"),
    ("code.argcount", "code.argcount"),
    ("code.kwonlyargcount", "code.kwonlyargcount"),
    ("code.flags", "code.flags"),
    ("code.firstlineno", "code.firstlineno"),
    ("code.filename", "code.filename"),
    ("code.name", "code.name"),
    ("code.qualname", "code.qualname"),
    ("code.linetable", "code.linetable"),
    ("code.instructions", "code.code_adaptive"),
    ("code.bytecode", "code.code"),
    ("code.nlocals", "code.nlocals"),
    ("code.varnames", "code.varnames"),
    ("code.cellvars", "code.cellvars"),
    ("code.freevars", "code.freevars"),
    ("code.localsplusnames", "code.localsplusnames"),
    ("code.localspluskinds", "code.localspluskinds"),
    ("code.framesize", "code.framesize"),
    ("code.stacksize", "code.stacksize"),
    ("code.nlocalsplus", "code.nlocalsplus"),
    ("code.firsttraceable", "code.firsttraceable"),
    ("code.tlbc", "code.tlbc"),
    ("code_array.size", "codearray.size_"),
    ("code_array.entries", "codearray.entries"),
    ("object.ob_type", "object.type"),
    ("object.ob_size", "varobject.size_"),
    ("object.size", "object.size"),
    ("type_object.name", "type.name"),
    ("type_object.flags", "type.flags"),
    ("type_object.basicsize", "type.basicsize"),
    ("type_object.itemsize", "type.itemsize"),
    ("type_object.dictoffset", "type.dictoffset"),
    ("type_object.base", "type.base"),
    ("type_object.mro", "type.mro"),
    ("type_object.dict", "type.dict"),
    ("type_object.members", "type.members"),
    ("type_object.qualname", "heaptype.qualname"),
    ("type_object.cached_keys", "heaptype.cached_keys"),
    ("member.name", "memberdef.name"),
    ("member.kind", "memberdef.type"),
    ("member.offset", "memberdef.offset"),
    ("member.size", "memberdef.size"),
    ("str_object.length", "ascii.length | unicode.length27"),
    ("str_object.kind", "ascii.state_kind"),
    ("str_object.compact", "ascii.state_compact"),
    ("str_object.ascii", "ascii.state_ascii"),
    ("str_object.ascii_size", "ascii.size"),
    ("str_object.compact_size", "compact.size"),
    ("str_object.data", "unicode.data | unicode.str27"),
    ("bytes_object.data", "bytes.sval"),
    ("bytearray_object.data", "bytearray.start | bytearray.bytes"),
    ("bytearray_object.bytes_object", "bytearray.bytes_object"),
    ("int_object.tag", "long.lv_tag"),
    ("int_object.digits", "long.digits"),
    ("int_object.small", "int27.ival"),
    ("float_object.value", "float.fval"),
    ("complex_object.value", "complex.cval"),
    ("tuple_object.items", "tuple.item"),
    ("list_object.items", "list.item"),
    ("dict_object.used", "dict.used"),
    ("dict_object.keys", "dict.keys"),
    ("dict_object.values", "dict.values"),
    ("dict_object.table", "dict.table27"),
    ("dict_object.mask", "dict.mask27"),
    ("dict_keys.size", "dictkeys.size_"),
    ("dict_keys.log2_size", "dictkeys.log2_size"),
    ("dict_keys.log2_index_bytes", "dictkeys.log2_index_bytes"),
    ("dict_keys.kind", "dictkeys.kind"),
    ("dict_keys.nentries", "dictkeys.nentries"),
    ("dict_keys.indices", "dictkeys.indices"),
    ("dict_entry.key", "dictentry.key"),
    ("dict_entry.value", "dictentry.value"),
    ("dict_entry.size", "dictentry.size"),
    ("dict_unicode_entry.key", "dictuentry.key"),
    ("dict_unicode_entry.value", "dictuentry.value"),
    ("dict_unicode_entry.size", "dictuentry.size"),
    ("dict_values.values", "dictvalues.values"),
    ("dict_values.capacity", "dictvalues.capacity"),
    ("dict_values.size", "dictvalues.size_"),
    ("dict_values.valid", "dictvalues.valid"),
    ("set_object.used", "set.used"),
    ("set_object.mask", "set.mask"),
    ("set_object.table", "set.table"),
    ("set_object.entry_key", "setentry.key"),
    ("set_object.entry_hash", "setentry.hash"),
    ("set_object.entry_size", "setentry.size"),
    ("cell.ob_ref", "cell.ref"),
    ("function.code", "function.code"),
    ("function.name", "function.name"),
    ("function.qualname", "function.qualname"),
    ("module.dict", "module.dict"),
    ("old_class.name", "class27.name"),
    ("old_class.dict", "class27.dict"),
    ("old_instance.class", "instance27.class_"),
    ("old_instance.dict", "instance27.dict"),
];

fn tables() -> Vec<(&'static str, Table)> {
    all_tables().map(|(name, table)| (name, table.unwrap())).collect()
}

fn range(table: &Table) -> (Version, Version) {
    table.versions.unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap_or_else(|()| panic!("{text:?} is no version"))
}

/// Whether something these tests are made for is there. Where everything ought to be, it must.
fn is_there(path: &Path) -> bool {
    let there = path.exists();
    assert!(there || std::env::var("CI").as_deref() != Ok("true"), "{} is missing", path.display());
    if !there {
        println!("NOT RUN: {} is missing", path.display());
    }
    there
}

// The tables by themselves.

#[test]
fn every_table_loads_and_passes_the_checks() {
    for (name, table) in tables() {
        let source = Source::User(name.to_owned());
        for flavour in &table.flavours {
            if let Err(problem) = Layout::from_table(&table, range(&table).0, *flavour, source.clone()) {
                panic!("{name}: {problem}");
            }
        }
        assert!(table.fingerprints.len() >= 3, "{name} has hardly any fingerprints");
        let (first, last) = range(&table);
        assert!(first.same_series(last) && name.starts_with(&first.to_string()), "{name} is misnamed");
    }
}

#[test]
fn a_table_reads_as_it_was_written() {
    for (name, table) in tables() {
        let text = table.to_text(|_, _| "origin".to_owned());
        assert_eq!(Table::parse(name, &text).unwrap(), table, "{name}");
    }
}

#[test]
fn no_two_tables_claim_the_same_build() {
    let tables = tables();
    for (at, (name, table)) in tables.iter().enumerate() {
        for (other_name, other) in &tables[at + 1..] {
            let apart = range(table).1 < range(other).0
                || range(other).1 < range(table).0
                || !table.machines.iter().any(|machine| other.machines.contains(machine))
                || !table.flavours.iter().any(|flavour| other.flavours.contains(flavour))
                || table.requires != other.requires;
            assert!(apart, "{name} and {other_name} overlap");
        }
    }
}

#[test]
fn the_support_table_has_a_row_for_each_range() {
    let text = support::support_table();
    let ranges: std::collections::BTreeSet<_> = tables().iter().map(|(_, table)| range(table)).collect();
    assert_eq!(text.lines().count(), ranges.len() + 2, "{text}");
    assert!(text.contains("| 3.8.0 – 3.8.20 | x86_64, aarch64 | x86_64, aarch64 | – | – |"), "{text}");
}

/// What trace-refs puts before the header of every object: two pointers.
const TRACE: i64 = 16;

/// Whether `section.field` is the offset of a member of an object, or its size: an object's header
/// comes before it.
fn is_behind_a_header(table: &Table, section: &str, field: &str) -> bool {
    #[rustfmt::skip]
    const OBJECTS: &[&str] = &[
        "code", "object", "cell", "function", "generator", "module", "old_class", "old_instance", "exception", "traceback",
        "frame_object", "method", "cfunction", "descriptor", "method_wrapper", "mapping_proxy", "class_method",
        "static_method", "property", "weak_ref", "slice", "range", "memory_view", "capsule", "partial", "deque",
        "default_dict", "ordered_dict", "namespace", "lazy_import",
    ];
    #[rustfmt::skip]
    const PARTS: &[&str] = &[
        "digit_size", "unit_size", "entry_key", "entry_hash", "entry_size", "executing", "created", "suspended",
        "suspended_yield_from", "block_data", "block_next", "block_size", "node_key", "node_next", "line_instructions",
        "step_instructions",
    ];
    // Up to 3.10 a frame is an object.
    let is_object = OBJECTS.contains(&section)
        || section.ends_with("_object")
        || (section == "frame" && !table.numbers.contains_key("chunk"));
    // `executing` is a constant of generators, and a member of frames.
    is_object && (section == "frame" || !PARTS.contains(&field))
}

/// Whether a member of the runtime or an interpreter lies behind objects in the same struct (3.11+): it moves by
/// more, for each of them.
fn is_behind_objects(section: &str, number: &Number, moved: &Number) -> bool {
    let states = ["runtime", "runtime_state", "interpreter", "interpreter_state"];
    match (number, moved) {
        (Number::One(plain), Number::One(moved)) => {
            states.contains(&section) && moved > plain && (moved - plain) % 8 == 0
        }
        _ => false,
    }
}

fn shifted(number: &Number, by: i64) -> Number {
    match number {
        Number::One(offset) => Number::One(offset + by),
        Number::Bits(bits) => {
            let offset = u32::try_from(i64::from(bits.offset) + by).unwrap();
            Number::Bits(pitviper::layout::Bits { offset, ..*bits })
        }
        Number::Path(path) => Number::Path(path.clone()),
    }
}

#[test]
fn trace_refs_tables_are_the_others_moved_by_two_pointers() {
    let tables = tables();
    let mut compared = 0;
    for (name, traced) in &tables {
        let Some(sibling) = name.strip_suffix("-trace-refs") else { continue };
        let (_, plain) = tables.iter().find(|(other, _)| *other == sibling).unwrap();
        assert_eq!(traced.words, plain.words, "{name}");
        for (section, numbers) in &plain.numbers {
            if MAY_DIFFER.contains(&section.as_str()) {
                continue;
            }
            assert_eq!(numbers.len(), traced.numbers[section].len(), "{name}: {section}");
            for (field, number) in numbers {
                let by = if is_behind_a_header(plain, section, field) { TRACE } else { 0 };
                let moved = &traced.numbers[section][field];
                if is_behind_objects(section, number, moved) {
                    continue;
                }
                assert_eq!(*moved, shifted(number, by), "{name}: {section}.{field}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1_500, "only {compared} numbers were compared");
}

// The collection of layouts.

/// One layout of the collection: which build, and its numbers by the collection's names.
struct Known {
    name: String,
    version: Version,
    machine: Machine,
    flavour: Flavour,
    numbers: serde_json::Map<String, Value>,
}

fn collection() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/layouts");
    is_there(&folder).then_some(folder)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Known {
    fn new(name: String, [release, machine, variant]: [&str; 3], numbers: &Value) -> Self {
        // Variants such as `jit` and `nopymalloc` move nothing that pitviper reads.
        let flavour = Flavour::of(variant.starts_with("nogil"), variant.ends_with("pydebug"));
        let machine = Machine::named(machine).unwrap();
        let numbers = numbers.as_object().unwrap().clone();
        Self { name, version: version(&release.replace('_', "")), machine, flavour, numbers }
    }

    /// Whether `table` is for this build.
    fn is_of(&self, table: &Table) -> bool {
        let header = table.numbers["object"].get("size");
        table.covers(self.version)
            && table.machines.contains(&self.machine)
            && table.flavours.contains(&self.flavour)
            // Builds with and without trace-refs differ in nothing else.
            && header == self.number("object.size").as_ref()
    }

    /// The number that the collection calls by the first of `names` that it has.
    fn number(&self, names: &str) -> Option<Number> {
        names.split(" | ").find_map(|name| {
            let parts: Vec<&Value> = name.split("->").map(|part| self.numbers.get(part)).collect::<Option<_>>()?;
            let offset = |value: &Value| u32::try_from(value.as_u64()?).ok();
            match parts.as_slice() {
                [Value::Array(bits)] => {
                    let [offset, first, count] = [0, 1, 2].map(|at| bits[at].as_u64().unwrap());
                    let (first, count) = (u8::try_from(first).unwrap(), u8::try_from(count).unwrap());
                    Some(Number::Bits(pitviper::layout::Bits { offset: u32::try_from(offset).unwrap(), first, count }))
                }
                [one] => one.as_i64().map(Number::One),
                path => Some(Number::Path(path.iter().map(|value| offset(value)).collect::<Option<_>>()?)),
            }
        })
    }

    /// Compares `table` with this layout. Returns how many numbers both have, and a sentence for
    /// each in which they differ.
    fn compare(&self, name: &str, table: &Table) -> (usize, Vec<String>) {
        let mut compared = 0;
        let mut differences = Vec::new();
        for (number, names) in NAMES {
            let (section, field) = number.split_once('.').unwrap();
            let ours = table.numbers.get(section).and_then(|numbers| numbers.get(field));
            let (Some(ours), Some(theirs)) = (ours, self.number(names)) else { continue };
            compared += 1;
            if *ours != theirs {
                differences.push(format!("{number} is {ours:?} in {name}, {theirs:?} in {}", self.name));
            }
        }
        (compared, differences)
    }
}

fn all_releases(folder: &Path) -> Vec<Known> {
    let all = json(&folder.join("all_releases.json"));
    let releases = all["releases"].as_object().unwrap();
    let known = |(name, layout): (&String, &Value)| {
        let parts: Vec<&str> = name.split('/').collect();
        Known::new(name.clone(), parts.try_into().unwrap(), &all["layouts"][layout.as_str().unwrap()])
    };
    releases.iter().map(known).collect()
}

fn single_builds(folder: &Path) -> Vec<Known> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_build = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "json") && path.file_stem().is_some_and(|s| s != "all_releases")
    };
    let known = |path: PathBuf| {
        let build = json(&path);
        let meta = |key: &str| build["meta"][key].as_str().unwrap();
        let parts = [meta("version"), meta("arch"), meta("variant")];
        Known::new(path.display().to_string(), parts, &build["normalized"])
    };
    files.into_iter().filter(is_build).map(known).collect()
}

/// Compares every layout with every table that is for it; each must have one. Returns how many
/// numbers were compared.
fn compare_all(layouts: &[Known]) -> usize {
    let is_final = |known: &&Known| known.version.level == pitviper::address::Level::Final;
    let tables = tables();
    let mut total = 0;
    let mut problems = Vec::new();
    for known in layouts.iter().filter(is_final) {
        let before = total;
        for (name, table) in tables.iter().filter(|(_, table)| known.is_of(table)) {
            let (compared, differences) = known.compare(name, table);
            total += compared;
            problems.extend(differences);
        }
        if total == before {
            problems.push(format!("no table is for {}", known.name));
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    println!("{total} numbers of {} builds compared", layouts.iter().filter(is_final).count());
    total
}

#[test]
fn tables_agree_with_every_release_in_the_collection() {
    let Some(folder) = collection() else { return };
    let compared = compare_all(&all_releases(&folder));
    assert!(compared > 40_000, "only {compared} numbers were compared");
}

#[test]
fn tables_agree_with_the_single_builds_of_the_collection() {
    let Some(folder) = collection() else { return };
    let compared = compare_all(&single_builds(&folder));
    assert!(compared > 2_000, "only {compared} numbers were compared");
}

#[test]
fn ranges_begin_and_end_at_releases_that_were_seen() {
    let Some(folder) = collection() else { return };
    let layouts = all_releases(&folder);
    let collected = version("3.6.0");
    for (name, table) in tables().iter().filter(|(_, table)| range(table).0 >= collected) {
        let seen = |version: Version| layouts.iter().any(|known| known.version == version);
        let (first, last) = range(table);
        assert!(seen(first) || UNSEEN_FIRST.contains(&first.to_string().as_str()), "{name}: {first} was never seen");
        assert!(seen(last), "{name}: {last} was never seen");
    }
}

#[test]
fn every_name_of_a_number_is_one() {
    let known = pitviper::layout::structs::SECTIONS
        .iter()
        .flat_map(|section| section.fields.iter().map(|field| format!("{}.{}", section.name, field.name)));
    let known: Vec<String> = known.collect();
    for (number, _) in NAMES {
        assert!(known.iter().any(|name| name == number), "there is no {number}");
    }
}

// Real interpreters.

/// An interpreter that scripts/get-pythons has gathered.
struct Interpreter {
    name: String,
    version: Version,
    flavour: Flavour,
    binary: PathBuf,
    debug_file: Option<PathBuf>,
    has_debug_info: bool,
}

fn interpreters() -> Vec<Interpreter> {
    let folder = std::env::var_os("PITVIPER_PYTHONS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/pitviper/pythons"),
        PathBuf::from,
    );
    let listings = ["pythons.json", "foreign.json"].map(|name| folder.join(name));
    let listings = listings.iter().filter(|path| is_there(path));
    listings.flat_map(|path| json(path).as_array().unwrap().iter().map(interpreter).collect::<Vec<_>>()).collect()
}

fn interpreter(entry: &Value) -> Interpreter {
    let text = |key: &str| entry[key].as_str().map(str::to_owned);
    Interpreter {
        name: text("name").unwrap(),
        version: version(&text("version").unwrap()),
        flavour: Flavour::named(&text("flavour").unwrap()).unwrap(),
        binary: text("binary").unwrap().into(),
        debug_file: text("debug_file").map(PathBuf::from),
        has_debug_info: text("dwarf").is_some(),
    }
}

impl Interpreter {
    /// What `target/` learns of it before its layout is known.
    fn build(&self, elf: &ElfFile<'_>, bytes: &[u8]) -> Build {
        let mut build = Build::new(self.version, self.flavour, elf.machine());
        let image = FileImage::new(elf, bytes);
        let mapped = MappedImage::at(&image, image.base().unwrap()).unwrap();
        for name in FINGERPRINTS.iter().copied().chain(CHARACTER_WIDTHS.iter().map(|(_, name)| *name)) {
            if let Some(symbol) = mapped.symbol(name) {
                build.symbol_sizes.insert(name.to_owned(), symbol.size);
            }
        }
        let mut start = vec![0; debug_offsets::READ_SIZE];
        if let Some(runtime) = mapped.symbol("_PyRuntime")
            && image.read(runtime.address, &mut start).is_ok()
            && debug_offsets::Head::parse(&start).is_some()
        {
            build.debug_offsets = Some(start);
        }
        build
    }

    fn selected(&self, build: &Build) -> (Layout, Table) {
        let known = known_tables(self.version);
        let layout = select(build, &known).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let Source::Table { name, .. } = &layout.source else { panic!("{}: {:?}", self.name, layout.source) };
        let table = known.iter().find(|(other, _)| other == name).unwrap().1.clone();
        (layout, table)
    }
}

#[test]
fn select_picks_a_table_for_every_interpreter() {
    for interpreter in interpreters() {
        let bytes = std::fs::read(&interpreter.binary).unwrap();
        let elf = ElfFile::parse(&bytes).unwrap();
        let build = interpreter.build(&elf, &bytes);
        let (layout, table) = interpreter.selected(&build);
        let name = &interpreter.name;
        assert!(matches!(layout.source, Source::Table { covered: true, .. }), "{name}: {:?}", layout.source);
        assert!(layout.warnings.is_empty(), "{name}: {:?}", layout.warnings);
        for (symbol, sizes) in &table.fingerprints {
            assert!(sizes.contains(&build.symbol_sizes[symbol]), "{name}: {symbol} has another size");
        }
    }
}

/// Structs of which a table leaves out what builds of its range do not agree on (scripts/offsets).
const MAY_DIFFER: &[&str] = &["gc", "runtime_state", "interpreter_state"];

#[test]
fn tables_agree_with_the_debug_info_of_every_interpreter() {
    let mut compared = 0;
    for interpreter in interpreters().iter().filter(|interpreter| interpreter.has_debug_info) {
        let bytes = std::fs::read(&interpreter.binary).unwrap();
        let elf = ElfFile::parse(&bytes).unwrap();
        let debug_bytes = interpreter.debug_file.as_ref().map(|file| std::fs::read(file).unwrap());
        let debug_elf = debug_bytes.as_deref().map(|bytes| ElfFile::parse(bytes).unwrap());
        let info = DebugInfo::parse(debug_elf.as_ref().unwrap_or(&elf)).unwrap();
        let own = extract::table(&elf, &info, interpreter.version, interpreter.flavour).unwrap();
        let (_, table) = interpreter.selected(&interpreter.build(&elf, &bytes));
        let name = &interpreter.name;
        // Structs of extension modules lie in files of their own.
        assert!(own.numbers.keys().all(|section| table.numbers.contains_key(section)), "{name}");
        for (section, numbers) in &own.numbers {
            let mut numbers = numbers.clone();
            if MAY_DIFFER.contains(&section.as_str()) {
                numbers.retain(|field, _| table.numbers[section].contains_key(field));
            }
            assert_eq!(numbers, table.numbers[section], "{name}: {section}");
            compared += numbers.len();
        }
        assert_eq!(own.words, table.words, "{name}");
        assert_eq!(own.requires, table.requires, "{name}");
        assert_eq!(own.debug_offsets, table.debug_offsets, "{name}");
    }
    println!("{compared} numbers compared with debug info");
}

#[test]
fn tables_agree_with_what_interpreters_tell_of_themselves() {
    let mut told = 0;
    for interpreter in interpreters().iter().filter(|interpreter| interpreter.version >= version("3.13.0")) {
        let bytes = std::fs::read(&interpreter.binary).unwrap();
        let elf = ElfFile::parse(&bytes).unwrap();
        let build = interpreter.build(&elf, &bytes);
        let (_, table) = interpreter.selected(&build);
        let own = build.debug_offsets.unwrap_or_else(|| panic!("{} has no debug offsets", interpreter.name));
        let head = debug_offsets::Head::parse(&own).unwrap();
        assert_eq!(head.version, interpreter.version, "{}", interpreter.name);
        assert_eq!(head.free_threaded, interpreter.flavour.is_free_threaded(), "{}", interpreter.name);
        let mut changed = table.clone();
        assert_eq!(debug_offsets::apply(&mut changed, &own), Vec::<String>::new(), "{}", interpreter.name);
        assert_eq!(debug_offsets::forget_moved(&mut changed, &table), Vec::<String>::new(), "{}", interpreter.name);
        assert_eq!(changed, table, "{}", interpreter.name);
        told += table.debug_offsets.len();
    }
    println!("{told} numbers told by interpreters themselves");
}

/// The `_Py_DebugOffsets` of a build that is laid out as `table` says.
fn told_by(table: &Table) -> Vec<u8> {
    let mut own = vec![0; debug_offsets::READ_SIZE];
    own[..8].copy_from_slice(debug_offsets::COOKIE);
    for (section, field) in
        pitviper::layout::structs::SECTIONS.iter().flat_map(|s| s.fields.iter().map(|field| (s.name, field)))
    {
        let number = table.numbers.get(section).and_then(|numbers| numbers.get(field.name));
        let (Some(slot), Some(Number::One(number))) = (field.own, number) else { continue };
        if let Some(position) = table.debug_offsets.get(slot) {
            own[*position as usize..][..8].copy_from_slice(&number.to_le_bytes());
        }
    }
    own
}

#[test]
fn what_a_release_has_moved_is_not_read_where_it_was() {
    let (_, table) = known_tables(version("3.14.0")).into_iter().find(|(name, _)| name == "3.14.0-x86_64").unwrap();
    let mut own = told_by(&table);
    let mut same = table.clone();
    debug_offsets::apply(&mut same, &own);
    assert_eq!(debug_offsets::forget_moved(&mut same, &table), Vec::<String>::new());
    assert_eq!(same, table);
    // 3.14.5: a pointer to generation 0 in the midst of the collector, and all behind it eight bytes later.
    for (slot, position) in &table.debug_offsets {
        let word = &mut own[*position as usize..][..8];
        let value = u64::from_le_bytes(word.try_into().unwrap());
        let in_interpreter = slot.starts_with("interpreter_state.") && value > 7408 && !slot.ends_with(".size");
        if in_interpreter || slot == "gc.collecting" {
            word.copy_from_slice(&(value + 8).to_le_bytes());
        }
    }
    let mut moved = table.clone();
    assert_eq!(debug_offsets::apply(&mut moved, &own), Vec::<String>::new());
    let sentences = debug_offsets::forget_moved(&mut moved, &table);
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    assert!(sentences.iter().all(|sentence| sentence.contains("this is not read")), "{sentences:?}");
    let has = |section: &str, field: &str| moved.numbers[section].contains_key(field);
    assert!(has("gc", "enabled") && has("gc", "permanent") && !has("gc", "garbage") && !has("gc", "generations"));
    assert!(
        !has("interpreter", "importlib") && !has("interpreter", "eval_frame") && has("interpreter", "recursion_limit")
    );
    assert_eq!(moved.numbers["interpreter"]["modules"], Number::One(7696));
}

// Choosing.

/// A release build of `text` that exports symbols of these sizes.
fn build(text: &str, flavour: Flavour, sizes: &[(&str, u64)]) -> Build {
    let mut build = Build::new(version(text), flavour, Machine::X86_64);
    build.symbol_sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    build
}

/// A release build that has a `_Py_DebugOffsets` in which everything is absent.
fn with_own_offsets(text: &str) -> Build {
    let mut own = vec![0; debug_offsets::READ_SIZE];
    own[..8].copy_from_slice(debug_offsets::COOKIE);
    Build { debug_offsets: Some(own), ..build(text, Flavour::Gil, &[]) }
}

fn chosen(build: &Build) -> Result<(String, usize), String> {
    let layout = select(build, &known_tables(build.version)).map_err(|error| error.to_string());
    // Whether all tables are read or only the chosen one.
    let again = pitviper::layout::select_known(build).map_err(|error| error.to_string());
    assert_eq!(format!("{layout:?}"), format!("{again:?}"));
    let layout = layout?;
    match layout.source {
        Source::Table { name, .. } | Source::NewerThanKnown { name } => Ok((name, layout.warnings.len())),
        other => panic!("{other:?}"),
    }
}

const TYPES_311: [(&str, u64); 3] = [("_Py_NoneStruct", 16), ("PyType_Type", 408), ("PyCode_Type", 408)];
const TRACED_38: [(&str, u64); 3] = [("_Py_NoneStruct", 32), ("PyType_Type", 432), ("PyCode_Type", 432)];
const WIDE_27: [(&str, u64); 1] = [("PyUnicodeUCS4_FromUnicode", 300)];
const NARROW_27: [(&str, u64); 1] = [("PyUnicodeUCS2_FromUnicode", 300)];

/// Version, flavour, symbols; which table, and how many warnings.
type Choice<'a> = (&'a str, Flavour, &'a [(&'a str, u64)], Option<(&'a str, usize)>);

#[test]
fn select_takes_the_table_that_is_proven_and_no_other() {
    use Flavour::{Debug, FreeThreaded, Gil};
    let other_types = [("_Py_NoneStruct", 16), ("PyType_Type", 416), ("PyCode_Type", 416), ("_PyRuntime", 166_688)];
    let grown = [TYPES_311.as_slice(), &[("_PyRuntime", 170_000)]].concat();
    let rows: &[Choice<'_>] = &[
        ("2.7.18", Gil, &WIDE_27, Some(("2.7.0-ucs4", 0))),
        ("2.7.18", Gil, &NARROW_27, Some(("2.7.0-ucs2", 0))),
        ("2.7.18", Gil, &[], None),
        ("2.6.9", Gil, &WIDE_27, None),
        ("3.0.1", Gil, &WIDE_27, None),
        ("3.7.3", Gil, &[], Some(("3.7.0-x86_64", 0))),
        ("3.7.4", Gil, &[], Some(("3.7.4-x86_64", 0))),
        ("3.8.5", Debug, &[], Some(("3.8.0-x86_64", 0))),
        ("3.8.5", Debug, &TRACED_38, Some(("3.8.0-x86_64-trace-refs", 0))),
        ("3.11.7", FreeThreaded, &TYPES_311, None),
        // Later than what was checked: the types must be as they were, what holds all may grow.
        ("3.11.99", Gil, &TYPES_311, Some(("3.11.0-x86_64", 1))),
        ("3.11.99", Gil, &grown, Some(("3.11.0-x86_64", 1))),
        ("3.11.99", Gil, &other_types, None),
        ("3.11.99", Gil, &[], None),
        ("3.11.0rc1", Gil, &TYPES_311, None),
        ("3.12.0a3", Gil, &TYPES_311, None),
        ("3.16.0", Gil, &[], None),
    ];
    for (text, flavour, sizes, expected) in rows {
        let found = chosen(&build(text, *flavour, sizes));
        let found_name = found.as_ref().ok().map(|(name, warnings)| (name.as_str(), *warnings));
        assert_eq!(found_name, *expected, "{text} {flavour} {sizes:?}: {found:?}");
    }
}

/// Whoever is refused learns why, of the builds most like his.
#[test]
fn refusals_tell_what_is_missing() {
    use Flavour::{FreeThreaded, Gil};
    let unusual = Build { symbol_sizes: [("_Py_NoneStruct".to_owned(), 32)].into(), ..with_own_offsets("3.14.2") };
    let other_machine = Build { machine: Machine::Aarch64, ..build("3.14.0a7", Gil, &[]) };
    let rows = [
        (build("3.11.7", FreeThreaded, &TYPES_311), "are for gil and debug on aarch64, gil and debug on x86_64"),
        (with_own_offsets("3.14.0a7"), "; pre-releases order their own debug offsets otherwise"),
        (other_machine, "tables of this series hold for 3.14.0 to 3.14."),
        (unusual, "an unusual build, whose objects have another header: None takes 32 bytes"),
        (build("2.7.18", Gil, &[]), "it exports none of PyUnicodeUCS2_FromUnicode, PyUnicodeUCS4_FromUnicode"),
        (build("3.16.0", Gil, &[]), "tables exist for 2.7 to 3.15"),
    ];
    for (build, expected) in rows {
        let error = chosen(&build).unwrap_err();
        assert!(error.starts_with(&format!("no offset table for CPython {} (", build.version)), "{error}");
        assert!(error.contains(expected), "{expected:?}: {error}");
    }
    let far = {
        let mut build = with_own_offsets("3.14.2");
        let own = build.debug_offsets.as_mut().unwrap();
        let table = tables().into_iter().find(|(name, _)| *name == "3.14.0-x86_64").unwrap().1;
        let slot = table.debug_offsets["interpreter_frame.previous"] as usize;
        own[slot..slot + 8].copy_from_slice(&1_000_000_u64.to_le_bytes());
        build
    };
    let error = chosen(&far).unwrap_err();
    assert!(error.contains("own debug offsets cannot be true of CPython 3.14.2: the fields of frame span"), "{error}");
}

#[test]
fn pre_releases_of_a_known_series_are_refused_even_with_their_own_offsets() {
    for text in ["3.13.0rc1", "3.14.0a7", "3.15.0b4"] {
        let found = chosen(&with_own_offsets(text));
        assert!(found.is_err(), "{text}: {found:?}");
    }
    assert_eq!(chosen(&with_own_offsets("3.15.9")), Ok(("3.15.0-x86_64".to_owned(), 0)));
}

#[test]
fn a_version_newer_than_all_is_read_by_its_own_offsets_with_a_warning() {
    let newer = with_own_offsets("3.16.0");
    let layout = select(&newer, &known_tables(newer.version)).unwrap();
    assert!(
        matches!(&layout.source, Source::NewerThanKnown { name } if name == "3.15.0-x86_64"),
        "{:?}",
        layout.source
    );
    assert!(
        layout.warnings.iter().any(|warning| warning.contains("newer than this pitviper")),
        "{:?}",
        layout.warnings
    );
}

// Tables of users.

/// What is wrong with the text of a table, if anything.
fn problem(text: &str) -> Option<String> {
    let build = build("3.11.7", Flavour::Gil, &[]);
    pitviper::layout::from_user_table(&build, "mine.toml", text).err().map(|error| error.to_string())
}

#[test]
fn garbage_gets_a_clear_error() {
    let (_, table) = tables().into_iter().find(|(name, _)| *name == "3.11.0-x86_64").unwrap();
    let good = table.to_text(|_, _| String::new());
    assert_eq!(problem(&good), None);
    // What to replace in a good table, by what, and a part of the error.
    let rows = [
        ("versions = [\"3.11.0\", \"3.11.10\"]", "", "lacks versions"),
        ("versions = [\"3.11.0\", \"3.11.10\"]", "versions = [\"3.11.10\", \"3.11.0\"]", "versions cannot be"),
        ("versions = [\"3.11.0\", \"3.11.10\"]", "versions = [\"new\"]", "versions cannot be"),
        ("versions = [\"3.11.0\", \"3.11.10\"]", "versions = 3", "versions cannot be this integer"),
        ("machines = [\"x86_64\"]", "machines = [\"vax\"]", "machines cannot be"),
        ("flavours = [\"gil\", \"debug\"]", "flavours = [\"mild\"]", "flavours cannot be"),
        ("flavours = [\"gil\", \"debug\"]", "flavours = []", "lacks versions, flavours or machines"),
        ("flavours = [\"gil\", \"debug\"]", "flavours = [\"gil\"]\nrequires = [1]", "requires cannot be"),
        ("flavours = [\"gil\", \"debug\"]", "flavours = [\"gil\"]\ncolour = 1", "unknown entry colour"),
        ("_Py_NoneStruct = [16]", "_Py_NoneStruct = 16", "fingerprints cannot be"),
        ("_Py_NoneStruct = [16]", "_Py_NoneStruct = [-16]", "fingerprints cannot be"),
        ("line_table = \"locations\"", "line_table = \"guesses\"", "words.line_table is guesses"),
        ("line_table = \"locations\"", "", "words.line_table is missing"),
        ("line_table = \"locations\"", "line_table = 1", "words cannot be"),
        ("firstlineno = 72", "firstlineno = 1e3", "code.firstlineno cannot be this float"),
        ("firstlineno = 72", "firstlineno = -8", "code.firstlineno is missing or malformed"),
        ("firstlineno = 72", "firstlineno = 99999999999", "code.firstlineno cannot be"),
        ("firstlineno = 72", "firstlineno = [72, 8]", "code.firstlineno is missing or malformed"),
        ("firstlineno = 72", "firstlineno = 16000000", "the fields of code span"),
        ("firstlineno = 72", "", "code.firstlineno is missing or malformed"),
        ("current_frame = [56, 8]", "current_frame = []", "thread.current_frame cannot be"),
        ("current_frame = [56, 8]", "current_frame = [-1, 8]", "thread.current_frame cannot be"),
        ("kind = { offset = 32, bit = 2, bits = 3 }", "kind = { offset = 32, bit = 200, bits = 3 }", "str_object.kind"),
        ("kind = { offset = 32, bit = 2, bits = 3 }", "kind = { offset = 32, bit = 2 }", "str_object.kind"),
        ("entry_size = 16", "entry_size = 0", "set_object.entry_size is 0"),
        ("[code]", "[code", "is not an offset table"),
        ("[code]", "[code]\n[code]", "is not an offset table"),
    ];
    for (part, replacement, expected) in rows {
        assert!(good.contains(part), "{part:?} is not in the table");
        let found = problem(&good.replacen(part, replacement, 1));
        let found = found.unwrap_or_else(|| panic!("{replacement:?} was taken for {part:?}"));
        assert!(found.contains("mine.toml") && found.contains(expected), "{replacement:?}: {found}");
    }
    for text in ["", "\0", "= =", "versions", "[[versions]]", "🐍 = 1"] {
        assert!(problem(text).is_some(), "{text:?} was taken");
    }
}

#[test]
fn a_table_cut_anywhere_is_never_a_panic() {
    let (_, table) = tables().into_iter().next().unwrap();
    let text = table.to_text(|_, _| String::new());
    let mut outcomes: BTreeMap<bool, usize> = BTreeMap::new();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(7) {
        *outcomes.entry(problem(&text[..end]).is_some()).or_default() += 1;
    }
    assert!(outcomes[&true] > 100, "{outcomes:?}");
}
