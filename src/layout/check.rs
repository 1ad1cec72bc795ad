//! The one check every layout passes before it is used, whatever its source: afterwards hot reads
//! need no checks of their own.

use crate::layout::Layout;

/// No struct of CPython is read over a greater span: the fields of `PyInterpreterState` that
/// pitviper uses lie within 8 kB (3.13–3.15).
const MAX_SPAN: u32 = 64 * 1024;

/// Checks that the fields of each struct lie near each other and where the struct can be. The
/// error names the struct.
pub fn check(layout: &Layout) -> Result<(), String> {
    for (section, (start, end)) in layout.structs.spans() {
        if end < start || end - start > MAX_SPAN {
            return Err(format!("the fields of {section} span {start} to {end}"));
        }
    }
    let entries = [
        ("set_object.entry_size", layout.set_object.entry_size.0, 8..=64),
        ("dict_entry.size", layout.dict_entry.size.0, 16..=64),
        ("member.size", layout.member.size.0, 16..=128),
        ("object.size", layout.object.size.0, 16..=64),
        ("int_object.digit_size", layout.int_object.digit_size.0, 2..=4),
    ];
    let text = &layout.str_object;
    let optional = [
        ("gil.size", layout.gil.size, 1..=4096),
        ("str_object.ascii_size", text.ascii_size, 16..=128),
        ("str_object.compact_size", text.compact_size, 16..=256),
        ("str_object.unit_size", text.unit_size, 2..=4),
        ("dict_unicode_entry.size", layout.dict_unicode_entry.size, 16..=64),
    ];
    let optional = optional.into_iter().filter_map(|(name, size, range)| Some((name, size?.0, range)));
    for (name, value, range) in entries.into_iter().chain(optional) {
        if !range.contains(&value) {
            return Err(format!("{name} is {value}"));
        }
    }
    Ok(())
}
