//! The graph of who waits for whom: its circles, which are deadlocks, and its chains.

use crate::address::Addr;
use crate::locks::look::{Room, Seen};
use crate::locks::owners::{All, Looked};
use crate::locks::{Chain, Deadlock, Hold, Kind, Locks, Thread, Wait};
use crate::os::Stat;
use crate::stacks::{self, Dump, Pausing};
use crate::target::Target;
use std::collections::{BTreeMap, HashSet};

/// As [`crate::locks::read`].
pub fn read(target: &Target, dump: &Dump, pausing: Pausing) -> Locks {
    let room = Room::new(target);
    let known = dump.interpreters.iter().flat_map(|one| one.threads.iter().map(|thread| (one.id, thread)));
    let looked = known.map(|(interpreter, thread)| Looked {
        interpreter,
        thread,
        is_main: thread.native_id == Some(target.process.pid),
        seen: room.look_at(thread, pausing, &HashSet::new()),
    });
    let forked = Stat::of(target.process.pid).is_some_and(|stat| stat.forked);
    let mut all = All { threads: looked.collect(), forked };
    look_for_acquired(&room, &mut all, pausing);
    let mut locks = Locks { threads: threads(&all), problems: dump.problems.clone(), ..Locks::default() };
    let found = deadlocks(&locks.threads);
    if !found.is_empty() {
        locks.deadlocks = confirm(&room, &mut all, &found, pausing);
        locks.threads = threads(&all);
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
fn threads(all: &All<'_>) -> Vec<Thread> {
    let thread = |(index, looked): (usize, &Looked<'_>)| {
        let mut thread = looked.thread.clone();
        if let (Some((frames, end)), true) = (&looked.seen.frames, looked.seen.still) {
            (thread.frames, thread.end) = (with_locals(frames, &thread.frames), end.clone());
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
    let again = deadlocks(&threads(all));
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
