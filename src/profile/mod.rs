//! The recorded thing: who ran where for how long, and the file `.pv` it is kept in.
//!
//! Plain data. Nothing here knows of processes, memory or Python objects: the sampler fills a
//! [`Writer`], and whoever shows a profile reads it back with a [`Reader`], or lets [`aggregate`] sum
//! it up under a [`Filter`]. There is no clock here either: times are nanoseconds since the start of
//! the recording, by a clock that never goes back, and the caller tells them.
//!
//! Names are told once and numbered ([`Tables`]); a stack is a node in a tree ([`Node`]), which names
//! its innermost frame and the node of its caller, so that a stack of 500 frames costs one number. A
//! [`Run`] is one thread, one stack, and the time for which both were seen together.
//!
//! A file consists of blocks that stand for themselves, so that one which was cut short or damaged
//! gives all that lies before. Neither writer nor reader grows with the number of runs.
//! `docs/recording.md` describes the bytes.
//!
//! ```
//! use pitviper::address::Pid;
//! use pitviper::profile::*;
//!
//! // Writing: here into a vector; a file is as good.
//! let mut writer = Writer::new(Vec::new(), &Header { interval: 1_000_000, ..Header::default() })?;
//! let process = writer.add_process(Process { command: vec!["python3".into()], ..Process::new(Pid(7)) });
//! let thread = writer.add_thread(Thread { name: Some("MainThread".into()), ..Thread::new(process, 1) });
//! let mut stack = None;
//! for (name, line) in [("<module>", 9), ("work", 3)] {
//!     let (name, file) = (writer.string(name), writer.string("/app.py"));
//!     let function = writer.function(Function { file: Some(file), ..Function::new(Kind::Python, name) });
//!     let frame = writer.frame(Frame { line: Some(line), ..Frame::new(function) });
//!     stack = Some(writer.stack(stack, frame));
//! }
//! let run = Run { stack, wall: 2_000_000, cpu: 1_900_000, looks: 2, state: State::Running, ..Run::new(thread, 500) };
//! writer.run(&run)?;
//! writer.accounting.taken += 2;
//! writer.flush_if_due(2_000_500)?; // Some ten times a second, and always with the time.
//! let bytes = writer.finish()?;
//!
//! // Reading: block by block, in bounded memory.
//! let mut reader = Reader::open(bytes.as_slice())?;
//! while let Some(block) = reader.next_block() {
//!     for run in block.runs {
//!         let names = block.tables.frames(run.stack).map(|frame| block.tables.function_of(frame).name);
//!         let names: Vec<&str> = names.map(|name| block.tables.text(name)).collect();
//!         assert_eq!(names, ["work", "<module>"]); // The innermost first.
//!     }
//! }
//! assert_eq!(reader.ending(), &Ending::Complete);
//! assert_eq!(reader.accounting().taken, 2);
//! # Ok::<(), pitviper::error::Error>(())
//! ```

mod aggregate;
mod block;
mod filter;
mod hash;
mod model;
mod reader;
mod records;
mod runs;
mod tables;
#[cfg(test)]
mod tests;
mod tree;
mod wire;
mod writer;

pub use aggregate::{Aggregator, Projection, aggregate, diff};
pub use filter::{By, Filter, Grain, Pattern, ThreadChoice};
pub use model::{
    Accounting, End, Event, EventKind, Frame, FrameId, Function, FunctionId, Header, Kind, Mode, Node, Process,
    ProcessId, Read, Run, StackId, State, StringId, Thread, ThreadId,
};
pub use reader::{Block, Ending, Reader};
pub use tables::{Frames, Tables};
pub use tree::{Aggregate, Branch, BranchId, Group, Label, LabelId, Row, Weighted};
pub use writer::Writer;
