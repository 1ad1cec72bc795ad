//! The format of the Firefox Profiler: threads beside each other on one time axis, with categories
//! and markers. <https://profiler.firefox.com> reads it without sending it anywhere.
//!
//! The processed profile format, version 70 (2026), gzipped JSON; later front ends convert earlier
//! versions. Its documents: `docs-developer/CHANGELOG-formats.md` of
//! <https://github.com/firefox-devtools/profiler>.
//!
//! A run is a sample at its begin; if several looks are in it, one more at the last of them, since a
//! sample is drawn as far as half way to its neighbours. Where a thread was not seen, or does not
//! count, a sample without stack begins. What a thread was doing is the category of its innermost
//! frame. Lines are always told apart, since the reader puts functions together.

use crate::error::Result;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::lanes::{Lane, Sample, Survey, quality};
use crate::output::{escape, places};
use crate::profile::{
    BranchId, Event, EventKind, Filter, Grain, Kind, Label, LabelId, Mode, Process, ProcessId, Projection, State,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

/// The Firefox Profiler.
pub const FORMAT: Format = Format {
    name: "firefox",
    extensions: &[".json.gz", ".firefox.json.gz"],
    about: "profiler.firefox.com: threads on a time axis, with markers",
    write: |recording, view, out| write(recording, view, out),
    compare: None,
};

/// The version of the processed profile format.
const VERSION: u32 = 70;

/// The version of Gecko's own format that the document claims to stem from.
const GECKO_VERSION: u32 = 36;

/// What time is spent on. `Other` must be grey, and the colour of `Idle` transparent: the reader knows
/// them by that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Category {
    Other,
    Python,
    Native,
    Idle,
    WaitingGil,
    Gc,
    Stopped,
}

impl Category {
    /// Name and colour of each, in the order of their numbers.
    const ALL: [(&'static str, &'static str); 7] = [
        ("Other", "grey"),
        ("Python", "yellow"),
        ("Native", "blue"),
        ("Idle", "transparent"),
        ("Waiting for the GIL", "orange"),
        ("Garbage collection", "red"),
        ("Stopped", "darkgrey"),
    ];

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Python => Self::Python,
            Kind::Native => Self::Native,
            Kind::Gc => Self::Gc,
            Kind::Unreadable | Kind::Truncated | Kind::Empty => Self::Other,
        }
    }

    /// What a thread in this state spends its time on, whatever its innermost frame.
    fn of_state(state: State) -> Option<Self> {
        match state {
            State::Running | State::Unknown => None,
            State::Idle => Some(Self::Idle),
            State::WaitingGil => Some(Self::WaitingGil),
            State::Gc => Some(Self::Gc),
            State::Suspended | State::Stopped => Some(Self::Stopped),
        }
    }
}

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let view = View { filter: Filter { grain: Grain::Lines, ..view.filter.clone() }, ..view.clone() };
    let survey = Survey::of(recording, &view)?;
    let mut projection = Projection::new(survey.tables(), &view.filter);
    let out = BufWriter::with_capacity(1 << 16, GzEncoder::new(out, Compression::fast()));
    let markers = Markers::new(&survey);
    let mut document = Document { out, survey: &survey, mode: view.filter.mode, shared: Shared::default(), written: 0 };
    document.start(&view).map_err(unwritten)?;
    survey.each_lane(&mut projection, |lane, samples, projection| {
        let events = markers.of(lane);
        if samples.is_empty() && events.is_empty() {
            return Ok(());
        }
        document.thread(lane, samples, &events, projection).map_err(unwritten)
    })?;
    document.finish(&projection).map_err(unwritten)
}

/// Which events belong to which thread.
struct Markers<'a> {
    survey: &'a Survey<'a>,
    /// By the number of the thread.
    events: HashMap<usize, Vec<&'a Event>>,
}

impl<'a> Markers<'a> {
    fn new(survey: &'a Survey<'a>) -> Self {
        let mut events: HashMap<usize, Vec<&Event>> = HashMap::new();
        for event in &survey.events {
            // What is of no thread in particular goes to the first of its process.
            let process = event.process.or(event.thread.map(|thread| survey.tables().thread(thread).process));
            let own = |lane: &&Lane| Some(lane.thread) == event.thread;
            let of_process = |lane: &&Lane| process.is_none_or(|id| survey.tables().thread(lane.thread).process == id);
            let lane = survey.lanes.iter().find(own).or_else(|| survey.lanes.iter().find(of_process));
            if let Some(lane) = lane {
                events.entry(lane.thread.index()).or_default().push(event);
            }
        }
        Self { survey, events }
    }

