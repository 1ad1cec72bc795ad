//! Sections of a block: entries of the tables, events, accounting.

use crate::address::Pid;
use crate::profile::wire::{Cursor, Decoded, put, put_optional, put_optional_text, put_signed, put_text, put_texts};
use crate::profile::{
    Accounting, Event, EventKind, Frame, FrameId, Function, FunctionId, Header, Kind, Mode, Node, Process, ProcessId,
    StackId, StringId, Tables, Thread, ThreadId,
};
use std::sync::Arc;

/// What a section holds; its number in the file. Sections stand in this order, so that each refers to
/// what came before.
pub(super) const HEADER: u8 = 1;
pub(super) const STRINGS: u8 = 2;
pub(super) const FUNCTIONS: u8 = 3;
pub(super) const FRAMES: u8 = 4;
pub(super) const STACKS: u8 = 5;
pub(super) const PROCESSES: u8 = 6;
pub(super) const THREADS: u8 = 7;
pub(super) const RUNS: u8 = 8;
pub(super) const EVENTS: u8 = 9;
pub(super) const ACCOUNTING: u8 = 10;

/// More entries of one kind, or more bytes of tables, are no recording.
const MAX_TABLES: usize = 2 << 30;

pub(super) fn put_header(out: &mut Vec<u8>, header: &Header) {
    put_text(out, &header.pitviper);
    put(out, header.started);
    put(out, header.interval);
    put(out, u64::from(header.mode.code()));
    put_texts(out, &header.command);
    put_optional(out, header.processors);
    put_optional_text(out, header.kernel.as_deref());
}

/// A later version may have added to the end.
pub(super) fn header(cursor: &mut Cursor<'_>) -> Decoded<Header> {
    Ok(Header {
        pitviper: cursor.text()?.to_owned(),
        started: cursor.number()?,
        interval: cursor.number()?,
        mode: Mode::from_code(cursor.number()?).ok_or("a mode is not known")?,
        command: cursor.texts()?,
        processors: cursor.optional()?,
        kernel: cursor.optional_text()?,
    })
}

pub(super) fn put_function(out: &mut Vec<u8>, function: &Function) {
    out.push(function.kind.code());
    put(out, u64::from(function.name.0));
    put_optional(out, function.qualname.map(|id| id.0));
    put_optional(out, function.file.map(|id| id.0));
    put_optional(out, function.first_line);
}

pub(super) fn put_frame(out: &mut Vec<u8>, frame: &Frame) {
    put(out, u64::from(frame.function.0));
    for number in [frame.line, frame.end_line, frame.column, frame.end_column, frame.lasti] {
        put_optional(out, number);
    }
}

/// The caller is told by how many numbers earlier it is, 0 for none; `own` is the number of the node.
pub(super) fn put_node(out: &mut Vec<u8>, own: u32, node: &Node) {
    put(out, node.parent.map_or(0, |parent| u64::from(own - parent.0)));
    put(out, u64::from(node.frame.0));
}

pub(super) fn put_process(out: &mut Vec<u8>, id: ProcessId, process: &Process) {
    put(out, u64::from(id.0));
    put(out, u64::from(process.pid.0));
    put_optional(out, process.parent.map(|id| id.0));
    put_texts(out, &process.command);
    for text in [&process.executable, &process.version, &process.flavour] {
        put_optional_text(out, text.as_deref());
    }
}

pub(super) fn put_thread(out: &mut Vec<u8>, id: ThreadId, thread: &Thread) {
    put(out, u64::from(id.0));
    put(out, u64::from(thread.process.0));
    put_signed(out, thread.interpreter);
    put(out, thread.ident);
    put_optional(out, thread.native_id.map(|pid| pid.0));
    put_optional_text(out, thread.name.as_deref());
}

pub(super) fn put_event(out: &mut Vec<u8>, event: &Event) {
    out.push(event.kind.code());
    put(out, event.time);
    put(out, event.duration);
    put_optional(out, event.process.map(|id| id.0));
    put_optional(out, event.thread.map(|id| id.0));
    put(out, u64::from(event.value.is_some()));
    if let Some(value) = event.value {
        put_signed(out, value);
    }
    put_text(out, &event.text);
}

pub(super) fn put_accounting(out: &mut Vec<u8>, mut accounting: Accounting) {
    accounting.numbers_mut().for_each(|number| put(out, *number));
}

/// Numbers that a later version added are left out, and those it took away are 0.
pub(super) fn accounting(cursor: &mut Cursor<'_>) -> Decoded<Accounting> {
    let mut accounting = Accounting::default();
    for number in accounting.numbers_mut() {
        if !cursor.is_empty() {
            *number = cursor.number()?;
        }
    }
    Ok(accounting)
}

