//! Which version of CPython a module holds.
//!
//! In order of trust: the target's `_Py_DebugOffsets` (3.13+), the constant `Py_Version` (3.11+),
//! the text that `Py_GetVersion` refers to, any text in the module's read-only data that reads like
//! `PY_VERSION`.

use crate::address::{Addr, Version};
use crate::binary::{MappedImage, Reference};
use crate::memory::{Memory, Pages};
use crate::target::find::accessor;
use crate::target::modules::Module;

/// The version of the Python in `module`, from its mapped image.
pub fn by_image(image: &MappedImage<'_>, memory: &dyn Memory) -> Option<Version> {
    by_constant(image, memory).or_else(|| by_accessor(image, memory))
}

fn by_constant(image: &MappedImage<'_>, memory: &dyn Memory) -> Option<Version> {
    let symbol = image.symbol("Py_Version")?;
    Version::from_hex(memory.u64(symbol.address).ok()? & u64::from(u32::MAX))
}

/// `Py_GetVersion` formats `PY_VERSION` into a static buffer (Python/getversion.c): it refers to
/// both, and both begin with the version.
fn by_accessor(image: &MappedImage<'_>, memory: &dyn Memory) -> Option<Version> {
    accessor(image, memory, "Py_GetVersion").into_iter().find_map(|reference| match reference {
        Reference::Static(address) => {
            let text = memory.c_string(Addr::new(address)?, 64).ok()?;
            std::str::from_utf8(&text).ok()?.split(' ').next()?.parse().ok()
        }
        Reference::Offset(_) => None,
    })
}

/// At most this much read-only data is searched for the text of a version.
const MAX_SEARCH: u64 = 32 << 20;

/// The name of an environment variable that every CPython mentions in its help (Modules/main.c).
const MARK: &[u8] = b"PYTHONHOME";

/// More candidates than this are data that happens to look like versions: Pythons have a dozen.
const MAX_VERSIONS: usize = 64;

/// Every text in the read-only data of `module` that reads like `PY_VERSION`, without repetition:
/// other libraries' versions look alike, so these are candidates. None of a module that cannot be
/// a Python.
pub fn by_text(memory: &Pages<'_>, module: &Module) -> Vec<Version> {
    let mut found: Vec<Version> = Vec::new();
    let mut budget = MAX_SEARCH;
    let mut marked = false;
    for mapping in module.mappings.iter().filter(|m| m.read && !m.write) {
        let size = mapping.len().min(budget);
        budget -= size;
        let Some(start) = Addr::new(mapping.start) else { continue };
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        if memory.under().read(start, &mut bytes).is_err() {
            continue;
        }
        marked = marked || bytes.windows(MARK.len()).any(|text| text == MARK);
        for text in bytes.split(|byte| *byte == 0).filter(|text| (5..=12).contains(&text.len())) {
            let version = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            if let Some(version) = version.filter(|version| found.len() < MAX_VERSIONS && !found.contains(version)) {
                found.push(version);
            }
        }
    }
    if marked { found } else { Vec::new() }
}
