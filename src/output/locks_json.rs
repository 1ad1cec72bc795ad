//! Who waits for whom as JSON: the schema of docs/json.md.

use crate::locks::{Deadlock, Holder, How, Kind, Locks, Object, Owner, Thread, Wait};
use crate::output::{dump_json, read, state};
use crate::stacks;
use crate::target::Target;
use serde_json::{Value as Json, json};

/// The document for `locks` of `target`.
pub fn document(target: &Target, locks: &Locks) -> Json {
    let threads: Vec<Json> = locks.threads.iter().map(|one| thread(locks, one)).collect();
    let names = |indices| names(locks, indices);
    let chains: Vec<Json> =
        locks.chains.iter().map(|one| json!({"end": name(locks, one.end), "waiting": names(&one.waiting)})).collect();
    json!({
        "pitviper": env!("CARGO_PKG_VERSION"),
        "target": dump_json::process(target),
        "python": dump_json::python(target),
        "complete": locks.is_complete(),
        "problems": locks.problems,
        "deadlocks": deadlocks(locks),
        "chains": chains,
        "threads": threads,
    })
}

fn thread(locks: &Locks, one: &Thread) -> Json {
    let holds: Vec<Json> = one
        .holds
        .iter()
        .map(|hold| {
            json!({"object": object(&hold.object), "how": how(hold.how), "proved": hold.proved, "frame": hold.frame})
        })
        .collect();
    let thread = &one.thread;
    let frames: Vec<Json> = thread.frames.iter().map(dump_json::frame).collect();
    json!({
        "interpreter": one.interpreter,
        "id": thread.id,
        "native_id": thread.native_id.map(|id| id.0),
        "name": thread.name,
        "state": state(thread),
        "gil": thread.gil,
        "read": read(thread.read),
        "blocked_on": thread.blocked_on.as_ref().map(dump_json::blocked_on),
        "wait": one.wait.as_ref().map(|one| wait(locks, one)),
        "holds": holds,
        "frames": frames,
    })
}

/// The deadlocks.
pub fn deadlocks(locks: &Locks) -> Vec<Json> {
    let deadlock = |one: &Deadlock| {
        let (threads, waiting) = (names(locks, &one.threads), names(locks, &one.waiting));
        json!({"threads": threads, "proved": one.proved, "timed": one.timed, "waiting": waiting})
    };
    locks.deadlocks.iter().map(deadlock).collect()
}

fn names(locks: &Locks, indices: &[usize]) -> Vec<Json> {
    indices.iter().map(|index| name(locks, *index)).collect()
}

/// A thread as others name it.
fn name(locks: &Locks, index: usize) -> Json {
    locks.threads.get(index).map_or(Json::Null, |one| named(&one.thread))
}

fn named(thread: &stacks::Thread) -> Json {
    json!({"id": thread.id, "native_id": thread.native_id.map(|id| id.0), "name": thread.name})
}

fn object(object: &Object) -> Json {
    json!({"addr": format!("{:#x}", object.address.get()), "type": object.type_name, "name": object.name})
}

/// What a thread waits for.
pub fn wait(locks: &Locks, wait: &Wait) -> Json {
    let owners: Vec<Json> = wait.owners.iter().map(|one| owner(locks, one)).collect();
    json!({
        "kind": kind(wait.kind),
        "object": wait.object.as_ref().map(object),
        "detail": wait.detail,
        "timed": wait.timed,
        "frame": wait.frame,
        "owners": owners,
    })
}

fn owner(locks: &Locks, owner: &Owner) -> Json {
    let known = |certainty: &str, holder: &Holder| {
        let (thread, how) = (name(locks, holder.thread), how(holder.how));
        json!({"certainty": certainty, "thread": thread, "how": how, "frame": holder.frame})
    };
    match owner {
        Owner::Proved(holder) => known("proved", holder),
        Owner::Possible(holder) => known("possible", holder),
        Owner::Gone(ident) => json!({"certainty": "gone", "ident": ident}),
        Owner::Unknown { forked } => json!({"certainty": "unknown", "forked": forked}),
    }
}

/// The word for what a thread waits for.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Gil => "gil",
        Kind::Lock => "lock",
        Kind::RLock => "rlock",
        Kind::Condition => "condition",
        Kind::Event => "event",
        Kind::Semaphore => "semaphore",
        Kind::Barrier => "barrier",
        Kind::QueueGet => "queue-get",
        Kind::QueuePut => "queue-put",
        Kind::QueueJoin => "queue-join",
        Kind::Join => "join",
        Kind::Start => "start",
        Kind::Shutdown => "shutdown",
        Kind::Future => "future",
        Kind::Futures => "futures",
        Kind::PoolResult => "pool-result",
        Kind::Import => "import",
        Kind::Buffer => "buffer",
        Kind::Shared => "shared-lock",
        Kind::Process => "process",
        Kind::ObjectMutex => "object-mutex",
        Kind::StopTheWorld => "stop-the-world",
        Kind::Native => "native",
        Kind::Call => "call",
    }
}

/// The word for how it is known who holds something.
pub fn how(how: How) -> &'static str {
    match how {
        How::Field => "field",
        How::Imports => "imports",
        How::With => "with",
        How::Acquire => "acquire",
        How::Lives => "lives",
        How::Runs => "runs",
        How::Worker => "worker",
        How::Gil => "gil",
        How::Stopped => "stopped",
    }
}
