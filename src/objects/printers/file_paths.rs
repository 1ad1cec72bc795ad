//! `pathlib`: paths, by what they were made of where that was never joined (3.12+).

use crate::address::Addr;
use crate::objects::printers::{Printer, Types, strings};
use crate::objects::{Out, Subject};
use crate::python::{Fault, Python, Result};

/// Paths, as `repr` writes them: with slashes.
pub const PRINTER: Printer = Printer {
    types: Types::Classes(&[
        ("pathlib", "PosixPath"),
        ("pathlib", "PurePosixPath"),
        ("pathlib", "PureWindowsPath"),
        ("pathlib", "WindowsPath"),
    ]),
    attributes: false,
    print,
};

/// Parts of one path, and code points of one part: more than an operating system takes.
const MAX_PARTS: usize = 4096;
const MAX_POINTS: usize = 1 << 16;

const SLASH: u32 = '/' as u32;
const DOT: u32 = '.' as u32;

fn print(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let mut points = path(&out.python(), subject)?;
    if subject.tp_name.ends_with("WindowsPath") {
        points.iter_mut().filter(|point| **point == u32::from('\\')).for_each(|point| *point = SLASH);
    }
    out.mark(&format!("{}(", subject.tp_name));
    strings::quoted(out, &points);
    out.mark(")");
    Ok(())
}

/// The code points of `str(path)`.
fn path(python: &Python<'_>, subject: &Subject) -> Result<Vec<u32>> {
    let slots = python.slots(subject.address)?;
    let slot = |name: &str| slots.iter().find(|(slot, _)| slot == name).map(|(_, value)| *value);
    let text = |at: Addr| python.text(at, MAX_POINTS).map(|text| text.points);
    // What `str()` has been asked for is kept.
    if let Some(known) = slot("_str") {
        return text(known);
    }
    let texts = |list: Addr| -> Result<Vec<Vec<u32>>> {
        let is_tuple = python.type_flags(list)?.has(crate::python::flag::TUPLE_SUBCLASS);
        let (items, total) =
            if is_tuple { python.tuple_items(list, MAX_PARTS)? } else { python.list_items(list, MAX_PARTS)? };
        if total > MAX_PARTS as u64 {
            return Err(Fault::Implausible(list, "the parts of a path"));
        }
        items.into_iter().flatten().map(text).collect()
    };
    if let (Some(drive), Some(root)) = (slot("_drv"), slot("_root")) {
        let mut start = text(drive)?;
        start.extend(text(root)?);
        let separator = if subject.tp_name.ends_with("WindowsPath") { u32::from('\\') } else { SLASH };
        let parts = match (slot("_tail_cached"), slot("_parts")) {
            (Some(tail), _) => texts(tail)?,
            // Before 3.12 drive and root are the first part.
            (None, Some(parts)) => texts(parts)?.split_off(usize::from(!start.is_empty())),
            (None, None) => return Err(Fault::Null("the parts of a path")),
        };
        start.extend(parts.join(&separator));
        return Ok(if start.is_empty() { vec![DOT] } else { start });
    }
    let raw = slot("_raw_paths").ok_or(Fault::Null("the parts of a path"))?;
    if subject.tp_name.ends_with("WindowsPath") {
        // How those are joined takes all of ntpath: one part alone is as it is, but for what normalizes it.
        return Err(Fault::Implausible(subject.address, "a path that was never joined"));
    }
    Ok(joined(&texts(raw)?))
}

/// `posixpath.join`, `posixpath.splitroot`, and `PurePath._format_parsed_parts` (Lib/pathlib, 3.12+).
fn joined(parts: &[Vec<u32>]) -> Vec<u32> {
    let mut path: Vec<u32> = Vec::new();
    for part in parts {
        if part.first() == Some(&SLASH) {
            path.clear();
        } else if !path.is_empty() && path.last() != Some(&SLASH) {
            path.push(SLASH);
        }
        path.extend(part);
    }
    let slashes = path.iter().take_while(|point| **point == SLASH).count();
    // Two slashes mean something else than one; three and more do not.
    let mut normal = vec![SLASH; if slashes == 2 { 2 } else { slashes.min(1) }];
    let kept = path.split(|point| *point == SLASH).filter(|part| !part.is_empty() && *part != [DOT]);
    normal.extend(kept.collect::<Vec<_>>().join(&SLASH));
    if normal.is_empty() { vec![DOT] } else { normal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_as_pathlib_does() {
        // What CPython 3.13.0 says: str(PurePosixPath(*parts)).
        let rows: &[(&[&str], &str)] = &[
            (&[], "."),
            (&[""], "."),
            (&["."], "."),
            (&["a", "b"], "a/b"),
            (&["a", "/b", "c"], "/b/c"),
            (&["//a", "b"], "//a/b"),
            (&["///a//b/./c/"], "/a/b/c"),
            (&["a/../b", ".", "c"], "a/../b/c"),
            (&["/"], "/"),
            (&["//"], "//"),
            (&["a/", "b"], "a/b"),
        ];
        for (parts, expected) in rows {
            let parts: Vec<Vec<u32>> = parts.iter().map(|part| part.chars().map(u32::from).collect()).collect();
            let text: String = joined(&parts).into_iter().filter_map(char::from_u32).collect();
            assert_eq!(text, *expected, "{parts:?}");
        }
    }
}
