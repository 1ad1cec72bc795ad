//! Reading a recording, block by block.

use crate::error::{Error, Result};
use crate::profile::block::{BlockKind, MAGIC, NoBlock, Unpacker, VERSION};
use crate::profile::records;
use crate::profile::runs::RunReader;
use crate::profile::wire::{Cursor, Decoded};
use crate::profile::{Accounting, Event, Header, Run, Tables};
use std::io;

/// How a recording ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// There are more blocks to read.
    Open,
    /// As its writer meant it to.
    Complete,
    /// Its writer did not come to the end: it was killed, or still writes.
    CutShort {
        /// How many bytes of a block are there that cannot be read without the rest.
        lost: u64,
    },
    /// From here on it is not what was written.
    Damaged {
        /// Where in the file the damaged block begins.
        at: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// What a block adds.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Everything that was numbered so far.
    pub tables: &'a Tables,
    /// The runs, in the order in which they ended; those of one thread one after the other.
    pub runs: &'a [Run],
    /// What happened.
    pub events: &'a [Event],
    /// What became of the looks so far.
    pub accounting: &'a Accounting,
}

/// Reads a recording from anything that yields bytes. The bytes are not trusted.
pub struct Reader<R> {
    source: R,
    header: Header,
    unpacker: Unpacker,
    decoder: Decoder,
    at: u64,
    ending: Ending,
}

/// What blocks are decoded into.
#[derive(Default)]
struct Decoder {
    tables: Tables,
    run_reader: RunReader,
    runs: Vec<Run>,
    events: Vec<Event>,
    accounting: Accounting,
}

impl<R: io::Read> Reader<R> {
    /// Reads up to the header. An error if this is no recording, or one of a later version.
    pub fn open(mut source: R) -> Result<Self> {
        let mut start = [0; MAGIC.len() + 2];
        let no_recording = |cause: String| Error::failed("this is no recording of pitviper").because(cause);
        source.read_exact(&mut start).map_err(|cause| no_recording(cause.to_string()))?;
        let version = match start {
            [magic @ .., low, high] if magic == *MAGIC => u16::from_le_bytes([low, high]),
            _ => return Err(no_recording("it does not begin with PITVIPER".to_owned())),
        };
        if version != VERSION {
            let message = format!("the recording has format {version}, and this pitviper reads format {VERSION}");
            return Err(Error::failed(message).hint("read it with the pitviper that wrote it, or a later one"));
        }
        let mut unpacker = Unpacker::new();
        let header = match unpacker.read(&mut source) {
            Ok((BlockKind::Header, length)) => read_header(unpacker.raw()).map(|header| (header, length)),
            Ok(_) => Err("another block stands in its place"),
            Err(NoBlock::Damaged(why)) => Err(why),
            Err(NoBlock::End | NoBlock::Short(_)) => Err("the file ends within it"),
            Err(NoBlock::Io(cause)) => return Err(Error::failed("the recording cannot be read").because(cause)),
        };
        let (header, length) =
            header.map_err(|why| Error::failed("the header of the recording cannot be read").because(why))?;
        let at = start.len() as u64 + length;
        Ok(Self { source, header, unpacker, decoder: Decoder::default(), at, ending: Ending::Open })
    }

    /// What was known as the recording began.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Everything that was numbered so far.
    pub fn tables(&self) -> &Tables {
        &self.decoder.tables
    }

    /// What became of the looks, up to the last block that was read.
    pub fn accounting(&self) -> &Accounting {
        &self.decoder.accounting
    }

    /// How the recording ended: worth asking once there are no more blocks.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The next block; `None` at the end, whatever it is.
    pub fn next_block(&mut self) -> Option<Block<'_>> {
        if self.ending != Ending::Open {
            return None;
        }
        let before = self.at;
        let damaged = |why: &str| Ending::Damaged { at: before, why: why.to_owned() };
        let ending = match self.unpacker.read(&mut self.source) {
            Ok((BlockKind::Header, _)) => damaged("a second header"),
            Ok((kind, length)) => match self.decoder.block(self.unpacker.raw(), self.unpacker.plain()) {
                Ok(()) => {
                    self.at += length;
                    if kind == BlockKind::Last { Ending::Complete } else { Ending::Open }
                }
                Err(why) => damaged(why),
            },
            Err(NoBlock::Damaged(why)) => damaged(why),
            Err(NoBlock::End) => Ending::CutShort { lost: 0 },
            Err(NoBlock::Short(lost)) => Ending::CutShort { lost },
            Err(NoBlock::Io(cause)) => damaged(&cause.to_string()),
        };
        self.ending = ending;
        if self.at == before {
            return None;
        }
        let Decoder { tables, runs, events, accounting, .. } = &self.decoder;
        Some(Block { tables, runs, events, accounting })
    }
}

fn read_header(raw: &[u8]) -> Decoded<Header> {
    let mut header = Err("it has no header");
    sections(raw, |number, section| {
        if number == records::HEADER {
            header = Ok(records::header(section)?);
        }
        Ok(())
    })?;
    header
}

/// Gives each section of a block to `of`, with its number.
fn sections(raw: &[u8], mut of: impl FnMut(u8, &mut Cursor<'_>) -> Decoded<()>) -> Decoded<()> {
    let mut cursor = Cursor(raw);
    while !cursor.is_empty() {
        let number = cursor.byte()?;
        let length = cursor.number()?;
        of(number, &mut Cursor(cursor.take(length)?))?;
    }
    Ok(())
}

impl Decoder {
    /// Takes a block in. One that cannot be may leave entries behind that nothing refers to, but no
    /// runs and no events.
    fn block(&mut self, raw: &[u8], plain: &[u8]) -> Decoded<()> {
        self.runs.clear();
        self.events.clear();
        sections(raw, |number, section| {
            match number {
                records::RUNS => self.run_reader.read(*section, Cursor(plain), &self.tables, &mut self.runs)?,
                records::EVENTS => {
                    while !section.is_empty() {
                        self.events.push(records::event(section, &self.tables)?);
                    }
                }
                records::ACCOUNTING => self.accounting = records::accounting(section)?,
                _ => self.tables.read(number, section)?,
            }
            Ok(())
        })
    }
}
