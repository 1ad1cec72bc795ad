//! Makes a [`Table`] out of the debug info of an interpreter: what `pitviper offsets` prints.

use crate::address::Version;
use crate::binary::{DebugInfo, ElfFile};
use crate::layout::field::{Bits, Number};
use crate::layout::structs::{Origin, SECTIONS};
use crate::layout::table::{Flavour, Table};
use crate::layout::words::Words;
use std::collections::BTreeMap;

/// Exported data symbols whose sizes tell builds apart.
pub const FINGERPRINTS: &[&str] = &["_PyRuntime", "_Py_NoneStruct", "PyCode_Type", "PyType_Type"];

/// Exported functions that bear the width of a character in their name (Include/unicodeobject.h,
/// before 3.3): which of them a build has tells how to read its text.
pub const CHARACTER_WIDTHS: &[(u64, &str)] = &[(2, "PyUnicodeUCS2_FromUnicode"), (4, "PyUnicodeUCS4_FromUnicode")];

/// The table of the interpreter in `elf`, of which `info` is the debug info (of the same file or a
/// separate one). The error is a sentence about what is missing.
pub fn table(elf: &ElfFile<'_>, info: &DebugInfo<'_>, version: Version, flavour: Flavour) -> Result<Table, String> {
    let mut table = Table {
        versions: Some((version, version)),
        flavours: vec![flavour],
        machines: vec![elf.machine()],
        ..Table::default()
    };
    for (section, field, number, _) in numbers(info) {
        table.set(section, field, number);
    }
    for (word, value) in Words::derive(|member| info.member(member).is_some()) {
        table.words.insert(word.to_owned(), value.to_owned());
    }
    for symbol in elf.symbols().filter(|s| s.is_defined && s.size > 0 && FINGERPRINTS.contains(&s.name)) {
        table.fingerprints.insert(symbol.name.to_owned(), vec![symbol.size]);
    }
    table.requires = requires(info);
    table.debug_offsets = debug_offsets(info);
    crate::layout::structs::Structs::load(&table)?;
    Ok(table)
}

/// Symbols without which a build must not be read by the table: they tell apart what version and
/// flavour do not.
fn requires(info: &DebugInfo<'_>) -> Vec<String> {
    // Every object begins with two more pointers (Py_TRACE_REFS, Include/object.h): the size of one
    // proves it.
    let traced = info.member("PyObject._ob_next").map(|_| "_Py_NoneStruct");
    let width = info.member("PyUnicodeObject.str").and_then(|_| info.size_of("Py_UNICODE"));
    let width = CHARACTER_WIDTHS.iter().find(|(size, _)| Some(*size) == width).map(|(_, symbol)| *symbol);
    traced.into_iter().chain(width).map(str::to_owned).collect()
}

/// For each number of a table the C path it comes from: `PyThreadState.next`.
pub fn origins(info: &DebugInfo<'_>) -> BTreeMap<(&'static str, &'static str), String> {
    numbers(info).map(|(section, field, _, origin)| ((section, field), origin)).collect()
}

fn numbers<'i>(info: &'i DebugInfo<'_>) -> impl Iterator<Item = (&'static str, &'static str, Number, String)> + 'i {
    SECTIONS.iter().flat_map(move |section| {
        section.fields.iter().filter_map(move |field| {
            let (number, origin) = number(info, field.origin)?;
            Some((section.name, field.name, number, origin))
        })
    })
}

fn number(info: &DebugInfo<'_>, origin: Origin) -> Option<(Number, String)> {
    match origin {
        Origin::Member(paths) => paths.iter().find_map(|path| Some((member(info, path)?, (*path).to_owned()))),
        Origin::SizeOf(types) => types.iter().find_map(|name| size(info, name)),
        Origin::SizeOfIf(name, path) => info.member(path).and_then(|_| size(info, name)),
        Origin::Enumerator(name) => Some((Number::One(info.constant(name)?), name.to_owned())),
    }
}

fn size(info: &DebugInfo<'_>, name: &str) -> Option<(Number, String)> {
    let size = i64::try_from(info.size_of(name)?).ok()?;
    Some((Number::One(size), format!("sizeof({name})")))
}

fn member(info: &DebugInfo<'_>, path: &str) -> Option<Number> {
    let member = info.member(path)?;
    let offsets: Vec<u32> = member.offsets.iter().map(|o| u32::try_from(*o).ok()).collect::<Option<_>>()?;
    match (offsets.as_slice(), member.bits) {
        ([offset], Some(bits)) => Some(Number::Bits(Bits { offset: *offset, first: bits.first, count: bits.count })),
        ([offset], None) => Some(Number::One(i64::from(*offset))),
        (_, None) => Some(Number::Path(offsets)),
        (_, Some(_)) => None,
    }
}

/// Positions in `_Py_DebugOffsets` of all slots that fields name, and of the sizes of their groups.
fn debug_offsets(info: &DebugInfo<'_>) -> BTreeMap<String, u32> {
    let position = |slot: &str| {
        let member = info.member(&format!("_Py_DebugOffsets.{slot}"))?;
        match member.offsets.as_slice() {
            [offset] => u32::try_from(*offset).ok(),
            _ => None,
        }
    };
    let mut slots = BTreeMap::new();
    let named = SECTIONS.iter().flat_map(|s| s.fields).filter_map(|f| f.own).flat_map(|own| own.split(" + "));
    for slot in named {
        let size = slot.split('.').next().map(|group| format!("{group}.size"));
        for name in [Some(slot.to_owned()), size].into_iter().flatten() {
            if let Some(position) = position(&name) {
                slots.insert(name, position);
            }
        }
    }
    slots
}
