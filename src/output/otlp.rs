//! OpenTelemetry's format of profiles, as a file.
//!
//! A protocol buffer, `opentelemetry.proto.profiles.v1development.ProfilesData` as of
//! opentelemetry-proto 1.11 (July 2026; the signal is alpha and may change). The same bytes are an
//! `ExportProfilesServiceRequest`: `curl --data-binary @FILE -H 'Content-Type:
//! application/x-protobuf' http://HOST:4318/v1development/profiles` delivers them.
//!
//! Each process is a resource. A sample is a stack of one thread in one state, with the time and the
//! weight of each run. A long recording becomes several profiles of one process, one behind the other,
//! so that memory stays bounded. Lines are always told apart, since the reader puts functions together.

use crate::error::Result;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::lanes::Survey;
use crate::output::protobuf::{Message, Strings};
use crate::output::{escape, places};
use crate::profile::{
    BranchId, Filter, Grain, Kind, Label, Mode, ProcessId, Projection, State, StringId, Tables, ThreadId,
};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};

/// OTLP.
pub const FORMAT: Format = Format {
    name: "otlp",
    extensions: &[".otlp"],
    about: "OpenTelemetry profiles (v1development), ready to be sent",
    write: |recording, view, out| write(recording, view, out),
    compare: None,
};

/// How many runs a file's part holds: 16 bytes of memory each, and about as much again as they are
/// written.
const MAX_HELD: usize = 1 << 20;

/// Numbers of fields, as the schema names them.
mod field {
    pub mod data {
        pub const RESOURCE_PROFILES: u32 = 1;
        pub const DICTIONARY: u32 = 2;
    }
    pub mod dictionary {
        pub const MAPPING_TABLE: u32 = 1;
        pub const LOCATION_TABLE: u32 = 2;
        pub const FUNCTION_TABLE: u32 = 3;
        pub const LINK_TABLE: u32 = 4;
        pub const STRING_TABLE: u32 = 5;
        pub const ATTRIBUTE_TABLE: u32 = 6;
        pub const STACK_TABLE: u32 = 7;
    }
    pub mod resource_profiles {
        pub const RESOURCE: u32 = 1;
        pub const SCOPE_PROFILES: u32 = 2;
    }
    pub mod resource {
        pub const ATTRIBUTES: u32 = 1;
    }
    pub mod scope_profiles {
        pub const SCOPE: u32 = 1;
        pub const PROFILES: u32 = 2;
    }
    pub mod scope {
        pub const NAME: u32 = 1;
        pub const VERSION: u32 = 2;
        pub const ATTRIBUTES: u32 = 3;
    }
    pub mod profile {
        pub const SAMPLE_TYPE: u32 = 1;
        pub const SAMPLES: u32 = 2;
        pub const TIME_UNIX_NANO: u32 = 3;
        pub const DURATION_NANO: u32 = 4;
        pub const PERIOD_TYPE: u32 = 5;
        pub const PERIOD: u32 = 6;
    }
    pub mod value_type {
        pub const TYPE: u32 = 1;
        pub const UNIT: u32 = 2;
    }
    pub mod sample {
        pub const STACK_INDEX: u32 = 1;
        pub const ATTRIBUTE_INDICES: u32 = 2;
        pub const VALUES: u32 = 4;
        pub const TIMESTAMPS_UNIX_NANO: u32 = 5;
    }
    pub mod stack {
        pub const LOCATION_INDICES: u32 = 1;
    }
    pub mod location {
        pub const LINES: u32 = 3;
        pub const ATTRIBUTE_INDICES: u32 = 4;
    }
    pub mod line {
        pub const FUNCTION_INDEX: u32 = 1;
        pub const LINE: u32 = 2;
    }
    pub mod function {
        pub const NAME: u32 = 1;
        pub const SYSTEM_NAME: u32 = 2;
        pub const FILENAME: u32 = 3;
        pub const START_LINE: u32 = 4;
    }
    pub mod link {
        pub const TRACE_ID: u32 = 1;
        pub const SPAN_ID: u32 = 2;
    }
    pub mod key_value {
        pub const KEY: u32 = 1;
        pub const VALUE: u32 = 2;
    }
    pub mod any_value {
        pub const STRING: u32 = 1;
        pub const INT: u32 = 3;
        pub const ARRAY: u32 = 5;
    }
    pub mod array_value {
        pub const VALUES: u32 = 1;
    }
}

