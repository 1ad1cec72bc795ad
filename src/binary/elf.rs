//! ELF files: where things lie in them, and what they are called.

use std::borrow::Cow;

use goblin::elf::dynamic::Dynamic;
use goblin::elf::header::{EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, ET_REL};
use goblin::elf::program_header::{PT_LOAD, PT_NOTE};
use goblin::elf::section_header::{SHF_COMPRESSED, SHT_DYNSYM, SHT_NOBITS, SHT_NOTE, SHT_SYMTAB};
use goblin::elf::sym::{STT_FILE, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STT_SECTION, STT_TLS, Sym};
use goblin::elf::{Elf, Header, ProgramHeader, SectionHeader, Symtab};

use super::compressed::{self, LAYOUT};
use crate::error::{Error, Kind, Result};

/// `NT_GNU_BUILD_ID`: the note that names a build.
const NT_GNU_BUILD_ID: u32 = 3;

/// The longest name of a symbol that is read: those that are asked for are short, and looking for
/// the ends of a million garbage names would take hours.
const MAX_NAME: usize = 4096;

/// Real files have 20 program headers at most.
const MAX_PROGRAM_HEADERS: u16 = 256;

/// The bytes of an `Elf64_Sym`.
const SYMBOL_SIZE: u64 = 24;

/// What processor a file was made for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Machine {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Machine {
    /// Its name in tables and output, as `uname -m` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The machine called `name`.
    pub fn named(name: &str) -> Option<Self> {
        [Self::X86_64, Self::Aarch64].into_iter().find(|machine| machine.name() == name)
    }

    /// The machine that `e_machine` of an ELF header says.
    pub fn from_elf(number: u16) -> Option<Self> {
        match number {
            goblin::elf::header::EM_X86_64 => Some(Self::X86_64),
            goblin::elf::header::EM_AARCH64 => Some(Self::Aarch64),
            _ => None,
        }
    }
}

/// A part of the file that is loaded into memory (`PT_LOAD`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where its bytes begin in the file.
    pub file_offset: u64,
    /// The address it asks for; an address in a process is this plus the load bias.
    pub vaddr: u64,
    /// How many of its bytes the file holds; the rest is zero.
    pub file_size: u64,
    /// How many bytes it takes in memory.
    pub mem_size: u64,
    /// `PF_X` 1, `PF_W` 2, `PF_R` 4.
    pub flags: u32,
}

/// Where a section lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its address before the load bias; 0 where it is not loaded.
    pub address: u64,
    /// Where its bytes begin in the file. Means nothing in a debug file, for loaded sections.
    pub offset: u64,
    /// How many bytes it takes (in the file; compressed sections are larger once read).
    pub size: u64,
}

/// What a symbol stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SymbolKind {
    /// Code.
    Function,
    /// A variable.
    Object,
    /// A thread-local variable: its address is an offset into the thread's block.
    ThreadLocal,
    /// Anything else, such as a label.
    Other,
}

/// A named place in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol<'a> {
    /// As the linker spells it.
    pub name: &'a str,
    /// Before the load bias.
    pub address: u64,
    /// How many bytes it covers; 0 where the file does not say.
    pub size: u64,
    /// Whether it is here, or only wanted from elsewhere.
    pub is_defined: bool,
    /// What it stands for.
    pub kind: SymbolKind,
}

/// An executable, a shared library, or the detached debug info of one.
pub struct ElfFile<'a> {
    bytes: &'a [u8],
    machine: Machine,
    is_position_dependent: bool,
    program_headers: Vec<ProgramHeader>,
    section_headers: Vec<SectionHeader>,
    section_names: &'a [u8],
}