    /// Those of a lane: if tasks are told apart, all are in the thread's first.
    fn of(&self, lane: &Lane) -> Vec<&'a Event> {
        let first = self.survey.lanes.iter().find(|other| other.thread == lane.thread);
        let own = if first == Some(lane) { self.events.get(&lane.thread.index()) } else { None };
        own.cloned().unwrap_or_default()
    }
}

struct Document<'a, W: Write> {
    out: W,
    survey: &'a Survey<'a>,
    mode: Mode,
    shared: Shared,
    /// How many threads there are so far.
    written: usize,
}

impl<W: Write> Document<'_, BufWriter<GzEncoder<W>>> {
    fn start(&mut self, view: &View) -> io::Result<()> {
        write!(self.out, "{{\"meta\":{},\n\"libs\":[],\"threads\":[", self.meta(view))
    }

    fn meta(&self, view: &View) -> Json {
        let header = self.survey.reader.header();
        let categories =
            Category::ALL.map(|(name, color)| json!({"name": name, "color": color, "subcategories": ["Other"]}));
        let entry = |(name, value)| json!({"label": name, "format": "string", "value": value});
        let mut quality = quality(&self.survey.reader);
        if self.survey.events_left_out > 0 {
            quality.push(("markers left out".to_owned(), self.survey.events_left_out.to_string()));
        }
        let entries: Vec<Json> = quality.into_iter().map(entry).collect();
        let mut meta = json!({
            "interval": if header.interval == 0 { 1.0 } else { header.interval as f64 / 1e6 },
            "startTime": header.started as f64 / 1e6,
            "profilingStartTime": 0.0,
            "profilingEndTime": self.survey.reader.accounting().duration as f64 / 1e6,
            "processType": 0,
            "product": self.survey.title(view),
            "importedFrom": "pitviper",
            "stackwalk": 1,
            "version": GECKO_VERSION,
            "preprocessedProfileVersion": VERSION,
            "categories": categories,
            "markerSchema": EventKind::ALL.iter().map(|kind| schema(*kind)).collect::<Vec<_>>(),
            "sampleUnits": {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns"},
            "symbolicated": true,
            "symbolicationNotSupported": true,
            "usesOnlyOneStackType": true,
            "sourceCodeIsNotOnSearchfox": true,
            "keepProfileThreadOrder": true,
            "extra": [{"label": "Recording", "entries": entries}],
        });
        if let Some(processors) = header.processors {
            meta["logicalCPUs"] = json!(processors);
        }
        if let Some(kernel) = &header.kernel {
            meta["oscpu"] = json!(escape(kernel));
        }
        if !header.command.is_empty() {
            meta["arguments"] = json!(escape(&header.command.join(" ")));
        }
        meta
    }

    fn thread(
        &mut self,
        lane: &Lane,
        samples: &[Sample],
        events: &[&Event],
        projection: &Projection<'_>,
    ) -> io::Result<()> {
        let separator = if self.written > 0 { ",\n" } else { "\n" };
        self.written += 1;
        let Json::Object(about) = self.about(lane, samples) else { return Ok(()) };
        write!(self.out, "{separator}{{")?;
        for (key, value) in about {
            write!(self.out, "\"{key}\":{value},")?;
        }
        let markers = self.markers(events);
        write!(self.out, "\"markers\":{markers},\n\"samples\":{{\"weightType\":\"tracing-ms\",")?;
        let (points, mode) = (|| points(samples), self.mode);
        let shared = &mut self.shared;
        column(&mut self.out, "stack", points(), |point, out| match point.branch {
            Some((branch, state)) => write!(out, "{}", shared.stack(branch, state, projection)),
            None => out.write_all(b"null"),
        })?;
        column(&mut self.out, "time", points(), |point, out| milliseconds(point.time, out))?;
        column(&mut self.out, "weight", points(), |point, out| {
            milliseconds(if mode == Mode::Cpu { point.cpu } else { point.wall }, out)
        })?;
        column(&mut self.out, "threadCPUDelta", points(), |point, out| write!(out, "{}", point.cpu_before))?;
        write!(self.out, "\"length\":{}}}}}", points().count())
    }

    fn about(&self, lane: &Lane, samples: &[Sample]) -> Json {
        let tables = self.survey.tables();
        let thread = tables.thread(lane.thread);
        let process = tables.process(thread.process);
        let when = |kind: EventKind, of: &dyn Fn(&Event) -> bool| {
            let event = self.survey.events.iter().find(|event| event.kind == kind && of(event));
            event.map(|event| event.time as f64 / 1e6)
        };
        let of_process = |event: &Event| event.process == Some(thread.process);
        let of_thread = |event: &Event| event.thread == Some(lane.thread);
        let begin = samples.first().map_or(0.0, |sample| sample.start as f64 / 1e6);
        let tid = match thread.native_id {
            Some(id) => id.to_string(),
            None => format!("{:#x}", thread.ident),
        };
        json!({
            "processType": "default",
            "processName": places::process(process),
            "processStartupTime": when(EventKind::ProcessStarted, &of_process).unwrap_or(0.0),
            "processShutdownTime": when(EventKind::ProcessEnded, &of_process),
            "registerTime": when(EventKind::ThreadStarted, &of_thread).unwrap_or(begin),
            "unregisterTime": when(EventKind::ThreadEnded, &of_thread),
            "pausedRanges": [],
            "name": lane.name(tables),
            "isMainThread": self.is_main(lane),
            "showMarkersInTimeline": true,
            "pid": self.pid(thread.process, process),
            "tid": match lane.task {
                Some(task) => format!("{tid} {}", escape(tables.text(task))),
                None => tid,
            },
        })
    }

    /// Whether a lane is the main one of its process: there must be one, and but one.
    fn is_main(&self, lane: &Lane) -> bool {
        let tables = self.survey.tables();
        let process = tables.thread(lane.thread).process;
        let main = |other: &&Lane| tables.thread(other.thread).native_id == Some(tables.process(process).pid);
        let mut own = self.survey.lanes.iter().filter(|other| tables.thread(other.thread).process == process);
        own.clone().find(main).or_else(|| own.next()) == Some(lane)
    }

    /// The number of a process as text, which must not be that of another.
    fn pid(&self, id: ProcessId, process: &Process) -> String {
        let earlier = self.survey.tables().processes().take(id.index());
        match earlier.filter(|(_, other)| other.pid == process.pid).count() {
            0 => process.pid.to_string(),
            again => format!("{}.{again}", process.pid),
        }
    }

    fn markers(&mut self, events: &[&Event]) -> Json {
        let mut events = events.to_vec();
        events.sort_by_key(|event| event.time);
        let instant = |event: &&Event| event.duration == 0;
        let end = |event: &&Event| match event.duration {
            0 => Json::Null,
            _ => json!(event.time.saturating_add(event.duration) as f64 / 1e6),
        };
        let category = |event: &&Event| match event.kind {
            EventKind::Gc => Category::Gc as u32,
            _ => Category::Other as u32,
        };
        json!({
            "name": events.iter().map(|event| self.shared.string(event.kind.word())).collect::<Vec<_>>(),
            "startTime": events.iter().map(|event| event.time as f64 / 1e6).collect::<Vec<_>>(),
            "endTime": events.iter().map(end).collect::<Vec<_>>(),
            "phase": events.iter().map(|event| u32::from(!instant(event))).collect::<Vec<_>>(),
            "category": events.iter().map(category).collect::<Vec<_>>(),
            "data": events.iter().map(|event| payload(event)).collect::<Vec<_>>(),
            "length": events.len(),
        })
    }

    fn finish(mut self, projection: &Projection<'_>) -> io::Result<()> {
        write!(self.out, "\n],\n\"shared\":")?;
        self.shared.write(projection, &mut self.out)?;
        self.out.write_all(b"}\n")?;
        let mut out = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        out.try_finish()
    }
}