/// What makes samples one: thread, task, state, stack.
type Key = (ThreadId, Option<StringId>, State, BranchId);

/// When each run began, in ns since the start of the recording, and what it weighs.
type Series = Vec<(u64, u64)>;

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let view = View { filter: Filter { grain: Grain::Lines, ..view.filter.clone() }, ..view.clone() };
    let survey = Survey::of(recording, &view)?;
    let mut projection = Projection::new(survey.tables(), &view.filter);
    let mut data = Data {
        out: BufWriter::new(out),
        survey: &survey,
        mode: view.filter.mode,
        dictionary: Dictionary::default(),
        held: BTreeMap::new(),
        count: 0,
        span: (u64::MAX, 0),
    };
    survey.each_run(|run, measured, _| {
        let Some(branch) = projection.branch(run.stack, run.end) else { return Ok(()) };
        let weight = if data.mode == Mode::Cpu { measured.cpu } else { measured.wall };
        let process = survey.tables().thread(run.thread).process;
        let key = (run.thread, run.task, run.state, branch);
        data.held.entry(process).or_default().entry(key).or_default().push((measured.start, weight));
        data.span = (data.span.0.min(measured.start), data.span.1.max(measured.start.saturating_add(measured.wall)));
        data.count += 1;
        if data.count < MAX_HELD { Ok(()) } else { data.flush().map_err(unwritten) }
    })?;
    data.finish(&projection).map_err(unwritten)
}

struct Data<'a, R> {
    out: BufWriter<&'a mut dyn Write>,
    survey: &'a R,
    mode: Mode,
    dictionary: Dictionary,
    held: BTreeMap<ProcessId, HashMap<Key, Series>>,
    count: usize,
    /// The time that is held.
    span: (u64, u64),
}

impl Data<'_, Survey<'_>> {
    /// Writes what is held: a profile of each process.
    fn flush(&mut self) -> io::Result<()> {
        for (process, samples) in std::mem::take(&mut self.held) {
            let mut profiles = Message::default();
            profiles.message(field::resource_profiles::RESOURCE, &resource(self.survey.tables(), process));
            let mut scope = Message::default();
            scope.message(field::scope_profiles::SCOPE, &self.scope());
            scope.message(field::scope_profiles::PROFILES, &self.profile(samples));
            profiles.message(field::resource_profiles::SCOPE_PROFILES, &scope);
            self.put(field::data::RESOURCE_PROFILES, &profiles)?;
        }
        (self.count, self.span) = (0, (u64::MAX, 0));
        Ok(())
    }

    fn finish(mut self, projection: &Projection<'_>) -> io::Result<()> {
        self.flush()?;
        let dictionary = std::mem::take(&mut self.dictionary).message(projection);
        self.put(field::data::DICTIONARY, &dictionary)?;
        self.out.flush()
    }

    fn put(&mut self, field: u32, part: &Message) -> io::Result<()> {
        let mut message = Message::default();
        message.message(field, part);
        self.out.write_all(message.as_bytes())
    }

    /// Who made the profile, and how well.
    fn scope(&self) -> Message {
        let mut scope = Message::default();
        scope.bytes(field::scope::NAME, b"pitviper");
        scope.bytes(field::scope::VERSION, self.survey.reader.header().pitviper.as_bytes());
        for (name, value) in self.survey.reader.accounting().named().filter(|(_, value)| *value > 0) {
            let value = Value::Int(value);
            scope.message(field::scope::ATTRIBUTES, &key_value(&format!("pitviper.recording.{name}"), &value));
        }
        scope
    }

