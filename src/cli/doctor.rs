//! `pitviper doctor`: what can be seen of a process, what not, why, and how to fix it.

use crate::address::Pid;
use crate::cli::common::{Reading, Shown, parse_target};
use crate::cli::{Outcome, terminal};
use crate::error::{Error, Result};
use crate::layout::Source;
use crate::os;
use crate::output::doctor::{self, Finding};
use crate::stacks::{self, Options};
use crate::target::{Root, Target};

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
pub fn run(args: &Args) -> Result<Outcome> {
    let table = args.reading.table()?;
    let mut findings = Vec::new();
    let mut failure = None;
    if let Ok(process) = os::process(args.pid) {
        findings.push(good("process", process.command_text()));
        let executable = process.executable.map(|path| path.display().to_string());
        findings.push(good("executable", executable.unwrap_or_else(|| "may not be known".to_owned())));
    }
    match Target::attach(args.pid, table.as_ref()) {
        Ok(target) => {
            findings.extend(of_target(&target));
            findings.extend(of_stacks(&target, args));
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
    let layout = &target.layout;
    let root = match target.anchors.root {
        Root::Runtime(at) => format!("_PyRuntime at {at}"),
        Root::InterpreterHead(at) => format!("interp_head at {at}"),
    };
    let source = match &layout.source {
        Source::Table { name, own, covered } => {
            let own = if *own { ", and the target's own debug offsets" } else { "" };
            let proof =
                if *covered { "" } else { "; the release is newer than the table, the sizes of its symbols agree" };
            format!("table {name}{own}{proof}")
        }
        Source::NewerThanKnown { name } => format!("the target's own debug offsets, and table {name}"),
        Source::User(name) => format!("your table {name}"),
        Source::DebugInfo(name) => format!("the debug info of {name}"),
    };
    let mut findings = vec![
        good("access", "its memory can be read"),
        good("library", target.module.path().display().to_string()),
        good("version", format!("CPython {} ({}, {})", layout.version, layout.flavour, target.machine.name())),
        good("runtime", format!("{root}, found {}", target.anchors.how)),
        good("layout", source),
    ];
    findings.extend(layout.warnings.iter().map(|warning| bad("layout", warning.clone(), Vec::new())));
    if !target.initialised {
        findings.push(bad("state", "Python is starting up or has finished: there is no interpreter", Vec::new()));
    }
    findings
}

fn of_stacks(target: &Target, args: &Args) -> Vec<Finding> {
    let dump = stacks::dump(target, &Options { pausing: args.reading.pausing(), locals: None });
    let threads: Vec<_> = dump.interpreters.iter().flat_map(|interpreter| &interpreter.threads).collect();
    let mut findings = vec![good("threads", format!("{} in {} interpreters", threads.len(), dump.interpreters.len()))];
    let unread = threads.iter().filter(|thread| !thread.is_complete()).count();
    if unread > 0 {
        findings.push(bad("stacks", format!("{unread} could not be read wholly or decided"), Vec::new()));
    } else {
        findings.push(good("stacks", "all were read"));
    }
    findings.extend(dump.problems.iter().map(|problem| bad("dump", problem.clone(), Vec::new())));
    let unnamed = threads.iter().filter(|thread| thread.native_id.is_none()).count();
    if unnamed > 0 {
        findings.push(bad("kernel ids", format!("those of {unnamed} threads could not be told"), Vec::new()));
    }
    findings
}
