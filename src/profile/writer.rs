//! Writing a recording: names are numbered, runs gathered in columns, both written by the second.

use crate::error::{Error, Result};
use crate::profile::block::{BlockKind, MAGIC, Packer, VERSION};
use crate::profile::hash::Index;
use crate::profile::records::{self, put_event, put_frame, put_function, put_node, put_process, put_thread};
use crate::profile::runs::Columns;
use crate::profile::wire::{put, put_text};
use crate::profile::{
    Accounting, Event, Frame, FrameId, Function, FunctionId, Header, Node, Process, ProcessId, Run, StackId, StringId,
    Tables, Thread, ThreadId,
};
use std::io::Write;
use std::sync::Arc;

/// What is lost at most when the machine dies.
const FLUSH_EVERY: u64 = 1_000_000_000;
/// A block is written once so much waits: packing it takes less than half a millisecond, so that the
/// next look is not late.
const BLOCK: usize = 64 << 10;
/// Longer texts are cut: no name or path that people write comes near.
const MAX_TEXT: usize = 64 << 10;

/// Writes a recording.
///
/// Its memory grows with distinct texts, functions, frames, stacks, processes and threads, not with
/// runs. What fails to be written fails once and for all: every later call says so.
///
/// Numbers are given in the order of first mention. Processes and threads always get a new number:
/// the caller knows them apart.
pub struct Writer<W: Write> {
    /// What became of the looks so far: for the caller to count. Written with every block.
    pub accounting: Accounting,
    tables: Tables,
    strings: Index<Arc<str>, StringId>,
    functions: Index<Function, FunctionId>,
    frames: Index<Frame, FrameId>,
    stacks: Index<Node, StackId>,
    pending: Pending,
    raw: Vec<u8>,
    plain: Vec<u8>,
    packer: Packer,
    pub(super) sink: W,
    flushed: u64,
    failure: Option<String>,
}

/// What waits to be written, encoded.
#[derive(Default)]
struct Pending {
    strings: Vec<u8>,
    functions: Vec<u8>,
    frames: Vec<u8>,
    stacks: Vec<u8>,
    processes: Vec<u8>,
    threads: Vec<u8>,
    runs: Columns,
    events: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a recording: its first bytes are written at once.
    pub fn new(sink: W, header: &Header) -> Result<Self> {
        let mut writer = Self {
            accounting: Accounting::default(),
            tables: Tables::default(),
            strings: Index::default(),
            functions: Index::default(),
            frames: Index::default(),
            stacks: Index::default(),
            pending: Pending::default(),
            raw: Vec::new(),
            plain: Vec::new(),
            packer: Packer::new(),
            sink,
            flushed: 0,
            failure: None,
        };
        let mut start = MAGIC.to_vec();
        start.extend_from_slice(&VERSION.to_le_bytes());
        let mut section = Vec::new();
        records::put_header(&mut section, header);
        put_section(&mut writer.raw, records::HEADER, &mut section);
        start.extend_from_slice(writer.packer.pack(BlockKind::Header, &writer.raw, &[]));
        writer.failure = write(&mut writer.sink, &start).err();
        writer.state()?;
        Ok(writer)
    }

    /// The number of a text.
    pub fn string(&mut self, text: &str) -> StringId {
        let text = cut(text);
        if let Some(id) = self.strings.get(text) {
            return *id;
        }
        let id = StringId(self.tables.strings.len() as u32);
        let text: Arc<str> = text.into();
        put_text(&mut self.pending.strings, &text);
        self.tables.text += text.len();
        self.tables.strings.push(text.clone());
        self.strings.insert(text, id);
        self.make_room();
        id
    }

    /// The number of a function.
    pub fn function(&mut self, function: Function) -> FunctionId {
        let (tables, pending) = (&mut self.tables, &mut self.pending);
        let id = *self.functions.entry(function).or_insert_with(|| {
            tables.functions.push(function);
            put_function(&mut pending.functions, &function);
            FunctionId(tables.functions.len() as u32 - 1)
        });
        self.make_room();
        id
    }

    /// The number of a frame.
    pub fn frame(&mut self, frame: Frame) -> FrameId {
        let (tables, pending) = (&mut self.tables, &mut self.pending);
        let id = *self.frames.entry(frame).or_insert_with(|| {
            tables.frames.push(frame);
            put_frame(&mut pending.frames, &frame);
            FrameId(tables.frames.len() as u32 - 1)
        });
        self.make_room();
        id
    }

    /// The number of the stack in which `frame` was called from `parent`; `None` for the outermost.
    pub fn stack(&mut self, parent: Option<StackId>, frame: FrameId) -> StackId {
        let node = Node { parent, frame };
        let (tables, pending) = (&mut self.tables, &mut self.pending);
        let id = *self.stacks.entry(node).or_insert_with(|| {
            let own = tables.stacks.len() as u32;
            tables.stacks.push(node);
            put_node(&mut pending.stacks, own, &node);
            StackId(own)
        });
        self.make_room();
        id
    }

