//! Who has to act before a wait ends.

use crate::address::Addr;
use crate::locks::look::Seen;
use crate::locks::wait::{Raw, Want};
use crate::locks::{Holder, How, Kind, Owner};
use crate::stacks;
use std::collections::HashSet;

/// A thread of the dump and what was seen of it.
pub struct Looked<'a> {
    /// The number of its interpreter.
    pub interpreter: i64,
    /// Who it is.
    pub thread: &'a stacks::Thread,
    /// Whether the process began with it, or was forked by it.
    pub is_main: bool,
    /// Whether it was not looked at yet, since it waits for no one.
    pub left_out: bool,
    /// What was seen.
    pub seen: Seen,
}

/// All threads of a target.
pub struct All<'a> {
    /// The threads.
    pub threads: Vec<Looked<'a>>,
    /// Whether the process was forked, and has executed no program since.
    pub forked: bool,
}

impl All<'_> {
    /// Whether what other threads hold or run decides who has to act.
    pub fn need_others(&self) -> bool {
        let mut waits = self.threads.iter().filter_map(|thread| thread.seen.raw.as_ref());
        let forked = self.forked;
        waits.any(|raw| match raw.want {
            Want::Lock(_) | Want::Permit(_) | Want::Future(_) | Want::Import(_) => true,
            Want::Ident(_) => forked,
            Want::Nothing | Want::Life(_) | Want::Lives(_) | Want::Gil(_) | Want::Stopper(_) => false,
        })
    }

    /// The locks that keep no account of who holds them, that a thread waits for, and that none is sure to hold
    /// by a block.
    pub fn unaccounted(&self) -> HashSet<Addr> {
        let waits = self.threads.iter().filter_map(|thread| thread.seen.raw.as_ref());
        let wanted = waits.filter_map(|raw| match raw.want {
            Want::Lock(lock) | Want::Permit(lock) => Some(lock),
            _ => None,
        });
        wanted.filter(|lock| !self.by_block(*lock).iter().any(|owner| matches!(owner, Owner::Proved(_)))).collect()
    }

    /// Those who have to act before the wait `raw` of thread number `waiter` ends.
    pub fn owners(&self, waiter: usize, raw: &Raw) -> Vec<Owner> {
        match &raw.want {
            Want::Nothing => Vec::new(),
            Want::Ident(None) => vec![Owner::Unknown { forked: self.forked }],
            Want::Ident(Some(ident)) => self.by_ident(waiter, *ident, raw),
            Want::Import(ident) => {
                let owner = ident.and_then(|ident| self.thread(waiter, ident, How::Field));
                owner.map_or_else(|| self.importers(waiter), |holder| vec![Owner::Proved(holder)])
            }
            Want::Life(ident) => self.thread(waiter, *ident, How::Lives).map(Owner::Proved).into_iter().collect(),
            Want::Lives(idents) => {
                let holder = |ident: &u64| self.thread(waiter, *ident, How::Lives);
                idents.iter().filter_map(holder).filter(|holder| holder.thread != waiter).map(Owner::Proved).collect()
            }
            Want::Lock(lock) => self.of_lock(*lock),
            // Of several permits each may be given back first, and not all are taken by blocks.
            Want::Permit(semaphore) => {
                let mut holders: Vec<Owner> = self.by_block(*semaphore).into_iter().map(possible).collect();
                holders.extend(self.by_acquire(*semaphore));
                holders
            }
            Want::Future(future) => self.of_future(*future),
            Want::Gil(holder) => self.by_state(*holder, How::Gil),
            Want::Stopper(requester) => self.by_state(*requester, How::Stopped),
        }
    }

    /// The thread that an object names as its holder. The C library gives the identity of a thread that has
    /// ended to the next: in a process that was forked with threads which were not copied, only a block is
    /// proof that it is the one that is meant.
    fn by_ident(&self, waiter: usize, ident: u64, raw: &Raw) -> Vec<Owner> {
        let Some(holder) = self.thread(waiter, ident, How::Field) else { return vec![Owner::Gone(ident)] };
        let Some(looked) = self.threads.get(holder.thread) else { return vec![Owner::Gone(ident)] };
        let object = raw.object.as_ref().map(|object| object.address);
        let in_block = || looked.seen.held.iter().any(|(held, _)| Some(held.object) == object);
        // And what processes share, the one that forked may hold still.
        let is_shared = raw.kind == Kind::Shared;
        if self.forked && (is_shared || !looked.is_main && !in_block()) {
            return vec![Owner::Possible(holder), Owner::Gone(ident)];
        }
        vec![Owner::Proved(holder)]
    }

    /// Those who run the code of a module that they import: any of them may hold the lock.
    fn importers(&self, waiter: usize) -> Vec<Owner> {
        let others = self.threads.iter().enumerate().filter(|(index, looked)| *index != waiter && looked.seen.imports);
        others.map(|(thread, _)| Owner::Possible(Holder { thread, how: How::Imports, frame: None })).collect()
    }

    /// The thread with identity `ident`: identities are those of the C library, so that a thread which runs
    /// several interpreters has one in each.
    fn thread(&self, waiter: usize, ident: u64, how: How) -> Option<Holder> {
        let own = self.threads.get(waiter).map(|thread| thread.interpreter);
        let mut known = self.threads.iter().enumerate();
        let is_it = |thread: &Looked<'_>| thread.thread.id == ident && !thread.thread.ended;
        let same = known.clone().find(|(_, thread)| is_it(thread) && Some(thread.interpreter) == own);
        let found = same.or_else(|| known.find(|(_, thread)| is_it(thread)));
        found.map(|(thread, _)| Holder { thread, how, frame: None })
    }

    fn by_state(&self, state: Option<Addr>, how: How) -> Vec<Owner> {
        let found = self.threads.iter().position(|thread| Some(thread.thread.address) == state);
        found.map(|thread| Owner::Proved(Holder { thread, how, frame: None })).into_iter().collect()
    }

    /// Those who stand in a block of `lock`; all that is seen of a thread that ran is not certain.
    fn by_block(&self, lock: Addr) -> Vec<Owner> {
        let mut found = Vec::new();
        for (thread, looked) in self.threads.iter().enumerate() {
            for (held, _) in looked.seen.held.iter().filter(|(held, _)| held.object == lock) {
                let holder = Holder { thread, how: held.how, frame: Some(held.frame) };
                let proved = held.certain && looked.seen.still;
                found.push(if proved { Owner::Proved(holder) } else { Owner::Possible(holder) });
            }
        }
        found
    }

    fn by_acquire(&self, lock: Addr) -> Vec<Owner> {
        let mut found = Vec::new();
        for (thread, looked) in self.threads.iter().enumerate() {
            let frames = looked.seen.acquired.iter().filter(|(acquired, _)| *acquired == lock);
            found.extend(frames.take(1).map(|(_, frame)| Holder { thread, how: How::Acquire, frame: Some(*frame) }));
        }
        found.into_iter().map(Owner::Possible).collect()
    }

    fn of_lock(&self, lock: Addr) -> Vec<Owner> {
        let blocks = self.by_block(lock);
        let proved: Vec<Owner> = blocks.iter().copied().filter(|owner| matches!(owner, Owner::Proved(_))).collect();
        match proved.as_slice() {
            [one] => return vec![*one],
            // A lock has one holder: where two seem so, neither is sure.
            [_, ..] => return blocks.into_iter().map(possible).collect(),
            [] => {}
        }
        let mut seeming = blocks;
        let known: Vec<usize> = seeming.iter().filter_map(thread_of).collect();
        seeming.extend(self.by_acquire(lock).into_iter().filter(|o| thread_of(o).is_none_or(|t| !known.contains(&t))));
        if seeming.is_empty() { vec![Owner::Unknown { forked: self.forked }] } else { seeming }
    }

    /// The worker that runs the function of `future`; or all those that serve the queue in which it waits.
    fn of_future(&self, future: Addr) -> Vec<Owner> {
        for (thread, looked) in self.threads.iter().enumerate() {
            if let Some((_, frame)) = looked.seen.runs.iter().find(|(runs, _)| *runs == future) {
                return vec![Owner::Proved(Holder { thread, how: How::Runs, frame: Some(*frame) })];
            }
        }
        let served = |looked: &Looked<'_>| looked.seen.serves.clone();
        let queue = self.threads.iter().filter_map(served).find(|served| served.futures.contains(&future));
        let Some(queue) = queue else { return Vec::new() };
        let serves = |looked: &Looked<'_>| looked.seen.serves.as_ref().is_some_and(|other| other.queue == queue.queue);
        let workers = self.threads.iter().enumerate().filter(|(_, looked)| serves(looked));
        let workers: Vec<Holder> =
            workers.map(|(thread, _)| Holder { thread, how: How::Worker, frame: None }).collect();
        // Where there may be more workers, one that is yet to start may take it.
        let all = queue.most.is_some_and(|most| workers.len() as u64 >= most);
        workers.into_iter().map(|worker| if all { Owner::Proved(worker) } else { Owner::Possible(worker) }).collect()
    }
}

fn thread_of(owner: &Owner) -> Option<usize> {
    match owner {
        Owner::Proved(holder) | Owner::Possible(holder) => Some(holder.thread),
        Owner::Gone(_) | Owner::Unknown { .. } => None,
    }
}

fn possible(owner: Owner) -> Owner {
    match owner {
        Owner::Proved(holder) => Owner::Possible(holder),
        other => other,
    }
}
