//! An executable file as it lies mapped in a process: its exported symbols, read from memory alone.
//!
//! What is mapped is the truth: the file may be deleted, replaced, renamed, in another namespace,
//! or stripped of its section headers. The dynamic symbol table is part of the mapped image, since
//! the loader needs it.

use crate::address::Addr;
use crate::binary::Machine;
use crate::memory::Memory;
use goblin::elf::dynamic::{DT_GNU_HASH, DT_HASH, DT_STRTAB, DT_SYMTAB};
use goblin::elf::header::{ET_DYN, ET_EXEC};
use goblin::elf::program_header::{PF_W, PT_DYNAMIC, PT_LOAD};

/// A mapped ELF image.
pub struct MappedImage<'m> {
    memory: &'m dyn Memory,
    machine: Machine,
    /// What is added to an address in the file to get the address in memory.
    bias: u64,
    /// Where segments lie that may be written, in memory: `[start, end)`.
    writable: Vec<(u64, u64)>,
    tables: Option<Tables>,
}

/// A symbol of the dynamic symbol table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MappedSymbol {
    /// Its address in the process.
    pub address: Addr,
    /// Its size in bytes.
    pub size: u64,
}

/// Where the dynamic linker's tables lie, in memory.
struct Tables {
    symbols: Addr,
    strings: Addr,
    gnu_hash: Option<Addr>,
    hash: Option<Addr>,
}

/// No real file has more; a greater count is garbage.
const MAX_SEGMENTS: u16 = 64;
const MAX_DYNAMIC: u64 = 256;
/// Bounds the walk along one chain of a hash table. Real chains are shorter than 20.
const MAX_CHAIN: u32 = 4096;

impl<'m> MappedImage<'m> {
    /// The image whose ELF header is mapped at `base`. `None` where there is none, or one of a
    /// machine that pitviper does not read.
    pub fn at(memory: &'m dyn Memory, base: Addr) -> Option<Self> {
        let mut header = [0; 64];
        memory.read(base, &mut header).ok()?;
        // 64-bit, little-endian.
        if !header.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let machine = Machine::from_elf(word(18))?;
        let kind = word(16);
        let table = u64::from_le_bytes(*header.get(32..40)?.first_chunk()?);
        let (entry_size, count) = (word(54), word(56));
        if !matches!(kind, ET_EXEC | ET_DYN) || entry_size != 56 || count > MAX_SEGMENTS {
            return None;
        }
        let mut bytes = vec![0; usize::from(entry_size) * usize::from(count)];
        memory.read(base.offset(table), &mut bytes).ok()?;
        let segments: Vec<Segment> = bytes.chunks_exact(56).filter_map(Segment::parse).collect();
        let first = segments.iter().filter(|s| s.kind == PT_LOAD).map(|s| s.address).min()?;
        let bias = if kind == ET_EXEC { 0 } else { base.get().wrapping_sub(first & !0xfff) };
        let writable = segments
            .iter()
            .filter(|s| s.kind == PT_LOAD && s.flags & PF_W != 0)
            .map(|s| (s.address.wrapping_add(bias), s.address.wrapping_add(bias).saturating_add(s.size)))
            .collect();
        let dynamic = segments.iter().find(|s| s.kind == PT_DYNAMIC);
        let tables = dynamic.and_then(|s| Tables::read(memory, s.address.wrapping_add(bias), bias));
        Some(Self { memory, machine, bias, writable, tables })
    }

    /// The machine it is for.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// What is added to an address in the file to get the address in memory.
    pub fn bias(&self) -> u64 {
        self.bias
    }

    /// The ranges `[start, end)` that the file asks to be writable.
    pub fn writable(&self) -> &[(u64, u64)] {
        &self.writable
    }

    /// The exported symbol `name` that this image defines.
    pub fn symbol(&self, name: &str) -> Option<MappedSymbol> {
        let tables = self.tables.as_ref()?;
        if let Some(hash) = tables.gnu_hash {
            return self.by_gnu_hash(tables, hash, name);
        }
        self.by_hash(tables, tables.hash?, name)
    }

    fn u32(&self, addr: Addr) -> Option<u32> {
        let mut buffer = [0; 4];
        self.memory.read(addr, &mut buffer).ok()?;
        Some(u32::from_le_bytes(buffer))
    }

