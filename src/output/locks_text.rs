//! Who waits for whom, for people: deadlocks first, then what most wait for, then every thread.

use crate::locks::{Deadlock, Holder, How, Kind, Locks, Object, Owner, Thread, Wait};
use crate::output::dump_text::{describe_call, describe_state, write_frame, write_head};
use crate::output::{Style, escape};
use crate::target::Target;
use std::io::{self, Write};

/// Writes `locks` of `target` to `out`.
pub fn write(out: &mut dyn Write, target: &Target, locks: &Locks, style: Style) -> io::Result<()> {
    write_head(out, target, &locks.problems, style)?;
    for (index, deadlock) in locks.deadlocks.iter().enumerate() {
        write_deadlock(out, locks, deadlock, index + 1, style)?;
    }
    if locks.deadlocks.is_empty() {
        writeln!(out, "no deadlock")?;
    }
    for chain in &locks.chains {
        let Some(end) = locks.threads.get(chain.end) else { continue };
        let count = threads_wait(chain.waiting.len());
        let doing = does(locks, end);
        writeln!(out, "\n{}", style.heading(format!("{count} for {}: {doing}", name(end))))?;
        for thread in chain.waiting.iter().filter_map(|index| locks.threads.get(*index)) {
            write_waiting(out, locks, thread)?;
        }
        write_frames(out, end, style)?;
    }
    writeln!(out, "\n{}", style.heading("Threads"))?;
    locks.threads.iter().try_for_each(|thread| write_thread(out, locks, thread, style))
}

fn threads_wait(count: usize) -> String {
    if count == 1 { "1 thread waits".to_owned() } else { format!("{count} threads wait") }
}

/// Writes one line for each deadlock: who holds and wants what.
pub fn write_deadlocks(out: &mut dyn Write, locks: &Locks, style: Style) -> io::Result<()> {
    for (index, deadlock) in locks.deadlocks.iter().enumerate() {
        writeln!(out, "\n{}", style.bad(summary(locks, deadlock, index + 1)))?;
    }
    Ok(())
}

fn summary(locks: &Locks, one: &Deadlock, number: usize) -> String {
    let members: Vec<&Thread> = one.threads.iter().filter_map(|index| locks.threads.get(*index)).collect();
    let what = if one.proved { "deadlock" } else { "possible deadlock" };
    let until = if one.timed { ", until one of them gives up after its timeout" } else { "" };
    // What a thread holds is what the one before it in the circle wants.
    let held = |index: usize| members.get((index + members.len() - 1) % members.len()).and_then(|m| m.wait.as_ref());
    let part = |(index, member): (usize, &&Thread)| {
        let wants = member.wait.as_ref().map_or_else(String::new, brief);
        let holds = held(index).filter(|wait| is_held(wait.kind)).map(|wait| format!("holds {}, ", brief(wait)));
        format!("{} {}wants {wants}", name(member), holds.unwrap_or_default())
    };
    let parts: Vec<String> = members.iter().enumerate().map(part).collect();
    format!("{what} {number}: {}{until}", parts.join("; "))
}

fn write_deadlock(out: &mut dyn Write, locks: &Locks, one: &Deadlock, number: usize, style: Style) -> io::Result<()> {
    writeln!(out, "\n{}", style.bad(summary(locks, one, number)))?;
    let members = one.threads.iter().filter_map(|index| locks.threads.get(*index));
    for member in members {
        writeln!(out, "  {}", style.heading(name(member)))?;
        if let Some(wait) = &member.wait {
            writeln!(out, "    blocked on {}", describe(locks, wait))?;
        }
        write_frames(out, member, style)?;
    }
    if !one.waiting.is_empty() {
        writeln!(out, "  {} for them:", threads_wait(one.waiting.len()))?;
        for thread in one.waiting.iter().filter_map(|index| locks.threads.get(*index)) {
            write_waiting(out, locks, thread)?;
        }
    }
    Ok(())
}

/// Whether a thread can be said to hold what another waits for.
fn is_held(kind: Kind) -> bool {
    matches!(kind, Kind::Lock | Kind::RLock | Kind::Semaphore | Kind::Buffer | Kind::Shared | Kind::Import | Kind::Gil)
}