    /// Numbers a new process.
    pub fn add_process(&mut self, process: Process) -> ProcessId {
        let id = ProcessId(self.tables.processes.len() as u32);
        put_process(&mut self.pending.processes, id, &process);
        self.tables.processes.push(process);
        id
    }

    /// Tells anew of a process: more was learned of it, or it executes another program.
    pub fn set_process(&mut self, id: ProcessId, process: Process) {
        put_process(&mut self.pending.processes, id, &process);
        self.tables.processes[id.index()] = process;
    }

    /// Numbers a new thread.
    pub fn add_thread(&mut self, thread: Thread) -> ThreadId {
        let id = ThreadId(self.tables.threads.len() as u32);
        put_thread(&mut self.pending.threads, id, &thread);
        self.tables.threads.push(thread);
        id
    }

    /// Tells anew of a thread: it has another name, say.
    pub fn set_thread(&mut self, id: ThreadId, thread: Thread) {
        put_thread(&mut self.pending.threads, id, &thread);
        self.tables.threads[id.index()] = thread;
    }

    /// Records a run.
    ///
    /// A run that lasts is lost with the machine: end it before [`Self::flush_if_due`], and begin
    /// another that goes on where it ended.
    pub fn run(&mut self, run: &Run) -> Result<()> {
        self.pending.runs.push(run);
        self.make_room();
        self.state()
    }

    /// Records an event.
    pub fn event(&mut self, event: &Event) -> Result<()> {
        put_event(&mut self.pending.events, event);
        self.make_room();
        self.state()
    }

    /// Everything that was numbered so far.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Whether the last flush is a second ago, `now` being the time since the start, in ns.
    pub fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.flushed) >= FLUSH_EVERY
    }

    /// Writes what waits if the last time was a second ago, `now` being the time since the start, in
    /// ns.
    pub fn flush_if_due(&mut self, now: u64) -> Result<()> {
        if self.is_due(now) {
            self.flushed = now;
            return self.flush();
        }
        self.state()
    }

    /// Writes what waits.
    pub fn flush(&mut self) -> Result<()> {
        self.write_block(BlockKind::Data);
        self.state()
    }

    /// Writes what waits, and that the recording ends here.
    pub fn finish(mut self) -> Result<W> {
        self.write_block(BlockKind::Last);
        self.state()?;
        Ok(self.sink)
    }

    fn make_room(&mut self) {
        if self.pending.len() >= BLOCK {
            self.write_block(BlockKind::Data);
        }
    }

    fn write_block(&mut self, kind: BlockKind) {
        self.raw.clear();
        self.plain.clear();
        self.pending.drain(&mut self.raw, &mut self.plain);
        let mut accounting = Vec::new();
        records::put_accounting(&mut accounting, self.accounting);
        put_section(&mut self.raw, records::ACCOUNTING, &mut accounting);
        if self.failure.is_none() {
            let block = self.packer.pack(kind, &self.raw, &self.plain);
            self.failure = write(&mut self.sink, block).err();
        }
        if self.tables.is_full() && self.failure.is_none() {
            self.failure = Some("it has more distinct stacks and names than a recording can hold".to_owned());
        }
    }

    fn state(&self) -> Result<()> {
        match &self.failure {
            None => Ok(()),
            Some(cause) => Err(Error::failed("the recording cannot be written").because(cause)),
        }
    }
}

impl Pending {
    fn len(&self) -> usize {
        let tables = [&self.strings, &self.functions, &self.frames, &self.stacks, &self.processes, &self.threads];
        tables.iter().map(|bytes| bytes.len()).sum::<usize>() + self.events.len() + self.runs.len()
    }

    fn drain(&mut self, out: &mut Vec<u8>, plain: &mut Vec<u8>) {
        put_section(out, records::STRINGS, &mut self.strings);
        put_section(out, records::FUNCTIONS, &mut self.functions);
        put_section(out, records::FRAMES, &mut self.frames);
        put_section(out, records::STACKS, &mut self.stacks);
        put_section(out, records::PROCESSES, &mut self.processes);
        put_section(out, records::THREADS, &mut self.threads);
        if !self.runs.is_empty() {
            let mut runs = Vec::with_capacity(self.runs.len() + 64);
            self.runs.drain(&mut runs, plain);
            put_section(out, records::RUNS, &mut runs);
        }
        put_section(out, records::EVENTS, &mut self.events);
    }
}

/// The text, or as many of its characters as there is room for.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn write(sink: &mut impl Write, bytes: &[u8]) -> Result<(), String> {
    sink.write_all(bytes).and_then(|()| sink.flush()).map_err(|cause| cause.to_string())
}

fn put_section(out: &mut Vec<u8>, number: u8, bytes: &mut Vec<u8>) {
    if !bytes.is_empty() {
        out.push(number);
        put(out, bytes.len() as u64);
        out.append(bytes);
    }
}
