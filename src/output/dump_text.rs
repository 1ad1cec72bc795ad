//! A dump for people: innermost frame first.

use crate::locks::Locks;
use crate::objects::Value;
use crate::output::{Style, escape, kind, locks_text, read, state};
use crate::python::{End, VariableKind};
use crate::stacks::{BlockedOn, Dump, Frame, Interpreter, Read, State, Thread};
use crate::target::Target;
use std::io::{self, Write};

/// Writes `dump` of `target` to `out`, with what its threads wait for as `locks` has it.
pub fn write(out: &mut dyn Write, target: &Target, dump: &Dump, locks: &Locks, style: Style) -> io::Result<()> {
    write_head(out, target, &dump.problems, style)?;
    let label = dump.interpreters.len() > 1;
    dump.interpreters.iter().try_for_each(|interpreter| write_interpreter(out, interpreter, locks, label, style))?;
    locks_text::write_deadlocks(out, locks, style)
}

/// Which process and which Python it is, and what could not be read.
pub(super) fn write_head(out: &mut dyn Write, target: &Target, problems: &[String], style: Style) -> io::Result<()> {
    let process = &target.process;
    writeln!(out, "{}", style.heading(format!("Process {}: {}", process.pid, escape(&process.command_brief()))))?;
    let flavour = match target.layout.flavour {
        crate::layout::Flavour::Gil => String::new(),
        flavour => format!(" {flavour}"),
    };
    let path = target.module.path();
    writeln!(out, "CPython {}{flavour} ({})", target.layout.version, escape(&path.to_string_lossy()))?;
    for problem in problems {
        writeln!(out, "{}", style.bad(format!("note: {}", escape(problem))))?;
    }
    Ok(())
}

fn write_interpreter(
    out: &mut dyn Write,
    interpreter: &Interpreter,
    locks: &Locks,
    label: bool,
    style: Style,
) -> io::Result<()> {
    if label {
        let kind = if interpreter.id == 0 { " (main)" } else { "" };
        writeln!(out, "\n{}", style.heading(format!("Interpreter {}{kind}", interpreter.id)))?;
    }
    interpreter.threads.iter().try_for_each(|thread| write_thread(out, thread, locks, style))
}

fn write_thread(out: &mut dyn Write, thread: &Thread, locks: &Locks, style: Style) -> io::Result<()> {
    let id = thread.native_id.map_or_else(|| format!("{:#x}", thread.id), |id| id.to_string());
    let name = thread.name.as_ref().or(thread.comm.as_ref());
    let name = name.map_or_else(String::new, |name| format!(" \"{}\"", escape(name)));
    let heading = style.heading(format!("Thread {id}{name}"));
    writeln!(out, "\n{heading}: {}{}", describe_state(thread), how_read(thread, style))?;
    if let Some(wait) = locks.wait_of(thread).and_then(|known| locks_text::describe_wait(locks, known)) {
        writeln!(out, "    {}", style.name(format!("blocked on {wait}")))?;
    }
    if thread.at_prompt {
        writeln!(out, "    {}", style.quiet("at the interactive prompt"))?;
    } else if thread.frames.is_empty() && thread.end == End::Root && thread.read != Read::Undecided {
        writeln!(out, "    {}", style.quiet("runs no Python code"))?;
    }
    for frame in &thread.frames {
        write_frame(out, frame, style)?;
    }
    match &thread.end {
        End::Root => Ok(()),
        End::Unreadable(fault) => {
            writeln!(out, "    {}", style.bad(format!("<the rest is unreadable: {fault}>")))
        }
        End::Loop => writeln!(out, "    {}", style.bad("<the chain of frames leads back into itself>")),
        End::TooDeep => {
            writeln!(out, "    {}", style.bad(format!("<cut after {} frames>", thread.frames.len())))
        }
    }
}

pub(super) fn describe_state(thread: &Thread) -> String {
    let what = match (thread.state, &thread.blocked_on) {
        (State::Idle, Some(blocked_on)) => format!("idle in {}", describe_call(blocked_on)),
        (State::WaitingGil, _) => "waiting for the GIL".to_owned(),
        (State::Gc, _) => "collecting garbage".to_owned(),
        _ if thread.ended => "ended; Python lists it still, with what it left behind".to_owned(),
        _ => state(thread).to_owned(),
    };
    if thread.gil == Some(true) { format!("{what}, holds the GIL") } else { what }
}

pub(super) fn describe_call(blocked_on: &BlockedOn) -> String {
    let name = blocked_on.call.name().map_or_else(|| format!("system call {}", blocked_on.call.number), str::to_owned);
    match &blocked_on.target {
        Some(target) => match &target.file {
            Some(file) => format!("{name} on fd {} {}", target.fd, escape(&file.to_string_lossy())),
            None => format!("{name} on fd {}", target.fd),
        },
        None => name,
    }
}

fn how_read(thread: &Thread, style: Style) -> String {
    match thread.read {
        // Nothing special: it slept.
        Read::Blocked => String::new(),
        Read::Undecided if thread.native_id.is_some() => {
            style.bad(" [undecided: it ran while it was read, and the stack may mix two moments]")
        }
        how => style.quiet(format!(" [{}]", read(how))),
    }
}

pub(super) fn write_frame(out: &mut dyn Write, frame: &Frame, style: Style) -> io::Result<()> {
    let name = frame.code.qualname.as_ref().unwrap_or(&frame.code.name);
    let line = frame.position.line.map_or_else(String::new, |line| format!(":{line}"));
    let place = format!("({}{line})", escape(&frame.code.filename));
    writeln!(out, "    {} {}", style.name(escape(name)), style.quiet(place))?;
    let Some(locals) = &frame.locals else { return Ok(()) };
    for local in &locals.variables {
        let mark = match local.kind {
            VariableKind::Argument | VariableKind::Local => String::new(),
            other => style.quiet(format!(" ({})", kind(other))),
        };
        writeln!(out, "        {}{mark} = {}", escape(&local.name), escape(&local.value.text))?;
        write_attributes(out, &local.value, 3)?;
    }
    match &locals.fault {
        Some(fault) => writeln!(out, "        {}", style.bad(format!("<variables unreadable: {fault}>"))),
        None => Ok(()),
    }
}

/// Nesting is bounded by the depth that the user asked for.
fn write_attributes(out: &mut dyn Write, value: &Value, indent: usize) -> io::Result<()> {
    for (name, value) in &value.attributes {
        writeln!(out, "{:width$}.{} = {}", "", escape(name), escape(&value.text), width = indent * 4)?;
        write_attributes(out, value, indent + 1)?;
    }
    Ok(())
}
