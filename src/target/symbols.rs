//! What the symbols of a Python tell beyond the anchors: exported data, statics that only the file's
//! symbol table names, and statics that a short function refers to.

use crate::address::Addr;
use crate::binary::{CODE_SIZE, ElfFile, MappedImage, Reference, SymbolKind, references};
use crate::memory::Memory;
use crate::os;
use crate::target::Target;
use std::collections::BTreeMap;

impl Target {
    /// Where what the Python exports as `name` lies.
    pub fn exported(&self, name: &str) -> Option<Addr> {
        self.image()?.symbol(name).map(|symbol| symbol.address)
    }

    /// The static data that the exported function `name` refers to, in the order of its instructions.
    pub fn referred_by(&self, name: &str) -> Vec<Addr> {
        self.exported(name).map_or_else(Vec::new, |function| self.referred_at(function))
    }

    /// The static data that the short function at `function` refers to.
    pub fn referred_at(&self, function: Addr) -> Vec<Addr> {
        // The patterns are looked for in windows: code that ends early is padded by what follows.
        let mut code = [0; CODE_SIZE];
        if self.memory.read(function, &mut code).is_err() {
            return Vec::new();
        }
        let statics = references(self.machine, &code, function.get()).into_iter().filter_map(|found| match found {
            Reference::Static(address) if self.module.has_data_at(address) => Addr::new(address),
            _ => None,
        });
        statics.collect()
    }

    /// Where the statics `names` lie, which are not exported: only a file that has its symbol table still
    /// tells. Of a name that several statics bear nothing is said.
    pub fn statics(&self, names: &[&str]) -> BTreeMap<String, Addr> {
        let found = || {
            let (bytes, _) = os::open_mapping(self.process.pid, self.module.mappings.first()?).ok()?;
            let elf = ElfFile::parse(&bytes).ok()?;
            let bias = self.image()?.bias();
            let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            for symbol in elf.symbols() {
                let is_data = symbol.is_defined && symbol.kind == SymbolKind::Object && symbol.address != 0;
                if is_data && names.contains(&symbol.name) {
                    let places = found.entry(symbol.name.to_owned()).or_default();
                    if !places.contains(&symbol.address) {
                        places.push(symbol.address);
                    }
                }
            }
            let single = found.into_iter().filter_map(|(name, places)| match places.as_slice() {
                [only] => Some((name, Addr::new(only.wrapping_add(bias))?)),
                _ => None,
            });
            Some(single.collect())
        };
        found().unwrap_or_default()
    }

    fn image(&self) -> Option<MappedImage<'_>> {
        MappedImage::at(&self.memory, self.module.base()?)
    }
}