fn write_waiting(out: &mut dyn Write, locks: &Locks, thread: &Thread) -> io::Result<()> {
    let wait = thread.wait.as_ref().map_or_else(String::new, |wait| describe(locks, wait));
    writeln!(out, "    {}: {wait}", name(thread))
}

/// The frames of a thread, each with what it has taken and with what it waits for.
fn write_frames(out: &mut dyn Write, thread: &Thread, style: Style) -> io::Result<()> {
    for (index, frame) in thread.thread.frames.iter().enumerate() {
        write_frame(out, frame, style)?;
        if let Some(wait) = thread.wait.as_ref().filter(|wait| wait.frame == Some(index) && wait.kind != Kind::Call) {
            writeln!(out, "      - waits for {}", what(wait))?;
        }
        for hold in thread.holds.iter().filter(|hold| hold.frame == index) {
            let word = if hold.proved { "holds" } else { "possibly holds" };
            writeln!(out, "      - {word} {}", object(&hold.object))?;
        }
    }
    Ok(())
}

fn write_thread(out: &mut dyn Write, locks: &Locks, thread: &Thread, style: Style) -> io::Result<()> {
    let doing = does(locks, thread);
    writeln!(out, "  {}: {doing}", style.name(name(thread)))?;
    for hold in &thread.holds {
        let word = if hold.proved { "holds" } else { "possibly holds" };
        writeln!(out, "    {word} {}{}", object(&hold.object), style.quiet(place(thread, Some(hold.frame))))?;
    }
    Ok(())
}

/// What a thread does, or waits for.
fn does(locks: &Locks, thread: &Thread) -> String {
    match &thread.wait {
        Some(wait) if wait.kind != Kind::Call => format!("waits for {}", describe(locks, wait)),
        Some(Wait { detail: Some(detail), .. }) => format!("{} ({})", describe_state(&thread.thread), escape(detail)),
        _ => describe_state(&thread.thread),
    }
}

/// Whether there is more to say of a wait than its system call.
pub fn says_more(wait: &Wait) -> bool {
    wait.kind != Kind::Call || wait.detail.is_some()
}

fn name(thread: &Thread) -> String {
    let thread = &thread.thread;
    let id = thread.native_id.map_or_else(|| format!("{:#x}", thread.id), |id| id.to_string());
    let name = thread.name.as_ref().or(thread.comm.as_ref());
    name.map_or_else(|| format!("thread {id}"), |name| format!("thread {id} \"{}\"", escape(name)))
}

fn object(object: &Object) -> String {
    let address = format!("<{} at {}>", escape(&object.type_name), object.address);
    match &object.name {
        Some(name) => format!("{} {address}", escape(name)),
        None => address,
    }
}

/// What is waited for, in a few words.
fn brief(wait: &Wait) -> String {
    let called = wait.object.as_ref().map(|object| match &object.name {
        Some(name) => escape(name).into_owned(),
        None => format!("<{} at {}>", escape(&object.type_name), object.address),
    });
    let called = called.unwrap_or_default();
    let detail = wait.detail.as_deref().map(escape).unwrap_or_default();
    match wait.kind {
        Kind::Gil => "the GIL".to_owned(),
        Kind::Join => format!("{} to end", if detail.is_empty() { called } else { detail.into_owned() }),
        Kind::Future => format!("future {called}"),
        Kind::Import => format!("the import of {detail}"),
        Kind::Buffer => format!("the buffer of {called}"),
        _ if called.is_empty() => what(wait),
        _ => called,
    }
}

