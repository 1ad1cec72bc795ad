//! From what was decoded in a target to what a recording numbers.

use crate::profile::{Frame, FrameId, Function, FunctionId, Kind, StackId, StringId, Writer};
use crate::python::{Code, Placed, Task};
use std::collections::HashMap;
use std::io::Write;

/// The numbers of one process's code in the recording.
#[derive(Debug, Default)]
pub struct Names {
    functions: HashMap<u64, FunctionId>,
    frames: HashMap<(u64, i64), FrameId>,
    tasks: HashMap<String, StringId>,
}

/// Beyond this many the maps start afresh: a program that makes code objects without end.
const MAX_FRAMES: usize = 1 << 18;

/// Of a program that makes a task for every request, so many are told apart by name; those that come later by their
/// coroutines, so that a recording does not grow with every task.
const MAX_TASKS: usize = 1 << 16;

impl Names {
    /// The number of the name of `task`, which executes a coroutine of `code`.
    pub fn task<W: Write>(&mut self, writer: &mut Writer<W>, task: &Task, code: Option<&Code>) -> StringId {
        if let Some(known) = self.tasks.get(&task.name) {
            return *known;
        }
        if self.tasks.len() >= MAX_TASKS
            && let Some(code) = code
        {
            return writer.string(&Task::name_of(code.qualname.as_ref().unwrap_or(&code.name)));
        }
        let name = writer.string(&task.name);
        self.tasks.insert(task.name.clone(), name);
        name
    }

    /// The number of `call`, made as a call of the stack `parent`.
    pub fn stack<W: Write>(&mut self, writer: &mut Writer<W>, parent: Option<StackId>, call: &Placed) -> StackId {
        let key = (call.code.serial, call.lasti);
        let frame = match self.frames.get(&key) {
            Some(frame) => *frame,
            None => {
                if self.frames.len() >= MAX_FRAMES {
                    (self.functions, self.frames) = (HashMap::new(), HashMap::new());
                }
                let frame = self.frame(writer, &call.code, call.lasti);
                self.frames.insert(key, frame);
                frame
            }
        };
        writer.stack(parent, frame)
    }

    fn frame<W: Write>(&mut self, writer: &mut Writer<W>, code: &Code, lasti: i64) -> FrameId {
        let function = *self.functions.entry(code.serial).or_insert_with(|| {
            let name = writer.string(&code.name);
            let qualname = code.qualname.as_deref().map(|name| writer.string(name));
            let file = Some(writer.string(&code.filename));
            let first_line = u32::try_from(code.first_line).ok();
            writer.function(Function { qualname, file, first_line, ..Function::new(Kind::Python, name) })
        });
        let position = code.position(lasti);
        let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        writer.frame(Frame {
            line: number(position.line),
            end_line: number(position.end_line),
            column: number(position.column),
            end_column: number(position.end_column),
            lasti: u32::try_from(lasti).ok(),
            ..Frame::new(function)
        })
    }
}
