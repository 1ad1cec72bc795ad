//! Whether a stack of busy_tree.py or busy_generators.py is one that can exist.

use pitviper::stacks::{Frame, Thread};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Who calls whom, on which line.
pub struct CallTree {
    /// From a function to its callers and the lines they call it on.
    callers: BTreeMap<String, BTreeSet<(String, i64)>>,
    root: String,
    /// Threads that have been seen below the root: before that they are on their way to it.
    arrived: BTreeSet<u64>,
}

impl CallTree {
    /// Out of `extra` of the program's truth.
    pub fn new(extra: &Value) -> Self {
        let edges = extra["edges"].as_object().expect("extra.edges is an object");
        let caller = |edge: &Value| {
            let name = edge[0].as_str().expect("an edge has a parent");
            (name.to_owned(), edge[1].as_i64().expect("an edge has a line"))
        };
        let callers = |(child, edges): (&String, &Value)| {
            (child.clone(), edges.as_array().into_iter().flatten().map(caller).collect())
        };
        Self {
            callers: edges.iter().map(callers).collect(),
            root: extra["root"].as_str().expect("extra.root is a name").to_owned(),
            arrived: BTreeSet::new(),
        }
    }

    /// An error that shows the stack of `thread` if no such stack can exist.
    pub fn check(&mut self, thread: &Thread) -> Result<(), String> {
        let Some(root) = thread.frames.iter().position(|frame| frame.code.name == self.root) else {
            return if self.arrived.contains(&thread.id) { Err(shown(thread, "has no root")) } else { Ok(()) };
        };
        self.arrived.insert(thread.id);
        for pair in thread.frames[..=root].windows(2) {
            let (child, parent) = (&pair[0].code.name, &pair[1]);
            let call = (parent.code.name.clone(), parent.position.line.unwrap_or(0));
            if !self.callers.get(child).is_some_and(|callers| callers.contains(&call)) {
                return Err(shown(thread, &format!("{child} is not called by {} on line {}", call.0, call.1)));
            }
        }
        Ok(())
    }

    /// Whether every one of `threads` was seen in the tree.
    pub fn has_seen(&self, thread: u64) -> bool {
        self.arrived.contains(&thread)
    }
}

fn shown(thread: &Thread, problem: &str) -> String {
    let frame = |frame: &Frame| format!("{}:{}", frame.code.name, frame.position.line.unwrap_or(0));
    let frames: Vec<String> = thread.frames.iter().map(frame).collect();
    format!("impossible ({:?}, {:?}, {:?}): {problem}: {}", thread.read, thread.state, thread.end, frames.join(" < "))
}
