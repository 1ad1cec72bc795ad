//! The executable files mapped in a process, whatever they are called.

use crate::address::Addr;
use crate::os::Mapping;
use std::path::PathBuf;

/// A file mapped in a process, with all its ranges.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its mappings, in order of address. The first maps the start of the file.
    pub mappings: Vec<Mapping>,
    /// Its data: writable mappings, with the anonymous memory that continues them (`.bss`).
    pub data: Vec<(u64, u64)>,
}

impl Module {
    /// Where the start of the file is mapped.
    pub fn base(&self) -> Option<Addr> {
        self.mappings.iter().find(|m| m.offset == 0).and_then(|m| Addr::new(m.start))
    }

    /// Its path, as the process's mount namespace names it.
    pub fn path(&self) -> PathBuf {
        self.mappings.first().map(|m| m.path.clone()).unwrap_or_default()
    }

    /// Whether `address` lies in its data.
    pub fn has_data_at(&self, address: u64) -> bool {
        self.data.iter().any(|(start, end)| (*start..*end).contains(&address))
    }

    /// Whether it has executable code.
    fn is_code(&self) -> bool {
        self.mappings.iter().any(|m| m.execute)
    }

    /// A mere hint for the order of search: a name is never proof, and never needed.
    fn looks_like_python(&self) -> bool {
        self.mappings.first().and_then(Mapping::file_name).is_some_and(|name| name.contains("python"))
    }
}

/// Groups `mappings` by file. The likeliest homes of a Python come first: files called so, then
/// the others in order of address. Files without code are left out.
pub fn modules(mappings: &[Mapping]) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut previous: Option<(usize, u64)> = None;
    for mapping in mappings {
        if mapping.is_file() {
            let same =
                |m: &Module| m.mappings.first().is_some_and(|f| (f.device, f.inode) == (mapping.device, mapping.inode));
            // A file may be mapped twice; a mapping of its start begins another image.
            let index = match modules.iter().rposition(same) {
                Some(index) if mapping.offset != 0 || modules[index].base().is_none() => index,
                _ => {
                    modules.push(Module { mappings: Vec::new(), data: Vec::new() });
                    modules.len() - 1
                }
            };
            if let Some(module) = modules.get_mut(index) {
                module.mappings.push(mapping.clone());
                if mapping.write {
                    module.data.push((mapping.start, mapping.end));
                }
            }
            previous = Some((index, mapping.end));
        } else if let Some((index, end)) = previous {
            let continues = mapping.start == end && mapping.write && mapping.path.as_os_str().is_empty();
            if continues && let Some(module) = modules.get_mut(index) {
                module.data.push((mapping.start, mapping.end));
                previous = Some((index, mapping.end));
            } else {
                previous = None;
            }
        }
    }
    modules.retain(Module::is_code);
    modules.sort_by_key(|module| !module.looks_like_python());
    modules
}
