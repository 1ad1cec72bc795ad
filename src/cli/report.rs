//! `pitviper report`: turn a recording into any format, or into a table.

use crate::cli::Outcome;
use crate::cli::record::{Output, Recording, account, convert, write_whole};
use crate::cli::terminal::{self, Talk};
use crate::cli::view::Viewing;
use crate::error::{Error, Kind, Result};
use crate::output::formats::{Format, Source, View};
use crate::output::{Compared, table};
use crate::profile::{Aggregate, Ending, aggregate};
use std::path::{Path, PathBuf};

/// Turn a recording into any format, or into a table
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper report profile.pv                               the functions that took most time
  pitviper report profile.pv -o profile.svg --mode cpu     a flame graph of processor time
  pitviper report profile.pv -o slow.html --time 10s..12s --thread Worker
  pitviper report diff before.pv after.pv                  what takes more time now, and what less
  pitviper report diff before.pv after.pv -o change.svg    the same as a flame graph")]
pub struct Args {
    /// Recording, or `diff` and two
    #[arg(value_name = "FILE", required = true, num_args = 1..=3)]
    files: Vec<PathBuf>,
    /// Write to FILE; how its name ends chooses the format
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write in this format, whatever the file is called
    #[arg(long, value_name = "FORMAT", requires = "output")]
    format: Option<String>,
    /// How many rows a table has
    #[arg(long, value_name = "COUNT", default_value_t = 25)]
    rows: usize,
    #[command(flatten)]
    viewing: Viewing,
}

/// Shows the recording.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let view = args.viewing.view()?;
    match args.files.as_slice() {
        [file] => one(args, file, &view, talk),
        [word, before, after] if word.as_os_str() == "diff" => compare(args, before, after, &view, talk),
        _ => Err(Error::new(Kind::Usage, "give one recording, or `diff` and two")),
    }
}

fn compare(args: &Args, before: &Path, after: &Path, view: &View, talk: Talk) -> Result<Outcome> {
    // Before anything is read: it may be in vain.
    let output = args.output.as_ref().map(|path| Ok((path, format(args, path)?.comparing()?))).transpose()?;
    let compared = Compared::of(&Recording(before.to_owned()), &Recording(after.to_owned()), view)?;
    let mut outcome = Outcome::Complete;
    for (file, summary) in [(before, &compared.before), (after, &compared.after)] {
        talk.note(format!("{}: {}", file.display(), account(&summary.accounting)));
        if ending(file, &summary.ending, talk) != Outcome::Complete {
            outcome = Outcome::Partial;
        }
    }
    match output {
        Some((path, write)) => {
            write_whole(path, |out| write(&compared, out))?;
            talk.note(format!("{} written", path.display()));
        }
        None => terminal::data(|out| table::write_diff(out, &compared.both, args.rows))?,
    }
    Ok(outcome)
}

fn format(args: &Args, path: &Path) -> Result<&'static Format> {
    match &args.format {
        Some(name) => Format::named(name),
        None => Format::of_file(path),
    }
}

fn one(args: &Args, file: &Path, view: &View, talk: Talk) -> Result<Outcome> {
    let Some(path) = &args.output else {
        let (sum, complete) = summed(file, view, talk)?;
        terminal::data(|out| table::write(out, &sum, args.rows))?;
        return Ok(if complete { Outcome::Complete } else { Outcome::Partial });
    };
    let format = format(args, path)?;
    let output = Output::new(path, Some(format.name))?;
    convert(file, format, view, output.path())?;
    talk.note(format!("{} written", path.display()));
    let recording = Recording(file.to_owned());
    let mut reader = recording.open()?;
    while reader.next_block().is_some() {}
    Ok(ending(file, reader.ending(), talk))
}

/// The recording in `file` summed up, and whether it is whole.
fn summed(file: &Path, view: &View, talk: Talk) -> Result<(Aggregate, bool)> {
    let recording = Recording(file.to_owned());
    let mut reader = recording.open()?;
    let sum = aggregate(&mut reader, &view.filter);
    talk.note(format!("{}: {}", file.display(), account(reader.accounting())));
    let complete = ending(file, reader.ending(), talk) == Outcome::Complete;
    Ok((sum, complete))
}

/// Tells if the recording is not whole.
fn ending(file: &Path, ending: &Ending, talk: Talk) -> Outcome {
    let file = file.display();
    match ending {
        Ending::Complete | Ending::Open => return Outcome::Complete,
        Ending::CutShort { .. } => talk.tell(format!("{file} was cut short: shown is what it holds")),
        Ending::Damaged { at, why } => {
            talk.tell(format!("{file} is damaged at byte {at} ({why}): shown is what lies before"))
        }
    }
    Outcome::Partial
}
