//! The format of pprof: what `go tool pprof` and most stores of profiles read.
//!
//! A gzipped protocol buffer, `perftools.profiles.Profile`
//! (<https://github.com/google/pprof/blob/main/proto/profile.proto>). Each sample is a stack of one
//! thread in one state, with its time, processor time and number of looks, summed up over the whole
//! recording; thread, process, state and task are labels. Lines are always told apart, since the
//! reader puts functions together. Comments tell the quality.

use crate::error::Result;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::lanes::{Measure, Measured, quality};
use crate::output::protobuf::{Message, Strings};
use crate::output::{escape, places};
use crate::profile::{
    BranchId, End, Filter, Grain, Header, Label, Mode, Projection, Reader, StackId, State, StringId, Tables, ThreadId,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// pprof.
pub const FORMAT: Format = Format {
    name: "pprof",
    extensions: &[".pb.gz", ".pprof"],
    about: "pprof: for go tool pprof and stores of profiles",
    write: |recording, view, out| write(recording, view, out),
    compare: None,
};

/// Numbers of fields, as the schema names them.
mod field {
    pub mod profile {
        pub const SAMPLE_TYPE: u32 = 1;
        pub const SAMPLE: u32 = 2;
        pub const MAPPING: u32 = 3;
        pub const LOCATION: u32 = 4;
        pub const FUNCTION: u32 = 5;
        pub const STRING_TABLE: u32 = 6;
        pub const TIME_NANOS: u32 = 9;
        pub const DURATION_NANOS: u32 = 10;
        pub const PERIOD_TYPE: u32 = 11;
        pub const PERIOD: u32 = 12;
        pub const COMMENT: u32 = 13;
        pub const DEFAULT_SAMPLE_TYPE: u32 = 14;
    }
    pub mod value_type {
        pub const TYPE: u32 = 1;
        pub const UNIT: u32 = 2;
    }
    pub mod sample {
        pub const LOCATION_ID: u32 = 1;
        pub const VALUE: u32 = 2;
        pub const LABEL: u32 = 3;
    }
    pub mod label {
        pub const KEY: u32 = 1;
        pub const STR: u32 = 2;
    }
    pub mod mapping {
        pub const ID: u32 = 1;
        pub const FILENAME: u32 = 5;
        /// Functions, file names and line numbers are known.
        pub const HAS: [u32; 3] = [7, 8, 9];
    }
    pub mod location {
        pub const ID: u32 = 1;
        pub const MAPPING_ID: u32 = 2;
        pub const LINE: u32 = 4;
    }
    pub mod line {
        pub const FUNCTION_ID: u32 = 1;
        pub const LINE: u32 = 2;
    }
    pub mod function {
        pub const ID: u32 = 1;
        pub const NAME: u32 = 2;
        pub const FILENAME: u32 = 4;
        pub const START_LINE: u32 = 5;
    }
}
use field::profile as tag;

/// What samples are summed up by.
type Key<S> = (ThreadId, Option<StringId>, State, S);

/// Time, processor time, looks.
type Values = [u64; 3];

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let filter = Filter { grain: Grain::Lines, ..view.filter.clone() };
    let mut reader = recording.open()?;
    let sums = sum(&mut reader, &filter);
    let tables = reader.tables();
    let mut projection = Projection::new(tables, &filter);
    let mut samples: BTreeMap<Key<BranchId>, Values> = BTreeMap::new();
    // In an order that is the same every time.
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(key, _)| *key);
    for ((thread, task, state, (stack, end)), values) in sums {
        if let Some(branch) = projection.branch(stack, end) {
            add(samples.entry((thread, task, state, branch)).or_default(), values);
        }
    }
    let out = GzEncoder::new(out, Compression::default());
    let profile = Profile { out, strings: Strings::default(), message: Message::default(), part: Message::default() };
    profile.write(&reader, filter.mode, &samples, &projection).map_err(unwritten)
}

/// Sums up the runs of the chosen threads that count by time and state.
fn sum<R: io::Read>(reader: &mut Reader<R>, filter: &Filter) -> HashMap<Key<(Option<StackId>, End)>, Values> {
    let measure = Measure::new(filter);
    let mut sums: HashMap<_, Values> = HashMap::new();
    while let Some(block) = reader.next_block() {
        for run in block.runs {
            if let Some(Measured { wall, cpu, .. }) = measure.of(run) {
                let key = (run.thread, run.task, run.state, (run.stack, run.end));
                add(sums.entry(key).or_default(), [wall, cpu, u64::from(run.looks)]);
            }
        }
    }
    sums.retain(|(thread, ..), _| filter.chooses(reader.tables().thread(*thread)));
    sums
}

fn add(sum: &mut Values, values: Values) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.saturating_add(value));
}

struct Profile<W> {
    out: W,
    strings: Strings,
    message: Message,
    part: Message,
}

impl<W: Write> Profile<GzEncoder<W>> {
    fn write<R: io::Read>(
        mut self,
        reader: &Reader<R>,
        mode: Mode,
        samples: &BTreeMap<Key<BranchId>, Values>,
        projection: &Projection<'_>,
    ) -> io::Result<()> {
        self.kinds(mode, reader.header())?;
        for (key, values) in samples {
            self.sample(reader.tables(), key, *values, projection)?;
        }
        self.mapping(reader.tables())?;
        self.places(projection.labels())?;
        self.numbers(reader)?;
        for text in self.strings.texts() {
            self.message.clear();
            self.message.bytes(tag::STRING_TABLE, text.as_bytes());
            self.out.write_all(self.message.as_bytes())?;
        }
        self.out.try_finish()
    }