pub(super) fn event(cursor: &mut Cursor<'_>, tables: &Tables) -> Decoded<Event> {
    Ok(Event {
        kind: EventKind::from_code(u64::from(cursor.byte()?)).ok_or("a kind of event is not known")?,
        time: cursor.number()?,
        duration: cursor.number()?,
        process: cursor.optional()?.map(|id| tables.known_process(id)).transpose()?,
        thread: cursor.optional()?.map(|id| tables.known_thread(id)).transpose()?,
        value: match cursor.number()? {
            0 => None,
            1 => Some(cursor.signed()?),
            _ => return Err("a flag is neither 0 nor 1"),
        },
        text: cursor.text()?.to_owned(),
    })
}

/// Puts an entry at its number: the next one, or one that is known and is told anew.
fn set<T>(entries: &mut Vec<T>, id: u32, entry: T) -> Decoded<()> {
    let (id, count) = (id as usize, entries.len());
    match entries.get_mut(id) {
        Some(place) => *place = entry,
        None if id == count => entries.push(entry),
        None => return Err("an entry has no predecessor"),
    }
    Ok(())
}

fn known(id: u32, count: usize) -> Decoded<u32> {
    if (id as usize) < count { Ok(id) } else { Err("it refers to an unknown entry") }
}

impl Tables {
    pub(super) fn known_string(&self, id: u32) -> Decoded<StringId> {
        known(id, self.strings.len()).map(StringId)
    }

    fn known_process(&self, id: u32) -> Decoded<ProcessId> {
        known(id, self.processes.len()).map(ProcessId)
    }

    fn known_thread(&self, id: u32) -> Decoded<ThreadId> {
        known(id, self.threads.len()).map(ThreadId)
    }

    /// Adds the entries of a section.
    pub(super) fn read(&mut self, section: u8, cursor: &mut Cursor<'_>) -> Decoded<()> {
        while !cursor.is_empty() {
            match section {
                STRINGS => self.read_string(cursor)?,
                FUNCTIONS => self.read_function(cursor)?,
                FRAMES => self.read_frame(cursor)?,
                STACKS => self.read_node(cursor)?,
                PROCESSES => self.read_process(cursor)?,
                THREADS => self.read_thread(cursor)?,
                _ => return Ok(()),
            }
        }
        if self.is_full() { Err("its tables are greater than those of any recording") } else { Ok(()) }
    }

    /// Whether there is no more room for entries.
    pub(super) fn is_full(&self) -> bool {
        self.weight() > MAX_TABLES
    }

    fn read_string(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let text: Arc<str> = cursor.text()?.into();
        self.text += text.len();
        self.strings.push(text);
        Ok(())
    }

    fn read_function(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let function = Function {
            kind: Kind::from_code(u64::from(cursor.byte()?)).ok_or("a kind of function is not known")?,
            name: self.known_string(cursor.small()?)?,
            qualname: cursor.optional()?.map(|id| self.known_string(id)).transpose()?,
            file: cursor.optional()?.map(|id| self.known_string(id)).transpose()?,
            first_line: cursor.optional()?,
        };
        self.functions.push(function);
        Ok(())
    }

    fn read_frame(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let frame = Frame {
            function: FunctionId(known(cursor.small()?, self.functions.len())?),
            line: cursor.optional()?,
            end_line: cursor.optional()?,
            column: cursor.optional()?,
            end_column: cursor.optional()?,
            lasti: cursor.optional()?,
        };
        self.frames.push(frame);
        Ok(())
    }

    fn read_node(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let own = self.stacks.len() as u32;
        let parent = match cursor.small()? {
            0 => None,
            // A caller with a lower number: so no chain can be a ring.
            earlier => Some(StackId(own.checked_sub(earlier).ok_or("a stack has an unknown caller")?)),
        };
        let frame = FrameId(known(cursor.small()?, self.frames.len())?);
        self.stacks.push(Node { parent, frame });
        Ok(())
    }

    fn read_process(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let id = cursor.small()?;
        let process = Process {
            pid: Pid(cursor.small()?),
            parent: cursor.optional()?.map(|id| self.known_process(id)).transpose()?,
            command: cursor.texts()?,
            executable: cursor.optional_text()?,
            version: cursor.optional_text()?,
            flavour: cursor.optional_text()?,
        };
        set(&mut self.processes, id, process)
    }

    fn read_thread(&mut self, cursor: &mut Cursor<'_>) -> Decoded<()> {
        let id = cursor.small()?;
        let thread = Thread {
            process: self.known_process(cursor.small()?)?,
            interpreter: cursor.signed()?,
            ident: cursor.number()?,
            native_id: cursor.optional()?.map(Pid),
            name: cursor.optional_text()?,
        };
        set(&mut self.threads, id, thread)
    }
}
