//! The graph of who waits for whom: its circles, which are deadlocks, and its chains.

use crate::address::{Addr, Pid};
use crate::locks::files::Ends;
use crate::locks::look::{Room, Seen};
use crate::locks::owners::{All, Looked};
use crate::locks::{Chain, Deadlock, Hold, Kind, Locks, Options, Thread, Wait};
use crate::os::{self, Stat};
use crate::python::End;
use crate::stacks::{self, BlockedOn, Dump, Pausing, State};
use crate::target::Target;
use std::collections::{BTreeMap, HashSet};

/// As [`crate::locks::read`].
pub fn read(target: &Target, dump: &Dump, options: Options) -> Locks {
    let room = Room::new(target);
    let pausing = options.pausing;
    let known = dump.interpreters.iter().flat_map(|one| one.threads.iter().map(|thread| (one.id, thread)));
    let looked = known.map(|(interpreter, thread)| {
        let is_main = thread.native_id == Some(target.process.pid);
        let first = !options.waits_only || waits_for_more_than_a_file(thread);
        let seen = first.then(|| room.look_at(thread, pausing, &HashSet::new()));
        Looked { interpreter, thread, is_main, left_out: seen.is_none(), seen: seen.unwrap_or_default() }
    });
    let forked = Stat::of(target.process.pid).is_some_and(|stat| stat.forked);
    let mut all = All { threads: looked.collect(), forked };
    if all.need_others() {
        for looked in all.threads.iter_mut().filter(|looked| looked.left_out) {
            looked.seen = room.look_at(looked.thread, pausing, &HashSet::new());
        }
    }
    look_for_acquired(&room, &mut all, pausing);
    let mut locks =
        Locks { threads: threads(&all, target.process.pid), problems: dump.problems.clone(), ..Locks::default() };
    let found = deadlocks(&locks.threads);
    if !found.is_empty() {
        locks.deadlocks = confirm(&room, &mut all, &found, pausing);
        locks.threads = threads(&all, target.process.pid);
    }
    if room.is_out_of_time() {
        locks.problems.push("not all threads were looked at: it took too long".to_owned());
    }
    if !options.waits_only {
        tell_other_ends(target.process.pid, &mut locks.threads);
        let is_unsure = |looked: &&Looked<'_>| looked.thread.native_id.is_some() && !looked.seen.still;
        let unsure = all.threads.iter().filter(is_unsure).count();
        if unsure > 0 {
            let what = if unsure == 1 { "1 thread" } else { &format!("{unsure} threads") };
            locks.problems.push(format!("{what} ran while read: nothing that they hold is proved"));
        }
    }
    let stuck: HashSet<usize> = locks.deadlocks.iter().flat_map(|one| &one.threads).copied().collect();
    let (chains, waiting) = chains(&locks.threads, &stuck);
    locks.chains = chains;
    for deadlock in &mut locks.deadlocks {
        let outside = waiting.iter().filter(|(end, _)| deadlock.threads.contains(end));
        deadlock.waiting = outside.flat_map(|(_, waiting)| waiting.iter().copied()).collect();
        deadlock.waiting.sort_unstable();
    }
    locks
}

/// Whether a thread, as the dump shows it, may wait for anything but a file or the time.
fn waits_for_more_than_a_file(thread: &stacks::Thread) -> bool {
    let Some(blocked_on) = &thread.blocked_on else { return false };
    let sleeps = || matches!(blocked_on.call.name(), Some("select" | "clock_nanosleep" | "wait4" | "waitid"));
    blocked_on.call.futex().or(blocked_on.call.continued()).is_some() || sleeps()
}

/// Looks once more at all threads, where a lock is held by none in a block: who has called `acquire`?
fn look_for_acquired(room: &Room<'_>, all: &mut All<'_>, pausing: Pausing) {
    let wanted: HashSet<Addr> = all.unaccounted();
    if wanted.is_empty() {
        return;
    }
    for looked in &mut all.threads {
        let seen = room.look_at(looked.thread, pausing, &wanted);
        // Of one that has moved on, what was seen first is forgotten with that.
        looked.seen = seen;
    }
}