    fn profile(&mut self, samples: HashMap<Key, Series>) -> Message {
        let header = self.survey.reader.header();
        let mut profile = Message::default();
        profile.message(field::profile::SAMPLE_TYPE, &self.dictionary.value_type(self.mode));
        profile.message(field::profile::PERIOD_TYPE, &self.dictionary.value_type(header.mode));
        profile.number(field::profile::PERIOD, header.interval);
        profile.fixed(field::profile::TIME_UNIX_NANO, header.started.saturating_add(self.span.0));
        profile.number(field::profile::DURATION_NANO, self.span.1.saturating_sub(self.span.0));
        // In an order that is the same every time.
        let mut samples: Vec<(Key, Series)> = samples.into_iter().collect();
        samples.sort_unstable_by_key(|(key, _)| *key);
        for ((thread, task, state, branch), series) in samples {
            let mut sample = Message::default();
            sample.number(field::sample::STACK_INDEX, self.dictionary.stack(branch));
            let attributes = self.dictionary.attributes(self.survey.tables(), thread, task, state);
            sample.numbers(field::sample::ATTRIBUTE_INDICES, attributes.into_iter());
            sample.numbers(field::sample::VALUES, series.iter().map(|(_, weight)| *weight));
            let started = header.started;
            let times = series.iter().map(|(start, _)| started.saturating_add(*start));
            sample.fixeds(field::sample::TIMESTAMPS_UNIX_NANO, times);
            profile.message(field::profile::SAMPLES, &sample);
        }
        profile
    }
}

/// The process, in the words of OpenTelemetry's conventions.
fn resource(tables: &Tables, id: ProcessId) -> Message {
    let process = tables.process(id);
    let text = |text: &str| Value::Text(escape(text).into_owned());
    let mut attributes = vec![("process.pid", Value::Int(u64::from(process.pid.0)))];
    if !process.command.is_empty() {
        let words = process.command.iter().map(|word| text(word)).collect();
        attributes.push(("process.command_args", Value::List(words)));
    }
    attributes.extend(process.executable.as_deref().map(|path| ("process.executable.path", text(path))));
    attributes.extend(process.version.as_ref().map(|_| ("process.runtime.name", text("cpython"))));
    attributes.extend(process.version.as_deref().map(|version| ("process.runtime.version", text(version))));
    attributes.extend(process.flavour.as_deref().map(|flavour| ("process.runtime.description", text(flavour))));
    let mut resource = Message::default();
    for (key, value) in attributes {
        resource.message(field::resource::ATTRIBUTES, &key_value(key, &value));
    }
    resource
}

/// What an attribute says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Value {
    Text(String),
    Int(u64),
    List(Vec<Value>),
}

impl Value {
    fn message(&self) -> Message {
        let mut message = Message::default();
        match self {
            Self::Text(text) => message.bytes(field::any_value::STRING, text.as_bytes()),
            // A number that is 0 must be there, too; none that is written is.
            Self::Int(value) => message.number(field::any_value::INT, *value),
            Self::List(values) => {
                let mut list = Message::default();
                values.iter().for_each(|value| list.message(field::array_value::VALUES, &value.message()));
                message.message(field::any_value::ARRAY, &list);
            }
        }
        message
    }
}

fn key_value(key: &str, value: &Value) -> Message {
    let mut message = Message::default();
    message.bytes(field::key_value::KEY, key.as_bytes());
    message.message(field::key_value::VALUE, &value.message());
    message
}

/// What all profiles refer to by number; 0 is nothing.
#[derive(Default)]
struct Dictionary {
    strings: Strings,
    attributes: Numbered<(u64, Value)>,
    stacks: Numbered<BranchId>,
}

/// Things, numbered from 1 as they come.
struct Numbered<T> {
    numbers: HashMap<T, u64>,
    things: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), things: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, thing: T) -> u64 {
        *self.numbers.entry(thing).or_insert_with_key(|thing| {
            self.things.push(thing.clone());
            self.things.len() as u64
        })
    }
}

impl Dictionary {
    fn value_type(&mut self, mode: Mode) -> Message {
        let mut message = Message::default();
        message.number(field::value_type::TYPE, self.strings.number(mode.word()));
        message.number(field::value_type::UNIT, self.strings.number("nanoseconds"));
        message
    }

