//! `pitviper doctor`: what can be seen of a process, what not, why, and how to fix it.

use crate::address::Pid;
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::{Error, Result};
use crate::os;
use crate::output::doctor::{self, Finding};
use crate::stacks::Options;
use crate::target::Target;

/// Tell what can be seen of a process and what not, why, and how to fix it
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// Examines the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.reading.table()?;
    let mut findings = Vec::new();
    let mut failure = None;
    if let Ok(process) = os::process(args.pid) {
        findings.push(good("process", process.command_text()));
        findings.push(good("executable", found::executable(&process)));
    }
    match found::attach(talk, args.pid, table.as_ref()) {
        Ok(target) => {
            findings.extend(of_target(&target));
            findings.extend(of_stacks(&target, args, talk));
        }
        Err(error) => {
            findings.push(bad("access", error.to_string(), error.hints().to_vec()));
            failure = Some(error);
        }
    }
    if args.shown.json {
        terminal::document(&doctor::document(args.pid.0, &findings))?;
    } else {
        terminal::data(|out| doctor::write(out, &findings, args.shown.color.style()))?;
    }
    match failure {
        Some(error) => Err(Error::new(error.kind(), format!("pid {} cannot be read: see above", args.pid))),
        None if findings.iter().all(|finding| finding.good) => Ok(Outcome::Complete),
        None => Ok(Outcome::Partial),
    }
}

fn good(subject: &'static str, answer: impl Into<String>) -> Finding {
    Finding { subject, answer: answer.into(), good: true, hints: Vec::new() }
}

fn bad(subject: &'static str, answer: impl Into<String>, hints: Vec<String>) -> Finding {
    Finding { subject, answer: answer.into(), good: false, hints }
}

fn of_target(target: &Target) -> Vec<Finding> {
    let mut findings = vec![good("access", "its memory can be read")];
    findings.extend(found::findings(target).map(|(subject, answer)| good(subject, answer)));
    findings.extend(target.layout.warnings.iter().map(|warning| bad("layout", warning.clone(), Vec::new())));
    if target.layout.interpreter.gc_collecting.is_none() && target.layout.runtime.gc_collecting.is_none() {
        // Modules/gcmodule.c: a static variable until 3.6, part of the runtime since.
        let why = "whether garbage is being collected cannot be told: before 3.7 no symbol leads to the flag";
        findings.push(good("gc", why));
    }
    if !target.initialised {
        findings.push(bad("state", "Python is starting up or has finished: there is no interpreter", Vec::new()));
    }
    findings
}

fn of_stacks(target: &Target, args: &Args, talk: Talk) -> Vec<Finding> {
    let dump = found::dump(talk, target, &Options { pausing: args.reading.pausing(), locals: None });
    let threads: Vec<_> = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads).collect();
    let mut findings = vec![good("threads", format!("{} in {} interpreters", threads.len(), dump.interpreters.len()))];
    let unread = threads.iter().filter(|thread| !thread.is_complete()).count();
    if unread > 0 {
        findings.push(bad("stacks", format!("{unread} could not be read wholly or decided"), Vec::new()));
    } else {
        findings.push(good("stacks", "all were read"));
    }
    findings.extend(dump.problems.iter().map(|problem| bad("dump", problem.clone(), Vec::new())));
    let ended = threads.iter().filter(|thread| thread.ended).count();
    if ended > 0 {
        findings.push(good("ended", format!("{ended} threads that Python lists still have ended")));
    }
    let unnamed = threads.iter().filter(|thread| thread.native_id.is_none() && !thread.ended).count();
    if unnamed > 0 {
        findings.push(bad("kernel ids", format!("those of {unnamed} threads could not be told"), Vec::new()));
    }
    findings
}