impl<'a> ElfFile<'a> {
    /// Reads the headers. Damaged tables count as absent: what is left is often enough.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (elf, header) = Self::parse_any(bytes)?;
        refuse_object_files(&header)?;
        Ok(elf)
    }

    /// As [`parse`](Self::parse), for the file that [`debug_alt_link`](Self::debug_alt_link) names:
    /// dwz makes it an unlinked object, though there is nothing in it to link.
    pub fn parse_supplement(bytes: &'a [u8]) -> Result<Self> {
        Self::parse_any(bytes).map(|(elf, _)| elf)
    }

    /// What processor the file was made for.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// Whether its addresses are final, as those of `python3` on Debian are; the load bias is 0.
    pub fn is_position_dependent(&self) -> bool {
        self.is_position_dependent
    }

    /// The name of this build, by which debug info is found; usually 20 bytes.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        // Sections first: in a detached debug file the segments keep the offsets of the original.
        let sections = self.section_headers.iter().filter(|header| header.sh_type == SHT_NOTE);
        let segments = self.program_headers.iter().filter(|header| header.p_type == PT_NOTE);
        let sections = sections.map(|header| (header.sh_offset, header.sh_size, header.sh_addralign));
        let segments = segments.map(|header| (header.p_offset, header.p_filesz, header.p_align));
        sections
            .chain(segments)
            .filter_map(|(offset, size, align)| Some((range(self.bytes, offset, size)?, align)))
            .find_map(|(notes, align)| build_id_in(notes, align))
    }

    /// The file name of the detached debug info (`.gnu_debuglink`).
    pub fn debug_link(&self) -> Option<&'a str> {
        text(self.raw_section(self.header(".gnu_debuglink")?)?, 0)
    }

    /// The path and build id of the file with the debug info that several files share
    /// (`.gnu_debugaltlink`, made by dwz; Fedora and SUSE do, Debian's Pythons do not).
    pub fn debug_alt_link(&self) -> Option<(&'a str, &'a [u8])> {
        let content = self.raw_section(self.header(".gnu_debugaltlink")?)?;
        let path = text(content, 0)?;
        Some((path, content.get(path.len().checked_add(1)?..)?))
    }

    /// The parts that are loaded into memory.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let loaded = self.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
        loaded.map(|header| Segment {
            file_offset: header.p_offset,
            vaddr: header.p_vaddr,
            file_size: header.p_filesz,
            mem_size: header.p_memsz,
            flags: header.p_flags,
        })
    }

    /// Where the section `name` lies.
    pub fn section(&self, name: &str) -> Option<Section> {
        self.header(name).map(|header| Section {
            address: header.sh_addr,
            offset: header.sh_offset,
            size: header.sh_size,
        })
    }

    /// The bytes of the section `name`, decompressed where necessary; `.zdebug_info` answers to
    /// `.debug_info`. `None` where there is no such section or its bytes are in another file.
    pub fn section_data(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>> {
        if let Some(header) = self.header(name) {
            if header.sh_type == SHT_NOBITS {
                return Ok(None);
            }
            let data = self.raw_section(header).ok_or_else(|| truncated(name))?;
            return Ok(Some(match header.sh_flags & u64::from(SHF_COMPRESSED) {
                0 => Cow::Borrowed(data),
                _ => Cow::Owned(compressed::inflate_section(name, data)?),
            }));
        }
        let Some(legacy) = name.strip_prefix(".debug_").map(|rest| format!(".zdebug_{rest}")) else {
            return Ok(None);
        };
        let Some(header) = self.header(&legacy) else {
            return Ok(None);
        };
        let data = self.raw_section(header).ok_or_else(|| truncated(&legacy))?;
        compressed::inflate_legacy(&legacy, data).map(|bytes| Some(Cow::Owned(bytes)))
    }

    /// All symbols: first those for debuggers (`.symtab`), then those for the dynamic linker; many
    /// are in both.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol<'a>> + '_ {
        let listed = [SHT_SYMTAB, SHT_DYNSYM].into_iter().filter_map(|kind| self.listed_symbols(kind));
        // Files without section headers still run, so the dynamic linker's way in must be there.
        let unlisted = self.section_headers.is_empty().then(|| self.dynamic_symbols()).flatten();
        listed.chain(unlisted).flat_map(|(table, names)| table.iter().filter_map(move |symbol| named(&symbol, names)))
    }

    /// The symbol `name`, preferably where it is defined.
    pub fn symbol(&self, name: &str) -> Option<Symbol<'a>> {
        let mut wanted = None;
        for symbol in self.symbols().filter(|symbol| symbol.name == name) {
            if symbol.is_defined {
                return Some(symbol);
            }
            wanted = wanted.or(Some(symbol));
        }
        wanted
    }

    /// Whether [`DebugInfo`](super::DebugInfo) has something to read here.
    pub fn has_debug_info(&self) -> bool {
        [".debug_info", ".zdebug_info"]
            .into_iter()
            .filter_map(|name| self.header(name))
            .any(|header| header.sh_type != SHT_NOBITS && header.sh_size != 0)
    }

    fn parse_any(bytes: &'a [u8]) -> Result<(Self, Header)> {
        refuse_foreign_formats(bytes)?;
        let header = Elf::parse_header(bytes)
            .map_err(|cause| Error::failed("the file has no readable ELF header").because(cause))?;
        let machine = machine_of(&header)?;
        let program_headers = index(header.e_phoff)
            .filter(|_| header.e_phnum <= MAX_PROGRAM_HEADERS)
            .and_then(|at| ProgramHeader::parse(bytes, at, header.e_phnum.into(), LAYOUT).ok())
            .unwrap_or_default();
        let section_headers = index(header.e_shoff)
            .filter(|&at| at != 0)
            .and_then(|at| SectionHeader::parse(bytes, at, header.e_shnum.into(), LAYOUT).ok())
            .unwrap_or_default();
        let section_names = section_headers
            .get(usize::from(header.e_shstrndx))
            .and_then(|names| range(bytes, names.sh_offset, names.sh_size))
            .unwrap_or_default();
        let elf = Self {
            bytes,
            machine,
            is_position_dependent: header.e_type == ET_EXEC,
            program_headers,
            section_headers,
            section_names,
        };
        Ok((elf, header))
    }

    fn header(&self, name: &str) -> Option<&SectionHeader> {
        self.section_headers.iter().find(|header| {
            let text = self.section_names.get(header.sh_name..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
            text.is_some_and(|end| end.first() == Some(&0))
        })
    }

    fn raw_section(&self, header: &SectionHeader) -> Option<&'a [u8]> {
        (header.sh_type != SHT_NOBITS).then(|| range(self.bytes, header.sh_offset, header.sh_size)).flatten()
    }

    /// A table of symbols with the strings that name them.
    fn listed_symbols(&self, kind: u32) -> Option<(Symtab<'a>, &'a [u8])> {
        let table = self.section_headers.iter().find(|header| header.sh_type == kind)?;
        let names = self.section_headers.get(index(table.sh_link.into())?)?;
        let count = (table.sh_size / SYMBOL_SIZE).try_into().ok()?;
        let symbols = Symtab::parse(self.bytes, index(table.sh_offset)?, count, LAYOUT).ok()?;
        Some((symbols, self.raw_section(names)?))
    }

    /// The dynamic linker's symbols by way of `PT_DYNAMIC`. No entry of it counts them; every
    /// linker puts their names right behind them.
    fn dynamic_symbols(&self) -> Option<(Symtab<'a>, &'a [u8])> {
        let dynamic = Dynamic::parse(self.bytes, &self.program_headers, LAYOUT).ok()??;
        let (start, end) = (dynamic.info.symtab, dynamic.info.strtab);
        let count = end.checked_sub(start)? / usize::try_from(SYMBOL_SIZE).ok()?;
        let symbols = Symtab::parse(self.bytes, start, count, LAYOUT).ok()?;
        Some((symbols, range(self.bytes, end as u64, dynamic.info.strsz as u64)?))
    }
}

