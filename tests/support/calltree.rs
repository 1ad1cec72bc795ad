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
        let frame = |frame: &'_ Frame| (frame.code.name.clone(), frame.position.line.unwrap_or(0));
        let frames: Vec<(String, i64)> = thread.frames.iter().map(frame).collect();
        let read = format!("{:?}, {:?}, {:?}", thread.read, thread.state, thread.end);
        self.check_frames(thread.id, &frames).map_err(|problem| format!("impossible ({read}): {problem}"))
    }

    /// The same of functions and lines, the innermost first.
    pub fn check_frames(&mut self, thread: u64, frames: &[(String, i64)]) -> Result<(), String> {
        let Some(root) = frames.iter().position(|frame| frame.0 == self.root) else {
            return if self.arrived.contains(&thread) { Err(shown(frames, "has no root")) } else { Ok(()) };
        };
        self.arrived.insert(thread);
        for pair in frames[..=root].windows(2) {
            let (child, call) = (&pair[0].0, &pair[1]);
            if !self.callers.get(child).is_some_and(|callers| callers.contains(call)) {
                return Err(shown(frames, &format!("{child} is not called by {} on line {}", call.0, call.1)));
            }
        }
        Ok(())
    }

    /// Whether every one of `threads` was seen in the tree.
    pub fn has_seen(&self, thread: u64) -> bool {
        self.arrived.contains(&thread)
    }
}

fn shown(frames: &[(String, i64)], problem: &str) -> String {
    /// Of a deep stack no more is shown.
    const MOST: usize = 40;
    let frame = |frame: &(String, i64)| format!("{}:{}", frame.0, frame.1);
    let shown: Vec<String> = frames.iter().take(MOST).map(frame).collect();
    format!("{problem}: {} of {} frames: {}", shown.len(), frames.len(), shown.join(" < "))
}