/// What readers show of a kind of marker.
fn schema(kind: EventKind) -> Json {
    let value = match kind {
        EventKind::ProcessEnded => Some(("Exit code, or minus the signal", "integer")),
        EventKind::Gc => Some(("Generation", "integer")),
        EventKind::RateChanged => Some(("Interval", "nanoseconds")),
        EventKind::Late => Some(("Looks left out", "integer")),
        EventKind::ProcessStarted
        | EventKind::ProcessExec
        | EventKind::ThreadStarted
        | EventKind::ThreadEnded
        | EventKind::Note => None,
    };
    let mut fields = vec![json!({"key": "text", "label": "Text", "format": "string"})];
    fields.extend(value.map(|(label, format)| json!({"key": "value", "label": label, "format": format})));
    json!({
        "name": kind.word(),
        "tableLabel": "{marker.data.text}",
        "display": ["marker-chart", "marker-table", "timeline-overview"],
        "fields": fields,
    })
}

fn payload(event: &Event) -> Json {
    let mut data = json!({"type": event.kind.word()});
    if !event.text.is_empty() {
        data["text"] = json!(escape(&event.text));
    }
    if let Some(value) = event.value {
        data["value"] = json!(value);
    }
    data
}

/// A moment as the reader draws it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Point {
    /// In ns since the start of the recording.
    time: u64,
    /// The stack from here on, and what the thread was doing; `None` if it was not seen.
    branch: Option<(BranchId, State)>,
    /// The time it stands for, in ns.
    wall: u64,
    /// The processor time it stands for, in ns.
    cpu: u64,
    /// The processor time since the point before, in ns.
    cpu_before: u64,
}

