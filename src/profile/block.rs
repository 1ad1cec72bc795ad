//! Blocks: what is written at once, checks itself, and is read whole or not at all.

use crate::profile::wire::Decoded;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};
use std::io::{self, Read};

/// What every recording begins with; the version of the format follows in two bytes.
pub(super) const MAGIC: &[u8; 8] = b"PITVIPER";
/// Readers refuse a greater one.
pub(super) const VERSION: u16 = 1;
/// Nobody writes greater blocks, and nobody believes one that claims to be: it lies in memory.
pub(super) const MAX_RAW: usize = 16 << 20;
/// Kind, packing, two zero bytes, length of the packed part once unpacked, its length as stored, length
/// of the plain part, checksum of both as stored, checksum of these twenty bytes.
pub(super) const HEAD: usize = 24;
/// Deflate cannot shrink by more than this: 258 bytes cost at least two bits.
const MAX_RATIO: usize = 1032;

const PLAIN: u8 = 0;
const DEFLATE: u8 = 1;

/// What a block is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockKind {
    /// The first: it tells of the recording.
    Header = 1,
    /// What was recorded.
    Data = 2,
    /// The last, by which a complete recording is known.
    Last = 3,
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Makes blocks, in memory that it keeps.
pub(super) struct Packer {
    deflate: Compress,
    block: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Self {
        // Level 1: 6 takes three times as long, in the sampler's time, and saves a tenth.
        Self { deflate: Compress::new(Compression::fast(), false), block: Vec::new() }
    }

    /// The block that holds `raw`, packed, and `plain`, which is noise that packing would not shrink;
    /// each of at most [`MAX_RAW`] bytes.
    pub(super) fn pack(&mut self, kind: BlockKind, raw: &[u8], plain: &[u8]) -> &[u8] {
        self.block.clear();
        self.block.resize(HEAD, 0);
        // With no more room than the plain bytes take: what does not fit is stored as it is.
        self.block.reserve(raw.len() + plain.len());
        self.deflate.reset();
        let status = self.deflate.compress_vec(raw, &mut self.block, FlushCompress::Finish);
        let mut packing = DEFLATE;
        if !matches!(status, Ok(Status::StreamEnd)) || self.block.len() - HEAD >= raw.len() {
            packing = PLAIN;
            self.block.truncate(HEAD);
            self.block.extend_from_slice(raw);
        }
        let packed = self.block.len() - HEAD;
        self.block.extend_from_slice(plain);
        let (head, stored) = self.block.split_at_mut(HEAD);
        head[0] = kind as u8;
        head[1] = packing;
        head[4..8].copy_from_slice(&(raw.len() as u32).to_le_bytes());
        head[8..12].copy_from_slice(&(packed as u32).to_le_bytes());
        head[12..16].copy_from_slice(&(plain.len() as u32).to_le_bytes());
        head[16..20].copy_from_slice(&checksum(stored).to_le_bytes());
        let sum = checksum(&head[..20]);
        head[20..].copy_from_slice(&sum.to_le_bytes());
        &self.block
    }
}

/// Why there is no block.
#[derive(Debug)]
pub(super) enum NoBlock {
    /// There are no more bytes.
    End,
    /// The bytes end within the block, after so many.
    Short(u64),
    /// The block is not what was written.
    Damaged(&'static str),
    /// The bytes cannot be read.
    Io(io::Error),
}

impl From<&'static str> for NoBlock {
    fn from(why: &'static str) -> Self {
        Self::Damaged(why)
    }
}

/// Reads blocks, in memory that it keeps.
pub(super) struct Unpacker {
    inflate: Decompress,
    stored: Vec<u8>,
    raw: Vec<u8>,
    /// Where in `stored` the plain part begins.
    plain: usize,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { inflate: Decompress::new(false), stored: Vec::new(), raw: Vec::new(), plain: 0 }
    }

    /// The next block: its kind, and how many bytes it took. [`Self::raw`] and
    /// [`Self::plain`] have what it holds.
    pub(super) fn read(&mut self, source: &mut impl Read) -> Result<(BlockKind, u64), NoBlock> {
        fill(source, HEAD, &mut self.stored)?;
        let head = Head::parse(&self.stored)?;
        let length = head.stored + head.plain;
        match fill(source, length, &mut self.stored) {
            Err(NoBlock::End) if length == 0 => {}
            Err(NoBlock::End) => return Err(NoBlock::Short(HEAD as u64)),
            Err(NoBlock::Short(count)) => return Err(NoBlock::Short(HEAD as u64 + count)),
            other => other?,
        }
        if checksum(&self.stored) != head.sum {
            return Err(NoBlock::Damaged("its checksum is wrong"));
        }
        self.plain = head.stored;
        self.raw.clear();
        match head.packing {
            PLAIN => self.raw.extend_from_slice(&self.stored[..head.stored]),
            _ => self.inflate(head.raw)?,
        }
        Ok((head.kind, (HEAD + length) as u64))
    }

    /// What the block holds, packed.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What the block holds as it is.
    pub(super) fn plain(&self) -> &[u8] {
        &self.stored[self.plain..]
    }

    fn inflate(&mut self, length: usize) -> Decoded<()> {
        let packed = &self.stored[..self.plain];
        self.raw.reserve(length);
        self.inflate.reset(false);
        let status = self.inflate.decompress_vec(packed, &mut self.raw, FlushDecompress::Finish);
        let whole = matches!(status, Ok(Status::StreamEnd)) && self.inflate.total_in() == packed.len() as u64;
        if whole && self.raw.len() == length { Ok(()) } else { Err("it does not unpack to what it claims") }
    }
}

/// Reads `length` bytes in place of what `into` holds. What is not there is not allocated.
fn fill(source: &mut impl Read, length: usize, into: &mut Vec<u8>) -> Result<(), NoBlock> {
    into.clear();
    let count = source.by_ref().take(length as u64).read_to_end(into).map_err(NoBlock::Io)?;
    match count {
        0 => Err(NoBlock::End),
        count if count < length => Err(NoBlock::Short(count as u64)),
        _ => Ok(()),
    }
}

struct Head {
    kind: BlockKind,
    packing: u8,
    raw: usize,
    stored: usize,
    plain: usize,
    sum: u32,
}

impl Head {
    fn parse(bytes: &[u8]) -> Decoded<Self> {
        let head: &[u8; HEAD] = bytes.try_into().map_err(|_| "it has no head")?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if checksum(&head[..20]) != word(20) {
            return Err("its head is damaged");
        }
        let kind = match head[0] {
            1 => BlockKind::Header,
            2 => BlockKind::Data,
            3 => BlockKind::Last,
            _ => return Err("its kind is not known"),
        };
        let (packing, raw, stored, plain) = (head[1], word(4) as usize, word(8) as usize, word(12) as usize);
        let honest = match packing {
            PLAIN => raw == stored,
            DEFLATE => raw <= stored.saturating_mul(MAX_RATIO),
            _ => return Err("its packing is not known"),
        };
        if !honest || raw > MAX_RAW || stored > MAX_RAW || plain > MAX_RAW || head[2..4] != [0, 0] {
            return Err("its length cannot be");
        }
        Ok(Self { kind, packing, raw, stored, plain, sum: word(16) })
    }
}
