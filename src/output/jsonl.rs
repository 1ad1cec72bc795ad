//! A recording as JSON lines: everything that is in it, for programs. `docs/json.md` describes the
//! lines.
//!
//! Each line is an object whose `type` tells what it is. What is numbered comes before what refers to
//! it. Runs keep their state, so that the reader decides which time counts: mode, idle, lines and
//! groups of the view mean nothing here, and only time, threads and stacks are chosen.

use crate::error::Result;
use crate::output::compared::Compared;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::summary::Summary;
use crate::profile::{
    Accounting, Block, Ending, Event, Filter, Group, Header, Process, Row, Run, StringId, Tables, Thread,
};
use serde_json::{Value as Json, json};
use std::io::{self, BufWriter, Write};

/// JSON lines.
pub const FORMAT: Format = Format {
    name: "jsonl",
    extensions: &[".jsonl", ".ndjson"],
    about: "JSON lines: every run and event, with its time, for programs",
    write: |recording, view, out| write(recording, view, out),
    compare: Some(|compared, out| compare(compared, out)),
};

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let chosen = Chosen::of(recording, &view.filter)?;
    let mut reader = recording.open()?;
    let mut lines = Lines { out: BufWriter::new(out), told: Told::default() };
    lines.line(&header(reader.header())).map_err(unwritten)?;
    while let Some(block) = reader.next_block() {
        lines.block(&block, &chosen).map_err(unwritten)?;
    }
    let end = end(reader.ending(), reader.accounting());
    lines.line(&end).and_then(|()| lines.out.flush()).map_err(unwritten)
}

/// One line of both, and one of each place with its times before and after.
fn compare(compared: &Compared, out: &mut dyn Write) -> Result<()> {
    let mut lines = Lines { out: BufWriter::new(out), told: Told::default() };
    let [before, after] = compared.both.groups.as_slice() else { return Ok(()) };
    let side = |summary: &Summary, group: &Group| {
        json!({"title": summary.title, "time": group.weight(), "looks": group.looks(),
            "complete": summary.ending == Ending::Complete})
    };
    let head = json!({"type": "difference", "mode": compared.both.mode.word(),
        "before": side(&compared.before, before), "after": side(&compared.after, after)});
    lines.line(&head).map_err(unwritten)?;
    let (old, new) = (compared.both.table(before), compared.both.table(after));
    let times = |row: &Row| json!({"own": row.own, "total": row.total});
    for (label, (old, new)) in compared.both.labels.iter().zip(old.iter().zip(&new)) {
        let line = json!({"type": "function", "kind": label.kind.word(), "name": label.name,
            "qualname": label.qualname, "file": label.file, "first_line": label.first_line, "line": label.line,
            "before": times(old), "after": times(new)});
        lines.line(&line).map_err(unwritten)?;
    }
    lines.out.flush().map_err(unwritten)
}

/// Which runs are told.
struct Chosen {
    filter: Filter,
    /// By number; `None` if all are.
    threads: Option<Vec<bool>>,
    /// By number; `None` if all are.
    stacks: Option<Vec<bool>>,
}

impl Chosen {
    /// Reads the recording for it if it must: the name of a thread may come late.
    fn of(recording: &dyn Source, filter: &Filter) -> Result<Self> {
        let mut chosen = Self { filter: filter.clone(), threads: None, stacks: None };
        let by_stack = !filter.include.is_empty() || !filter.exclude.is_empty();
        if filter.threads.is_empty() && !by_stack {
            return Ok(chosen);
        }
        let mut reader = recording.open()?;
        while reader.next_block().is_some() {}
        let tables = reader.tables();
        chosen.threads = Some(tables.threads().map(|(_, thread)| filter.chooses(thread)).collect());
        chosen.stacks = by_stack.then(|| filter.stacks(tables));
        Ok(chosen)
    }

    fn has(&self, run: &Run) -> bool {
        let whole = Filter { time: self.filter.time.clone(), idle: true, ..Filter::default() };
        let of = |chosen: &Option<Vec<bool>>, index: usize| chosen.as_ref().is_none_or(|chosen| chosen[index]);
        let by_stack = match run.stack {
            Some(stack) => of(&self.stacks, stack.index()),
            None => self.filter.include.is_empty(),
        };
        let in_time = self.filter.time.is_none() || whole.weight(run) > 0;
        in_time && by_stack && of(&self.threads, run.thread.index())
    }
}

/// How much of the tables was told.
#[derive(Default)]
struct Told {
    functions: usize,
    frames: usize,
    stacks: usize,
    processes: Vec<Process>,
    threads: Vec<Thread>,
}

struct Lines<W: Write> {
    out: W,
    told: Told,
}

