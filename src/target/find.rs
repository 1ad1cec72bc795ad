//! Where the runtime of a Python lies, found by what is mapped and never by a file's name.
//!
//! In order: the symbols of the mapped image (`_PyRuntime`; before 3.7 what
//! `PyInterpreterState_Head` refers to), the symbols and sections of the file, the cookie of
//! `_Py_DebugOffsets` in writable data (3.13+), and at last a scan of writable data for a pointer
//! that proves itself to be the list of interpreters.

use crate::address::{Addr, Pid};
use crate::binary::{CODE_SIZE, ElfFile, MappedImage, Reference, references};
use crate::layout::debug_offsets::{COOKIE, Head, READ_SIZE};
use crate::memory::{Memory, Pages};
use crate::os;
use crate::target::modules::Module;
use std::fmt;

/// How the runtime was found, as `doctor` tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// An exported symbol of the mapped image.
    MappedSymbol,
    /// The code of an exported accessor.
    Accessor,
    /// A symbol of the file.
    FileSymbol,
    /// The section `.PyRuntime` of the file.
    Section,
    /// The cookie `xdebugpy` in writable data.
    Cookie,
    /// A scan of writable data.
    Scan,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MappedSymbol => "by an exported symbol",
            Self::Accessor => "by the code of an exported accessor",
            Self::FileSymbol => "by a symbol of the file",
            Self::Section => "by the file's section .PyRuntime",
            Self::Cookie => "by the cookie of its debug offsets",
            Self::Scan => "by a scan of writable data",
        })
    }
}

/// The anchor from which everything else is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// `_PyRuntime` (3.7+).
    Runtime(Addr),
    /// The static `interp_head` (before 3.7): the address of the pointer.
    InterpreterHead(Addr),
}

/// A runtime that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The anchor.
    pub root: Root,
    /// How it was found.
    pub how: How,
}

/// How hard to look for a runtime: everything is tried on all modules before the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// The symbols of the mapped image: some dozen reads, and enough for nearly every Python.
    MappedSymbols,
    /// The file's symbols and sections, and the cookie of `_Py_DebugOffsets`.
    Files,
    /// The texts of versions, and a scan of all writable data.
    Scan,
}

impl Effort {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 3] = [Self::MappedSymbols, Self::Files, Self::Scan];
}

/// The runtime of the Python in `module`, looked for with just this `effort`.
pub fn find(effort: Effort, pid: Pid, memory: &Pages<'_>, module: &Module, image: &MappedImage<'_>) -> Option<Found> {
    match effort {
        Effort::MappedSymbols => by_mapped_symbol(image, memory),
        Effort::Files => by_file(pid, module, image).or_else(|| by_cookie(memory, module)),
        // Takes a layout, which takes a version: the caller tries those it finds.
        Effort::Scan => None,
    }
}

fn by_mapped_symbol(image: &MappedImage<'_>, memory: &Pages<'_>) -> Option<Found> {
    if let Some(symbol) = image.symbol("_PyRuntime") {
        return Some(Found { root: Root::Runtime(symbol.address), how: How::MappedSymbol });
    }
    if let Some(symbol) = image.symbol("interp_head") {
        return Some(Found { root: Root::InterpreterHead(symbol.address), how: How::MappedSymbol });
    }
    accessor(image, memory, "PyInterpreterState_Head").into_iter().find_map(|reference| match reference {
        Reference::Static(address) => {
            let root = Root::InterpreterHead(Addr::new(address)?);
            Some(Found { root, how: How::Accessor })
        }
        Reference::Offset(_) => None,
    })
}

/// What the exported function `name` of `image` refers to.
pub fn accessor(image: &MappedImage<'_>, memory: &dyn Memory, name: &str) -> Vec<Reference> {
    let Some(symbol) = image.symbol(name) else { return Vec::new() };
    let size = usize::try_from(symbol.size).unwrap_or(CODE_SIZE).clamp(1, CODE_SIZE);
    // The patterns are looked for in windows: code that ends early is padded by what follows.
    let mut code = vec![0; size + 8];
    match memory.read(symbol.address, &mut code) {
        Ok(()) => references(image.machine(), &code, symbol.address.get()),
        Err(_) => Vec::new(),
    }
}

fn by_file(pid: Pid, module: &Module, image: &MappedImage<'_>) -> Option<Found> {
    let (bytes, _) = os::open_mapping(pid, module.mappings.first()?).ok()?;
    let elf = ElfFile::parse(&bytes).ok()?;
    let mapped = |address: u64| Addr::new(address.wrapping_add(image.bias()));
    let wanted = |name: &str| elf.symbols().find(|s| s.is_defined && s.address != 0 && s.name == name);
    if let Some(symbol) = wanted("_PyRuntime") {
        return Some(Found { root: Root::Runtime(mapped(symbol.address)?), how: How::FileSymbol });
    }
    if let Some(symbol) = wanted("interp_head") {
        return Some(Found { root: Root::InterpreterHead(mapped(symbol.address)?), how: How::FileSymbol });
    }
    let section = elf.section(".PyRuntime")?;
    Some(Found { root: Root::Runtime(mapped(section.address)?), how: How::Section })
}

/// At most this much data of one module is scanned: Python's own is below 1 MB.
pub const MAX_SCAN: u64 = 64 << 20;

/// How much is scanned at a time.
const SCAN_STEP: usize = 256 * 1024;

fn by_cookie(memory: &Pages<'_>, module: &Module) -> Option<Found> {
    let cookie = u64::from_le_bytes(*COOKIE);
    scan(memory, module, |address, word| {
        if word != cookie {
            return None;
        }
        let mut head = [0; 24];
        memory.under().read(address, &mut head).ok()?;
        Head::parse(&head)?;
        Some(Found { root: Root::Runtime(address), how: How::Cookie })
    })
}

/// Calls `test` with every aligned word of the module's data until it finds something.
pub fn scan<T>(memory: &Pages<'_>, module: &Module, mut test: impl FnMut(Addr, u64) -> Option<T>) -> Option<T> {
    let mut budget = MAX_SCAN;
    for (start, end) in &module.data {
        let mut at = *start;
        while at < *end && budget > 0 {
            let step = usize::try_from(*end - at).unwrap_or(SCAN_STEP).min(SCAN_STEP);
            let mut bytes = vec![0; step];
            let address = Addr::new(at)?;
            if memory.under().read(address, &mut bytes).is_ok() {
                for (index, word) in bytes.chunks_exact(8).enumerate() {
                    let word = word.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                    if word != 0
                        && let Some(found) = test(address.offset(8 * index as u64), word)
                    {
                        return Some(found);
                    }
                }
            }
            at += step as u64;
            budget = budget.saturating_sub(step as u64);
        }
    }
    None
}

/// The target's own `_Py_DebugOffsets` at its `_PyRuntime`, if that starts with one.
pub fn debug_offsets(memory: &dyn Memory, root: Root) -> Option<(Head, Vec<u8>)> {
    let Root::Runtime(address) = root else { return None };
    let mut bytes = vec![0; READ_SIZE];
    memory.read(address, &mut bytes).ok()?;
    Some((Head::parse(&bytes)?, bytes))
}
