//! A dump as JSON: the schema of docs/json.md. Fields are added, never renamed.

use crate::error::Error;
use crate::locks::Locks;
use crate::objects::{Scalar, Value};
use crate::output::{kind, locks_json, locks_text, read, state};
use crate::python::End;
use crate::stacks::{BlockedOn, Dump, Frame, Local, Thread};
use crate::target::Target;
use serde_json::{Value as Json, json};

/// The document for `dump` of `target`, with what its threads wait for as `locks` has it.
pub fn document(target: &Target, dump: &Dump, locks: &Locks) -> Json {
    let interpreters: Vec<Json> = dump
        .interpreters
        .iter()
        .map(|interpreter| {
            let threads: Vec<Json> = interpreter.threads.iter().map(|one| thread(one, locks)).collect();
            json!({"id": interpreter.id, "threads": threads})
        })
        .collect();
    json!({
        "pitviper": env!("CARGO_PKG_VERSION"),
        "target": process(target),
        "python": python(target),
        "complete": dump.is_complete(),
        "problems": dump.problems,
        "interpreters": interpreters,
        "deadlocks": locks_json::deadlocks(locks),
    })
}

/// The document of the first of several processes, with the others beside it, and with what kept
/// more of them from being read.
pub fn tree(documents: Vec<Json>, refused: &[Error]) -> Json {
    let mut rest = documents.into_iter();
    let mut first = rest.next().unwrap_or_default();
    if let Some(fields) = first.as_object_mut() {
        fields.insert("children".to_owned(), rest.collect());
        if let Some(Json::Array(problems)) = fields.get_mut("problems") {
            problems.extend(refused.iter().map(|error| json!(error.to_string())));
        }
        if !refused.is_empty() {
            fields.insert("complete".to_owned(), json!(false));
        }
    }
    first
}

/// What all documents say of the target.
pub fn process(target: &Target) -> Json {
    let command: Vec<String> = target.process.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    json!({"pid": target.process.pid.0, "kind": "process", "command": command})
}

/// What all documents say of the Python in it.
pub fn python(target: &Target) -> Json {
    let flavour = target.layout.flavour;
    let executable = target.process.executable.as_ref().map(|path| path.to_string_lossy().into_owned());
    json!({
        "version": target.layout.version.to_string(),
        "executable": executable,
        "library": target.module.path().to_string_lossy(),
        "free_threaded": flavour.is_free_threaded(),
        "debug": flavour.name().ends_with("debug"),
    })
}

fn thread(thread: &Thread, locks: &Locks) -> Json {
    let mut blocked_on = thread.blocked_on.as_ref().map(blocked_on);
    if let Some(Json::Object(fields)) = &mut blocked_on {
        let wait =
            locks.wait_of(thread).and_then(|known| known.wait.as_ref()).filter(|wait| locks_text::says_more(wait));
        fields.insert("wait".to_owned(), json!(wait.map(|wait| locks_json::wait(locks, wait))));
    }
    let end = match &thread.end {
        End::Root => "root",
        End::Unreadable(_) => "unreadable",
        End::Loop => "loop",
        End::TooDeep => "too-deep",
    };
    let fault = match &thread.end {
        End::Unreadable(fault) => Some(fault.to_string()),
        _ => None,
    };
    let frames: Vec<Json> = thread.frames.iter().map(frame).collect();
    json!({
        "id": thread.id,
        "native_id": thread.native_id.map(|id| id.0),
        "name": thread.name,
        "comm": thread.comm,
        "state": state(thread),
        "gil": thread.gil,
        "blocked_on": blocked_on,
        "at_prompt": thread.at_prompt,
        "read": read(thread.read),
        "frames": frames,
        "end": end,
        "fault": fault,
    })
}

pub(super) fn blocked_on(blocked_on: &BlockedOn) -> Json {
    let target = blocked_on.target.as_ref();
    let file = target.and_then(|target| target.file.as_ref()).map(|file| file.to_string_lossy().into_owned());
    json!({
        "kind": "syscall",
        "number": blocked_on.call.number,
        "name": blocked_on.call.name(),
        "fd": target.map(|target| target.fd),
        "file": file,
        "futex": blocked_on.call.futex().map(|address| format!("{address:#x}")),
    })
}

pub(super) fn frame(frame: &Frame) -> Json {
    let position = frame.position;
    let locals = frame.locals.as_ref().map(|locals| locals.variables.iter().map(local).collect::<Vec<_>>());
    json!({
        "kind": "python",
        "name": frame.code.name,
        "qualname": frame.code.qualname,
        "file": frame.code.filename,
        "first_line": frame.code.first_line,
        "lasti": frame.lasti,
        "line": position.line,
        "end_line": position.end_line,
        "column": position.column,
        "end_column": position.end_column,
        "locals": locals,
    })
}

fn local(local: &Local) -> Json {
    let mut document = value(&local.value);
    if let Json::Object(fields) = &mut document {
        fields.insert("name".to_owned(), json!(local.name));
        fields.insert("kind".to_owned(), json!(kind(local.kind)));
    }
    document
}

/// An object.
pub fn value(value: &Value) -> Json {
    let attributes: Vec<Json> = value
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let mut document = self::value(attribute);
            if let Json::Object(fields) = &mut document {
                fields.insert("name".to_owned(), json!(name));
            }
            document
        })
        .collect();
    json!({
        "type": value.type_name,
        "repr": value.text,
        "complete": value.complete,
        "value": scalar(value),
        "length": value.length,
        "attributes": attributes,
    })
}

/// The value of an object that JSON has a word for.
pub(super) fn scalar(value: &Value) -> Option<Json> {
    value.scalar.as_ref().map(|scalar| match scalar {
        Scalar::None => Json::Null,
        Scalar::Bool(value) => json!(value),
        Scalar::Int(value) => json!(value),
        Scalar::Float(value) => json!(value),
        Scalar::Str(value) => json!(value),
    })
}
