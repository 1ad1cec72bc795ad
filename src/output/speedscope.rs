//! The format of speedscope: each thread a profile, in the order of time.
//!
//! A sample is a stack and the time for which it was seen, in nanoseconds; equal ones in a row are
//! one. Where a thread was not seen, or does not count, a sample without frames keeps the place, so
//! that threads stand beside each other as they ran. Processor time has no such gaps: its axis is the
//! time a thread spent on a processor.
//! <https://www.speedscope.app/file-format-schema.json>

use crate::error::Result;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::lanes::{Sample, Survey, quality};
use crate::output::{escape, places};
use crate::profile::{BranchId, Label, Mode, Projection};
use serde_json::json;
use std::cmp::Reverse;
use std::io::{self, BufWriter, Write};

/// Speedscope.
pub const FORMAT: Format = Format {
    name: "speedscope",
    extensions: &[".speedscope.json", ".speedscope"],
    about: "speedscope.app: flame chart of each thread, in the order of time",
    write: |recording, view, out| write(recording, view, out),
    compare: None,
};

/// How much text of stacks is kept, in bytes, since most of them come again.
const MAX_KEPT: usize = 64 << 20;

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let survey = Survey::of(recording, view)?;
    let mut document = Document {
        out: BufWriter::with_capacity(1 << 16, out),
        mode: view.filter.mode,
        kept: Kept::default(),
        profiles: 0,
    };
    let mut projection = Projection::new(survey.tables(), &view.filter);
    let quality: serde_json::Map<_, _> =
        quality(&survey.reader).into_iter().map(|(name, value)| (name, value.into())).collect();
    document.start(&survey.title(view), &quality.into()).map_err(unwritten)?;
    // The profile to show first: the one with the most to tell.
    let mut busiest = (0, Reverse(0));
    survey.each_lane(&mut projection, |lane, samples, projection| {
        if samples.is_empty() {
            return Ok(());
        }
        let weight = samples.iter().fold(0, |sum: u64, sample| sum.saturating_add(sample.weight(view.filter.mode)));
        busiest = busiest.max((weight, Reverse(document.profiles)));
        document.profile(&lane.name(survey.tables()), samples, projection).map_err(unwritten)
    })?;
    if document.profiles == 0 {
        // The reader cannot show a file without any.
        document.profile("nothing", &[], &projection).map_err(unwritten)?;
    }
    document.finish(&projection, busiest.1.0).map_err(unwritten)
}

struct Document<'a> {
    out: BufWriter<&'a mut dyn Write>,
    mode: Mode,
    kept: Kept,
    /// How many profiles there are so far.
    profiles: usize,
}

impl Document<'_> {
    /// `quality` stands under a key of our own, which readers pass over.
    fn start(&mut self, title: &str, quality: &serde_json::Value) -> io::Result<()> {
        write!(
            self.out,
            "{{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":{},\"name\":{},\"pitviper\":{quality},\"profiles\":[",
            json!(concat!("pitviper ", env!("CARGO_PKG_VERSION"))),
            json!(title),
        )
    }

    fn profile(&mut self, name: &str, samples: &[Sample], projection: &Projection<'_>) -> io::Result<()> {
        let separator = if self.profiles > 0 { ",\n" } else { "\n" };
        self.profiles += 1;
        let name = json!(name);
        write!(self.out, "{separator}{{\"type\":\"sampled\",\"name\":{name},\"unit\":\"nanoseconds\",\"samples\":[")?;
        let (mut separator, mut end) = ("", 0_u64);
        for (gap, sample) in gaps(samples, self.mode) {
            self.out.write_all(separator.as_bytes())?;
            if gap > 0 {
                self.out.write_all(b"[],")?;
            }
            self.kept.stack(sample.branch, projection, &mut self.out)?;
            separator = ",";
        }
        write!(self.out, "],\"weights\":[")?;
        let mut separator = "";
        for (gap, sample) in gaps(samples, self.mode) {
            self.out.write_all(separator.as_bytes())?;
            if gap > 0 {
                write!(self.out, "{gap},")?;
            }
            let weight = sample.weight(self.mode);
            write!(self.out, "{weight}")?;
            end = end.saturating_add(gap).saturating_add(weight);
            separator = ",";
        }
        write!(self.out, "],\"startValue\":0,\"endValue\":{end}}}")
    }

    fn finish(mut self, projection: &Projection<'_>, first: usize) -> io::Result<()> {
        write!(self.out, "\n],\"activeProfileIndex\":{first},\"shared\":{{\"frames\":[")?;
        let mut separator = "\n";
        for label in projection.labels() {
            write!(self.out, "{separator}{}", frame(label))?;
            separator = ",\n";
        }
        writeln!(self.out, "\n]}}}}")?;
        self.out.flush()
    }
}

/// Each sample, with the time before it that does not count.
fn gaps(samples: &[Sample], mode: Mode) -> impl Iterator<Item = (u64, &Sample)> {
    let mut stop = 0;
    samples.iter().map(move |sample| {
        let gap = if mode == Mode::Cpu { 0 } else { sample.start - stop };
        stop = sample.stop();
        (gap, sample)
    })
}

fn frame(label: &Label) -> serde_json::Value {
    let mut frame = json!({"name": places::name(label)});
    if let Some(file) = &label.file {
        frame["file"] = json!(escape(file));
    }
    if let Some(line) = places::line(label) {
        frame["line"] = json!(line);
    }
    frame
}

/// Stacks as they are written, kept.
#[derive(Default)]
struct Kept {
    texts: Vec<Option<Box<str>>>,
    size: usize,
}

impl Kept {
    fn stack(&mut self, branch: BranchId, projection: &Projection<'_>, out: &mut impl Write) -> io::Result<()> {
        if let Some(Some(text)) = self.texts.get(branch.index()) {
            return out.write_all(text.as_bytes());
        }
        let text = stack(branch, projection);
        out.write_all(text.as_bytes())?;
        if self.size + text.len() <= MAX_KEPT {
            self.texts.resize(self.texts.len().max(branch.index() + 1), None);
            self.size += text.len();
            self.texts[branch.index()] = Some(text.into());
        }
        Ok(())
    }
}

/// The numbers of the frames of a stack, the outermost first.
fn stack(branch: BranchId, projection: &Projection<'_>) -> String {
    let branches = projection.branches();
    let way = std::iter::successors(Some(branch), |branch| branches[branch.index()].parent);
    let mut frames: Vec<String> = way.map(|branch| branches[branch.index()].label.index().to_string()).collect();
    frames.reverse();
    format!("[{}]", frames.join(","))
}