/// What is waited for.
fn what(wait: &Wait) -> String {
    let called = wait.object.as_ref().map(object).unwrap_or_default();
    let detail = wait.detail.as_deref().map(escape).unwrap_or_default();
    let text = match wait.kind {
        Kind::Gil => "the GIL".to_owned(),
        Kind::Lock => format!("lock {called}"),
        Kind::RLock => format!("recursive lock {called}"),
        Kind::Condition => format!("condition {called} to be notified"),
        Kind::Event => format!("event {called} to be set"),
        Kind::Semaphore => format!("semaphore {called}"),
        Kind::Barrier => format!("others to reach barrier {called}"),
        Kind::QueueGet => format!("an item of queue {called}"),
        Kind::QueuePut => format!("room in queue {called}"),
        Kind::QueueJoin => format!("all items of queue {called} to be done"),
        Kind::Join => format!("{} to end", if detail.is_empty() { called.as_str() } else { &detail }),
        Kind::Start => format!("{} to start", if detail.is_empty() { called.as_str() } else { &detail }),
        Kind::Shutdown => "all threads to end, as the program ends".to_owned(),
        Kind::Future => format!("future {called}"),
        Kind::Futures => format!("futures {called}"),
        Kind::PoolResult => format!("result {called} of a pool of processes"),
        Kind::Import => format!("another thread to import {detail}"),
        Kind::Buffer => format!("the buffer of {called}"),
        Kind::Shared => format!("lock {called}, which processes share"),
        Kind::Process => format!("{} to end", if detail.is_empty() { called.as_str() } else { &detail }),
        Kind::ObjectMutex => format!("the mutex of {called}"),
        Kind::StopTheWorld => "the world to go on".to_owned(),
        Kind::Native => "a lock in C, of which no object is known".to_owned(),
        Kind::Call => "a system call".to_owned(),
    };
    let used = matches!(wait.kind, Kind::Join | Kind::Start | Kind::Process | Kind::Import);
    let text = if detail.is_empty() || used { text } else { format!("{text} ({detail})") };
    text.replace("  ", " ")
}

/// What is waited for, and for whom.
pub fn describe(locks: &Locks, wait: &Wait) -> String {
    let timed = if wait.timed { ", with a timeout" } else { "" };
    let owners: Vec<String> = wait.owners.iter().map(|one| owner(locks, wait.kind, one)).collect();
    let owners = if owners.is_empty() { String::new() } else { format!(", {}", owners.join(" or ")) };
    format!("{}{owners}{timed}", what(wait))
}

/// The same of a thread in a system call.
pub fn describe_wait(locks: &Locks, thread: &Thread) -> Option<String> {
    let wait = thread.wait.as_ref().filter(|wait| says_more(wait))?;
    if wait.kind != Kind::Call {
        return Some(describe(locks, wait));
    }
    let call = thread.thread.blocked_on.as_ref().map(describe_call)?;
    Some(format!("{call}: {}", escape(wait.detail.as_deref()?)))
}

fn owner(locks: &Locks, kind: Kind, owner: &Owner) -> String {
    let verb = match kind {
        Kind::Import => "imported by",
        _ => "held by",
    };
    let of =
        |holder: &Holder| locks.threads.get(holder.thread).map(|thread| (name(thread), place(thread, holder.frame)));
    match owner {
        Owner::Proved(holder) => {
            let Some((name, place)) = of(holder) else { return String::new() };
            match holder.how {
                How::Lives => format!("which is {name}"),
                How::Runs => format!("run by {name}{place}"),
                How::Worker => format!("queued for {name}"),
                How::Stopped => format!("stopped by {name}"),
                How::Field | How::Imports | How::With | How::Acquire | How::Gil => format!("{verb} {name}{place}"),
            }
        }
        Owner::Possible(holder) => {
            let Some((name, place)) = of(holder) else { return String::new() };
            match holder.how {
                How::Worker => format!("queued for {name}"),
                _ => format!("possibly {verb} {name}{place}"),
            }
        }
        Owner::Gone(ident) => format!("{verb} a thread that no longer exists (identity {ident}; fork?)"),
        Owner::Unknown { forked: true } => {
            "held by no thread that is known; the process was forked, perhaps while another thread held it".to_owned()
        }
        Owner::Unknown { forked: false } => "held by no thread that is known".to_owned(),
    }
}

/// Where a thread took something.
fn place(thread: &Thread, frame: Option<usize>) -> String {
    let Some(frame) = frame.and_then(|frame| thread.thread.frames.get(frame)) else { return String::new() };
    let name = frame.code.qualname.as_ref().unwrap_or(&frame.code.name);
    let line = frame.position.line.map_or_else(String::new, |line| format!(":{line}"));
    format!(" in {} ({}{line})", escape(name), escape(&frame.code.filename))
}