fn refuse_foreign_formats(bytes: &[u8]) -> Result<()> {
    let unsupported = |what: &str| Err(Error::new(Kind::Unsupported, what));
    match bytes {
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => Ok(()),
        [0x7f, b'E', b'L', b'F', 1, ..] => {
            unsupported("the file is a 32-bit executable; pitviper reads 64-bit ones only")
        }
        [0x7f, b'E', b'L', b'F', 2, 2, ..] => {
            unsupported("the file is a big-endian executable; pitviper reads little-endian ones only")
        }
        _ => unsupported("the file is not an ELF executable"),
    }
}

fn machine_of(header: &Header) -> Result<Machine> {
    match header.e_machine {
        EM_X86_64 => Ok(Machine::X86_64),
        EM_AARCH64 => Ok(Machine::Aarch64),
        other => Err(Error::new(
            Kind::Unsupported,
            format!("the file is for ELF machine {other}; pitviper reads x86_64 (62) and aarch64 (183)"),
        )),
    }
}

fn refuse_object_files(header: &Header) -> Result<()> {
    match header.e_type {
        ET_EXEC | ET_DYN => Ok(()),
        ET_REL => Err(Error::new(
            Kind::Unsupported,
            "the file is an unlinked object; its addresses and debug info are not final",
        )),
        other => Err(Error::new(
            Kind::Unsupported,
            format!("the file is neither an executable nor a shared library but ELF type {other}"),
        )),
    }
}

fn truncated(name: &str) -> Error {
    Error::failed(format!("section {name} reaches beyond the end of the file"))
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number).ok()
}

fn range(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = index(offset)?;
    bytes.get(start..start.checked_add(index(size)?)?)
}