    /// Writes the part as a field of the profile.
    fn put(&mut self, field: u32) -> io::Result<()> {
        self.message.clear();
        self.message.message(field, &self.part);
        self.part.clear();
        self.out.write_all(self.message.as_bytes())
    }

    fn kinds(&mut self, mode: Mode, header: &Header) -> io::Result<()> {
        // `gil` is time on the wall, too.
        let time = if mode == Mode::Gil { "gil" } else { "wall" };
        for (kind, unit) in [(time, "nanoseconds"), ("cpu", "nanoseconds"), ("looks", "count")] {
            self.value_type(kind, unit);
            self.put(tag::SAMPLE_TYPE)?;
        }
        self.value_type(header.mode.word(), "nanoseconds");
        self.put(tag::PERIOD_TYPE)?;
        let shown = self.strings.number(mode.word());
        self.part.number(tag::DEFAULT_SAMPLE_TYPE, shown);
        self.out.write_all(self.part.as_bytes())?;
        self.part.clear();
        Ok(())
    }

    fn value_type(&mut self, kind: &str, unit: &str) {
        self.part.number(field::value_type::TYPE, self.strings.number(kind));
        self.part.number(field::value_type::UNIT, self.strings.number(unit));
    }

    fn sample(
        &mut self,
        tables: &Tables,
        (thread, task, state, branch): &Key<BranchId>,
        values: Values,
        projection: &Projection<'_>,
    ) -> io::Result<()> {
        let branches = projection.branches();
        let way = std::iter::successors(Some(*branch), |branch| branches[branch.index()].parent);
        let locations = way.map(|branch| branches[branch.index()].label.index() as u64 + 1);
        self.part.numbers(field::sample::LOCATION_ID, locations);
        self.part.numbers(field::sample::VALUE, values.into_iter());
        let thread = tables.thread(*thread);
        self.label("thread", &places::thread(thread));
        self.label("process", &places::process(tables.process(thread.process)));
        self.label("state", state.word());
        if let Some(task) = task {
            self.label("task", &escape(tables.text(*task)));
        }
        self.put(tag::SAMPLE)
    }

    fn label(&mut self, key: &str, text: &str) {
        let mut label = Message::default();
        label.number(field::label::KEY, self.strings.number(key));
        label.number(field::label::STR, self.strings.number(text));
        self.part.message(field::sample::LABEL, &label);
    }

    /// One for all: it tells readers that there are no symbols to look for.
    fn mapping(&mut self, tables: &Tables) -> io::Result<()> {
        self.part.number(field::mapping::ID, 1);
        let executable = tables.processes().find_map(|(_, process)| process.executable.as_deref());
        self.part.number(field::mapping::FILENAME, self.strings.number(&escape(executable.unwrap_or_default())));
        field::mapping::HAS.iter().for_each(|field| self.part.number(*field, 1));
        self.put(tag::MAPPING)
    }

    fn places(&mut self, labels: &[Label]) -> io::Result<()> {
        let mut functions: HashMap<Label, u64> = HashMap::new();
        for (index, label) in labels.iter().enumerate() {
            let function = Label { line: None, ..label.clone() };
            let next = functions.len() as u64 + 1;
            let id = *functions.entry(function).or_insert(next);
            if id == next {
                self.function(id, label)?;
            }
            let mut line = Message::default();
            line.number(field::line::FUNCTION_ID, id);
            line.number(field::line::LINE, u64::from(label.line.unwrap_or_default()));
            self.part.number(field::location::ID, index as u64 + 1);
            self.part.number(field::location::MAPPING_ID, 1);
            self.part.message(field::location::LINE, &line);
            self.put(tag::LOCATION)?;
        }
        Ok(())
    }

    fn function(&mut self, id: u64, label: &Label) -> io::Result<()> {
        let file = label.file.as_deref().map(escape).unwrap_or_default();
        self.part.number(field::function::ID, id);
        self.part.number(field::function::NAME, self.strings.number(&places::name(label)));
        // No system name: one that is the same as the name has pprof take it for C++, and `<module>` for
        // a template's argument to be left out.
        self.part.number(field::function::FILENAME, self.strings.number(&file));
        self.part.number(field::function::START_LINE, u64::from(label.first_line.unwrap_or_default()));
        self.put(tag::FUNCTION)
    }

    fn numbers<R: io::Read>(&mut self, reader: &Reader<R>) -> io::Result<()> {
        let comments: Vec<u64> =
            quality(reader).iter().map(|(name, value)| self.strings.number(&format!("{name}: {value}"))).collect();
        self.part.numbers(tag::COMMENT, comments.into_iter());
        self.part.number(tag::TIME_NANOS, reader.header().started);
        self.part.number(tag::DURATION_NANOS, reader.accounting().duration);
        self.part.number(tag::PERIOD, reader.header().interval);
        self.out.write_all(self.part.as_bytes())?;
        self.part.clear();
        Ok(())
    }
}
