//! `pitviper record`: look at a process again and again, and tell where its time goes.

mod file;
mod status;

pub use file::{Output, Recording, convert, write_whole};
pub use status::account;

use crate::address::Pid;
use crate::cli::common::{Reading, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::view::Viewing;
use crate::cli::{Outcome, units};
use crate::error::{Error, Kind, Result};
use crate::os::{self, Program};
use crate::output::formats::View;
use crate::profile::{Accounting, Header, Writer};
use crate::sampling::{Options, Schedule, Session};
use status::StatusLine;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// Record where the time of a process goes
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  pitviper record 1234 -o profile.svg                         until Ctrl-C, as a flame graph
  pitviper record 1234 -o profile.pv --duration 30s           everything; `pitviper report` makes the rest of it
  pitviper record -o profile.html -- python app.py            a program from its start to its end
  pitviper record 1234 -o profile.folded --rate 100hz --idle  seldom, with the threads that wait
  pitviper record 1234 -o profile.svg --tasks                 each asyncio task apart

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read;
of `-- COMMAND`, what the command returned")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target, required_unless_present = "command")]
    pid: Option<Pid>,
    /// Start this command and record it from its start
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "pid")]
    command: Vec<OsString>,
    /// Write to FILE; how its name ends chooses the format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write in this format, whatever the file is called
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// How often to look
    #[arg(short, long, value_name = "RATE", default_value = "1khz", value_parser = units::rate)]
    rate: Duration,
    /// End after this time (default: when the process ends, or Ctrl-C)
    #[arg(short, long, value_name = "TIME", value_parser = units::duration)]
    duration: Option<Duration>,
    /// Record the processes it starts as well
    #[arg(long)]
    children: bool,
    /// Look less often where pitviper would take more of a processor than this
    #[arg(long, value_name = "SHARE", value_parser = units::share)]
    max_cpu: Option<f64>,
    /// Begin another file whenever this time has passed: profile.0001.svg, profile.0002.svg
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    every: Option<Duration>,
    /// Of the files of --every, keep this many
    #[arg(long, value_name = "COUNT", requires = "every")]
    keep: Option<u32>,
    #[command(flatten)]
    viewing: Viewing,
    #[command(flatten)]
    reading: Reading,
}

/// Why a recording, or a part of it, ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    /// The process did.
    Process,
    /// The time was up, or the user asked.
    Asked,
    /// The next file is due.
    Part,
}

/// Records the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let whole = Output::new(&args.output, args.format.as_deref())?;
    let view = args.viewing.view()?;
    let options = Options { pausing: args.reading.pausing(), children: args.children, table: args.reading.table()? };
    // Before anything is attached to, or started: it would be in vain.
    let mut raw = whole.part_or_whole(args, 1).create()?;
    os::count_signals();
    os::allow_many_files();
    os::sleep_precisely();
    let mut program = if args.command.is_empty() { None } else { Some(Program::start(&args.command)?) };
    let pid = program.as_ref().map(Program::pid).or(args.pid).unwrap_or(Pid(0));
    let began = os::now();
    let mut complete = true;
    let mut part = 1;
    loop {
        let output = whole.part_or_whole(args, part);
        let session = begin(args, pid, &options, raw, program.as_mut());
        let session = session.inspect_err(|_| drop(std::fs::remove_file(output.raw())))?;
        let (ended, accounting) = record(args, session, began, &output, &view, talk)?;
        output.finish(&view, talk)?;
        complete &= accounting.undecided == 0 && accounting.unreadable == 0;
        talk.tell(format!("{} written: {}", output.path().display(), account(&accounting)));
        if let Some(old) = args.keep.and_then(|keep| part.checked_sub(keep)).filter(|old| *old > 0) {
            // If it is gone already, so much the better.
            let _ = std::fs::remove_file(whole.part(old).path());
        }
        if ended != Ended::Part {
            break;
        }
        part += 1;
        raw = whole.part(part).create()?;
    }
    match program {
        Some(mut program) => {
            if !program.has_ended() {
                talk.tell(format!("{} goes on: waiting for its end", program.name()));
            }
            Ok(Outcome::Exit(program.wait()))
        }
        None if complete => Ok(Outcome::Complete),
        None => Ok(Outcome::Partial),
    }
}

impl Output {
    fn part_or_whole(&self, args: &Args, part: u32) -> Self {
        if args.every.is_some() { self.part(part) } else { self.clone() }
    }
}