/// The NUL-terminated text at `offset`, if it is no longer than [`MAX_NAME`].
fn text(bytes: &[u8], offset: usize) -> Option<&str> {
    let rest = bytes.get(offset..)?;
    let (text, _) = rest.split_at_checked(rest.iter().take(MAX_NAME).position(|&byte| byte == 0)?)?;
    std::str::from_utf8(text).ok()
}

fn named<'a>(symbol: &Sym, names: &'a [u8]) -> Option<Symbol<'a>> {
    let kind = match symbol.st_type() {
        STT_FUNC | STT_GNU_IFUNC => SymbolKind::Function,
        STT_OBJECT => SymbolKind::Object,
        STT_TLS => SymbolKind::ThreadLocal,
        // Names of source files and sections are no places in the program.
        STT_FILE | STT_SECTION => return None,
        _ => SymbolKind::Other,
    };
    Some(Symbol {
        name: text(names, symbol.st_name).filter(|name| !name.is_empty())?,
        address: symbol.st_value,
        size: symbol.st_size,
        is_defined: symbol.st_shndx != 0,
        kind,
    })
}

/// The build id among `notes`. A note is three words (the sizes of name and content, the type),
/// the name and the content, both padded to the alignment.
fn build_id_in(mut notes: &[u8], align: u64) -> Option<&[u8]> {
    let align = if align == 8 { 8 } else { 4 };
    loop {
        let (header, rest) = notes.split_first_chunk::<12>()?;
        let word = |at: usize| header.get(at..)?.first_chunk::<4>().copied().map(u32::from_le_bytes);
        let (name_size, size) = (index(word(0)?.into())?, index(word(4)?.into())?);
        // The twelve bytes of the header count towards the padding.
        let padded = name_size.checked_add(12)?.checked_next_multiple_of(align)?;
        let content_at = padded.checked_sub(12)?;
        let end = content_at.checked_add(size)?;
        if word(8)? == NT_GNU_BUILD_ID && rest.get(..name_size)? == b"GNU\0" && size != 0 {
            return rest.get(content_at..end);
        }
        let next = end.checked_add(12)?.checked_next_multiple_of(align)?;
        notes = notes.get(next..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_refused_in_words() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let with = |changes: &[(usize, u8)]| {
            let mut bytes = own[..4096].to_vec();
            changes.iter().for_each(|&(at, value)| bytes[at] = value);
            bytes
        };
        let rows = [
            (Vec::new(), "not an ELF"),
            (b"#!/usr/bin/env python3\n".to_vec(), "not an ELF"),
            (with(&[(4, 1)]), "32-bit"),
            (with(&[(5, 2)]), "big-endian"),
            (with(&[(18, 243), (19, 0)]), "ELF machine 243"),
            (with(&[(16, 1)]), "unlinked object"),
            (with(&[(16, 4)]), "ELF type 4"),
            (own[..20].to_vec(), "no readable ELF header"),
        ];
        for (bytes, text) in rows {
            let error = ElfFile::parse(&bytes).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn this_test_is_an_elf_file_too() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let elf = ElfFile::parse(&bytes).unwrap();
        let text = elf.section(".text").unwrap();
        let data = elf.section_data(".text").unwrap().unwrap();
        assert_eq!(data.len() as u64, text.size);
        let main = elf.symbol("main").unwrap();
        assert!(main.is_defined && main.kind == SymbolKind::Function);
        let inside = |segment: Segment| (segment.vaddr..segment.vaddr + segment.mem_size).contains(&main.address);
        assert!(elf.segments().any(|segment| inside(segment) && segment.flags & 1 != 0));
        assert!(elf.section_data(".absent").unwrap().is_none());
        assert!(elf.section_data(".bss").unwrap().is_none());
    }

    #[test]
    fn notes_are_padded_to_their_alignment() {
        let note = |name: &[u8], kind: u8, content: &[u8], align: usize| {
            let mut bytes = vec![name.len() as u8, 0, 0, 0, content.len() as u8, 0, 0, 0, kind, 0, 0, 0];
            for part in [name, content] {
                bytes.extend(part);
                bytes.resize(bytes.len().next_multiple_of(align), 0);
            }
            bytes
        };
        for align in [4, 8] {
            let other = note(b"other\0", 3, b"no", align);
            let property = note(b"GNU\0", 5, b"no", align);
            let wanted = note(b"GNU\0", 3, b"yes", align);
            let notes = [other, property, wanted].concat();
            assert_eq!(build_id_in(&notes, align as u64), Some(b"yes".as_slice()));
            assert_eq!(build_id_in(&notes[..notes.len() - 6], align as u64), None);
        }
        assert_eq!(build_id_in(&[0xff; 40], 4), None);
    }
}
