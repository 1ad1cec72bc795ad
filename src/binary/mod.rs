//! Executable files, read as bytes: symbols, sections, build ids, and C layouts from debug info.
//!
//! Everything here is a pure function of a byte slice, which may be the file of a running program,
//! a detached debug file, or garbage: whatever the bytes say, the answer is a value, `None` or an
//! [`Error`](crate::error::Error), never a panic and never an allocation the file could not fill.
//!
//! This room never opens or maps a file, never looks at a process, and knows nothing of Python: it
//! can say that `PyThreadState.interp` lies at 16, not what it is good for. Only x86_64 and aarch64
//! in their 64-bit little-endian form are read; everything else is refused in a clear sentence.
//!
//! ```no_run
//! use pitviper::binary::{DebugInfo, ElfFile};
//!
//! let bytes = std::fs::read("/usr/lib/libpython3.11.so.1.0").unwrap();
//! let elf = ElfFile::parse(&bytes)?;
//! let runtime = elf.symbol("_PyRuntime").map(|symbol| symbol.address);
//! let layouts = DebugInfo::parse(&elf)?;
//! let frame = layouts.member("PyThreadState.cframe->current_frame");
//! # Ok::<(), pitviper::error::Error>(())
//! ```

mod code;
mod compressed;
mod debug_info;
mod elf;
mod file_image;
mod mapped;

pub use code::{CODE_SIZE, Reference, references};
pub use debug_info::{Bits, DebugInfo, Member};
pub use elf::{ElfFile, Machine, Section, Segment, Symbol, SymbolKind};
pub use file_image::FileImage;
pub use mapped::{MappedImage, MappedSymbol};