    /// DT_GNU_HASH: header of four words, a Bloom filter, buckets, chains.
    fn by_gnu_hash(&self, tables: &Tables, table: Addr, name: &str) -> Option<MappedSymbol> {
        let buckets = self.u32(table)?;
        let first = self.u32(table.offset(4))?;
        let bloom_words = u64::from(self.u32(table.offset(8))?);
        let hash = name.bytes().fold(5381_u32, |h, byte| h.wrapping_mul(33).wrapping_add(u32::from(byte)));
        let bucket_table = table.offset(16 + bloom_words * 8);
        let bucket = u64::from(hash.checked_rem(buckets)?);
        let mut index = self.u32(bucket_table.offset(bucket * 4))?;
        if index < first {
            return None;
        }
        let chains = bucket_table.offset(u64::from(buckets) * 4);
        for _ in 0..MAX_CHAIN {
            let link = self.u32(chains.offset(u64::from(index - first) * 4))?;
            if link | 1 == hash | 1
                && let Some(symbol) = self.entry(tables, index, name)
            {
                return Some(symbol);
            }
            // The last of a chain has its lowest bit set.
            if link & 1 == 1 {
                return None;
            }
            index = index.checked_add(1)?;
        }
        None
    }

    /// DT_HASH: counts of buckets and chains, then both.
    fn by_hash(&self, tables: &Tables, table: Addr, name: &str) -> Option<MappedSymbol> {
        let buckets = self.u32(table)?;
        let hash = name.bytes().fold(0_u32, |h, byte| {
            let h = (h << 4).wrapping_add(u32::from(byte));
            let high = h & 0xf000_0000;
            (h ^ (high >> 24)) & !high
        });
        let mut index = self.u32(table.offset(8 + 4 * u64::from(hash.checked_rem(buckets)?)))?;
        for _ in 0..MAX_CHAIN {
            if index == 0 {
                return None;
            }
            if let Some(symbol) = self.entry(tables, index, name) {
                return Some(symbol);
            }
            index = self.u32(table.offset(8 + 4 * (u64::from(buckets) + u64::from(index))))?;
        }
        None
    }

    /// The symbol at `index`, if it is defined and called `name`.
    fn entry(&self, tables: &Tables, index: u32, name: &str) -> Option<MappedSymbol> {
        let mut entry = [0; 24];
        self.memory.read(tables.symbols.offset(u64::from(index) * 24), &mut entry).ok()?;
        let name_at = u32::from_le_bytes(*entry.first_chunk()?);
        let mut text = vec![0; name.len() + 1];
        self.memory.read(tables.strings.offset(u64::from(name_at)), &mut text).ok()?;
        let defined = u16::from_le_bytes([entry[6], entry[7]]) != 0;
        if text.strip_suffix(b"\0")? != name.as_bytes() || !defined {
            return None;
        }
        let value = u64::from_le_bytes(*entry.get(8..16)?.first_chunk()?);
        let size = u64::from_le_bytes(*entry.get(16..24)?.first_chunk()?);
        Some(MappedSymbol { address: Addr::new(value.wrapping_add(self.bias))?, size })
    }
}

/// A program header.
struct Segment {
    kind: u32,
    flags: u32,
    address: u64,
    size: u64,
}

impl Segment {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        Some(Self { kind: u32_at(0)?, flags: u32_at(4)?, address: u64_at(16)?, size: u64_at(40)? })
    }
}

impl Tables {
    fn read(memory: &dyn Memory, dynamic: u64, bias: u64) -> Option<Self> {
        let (mut symbols, mut strings, mut gnu_hash, mut hash) = (None, None, None, None);
        let mut at = Addr::new(dynamic)?;
        for _ in 0..MAX_DYNAMIC {
            let mut entry = [0; 16];
            memory.read(at, &mut entry).ok()?;
            let tag = u64::from_le_bytes(*entry.first_chunk()?);
            let value = u64::from_le_bytes(*entry.get(8..)?.first_chunk()?);
            // glibc writes absolute addresses back into the table; musl and the vdso leave the
            // file's.
            let absolute = Addr::new(if value < bias { value.wrapping_add(bias) } else { value });
            match tag {
                0 => break,
                DT_SYMTAB => symbols = absolute,
                DT_STRTAB => strings = absolute,
                DT_GNU_HASH => gnu_hash = absolute,
                DT_HASH => hash = absolute,
                _ => {}
            }
            at = at.offset(16);
        }
        Some(Self { symbols: symbols?, strings: strings?, gnu_hash, hash })
    }
}