/// How often it is tried whether a program that was started has begun to run Python.
const TRY_EVERY: Duration = Duration::from_millis(1);

/// Attaches; waits for Python in a program that was just started.
fn begin(args: &Args, pid: Pid, options: &Options, raw: File, program: Option<&mut Program>) -> Result<Session<File>> {
    let header = Header {
        started: std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        interval: u64::try_from(args.rate.as_nanos()).unwrap_or(u64::MAX),
        mode: args.viewing.mode(),
        command: std::env::args().collect(),
        processors: std::thread::available_parallelism().ok().and_then(|count| u32::try_from(count.get()).ok()),
        kernel: os::kernel(),
        ..Header::default()
    };
    let writer = Writer::new(raw, &header)?;
    let mut session = Session::new(pid, options.clone(), writer);
    let Some(program) = program else {
        session.attach()?;
        return Ok(session);
    };
    loop {
        match session.attach() {
            Ok(()) => return Ok(session),
            Err(error) if program.has_ended() => {
                let name = program.name().to_owned();
                return Err(Error::new(Kind::NotPython, format!("{name} ended before it ran Python")).because(error));
            }
            Err(error) if error.is_denied() => return Err(error),
            Err(_) if os::asked_to_end() => return Err(Error::failed("interrupted before the program ran Python")),
            Err(_) => std::thread::sleep(TRY_EVERY),
        }
    }
}

/// No sleep is longer, so that a signal is noticed soon.
const MAX_SLEEP: Duration = Duration::from_millis(50);
/// How often the rate is adapted to `--max-cpu`.
const ADAPT_EVERY: Duration = Duration::from_secs(1);

fn record(
    args: &Args,
    mut session: Session<File>,
    began: Duration,
    output: &Output,
    view: &View,
    talk: Talk,
) -> Result<(Ended, Accounting)> {
    let started = os::now();
    let seed = u64::try_from(started.as_nanos()).unwrap_or(0) ^ u64::from(std::process::id()) << 32;
    let mut schedule = Schedule::new(args.rate, started, seed);
    let mut status = StatusLine::new(talk >= Talk::Normal);
    let mut adapted = (started, os::processor_time());
    let ended = loop {
        let now = os::now();
        if os::asked_to_end() || args.duration.is_some_and(|limit| now - began >= limit) {
            break Ended::Asked;
        }
        if args.every.is_some_and(|every| now - started >= every) {
            break Ended::Part;
        }
        if let Some(wait) = schedule.due().checked_sub(now).filter(|wait| !wait.is_zero()) {
            std::thread::sleep(wait.min(MAX_SLEEP));
            continue;
        }
        let lost = schedule.advance(now);
        if !session.tick(lost)? {
            break Ended::Process;
        }
        status.note(session.elapsed(), || session.running());
        if status.is_due(session.elapsed()) {
            session.account();
            status.draw(session.elapsed(), session.counts().1, &session.writer.accounting, session.writer.tables());
        }
        if os::asked_to_report() > 0 {
            session.flush()?;
            output.convert(view)?;
            talk.tell(format!("{} written so far", output.path().display()));
        }
        if let Some(share) = args.max_cpu
            && now - adapted.0 >= ADAPT_EVERY
        {
            let spent = (os::processor_time() - adapted.1).as_secs_f64() / (now - adapted.0).as_secs_f64();
            adapted = (now, os::processor_time());
            adapt(&mut schedule, args.rate, spent / share, &mut session)?;
        }
    };
    status.clear();
    let writer = session.finish()?;
    let accounting = writer.accounting;
    let file = writer.finish()?;
    // A recording should survive the machine, too. Where it is no file there is nothing to do.
    let _ = file.sync_all();
    Ok((ended, accounting))
}

/// Looks less often if `excess` times as much was spent as may be, and more often again, up to
/// `fastest`, if less.
fn adapt(schedule: &mut Schedule, fastest: Duration, excess: f64, session: &mut Session<File>) -> Result<()> {
    let now = schedule.interval();
    let next = now.mul_f64(excess.clamp(0.5, 10.0)).max(fastest);
    // Small corrections would only be noise.
    if next > now.mul_f64(1.1) || next < now.mul_f64(0.9) {
        schedule.set_interval(next);
        session.note_interval(next)?;
    }
    Ok(())
}