impl<W: Write> Lines<W> {
    fn line(&mut self, line: &Json) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    fn block(&mut self, block: &Block<'_>, chosen: &Chosen) -> io::Result<()> {
        self.names(block.tables)?;
        self.lives(block.tables)?;
        block.events.iter().try_for_each(|of| self.line(&event(of)))?;
        block.runs.iter().filter(|run| chosen.has(run)).try_for_each(|of| self.run(of, block.tables))
    }

    /// Functions, frames and stacks that are new.
    fn names(&mut self, tables: &Tables) -> io::Result<()> {
        let text = |id: Option<StringId>| id.map(|id| tables.text(id));
        if tables.functions().len() > self.told.functions {
            for (id, of) in tables.functions().skip(self.told.functions) {
                self.line(&json!({"type": "function", "id": id.index(), "kind": of.kind.word(),
                    "name": tables.text(of.name), "qualname": text(of.qualname), "file": text(of.file),
                    "first_line": of.first_line}))?;
            }
            self.told.functions = tables.functions().len();
        }
        if tables.all_frames().len() > self.told.frames {
            for (id, of) in tables.all_frames().skip(self.told.frames) {
                self.line(&json!({"type": "frame", "id": id.index(), "function": of.function.index(),
                    "line": of.line, "end_line": of.end_line, "column": of.column,
                    "end_column": of.end_column, "lasti": of.lasti}))?;
            }
            self.told.frames = tables.all_frames().len();
        }
        if tables.stacks().len() > self.told.stacks {
            for (id, of) in tables.stacks().skip(self.told.stacks) {
                self.line(&json!({"type": "stack", "id": id.index(), "frame": of.frame.index(),
                    "caller": of.parent.map(|id| id.index())}))?;
            }
            self.told.stacks = tables.stacks().len();
        }
        Ok(())
    }

    /// Processes and threads that are new, or of which more is known.
    fn lives(&mut self, tables: &Tables) -> io::Result<()> {
        for (id, of) in tables.processes() {
            if self.told.processes.get(id.index()) == Some(of) {
                continue;
            }
            self.line(&json!({"type": "process", "id": id.index(), "pid": of.pid.0,
                "parent": of.parent.map(|id| id.index()), "command": of.command, "executable": of.executable,
                "version": of.version, "flavour": of.flavour}))?;
            self.told.processes.truncate(id.index());
            self.told.processes.push(of.clone());
        }
        for (id, of) in tables.threads() {
            if self.told.threads.get(id.index()) == Some(of) {
                continue;
            }
            self.line(&json!({"type": "thread", "id": id.index(), "process": of.process.index(),
                "interpreter": of.interpreter, "ident": of.ident, "native_id": of.native_id.map(|pid| pid.0),
                "name": of.name}))?;
        }
        Ok(())
    }

    /// Written by hand: a document for each of a million runs would take most of the time.
    fn run(&mut self, run: &Run, tables: &Tables) -> io::Result<()> {
        let out = &mut self.out;
        write!(
            out,
            r#"{{"type":"run","thread":{},"start":{},"wall":{},"cpu":{},"looks":{}"#,
            run.thread.index(),
            run.start,
            run.wall,
            run.cpu,
            run.looks
        )?;
        match run.stack {
            Some(stack) => write!(out, r#","stack":{}"#, stack.index())?,
            None => out.write_all(br#","stack":null"#)?,
        }
        let gil = match run.gil {
            Some(true) => "true",
            Some(false) => "false",
            None => "null",
        };
        let (state, read, end) = (run.state.word(), run.read.word(), run.end.word());
        write!(out, r#","state":"{state}","gil":{gil},"read":"{read}","end":"{end}""#)?;
        for (name, text) in [("waits", run.waits), ("task", run.task)] {
            write!(out, r#","{name}":"#)?;
            serde_json::to_writer(&mut *out, &text.map(|id| tables.text(id)))?;
        }
        out.write_all(b"}\n")
    }
}

fn header(of: &Header) -> Json {
    json!({"type": "header", "pitviper": of.pitviper, "started": of.started, "interval": of.interval,
        "mode": of.mode.word(), "command": of.command, "processors": of.processors, "kernel": of.kernel})
}

fn event(of: &Event) -> Json {
    json!({"type": "event", "time": of.time, "duration": of.duration, "kind": of.kind.word(),
        "process": of.process.map(|id| id.index()), "thread": of.thread.map(|id| id.index()),
        "value": of.value, "text": of.text})
}

fn end(ending: &Ending, accounting: &Accounting) -> Json {
    let (ending, problem) = match ending {
        Ending::Complete => ("complete", None),
        Ending::Open | Ending::CutShort { .. } => ("cut-short", None),
        Ending::Damaged { at, why } => ("damaged", Some(format!("from byte {at} on: {why}"))),
    };
    let accounting: serde_json::Map<String, Json> =
        accounting.named().map(|(name, number)| (name.to_owned(), json!(number))).collect();
    json!({"type": "end", "ending": ending, "problem": problem, "accounting": accounting})
}