/// The threads with all that is known of them.
fn threads(all: &All<'_>, pid: Pid) -> Vec<Thread> {
    let thread = |(index, looked): (usize, &Looked<'_>)| {
        let mut thread = looked.thread.clone();
        // Of a stack that was cut the dump has more.
        let whole = |end: &End| looked.seen.still && *end != End::TooDeep;
        if let Some((frames, end)) = looked.seen.frames.as_ref().filter(|(_, end)| whole(end)) {
            (thread.frames, thread.end) = (with_locals(frames, &thread.frames), end.clone());
        }
        if looked.seen.still {
            as_seen(pid, &mut thread, &looked.seen);
        }
        let wait = looked.seen.raw.as_ref().map(|raw| Wait {
            kind: raw.kind,
            object: raw.object.clone(),
            detail: raw.detail.clone(),
            timed: raw.timed,
            owners: all.owners(index, raw),
            frame: raw.frame,
        });
        let still = looked.seen.still;
        let hold = |(held, object): &(crate::locks::held::Held, crate::locks::Object)| Hold {
            object: object.clone(),
            how: held.how,
            proved: held.certain && still,
            frame: held.frame,
        };
        Thread { interpreter: looked.interpreter, thread, wait, holds: looked.seen.held.iter().map(hold).collect() }
    };
    all.threads.iter().enumerate().map(thread).collect()
}

