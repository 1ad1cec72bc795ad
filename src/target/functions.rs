//! The names of C functions, by the symbols of the files that a process has mapped.

use crate::address::{Addr, Pid};
use crate::binary::{ElfFile, MappedImage, SymbolKind};
use crate::os;
use crate::target::debug_info::symbol_files;
use crate::target::{Module, Target, modules};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// A name is cut at this many bytes: those of C++ may have thousands.
const MAX_NAME: usize = 200;

/// Names the C functions of a target. What files say is read once they are asked for.
pub struct Functions<'t> {
    target: &'t Target,
    modules: OnceCell<Vec<Module>>,
    symbols: RefCell<HashMap<usize, Rc<Symbols>>>,
}

/// The functions of a file, in order of their addresses.
#[derive(Default)]
struct Symbols {
    /// Address and end in the process, and name.
    functions: Vec<(u64, u64, String)>,
    /// What is added to an address in the file.
    bias: u64,
}

/// What a C function is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionName {
    /// Its symbol, and how far behind its beginning the address lies.
    pub symbol: Option<(String, u64)>,
    /// The file it lies in, and where in that, as its symbol table would say.
    pub place: Option<(String, u64)>,
    /// Its address.
    pub address: Addr,
}

impl fmt::Display for FunctionName {
    /// The symbol; without one file and offset; else the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.symbol, &self.place) {
            (Some((symbol, 0)), _) => f.write_str(symbol),
            (Some((symbol, offset)), _) => write!(f, "{symbol}+{offset:#x}"),
            (None, Some((file, offset))) => write!(f, "{file}+{offset:#x}"),
            (None, None) => self.address.fmt(f),
        }
    }
}

impl<'t> Functions<'t> {
    /// Those of `target`.
    pub fn of(target: &'t Target) -> Self {
        Self { target, modules: OnceCell::new(), symbols: RefCell::default() }
    }

    /// What the function at `address` is called.
    pub fn name(&self, address: Addr) -> FunctionName {
        let mut name = FunctionName { symbol: None, place: None, address };
        let pid = self.target.process.pid;
        let modules = self.modules.get_or_init(|| os::maps(pid).map_or_else(|_| Vec::new(), |maps| modules(&maps)));
        let holds = |module: &Module| module.mappings.iter().any(|m| (m.start..m.end).contains(&address.get()));
        let Some((index, module)) = modules.iter().enumerate().find(|(_, module)| holds(module)) else { return name };
        let known = self.symbols.borrow().get(&index).cloned();
        let symbols = known.unwrap_or_else(|| {
            let read = Rc::new(Symbols::read(self.target, pid, module).unwrap_or_default());
            self.symbols.borrow_mut().insert(index, Rc::clone(&read));
            read
        });
        let file = module.path().file_name().map(|file| file.to_string_lossy().into_owned());
        name.place = file.map(|file| (file, address.get().wrapping_sub(symbols.bias)));
        name.symbol = symbols.at(address.get());
        name
    }
}

impl Symbols {
    fn read(target: &Target, pid: Pid, module: &Module) -> Option<Self> {
        let bias = MappedImage::at(&target.memory, module.base()?)?.bias();
        let mut functions = Vec::new();
        for bytes in symbol_files(pid, module) {
            let Ok(elf) = ElfFile::parse(&bytes) else { continue };
            for symbol in elf.symbols() {
                if symbol.is_defined && symbol.kind == SymbolKind::Function && symbol.address != 0 {
                    let start = symbol.address.wrapping_add(bias);
                    let name = symbol.name.get(..MAX_NAME).unwrap_or(symbol.name);
                    functions.push((start, start.saturating_add(symbol.size), plain(name).to_owned()));
                }
            }
        }
        // Of several names of one function, the one that the compiler did not make, and the shortest.
        functions.sort_by(|(a, _, left), (b, _, right)| {
            let rank = |name: &String| (name.contains('.'), name.starts_with('_'), name.len());
            a.cmp(b).then_with(|| rank(left).cmp(&rank(right))).then_with(|| left.cmp(right))
        });
        functions.dedup_by_key(|(start, _, _)| *start);
        Some(Self { functions, bias })
    }

    fn at(&self, address: u64) -> Option<(String, u64)> {
        let index = self.functions.partition_point(|(start, _, _)| *start <= address).checked_sub(1)?;
        let (start, end, name) = self.functions.get(index)?;
        (address == *start || address < *end).then(|| (name.clone(), address - start))
    }
}

/// `name` without what the linker has added to tell statics of several files apart.
fn plain(name: &str) -> &str {
    let name = name.split_once("@@").map_or(name, |(name, _)| name);
    name.split_once(".lto_priv").map_or(name, |(name, _)| name)
}
