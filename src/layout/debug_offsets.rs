//! The table that CPython 3.13 and newer carry in their own memory: `_Py_DebugOffsets`, the first
//! bytes of `_PyRuntime` (Include/internal/pycore_debug_offsets.h). Untrusted input: a target may
//! be corrupt or hostile.

use crate::address::Version;
use crate::layout::field::{Number, Word};
use crate::layout::structs::{FieldSpec, SECTIONS};
use crate::layout::table::Table;
use std::collections::BTreeMap;

/// The eight bytes it starts with.
pub const COOKIE: &[u8; 8] = b"xdebugpy";

/// As much of it as pitviper ever reads: 888 bytes in 3.15, and room for the next ones.
pub const READ_SIZE: usize = 1024;

/// The words at the head, which all versions share: cookie, version, `free_threaded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// `PY_VERSION_HEX` of the build.
    pub version: Version,
    /// Whether it was built with `--disable-gil`.
    pub free_threaded: bool,
}

impl Head {
    /// Reads the head. `None` where the bytes are no `_Py_DebugOffsets` of any version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..8)? != COOKIE {
            return None;
        }
        let version = Version::from_hex(u64::decode(bytes.get(8..16)?))?;
        let free_threaded = match u64::decode(bytes.get(16..24)?) {
            0 => false,
            1 => true,
            _ => return None,
        };
        (version >= Version::release(3, 13, 0)).then_some(Self { version, free_threaded })
    }
}

/// Overrides the numbers of `table` by those the target tells in `bytes`. Returns a sentence for
/// each that cannot be true; such a number is not taken.
pub fn apply(table: &mut Table, bytes: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    let slots = table.debug_offsets.clone();
    let slot = |name: &str| {
        let position = usize::try_from(*slots.get(name)?).ok()?;
        Some(u64::decode(bytes.get(position..position.checked_add(8)?)?))
    };
    for section in SECTIONS {
        for field in section.fields {
            let Some(own) = field.own else { continue };
            let mut parts = own.split(" + ").map(slot);
            let value = parts.try_fold(0_u64, |sum, part| sum.checked_add(part?));
            let Some(value) = value else { continue };
            let name = section.name;
            let size = own.split('.').next().and_then(|group| slot(&format!("{group}.size")));
            if let Some(problem) = implausible(value, size, own) {
                problems.push(format!("{name}.{}: {problem}", field.name));
            } else if let Ok(value) = i64::try_from(value) {
                let known = table.numbers.get(name).and_then(|numbers| numbers.get(field.name));
                // 0 says that this build does not have it: a GIL build has no `tlbc_index`. Where
                // the table knows a field at 0, 0 is where it is.
                if value != 0 || known == Some(&Number::One(0)) {
                    table.set(name, field.name, Number::One(value));
                }
            }
        }
    }
    problems
}

/// The structs of which a member that is not known is only not told. What is absent of others means something: a frame
/// without an owner is one of a release whose frames have none.
const TOLD: [&str; 3] = ["_PyRuntimeState", "PyInterpreterState", "_gc_runtime_state"];

/// Takes from `table` what nothing vouches for, where `known` is the table as it was: a release that has put a
/// member into the middle of a struct has moved all behind it, and the target tells of some only (3.14.5 did so with
/// `_gc_runtime_state`, which lies in the middle of `PyInterpreterState`). Returns a sentence for each struct.
pub fn forget_moved(table: &mut Table, known: &Table) -> Vec<String> {
    let mut moved = BTreeMap::new();
    for (section, field) in fields() {
        let (before, now) = (offset(known, section, field), offset(table, section, field));
        if let (Some(owner), Some(before), Some(now)) = (field.owner(), before, now)
            && before != now
        {
            let first = moved.entry(owner).or_insert(before);
            *first = before.min(now).min(*first);
        }
    }
    let mut unproved: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (section, field) in fields() {
        let Some((owner, first)) = field.owner().and_then(|owner| moved.get_key_value(owner)) else { continue };
        if field.own.is_none() && offset(table, section, field).is_some_and(|offset| offset >= *first) {
            unproved.entry(owner).or_default().push(format!("{section}.{}", field.name));
            if TOLD.contains(owner) {
                table.forget(section, field.name);
            }
        }
    }
    let sentence = |(owner, names): (&str, Vec<String>)| {
        let cost = if TOLD.contains(&owner) { "this is not read" } else { "this may be read wrongly" };
        format!("{owner} is not laid out as in the known releases of this series; {cost}: {}", names.join(", "))
    };
    unproved.into_iter().map(sentence).collect()
}

fn fields() -> impl Iterator<Item = (&'static str, &'static FieldSpec)> {
    SECTIONS.iter().flat_map(|section| section.fields.iter().map(|field| (section.name, field)))
}

/// Where `table` has `field`, in its struct itself.
fn offset(table: &Table, section: &str, field: &FieldSpec) -> Option<i64> {
    match table.numbers.get(section)?.get(field.name)? {
        Number::One(offset) => Some(*offset),
        Number::Path(path) => path.first().map(|offset| i64::from(*offset)),
        Number::Bits(bits) => Some(i64::from(bits.offset)),
    }
}

/// What is wrong with an offset of `value` in a struct of `size` bytes, if anything.
fn implausible(value: u64, size: Option<u64>, own: &str) -> Option<String> {
    let sum = own.contains(" + ");
    match size.filter(|size| *size > 0 && !sum && !own.ends_with("_size") && !own.ends_with(".size")) {
        Some(size) if value >= size => Some(format!("offset {value} lies outside its struct of {size} bytes")),
        _ if value > 1 << 24 => Some(format!("offset {value} is beyond any struct of CPython")),
        _ => None,
    }
}