/// Says of those who wait for a pipe or socket what is at its other end.
fn tell_other_ends(pid: Pid, threads: &mut [Thread]) {
    let is_call = |thread: &&Thread| thread.wait.as_ref().is_some_and(|wait| wait.kind == Kind::Call);
    let ends = Ends::of(pid, threads.iter().filter(is_call).map(|thread| &thread.thread));
    for thread in threads {
        let Some(wait) = thread.wait.as_mut() else { continue };
        match (wait.kind, &mut wait.detail) {
            (Kind::Call, detail) => *detail = ends.describe(pid, &thread.thread),
            (Kind::Process, Some(detail)) => {
                if let Some(child) = child_of(pid, detail) {
                    detail.push_str(&format!(" ({})", child.name));
                    if let Some(does) = Ends::of_child(pid, child.pid) {
                        detail.push_str(&format!(", which is in {does}"));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The process that `text` names, if it is a child of `pid`: the number is one of the namespace of the target, which
/// may be another process here.
fn child_of(pid: Pid, text: &str) -> Option<os::Process> {
    let child = text.strip_prefix("process ")?.parse().ok().map(Pid)?;
    os::process(child).ok().filter(|child| child.parent == pid)
}

/// What the kernel said of `thread` when it was seen last, instead of what the dump has.
fn as_seen(pid: Pid, thread: &mut stacks::Thread, seen: &Seen) {
    let known = thread.blocked_on.as_ref().map(|blocked_on| blocked_on.call);
    if known == seen.call {
        return;
    }
    thread.blocked_on = seen.call.map(|call| BlockedOn { call, target: call.target(pid) });
    thread.state = match (seen.call, seen.raw.as_ref().map(|raw| raw.kind)) {
        (_, Some(Kind::Gil)) => State::WaitingGil,
        (_, Some(Kind::StopTheWorld)) => State::Suspended,
        (Some(_), _) => State::Idle,
        (None, _) => State::Running,
    };
}

/// The `frames` seen last, with the variables that the dump has of them, if they are still the same.
fn with_locals(frames: &[stacks::Frame], before: &[stacks::Frame]) -> Vec<stacks::Frame> {
    let same = frames.len() == before.len()
        && frames.iter().zip(before).all(|(a, b)| a.lasti == b.lasti && a.code.address == b.code.address);
    if same { before.to_vec() } else { frames.to_vec() }
}

/// Threads that cannot go on, since each of those for which they may be waiting cannot: what remains of all
/// that wait for somebody once those are taken away, again and again, one of whose owners can go on.
fn stuck(threads: &[Thread]) -> HashSet<usize> {
    let holders = |thread: &Thread| -> Vec<usize> {
        let wait = thread.wait.as_ref();
        wait.map_or_else(Vec::new, |wait| wait.holders().map(|holder| holder.thread).collect())
    };
    let edges: Vec<Vec<usize>> = threads.iter().map(holders).collect();
    let mut left: HashSet<usize> =
        edges.iter().enumerate().filter(|(_, owners)| !owners.is_empty()).map(|(index, _)| index).collect();
    loop {
        let can_go_on = |index: &usize| edges.get(*index).into_iter().flatten().any(|owner| !left.contains(owner));
        let free: Vec<usize> = left.iter().copied().filter(can_go_on).collect();
        if free.is_empty() {
            return left;
        }
        for index in free {
            left.remove(&index);
        }
    }
}

/// The one that `thread` waits for first.
fn first(threads: &[Thread], thread: usize) -> Option<usize> {
    threads.get(thread)?.wait.as_ref()?.holders().next().map(|holder| holder.thread)
}

/// The circles among those that are stuck, each begun with its first thread.
fn deadlocks(threads: &[Thread]) -> Vec<Deadlock> {
    let stuck = stuck(threads);
    let mut done: HashSet<usize> = HashSet::new();
    let mut found: Vec<Deadlock> = Vec::new();
    for start in 0..threads.len() {
        let mut path: Vec<usize> = Vec::new();
        let mut next = Some(start).filter(|start| stuck.contains(start));
        while let Some(at) = next.filter(|at| done.insert(*at)) {
            path.push(at);
            next = first(threads, at);
        }
        let Some(from) = next.and_then(|end| path.iter().position(|at| *at == end)) else { continue };
        let mut circle = path.split_off(from);
        let least = circle.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(place, _)| place);
        circle.rotate_left(least);
        let waits = || circle.iter().filter_map(|at| threads.get(*at)?.wait.as_ref());
        let (proved, timed) = (waits().all(Wait::is_proved), waits().any(|wait| wait.timed));
        found.push(Deadlock { threads: circle, proved, timed, waiting: Vec::new() });
    }
    found.sort_by_key(|deadlock| deadlock.threads.first().copied());
    found
}

/// Those of the deadlocks `found` that are true: their threads are looked at once more, and have to wait for
/// each other as before, and none may have run since the first look. Then there was a moment, between the two
/// looks, in which all of them waited.
fn confirm(room: &Room<'_>, all: &mut All<'_>, found: &[Deadlock], pausing: Pausing) -> Vec<Deadlock> {
    let wanted = all.unaccounted();
    let members: HashSet<usize> = found.iter().flat_map(|deadlock| &deadlock.threads).copied().collect();
    let turns: BTreeMap<usize, Option<u64>> =
        members.iter().map(|index| (*index, all.threads.get(*index).and_then(|looked| looked.seen.turns))).collect();
    for index in &members {
        let Some(looked) = all.threads.get_mut(*index) else { continue };
        let seen: Seen = room.look_at(looked.thread, pausing, &wanted);
        looked.seen = seen;
    }
    let still = |index: &usize| {
        let Some(looked) = all.threads.get(*index) else { return false };
        // Who waits for the GIL wakes up every few milliseconds to ask for it.
        let asks = looked.seen.raw.as_ref().is_some_and(|raw| raw.kind == Kind::Gil);
        asks || turns.get(index).is_some_and(|turns| room.has_slept_since(looked.thread, *turns))
    };
    let again = deadlocks(&threads(all, room.target.process.pid));
    let same = |deadlock: &&Deadlock| found.iter().any(|before| before.threads == deadlock.threads);
    again.iter().filter(same).filter(|deadlock| deadlock.threads.iter().all(still)).cloned().collect()
}

/// By the thread at which they end, those that wait for it directly or through others.
type Waiting = BTreeMap<usize, Vec<usize>>;

/// The chains that end outside of deadlocks, and who waits for the threads of deadlocks.
fn chains(threads: &[Thread], stuck: &HashSet<usize>) -> (Vec<Chain>, Waiting) {
    let mut free = Waiting::new();
    let mut within = Waiting::new();
    for start in (0..threads.len()).filter(|start| !stuck.contains(start)) {
        let (mut at, mut steps) = (start, 0);
        // A circle that was not confirmed leads back into itself.
        while let Some(next) = first(threads, at).filter(|_| steps <= threads.len() && !stuck.contains(&at)) {
            (at, steps) = (next, steps + 1);
        }
        if at != start && steps <= threads.len() {
            let ends = if stuck.contains(&at) { &mut within } else { &mut free };
            ends.entry(at).or_default().push(start);
        }
    }
    let mut chains: Vec<Chain> = free.into_iter().map(|(end, waiting)| Chain { end, waiting }).collect();
    chains.sort_by_key(|chain| std::cmp::Reverse(chain.waiting.len()));
    (chains, within)
}
