//! What the debug info of an interpreter's file tells: the last source of a layout, and what
//! `pitviper offsets` prints.
//!
//! Separate debug info is found as debuggers find it, by build id or debug link, and believed only
//! if it bears the build id of the interpreter.

use crate::address::{Pid, Version};
use crate::binary::{DebugInfo, ElfFile, FileImage, MappedImage};
use crate::error::{Error, Result};
use crate::layout::{Build, Flavour, Layout, Source, Table, extract, load};
use crate::os::{self, FileBytes};
use crate::target::identify::is_debug;
use crate::target::modules::Module;
use crate::target::version;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A greater file is not read unless the user names it: those of the largest known Pythons have
/// 45 MB, and a program with gigabytes of debug info would keep us for minutes.
const MAX_FILE: usize = 256 << 20;

/// The file of an interpreter, with its debug info.
pub struct InterpreterFile {
    path: PathBuf,
    bytes: FileBytes,
    /// The file that holds the debug info, if that is another.
    debug: Option<(PathBuf, FileBytes)>,
}

impl InterpreterFile {
    /// The interpreter at `path`, whose debug info is in itself, in `debug_file`, or where
    /// distributions put it.
    pub fn open(path: &Path, debug_file: Option<&Path>) -> Result<Self> {
        let bytes = read(path)?;
        if let Some(file) = debug_file {
            let debug = Some((file.to_path_buf(), read(file)?));
            return Ok(Self { path: path.to_path_buf(), bytes, debug });
        }
        // Also under the root in which an unpacked interpreter lies.
        let real = path.canonicalize().unwrap_or_default();
        let roots = real.ancestors().skip(1).map(Path::to_path_buf).collect();
        let error = |error: Error| error.hint("or give the file with its debug info with --debug-file");
        Self::with_debug_info(path, bytes, &Places { roots, folder: path.parent() }).map_err(error)
    }

    /// The file of `module` of `pid`, whose debug info is in itself, or where distributions put it:
    /// under the root of the process, or under ours.
    pub(super) fn of_module(pid: Pid, module: &Module) -> Result<Self> {
        let path = module.path();
        let unreadable =
            |error: std::io::Error| Error::failed(format!("cannot read {}", path.display())).because(error);
        let mapping = module.mappings.first().ok_or_else(|| unreadable(std::io::ErrorKind::NotFound.into()))?;
        let (bytes, _) = os::open_mapping(pid, mapping).map_err(unreadable)?;
        let folder = path.parent().map(|folder| os::in_root_of(pid, folder));
        let file = Self::with_debug_info(&path, bytes, &Places::of_process(pid, &path, folder.as_deref()))?;
        let size = file.debug.as_ref().map_or(file.bytes.len(), |(_, bytes)| bytes.len());
        if size > MAX_FILE {
            return Err(Error::failed(format!("the debug info of {} is too large: {size} bytes", path.display())));
        }
        Ok(file)
    }

    fn with_debug_info(path: &Path, bytes: FileBytes, places: &Places<'_>) -> Result<Self> {
        let elf = parse(path, &bytes)?;
        let debug = match elf.has_debug_info() {
            true => None,
            false => Some(places.find(&elf).ok_or_else(|| no_debug_info(path, &elf))?),
        };
        Ok(Self { path: path.to_path_buf(), bytes, debug })
    }

    /// The file of the interpreter.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that holds the debug info.
    pub fn debug_path(&self) -> &Path {
        self.debug.as_ref().map_or(&self.path, |(path, _)| path)
    }

    fn read<T>(&self, work: impl FnOnce(&ElfFile<'_>, &DebugInfo<'_>) -> Result<T>) -> Result<T> {
        let elf = parse(&self.path, &self.bytes)?;
        let debug = self.debug.as_ref().map(|(path, bytes)| parse(path, bytes)).transpose()?;
        let info = DebugInfo::parse(debug.as_ref().unwrap_or(&elf))
            .map_err(|error| Error::failed(format!("{} cannot be used", self.debug_path().display())).because(error))?;
        work(&elf, &info)
    }

    fn extract(&self, elf: &ElfFile<'_>, info: &DebugInfo<'_>, version: Version, flavour: Flavour) -> Result<Table> {
        extract::table(elf, info, version, flavour).map_err(|what| {
            Error::failed(format!("the debug info of {} is not CPython's", self.path.display())).because(what)
        })
    }

    /// The offset table of the interpreter, and its text in which each number tells its origin.
    pub fn table(&self) -> Result<(Table, String)> {
        self.read(|elf, info| {
            let (version, debug) = self.version(elf)?;
            // Only free-threaded builds know which thread owns an object (Include/object.h).
            let flavour = Flavour::of(info.member("PyObject.ob_tid").is_some(), debug);
            let table = self.extract(elf, info, version, flavour)?;
            let origins = extract::origins(info);
            let origin = |section: &str, field: &str| {
                let found = origins.iter().find(|((s, f), _)| (*s, *f) == (section, field));
                found.map_or_else(String::new, |(_, origin)| origin.clone())
            };
            let text = table.to_text(origin);
            Ok((table, text))
        })
    }

    /// The version of the interpreter, and whether it was built `--with-pydebug`, told without
    /// running it.
    fn version(&self, elf: &ElfFile<'_>) -> Result<(Version, bool)> {
        let (version, debug) = identify_file(elf, &self.bytes);
        let told = version.map(|version| (version, debug));
        told.ok_or_else(|| {
            Error::failed(format!("{} does not tell its version", self.path.display()))
                .hint("give the interpreter itself, or its libpython, and its debug file with --debug-file")
        })
    }
}