    fn stack(&mut self, branch: BranchId) -> u64 {
        self.stacks.number(branch)
    }

    fn attribute(&mut self, key: &str, value: Value) -> u64 {
        let key = self.strings.number(key);
        self.attributes.number((key, value))
    }

    fn attributes(&mut self, tables: &Tables, thread: ThreadId, task: Option<StringId>, state: State) -> Vec<u64> {
        let thread = tables.thread(thread);
        let mut numbers = Vec::with_capacity(4);
        if let Some(id) = thread.native_id {
            numbers.push(self.attribute("thread.id", Value::Int(u64::from(id.0))));
        }
        if let Some(name) = &thread.name {
            numbers.push(self.attribute("thread.name", Value::Text(escape(name).into_owned())));
        }
        numbers.push(self.attribute("pitviper.thread.state", Value::Text(state.word().to_owned())));
        if let Some(task) = task {
            numbers.push(self.attribute("pitviper.task", Value::Text(escape(tables.text(task)).into_owned())));
        }
        numbers
    }

    fn message(mut self, projection: &Projection<'_>) -> Message {
        use field::dictionary as tag;
        let mut message = Message::default();
        message.message(tag::MAPPING_TABLE, &Message::default());
        self.places(projection.labels(), &mut message);
        let mut link = Message::default();
        link.bytes(field::link::TRACE_ID, &[0; 16]);
        link.bytes(field::link::SPAN_ID, &[0; 8]);
        message.message(tag::LINK_TABLE, &link);
        message.message(tag::ATTRIBUTE_TABLE, &Message::default());
        for (key, value) in &self.attributes.things {
            let mut attribute = Message::default();
            attribute.number(field::key_value::KEY, *key);
            attribute.message(field::key_value::VALUE, &value.message());
            message.message(tag::ATTRIBUTE_TABLE, &attribute);
        }
        message.message(tag::STACK_TABLE, &Message::default());
        let branches = projection.branches();
        for branch in &self.stacks.things {
            let way = std::iter::successors(Some(*branch), |branch| branches[branch.index()].parent);
            let mut stack = Message::default();
            let locations = way.map(|branch| branches[branch.index()].label.index() as u64 + 1);
            stack.numbers(field::stack::LOCATION_INDICES, locations);
            message.message(tag::STACK_TABLE, &stack);
        }
        self.strings.texts().for_each(|text| message.bytes(tag::STRING_TABLE, text.as_bytes()));
        message
    }

    /// Writes locations and functions.
    fn places(&mut self, labels: &[Label], message: &mut Message) {
        message.message(field::dictionary::LOCATION_TABLE, &Message::default());
        let mut functions: Numbered<Label> = Numbered::default();
        for label in labels {
            let (mut location, mut line) = (Message::default(), Message::default());
            line.number(field::line::FUNCTION_INDEX, functions.number(Label { line: None, ..label.clone() }));
            line.number(field::line::LINE, u64::from(label.line.unwrap_or_default()));
            location.message(field::location::LINES, &line);
            let frame_type = match label.kind {
                Kind::Python => Some("cpython"),
                Kind::Native => Some("native"),
                _ => None,
            };
            let attribute = frame_type.map(|word| self.attribute("profile.frame.type", Value::Text(word.to_owned())));
            location.numbers(field::location::ATTRIBUTE_INDICES, attribute.into_iter());
            message.message(field::dictionary::LOCATION_TABLE, &location);
        }
        message.message(field::dictionary::FUNCTION_TABLE, &Message::default());
        for label in &functions.things {
            let file = label.file.as_deref().map(escape).unwrap_or_default();
            let mut function = Message::default();
            function.number(field::function::NAME, self.strings.number(&places::name(label)));
            function.number(field::function::SYSTEM_NAME, self.strings.number(&escape(&label.name)));
            function.number(field::function::FILENAME, self.strings.number(&file));
            function.number(field::function::START_LINE, u64::from(label.first_line.unwrap_or_default()));
            message.message(field::dictionary::FUNCTION_TABLE, &function);
        }
    }
}
