//! What is told once and numbered.

use crate::profile::{
    Frame, FrameId, Function, FunctionId, Node, Process, ProcessId, StackId, StringId, Thread, ThreadId,
};
use std::sync::Arc;

/// Every text, function, frame, stack, process and thread of a recording so far. Entries keep their
/// numbers; those of processes and threads may change as more of them is learned.
///
/// Numbers are those of the [`Writer`](crate::profile::Writer) or
/// [`Reader`](crate::profile::Reader) that the tables belong to: one of another recording panics.
#[derive(Clone, Default, Debug)]
pub struct Tables {
    pub(super) strings: Vec<Arc<str>>,
    pub(super) functions: Vec<Function>,
    pub(super) frames: Vec<Frame>,
    pub(super) stacks: Vec<Node>,
    pub(super) processes: Vec<Process>,
    pub(super) threads: Vec<Thread>,
    /// Bytes of text.
    pub(super) text: usize,
}

impl Tables {
    /// The text with this number.
    pub fn text(&self, id: StringId) -> &str {
        &self.strings[id.index()]
    }

    /// The function with this number.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// The frame with this number.
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.index()]
    }

    /// The function of the frame with this number.
    pub fn function_of(&self, id: FrameId) -> &Function {
        self.function(self.frame(id).function)
    }

    /// The stack with this number.
    pub fn stack(&self, id: StackId) -> &Node {
        &self.stacks[id.index()]
    }

    /// The frames of a stack, the innermost first.
    pub fn frames(&self, stack: Option<StackId>) -> Frames<'_> {
        Frames { tables: self, next: stack }
    }

    /// The process with this number.
    pub fn process(&self, id: ProcessId) -> &Process {
        &self.processes[id.index()]
    }

    /// The thread with this number.
    pub fn thread(&self, id: ThreadId) -> &Thread {
        &self.threads[id.index()]
    }

    /// Every function, in the order of their numbers.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = (FunctionId, &Function)> {
        self.functions.iter().enumerate().map(|(index, function)| (FunctionId(index as u32), function))
    }

    /// Every frame, in the order of their numbers.
    pub fn all_frames(&self) -> impl ExactSizeIterator<Item = (FrameId, &Frame)> {
        self.frames.iter().enumerate().map(|(index, frame)| (FrameId(index as u32), frame))
    }

    /// Every stack, in the order of their numbers: callers come before what they call.
    pub fn stacks(&self) -> impl ExactSizeIterator<Item = (StackId, &Node)> {
        self.stacks.iter().enumerate().map(|(index, node)| (StackId(index as u32), node))
    }

    /// Every process, in the order in which they were seen.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = (ProcessId, &Process)> {
        self.processes.iter().enumerate().map(|(index, process)| (ProcessId(index as u32), process))
    }

    /// Every thread, in the order in which they were seen.
    pub fn threads(&self) -> impl ExactSizeIterator<Item = (ThreadId, &Thread)> {
        self.threads.iter().enumerate().map(|(index, thread)| (ThreadId(index as u32), thread))
    }

    /// How much memory they take, in bytes, roughly. A recording is full at 2 GiB.
    pub fn weight(&self) -> usize {
        self.text
            + self.strings.len() * 32
            + self.functions.len() * size_of::<Function>()
            + self.frames.len() * size_of::<Frame>()
            + self.stacks.len() * size_of::<Node>()
            + self.processes.len() * size_of::<Process>()
            + self.threads.len() * size_of::<Thread>()
    }
}

/// The frames of a stack: see [`Tables::frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    tables: &'a Tables,
    next: Option<StackId>,
}

impl Iterator for Frames<'_> {
    type Item = FrameId;

    fn next(&mut self) -> Option<FrameId> {
        let node = self.tables.stack(self.next?);
        self.next = node.parent;
        Some(node.frame)
    }
}
