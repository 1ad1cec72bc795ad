//! The places in a target's memory from which everything else is reached.

use crate::address::Addr;
use crate::binary::{MappedImage, Reference};
use crate::layout::Layout;
use crate::memory::{Memory, Pages};
use crate::target::find::{self, Found, How, Root};
use crate::target::modules::Module;

/// Where the things lie from which everything else is reached.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// The runtime.
    pub root: Root,
    /// How it was found.
    pub how: How,
    /// A pointer to the thread that holds the GIL (before 3.12).
    pub current_thread: Option<Addr>,
    /// `[start, end)`: a futex in here is the GIL's (before 3.12).
    pub gil_range: Option<(u64, u64)>,
    /// A pointer to the GIL's lock (2.7 and 3.1): a futex at what it points to is the GIL's.
    pub gil_lock: Option<Addr>,
}

/// The address of the pointer to the first interpreter.
pub fn head(layout: &Layout, root: Root) -> Option<Addr> {
    match root {
        Root::Runtime(at) => Some(at.offset(u64::from(layout.runtime.interpreters_head?.offset))),
        Root::InterpreterHead(at) => Some(at),
    }
}

impl Anchors {
    /// Those of the Python in `module`, whose runtime was `found`.
    pub(super) fn find(
        pages: &Pages<'_>,
        module: &Module,
        image: &MappedImage<'_>,
        layout: &Layout,
        found: Found,
    ) -> Self {
        let mut anchors =
            Self { root: found.root, how: found.how, current_thread: None, gil_range: None, gil_lock: None };
        match found.root {
            Root::Runtime(at) => {
                let offset = current_thread_offset(pages, image, at);
                let offset = offset.or(layout.runtime.current_thread.map(|field| u64::from(field.offset)));
                if layout.runtime.current_thread.is_some() {
                    anchors.current_thread = offset.map(|offset| at.offset(offset));
                }
                if let (Some(gil), Some(size)) = (layout.runtime.gil, layout.gil.size) {
                    let start = at.offset(u64::from(gil.offset));
                    anchors.gil_range = Some((start.get(), start.offset(u64::from(size.0)).get()));
                }
            }
            Root::InterpreterHead(_) => {
                anchors.current_thread = image.symbol("_PyThreadState_Current").map(|symbol| symbol.address);
                let references = find::accessor(image, pages, "PyEval_ThreadsInitialized");
                anchors.gil_lock = references.into_iter().find_map(|reference| match reference {
                    Reference::Static(address) if module.has_data_at(address) => Addr::new(address),
                    _ => None,
                });
                // From 3.2 on the GIL is made of static condition variables, the only ones there are.
                anchors.gil_range = module.data.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            }
        }
        anchors
    }
}

/// Where `_PyRuntime.gilstate.tstate_current` lies, read off the accessor that returns it: the
/// offset depends on the size of the C library's mutexes (3.7–3.11), which no table need know then.
fn current_thread_offset(pages: &Pages<'_>, image: &MappedImage<'_>, runtime: Addr) -> Option<u64> {
    let size = image.symbol("_PyRuntime")?.size;
    let mut behind_runtime = false;
    for reference in find::accessor(image, pages, "_PyThreadState_UncheckedGet") {
        match reference {
            Reference::Static(address) if (runtime.get()..runtime.offset(size).get()).contains(&address) => {
                // Either the field itself, or the runtime's address to which an offset is added.
                if address != runtime.get() {
                    return Some(address - runtime.get());
                }
                behind_runtime = true;
            }
            Reference::Static(got) => behind_runtime = pages.pointer(Addr::new(got)?).ok()? == Some(runtime),
            Reference::Offset(offset) if behind_runtime && offset < size => return Some(offset),
            Reference::Offset(_) => {}
        }
    }
    None
}