impl Point {
    /// From here on the thread was not seen, or does not count.
    fn away(time: u64, cpu_before: u64) -> Self {
        Self { time, branch: None, wall: 0, cpu: 0, cpu_before }
    }
}

/// The points of a thread.
fn points(samples: &[Sample]) -> impl Iterator<Item = Point> {
    // When the sample before ended, and its processor time since its last look.
    let mut before: Option<(u64, u64)> = None;
    let of_samples = samples.iter().flat_map(move |sample| {
        let (stop, carried) = before.unwrap_or((sample.start, 0));
        let away = (stop < sample.start).then(|| Point::away(stop, carried));
        let carried = if away.is_some() { 0 } else { carried };
        let branch = Some((sample.branch, sample.state));
        let (wall, cpu) = up_to_last_look(sample);
        let several = sample.looks > 1;
        let begin = several.then_some(Point { time: sample.start, branch, wall, cpu, cpu_before: carried });
        let last = Point {
            time: sample.start.saturating_add(wall),
            branch,
            wall: sample.wall - wall,
            cpu: sample.cpu - cpu,
            cpu_before: if several { cpu } else { carried },
        };
        before = Some((sample.stop(), last.cpu));
        [away, begin, Some(last)].into_iter().flatten()
    });
    let end = samples.last().map(|last| Point::away(last.stop(), last.cpu - up_to_last_look(last).1));
    of_samples.chain(end)
}

/// The time and processor time of a sample before the last of its looks.
fn up_to_last_look(sample: &Sample) -> (u64, u64) {
    let looks = u128::from(sample.looks.max(1));
    let part = |whole: u64| (u128::from(whole) * (looks - 1) / looks) as u64;
    (part(sample.wall), part(sample.cpu))
}

/// Writes a column and the comma behind it.
fn column<T>(
    out: &mut impl Write,
    name: &str,
    rows: impl Iterator<Item = T>,
    mut cell: impl FnMut(T, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    write!(out, "\"{name}\":[")?;
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        cell(row, out)?;
    }
    out.write_all(b"],\n")
}

/// Writes nanoseconds as milliseconds, exactly.
fn milliseconds(time: u64, out: &mut dyn Write) -> io::Result<()> {
    let (whole, mut part) = (time / 1_000_000, time % 1_000_000);
    if part == 0 {
        return write!(out, "{whole}");
    }
    let mut digits = 6;
    while part % 10 == 0 {
        (part, digits) = (part / 10, digits - 1);
    }
    write!(out, "{whole}.{part:0digits$}")
}

/// What all threads refer to by number. Grows with distinct stacks.
#[derive(Default)]
struct Shared {
    strings: HashMap<String, usize>,
    texts: Vec<String>,
    stacks: Vec<(Option<usize>, usize)>,
    known_stacks: HashMap<(BranchId, Category), usize>,
    frames: Vec<(LabelId, Category)>,
    known_frames: HashMap<(LabelId, Category), usize>,
}

impl Shared {
    fn string(&mut self, text: &str) -> usize {
        if let Some(number) = self.strings.get(text) {
            return *number;
        }
        self.texts.push(text.to_owned());
        self.strings.insert(text.to_owned(), self.texts.len() - 1);
        self.texts.len() - 1
    }

    /// The number of a stack whose thread was in a state.
    fn stack(&mut self, branch: BranchId, state: State, projection: &Projection<'_>) -> usize {
        let own = |branch: BranchId| {
            let label = projection.branches()[branch.index()].label;
            Category::of_kind(projection.labels()[label.index()].kind)
        };
        let category = Category::of_state(state).unwrap_or_else(|| own(branch));
        if let Some(number) = self.known_stacks.get(&(branch, category)) {
            return *number;
        }
        // Up to where the way is known, then down again.
        let mut way = vec![(branch, category)];
        let mut parent = None;
        let mut next = projection.branches()[branch.index()].parent;
        while let Some(id) = next {
            parent = self.known_stacks.get(&(id, own(id))).copied();
            if parent.is_some() {
                break;
            }
            way.push((id, own(id)));
            next = projection.branches()[id.index()].parent;
        }
        let mut number = 0;
        while let Some((branch, category)) = way.pop() {
            let frame = self.frame(projection.branches()[branch.index()].label, category);
            number = self.stacks.len();
            self.stacks.push((parent, frame));
            self.known_stacks.insert((branch, category), number);
            parent = Some(number);
        }
        number
    }