/// What the debug info of files told: reading it takes tenths of a second, and many processes may run
/// one build.
#[derive(Default)]
pub struct DebugTables(RefCell<HashMap<Key, Result<Told>>>);

/// Device and inode of a file, and the build that it is asked for.
type Key = (u64, u64, String);

/// A table, and the file it was told by.
type Told = (Table, String);

impl DebugTables {
    /// The layout of `build`, which `module` of `pid` is the file of.
    pub(super) fn layout(&self, pid: Pid, module: &Module, build: &Build) -> Result<Layout> {
        let file = module.mappings.first().map_or((0, 0), |mapping| (mapping.device, mapping.inode));
        let key = (file.0, file.1, format!("{} {}", build.version, build.flavour));
        let mut known = self.0.borrow_mut();
        let told = known.entry(key).or_insert_with(|| {
            let file = InterpreterFile::of_module(pid, module)?;
            let table = file.read(|elf, info| file.extract(elf, info, build.version, build.flavour))?;
            Ok((table, file.debug_path().display().to_string()))
        });
        let (table, path) = told.as_ref().map_err(Error::clone)?;
        load(build, table, Source::DebugInfo(path.clone())).map_err(|what| {
            Error::failed(format!("the debug info of {} cannot be used", module.path().display())).because(what)
        })
    }
}

/// The version of the interpreter in the file `elf`, of which `bytes` are all the bytes, and whether
/// it was built `--with-pydebug`; as far as that can be told without running it.
pub fn identify_file(elf: &ElfFile<'_>, bytes: &[u8]) -> (Option<Version>, bool) {
    let image = FileImage::new(elf, bytes);
    let mapped = image.base().and_then(|base| MappedImage::at(&image, base));
    let version = mapped.as_ref().and_then(|mapped| version::by_image(mapped, &image));
    (version, mapped.is_some_and(|mapped| is_debug(&mapped)))
}

/// Where separate debug info may lie.
struct Places<'p> {
    /// Folders that may be the root of the file system for which it was packed.
    roots: Vec<PathBuf>,
    /// The folder of the interpreter.
    folder: Option<&'p Path>,
}

/// The files that name the functions of `module` of `pid`: its own, and if that was stripped the one with its debug
/// info. None where they cannot be read, or are too large.
pub(super) fn symbol_files(pid: Pid, module: &Module) -> Vec<FileBytes> {
    let path = module.path();
    let mapping = module.mappings.first();
    let Some((bytes, _)) = mapping.and_then(|mapping| os::open_mapping(pid, mapping).ok()) else { return Vec::new() };
    let folder = path.parent().map(|folder| os::in_root_of(pid, folder));
    let debug = ElfFile::parse(&bytes).ok().filter(|elf| elf.section(".symtab").is_none());
    let debug = debug.and_then(|elf| Places::of_process(pid, &path, folder.as_deref()).find(&elf));
    let files = std::iter::once(bytes).chain(debug.map(|(_, bytes)| bytes));
    files.filter(|bytes| bytes.len() <= MAX_FILE).collect()
}

impl<'p> Places<'p> {
    /// Of the file `path` in `folder`: under the root of the process `pid`, or under ours.
    fn of_process(pid: Pid, path: &Path, folder: Option<&'p Path>) -> Self {
        let theirs = path.ancestors().skip(1).map(|root| os::in_root_of(pid, root));
        Self { roots: theirs.chain([PathBuf::from("/")]).collect(), folder }
    }

    /// The first file with the debug info of `elf`.
    fn find(&self, elf: &ElfFile<'_>) -> Option<(PathBuf, FileBytes)> {
        let by_id = elf.build_id().map(hex).and_then(|id| {
            let (folder, file) = id.split_at_checked(2)?;
            Some(format!("usr/lib/debug/.build-id/{folder}/{file}.debug"))
        });
        let by_id = by_id.iter().flat_map(|relative| self.roots.iter().map(move |root| root.join(relative)));
        let by_link = elf.debug_link().zip(self.folder);
        let by_link = by_link.iter().flat_map(|(link, folder)| [folder.join(link), folder.join(".debug").join(link)]);
        by_id.chain(by_link).find_map(|path| {
            let bytes = os::read_file(&path).ok()?;
            let other = ElfFile::parse(&bytes).ok()?;
            let fits = other.build_id() == elf.build_id() && other.has_debug_info();
            fits.then_some((path, bytes))
        })
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<FileBytes> {
    os::read_file(path).map_err(|error| Error::failed(format!("cannot read {}", path.display())).because(error))
}

fn parse<'b>(path: &Path, bytes: &'b [u8]) -> Result<ElfFile<'b>> {
    ElfFile::parse(bytes).map_err(|error| Error::failed(format!("{} cannot be used", path.display())).because(error))
}

#[cold]
fn no_debug_info(path: &Path, elf: &ElfFile<'_>) -> Error {
    let error = Error::failed(format!("{} has no debug info", path.display()));
    let error = match elf.build_id() {
        Some(id) => error.because(format!("and there is none for build id {} under /usr/lib/debug", hex(id))),
        None => error,
    };
    error.hint("install the debug package of this interpreter (Debian: python3.x-dbg, Fedora: python3-debuginfo)")
}
