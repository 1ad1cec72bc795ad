//! The lines of source beside the bytecode: from the file as the target sees it, or from what the target keeps
//! of it in `linecache.cache`.

use crate::address::{Addr, Pid};
use crate::os;
use crate::python::{Code, Python, Result, flag};
use std::path::Path;

/// Lines of source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The lines, the first at 0, without their ends.
    pub lines: Vec<String>,
    /// Where they come from: a file, or `linecache`.
    pub origin: String,
}

/// A longer file is not shown, nor more lines of it.
const MAX_FILE: usize = 32 << 20;
const MAX_LINES: usize = 1 << 20;
/// Of what was typed only so much is looked through.
const MAX_TYPED: usize = 100_000;
/// A longer line is cut.
const MAX_LINE: usize = 1 << 12;

impl Source {
    /// The line with `number`, from 1.
    pub fn line(&self, number: i64) -> Option<&str> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.lines.get(index).map(String::as_str)
    }

    /// The source of `code`, which process `pid` runs. `modules` is its `sys.modules`.
    pub fn of(python: &Python<'_>, pid: Pid, modules: Option<Addr>, code: &Code) -> Option<Self> {
        from_file(pid, &code.filename).or_else(|| {
            let lines = cached_source(python, modules?, &code.filename).ok()??;
            Some(Self { lines, origin: "linecache".to_owned() })
        })
    }
}

fn from_file(pid: Pid, name: &str) -> Option<Source> {
    let path = Path::new(name);
    let path = if path.is_absolute() { os::in_root_of(pid, path) } else { os::in_folder_of(pid, path) };
    let bytes = os::read_file(&path).ok().filter(|bytes| bytes.len() <= MAX_FILE)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().take(MAX_LINES).map(|line| line.chars().take(MAX_LINE).collect()).collect();
    Some(Source { lines, origin: name.to_owned() })
}

/// The lines that `linecache` of the target keeps of the file called `name`. An entry of its `cache` is a tuple
/// of size, time, lines and full name; what was typed at the prompt or given with `-c` is in another such dict,
/// under keys of another kind (3.13+).
pub fn cached_source(python: &Python<'_>, modules: Addr, name: &str) -> Result<Option<Vec<String>>> {
    let Some(module) = python.item_named(modules, "linecache")? else { return Ok(None) };
    let Some(dict) = python.get(module, python.layout.module.dict)? else { return Ok(None) };
    if let Some(cache) = python.item_named(dict, "cache")?
        && let Some(entry) = python.item_named(cache, name)?
    {
        return lines_of(python, entry, name);
    }
    let Some(typed) = python.item_named(dict, "_interactive_cache")? else { return Ok(None) };
    for item in python.dict_items(typed, MAX_TYPED)?.0 {
        if let Ok(Some(lines)) = lines_of(python, item.value, name) {
            return Ok(Some(lines));
        }
    }
    Ok(None)
}

/// The lines of an entry, if it is that of `name`.
fn lines_of(python: &Python<'_>, entry: Addr, name: &str) -> Result<Option<Vec<String>>> {
    if !python.type_flags(entry)?.has(flag::TUPLE_SUBCLASS) {
        return Ok(None);
    }
    let (parts, _) = python.tuple_items(entry, 4)?;
    let (Some(Some(list)), Some(Some(full))) = (parts.get(2), parts.get(3)) else { return Ok(None) };
    // The full name of a file may be another, which its key is not.
    if name.starts_with('<') && !python.is_named(*full, name) {
        return Ok(None);
    }
    if !python.type_flags(*list)?.has(flag::LIST_SUBCLASS) {
        return Ok(None);
    }
    let (lines, _) = python.list_items(*list, MAX_LINES)?;
    let line = |at: Option<Addr>| {
        let text = at.and_then(|at| python.name(at).ok()).unwrap_or_default();
        text.trim_end_matches(['\r', '\n']).chars().take(MAX_LINE).collect()
    };
    Ok(Some(lines.into_iter().map(line).collect()))
}