    fn frame(&mut self, label: LabelId, category: Category) -> usize {
        *self.known_frames.entry((label, category)).or_insert_with(|| {
            self.frames.push((label, category));
            self.frames.len() - 1
        })
    }

    fn write(mut self, projection: &Projection<'_>, out: &mut impl Write) -> io::Result<()> {
        let labels = projection.labels();
        let mut functions: HashMap<Label, usize> = HashMap::new();
        let mut listed: Vec<&Label> = Vec::new();
        let mut of_frame = Vec::with_capacity(self.frames.len());
        for (label, _) in &self.frames {
            let label = &labels[label.index()];
            of_frame.push(*functions.entry(Label { line: None, ..label.clone() }).or_insert_with(|| {
                listed.push(label);
                listed.len() - 1
            }));
        }
        out.write_all(b"{\"stackTable\":{")?;
        let stacks = || self.stacks.iter().enumerate();
        column(out, "frame", stacks(), |(_, (_, frame)), out| write!(out, "{frame}"))?;
        column(out, "prefixOffset", stacks(), |(own, (parent, _)), out| {
            write!(out, "{}", parent.map_or(0, |parent| own - parent))
        })?;
        write!(out, "\"length\":{}}},\n\"frameTable\":{{", self.stacks.len())?;
        let frames = || self.frames.iter().zip(&of_frame);
        column(out, "func", frames(), |(_, function), out| write!(out, "{function}"))?;
        column(out, "category", frames(), |((_, category), _), out| write!(out, "{}", *category as u32))?;
        column(out, "line", frames(), |((label, _), _), out| optional(labels[label.index()].line, out))?;
        for (name, text) in [("address", "-1"), ("lib", "-1"), ("inlineDepth", "0"), ("subcategory", "0")] {
            column(out, name, frames(), |_, out| out.write_all(text.as_bytes()))?;
        }
        for name in ["nativeSymbol", "innerWindowID", "column", "originalLocation"] {
            column(out, name, frames(), |_, out| out.write_all(b"null"))?;
        }
        writeln!(out, "\"length\":{}}},", self.frames.len())?;
        self.functions(&listed, out)
    }

    /// Writes functions, their files, and what there is none of.
    fn functions(&mut self, functions: &[&Label], out: &mut impl Write) -> io::Result<()> {
        let mut files: Vec<usize> = Vec::new();
        let mut known: HashMap<usize, usize> = HashMap::new();
        let mut sources = Vec::with_capacity(functions.len());
        for label in functions {
            let file = label.file.as_ref().map(|file| self.string(&escape(file)));
            sources.push(file.map(|file| {
                *known.entry(file).or_insert_with(|| {
                    files.push(file);
                    files.len() - 1
                })
            }));
        }
        out.write_all(b"\"funcTable\":{")?;
        column(out, "name", functions.iter(), |label, out| write!(out, "{}", self.string(&places::name(label))))?;
        column(out, "source", sources.iter(), |source, out| optional(*source, out))?;
        column(out, "lineNumber", functions.iter(), |label, out| optional(label.first_line, out))?;
        column(out, "resource", functions.iter(), |_, out| out.write_all(b"-1"))?;
        for (name, text) in
            [("isJS", "false"), ("relevantForJS", "false"), ("columnNumber", "null"), ("originalLocation", "null")]
        {
            column(out, name, functions.iter(), |_, out| out.write_all(text.as_bytes()))?;
        }
        write!(out, "\"length\":{}}},\n\"sources\":{{", functions.len())?;
        column(out, "filename", files.iter(), |file, out| write!(out, "{file}"))?;
        for (name, text) in
            [("startLine", "1"), ("startColumn", "1"), ("id", "null"), ("sourceMapURL", "null"), ("content", "null")]
        {
            column(out, name, files.iter(), |_, out| out.write_all(text.as_bytes()))?;
        }
        write!(out, "\"length\":{}}},\n\"stringArray\":{},\n", files.len(), json!(self.texts))?;
        write!(
            out,
            "\"resourceTable\":{},\"nativeSymbols\":{},\"sourceLocationTable\":{}}}",
            json!({"length": 0, "name": [], "host": [], "type": []}),
            json!({"length": 0, "libIndex": [], "address": [], "name": [], "functionSize": []}),
            json!({"length": 0, "source": [], "line": [], "column": []}),
        )
    }
}

fn optional(value: Option<impl std::fmt::Display>, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Some(value) => write!(out, "{value}"),
        None => out.write_all(b"null"),
    }
}
