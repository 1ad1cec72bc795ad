//! From an object to the code in it: functions, methods, generators, frames.

use crate::address::Addr;
use crate::python::{Python, Result};

/// Something that has bytecode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Its code object.
    pub code: Addr,
    /// The frame in which it is executed; `None` where there is none, or no longer.
    pub frame: Option<Addr>,
    /// Whether that frame is known not to execute.
    pub settled: bool,
}

/// Wrappers within wrappers: a class method of a bound method of a function.
const MAX_LAYERS: usize = 8;

/// The code of the object at `address`; `None` if it has none that is Python's.
pub fn subject(python: &Python<'_>, address: Addr) -> Result<Option<Subject>> {
    let layout = python.layout;
    let code = |code: Addr| Subject { code, frame: None, settled: false };
    let mut at = address;
    for _ in 0..MAX_LAYERS {
        let next = match python.tp_name(python.type_of(at)?)?.as_str() {
            "code" => return Ok(Some(code(at))),
            "function" => return Ok(python.get(at, layout.function.code)?.map(code)),
            "generator" | "coroutine" | "async_generator" => return generator(python, at),
            "frame" => return frame_object(python, at),
            "method" | "instancemethod" => python.get(at, layout.method.function)?,
            "classmethod" => python.get_if(at, layout.class_method.callable)?.flatten(),
            "staticmethod" => python.get_if(at, layout.static_method.callable)?.flatten(),
            "property" => python.get_if(at, layout.property.get)?.flatten(),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// A generator's frame lies in it, or is an object of its own before 3.11.
fn generator(python: &Python<'_>, at: Addr) -> Result<Option<Subject>> {
    let layout = &python.layout.generator;
    let Some(inside) = layout.iframe else {
        let frame = python.get_if(at, layout.frame)?.flatten();
        if let Some(frame) = frame {
            return frame_object(python, frame);
        }
        let code = python.get_if(at, layout.code)?.flatten();
        return Ok(code.map(|code| Subject { code, frame: None, settled: false }));
    };
    let address = at.offset(u64::from(inside.offset));
    let frame = python.frame(address)?;
    let state = python.get_if(at, layout.frame_state)?.map(i64::from);
    let state = state.map(|state| if state > 127 { state - 256 } else { state });
    let is = |mark: Option<crate::layout::Constant>| mark.is_some_and(|mark| Some(mark.0) == state);
    let settled = is(layout.created) || is(layout.suspended) || is(layout.suspended_yield_from);
    let lives = settled || is(layout.executing);
    let code = match frame.code {
        Some(code) => Some(code),
        None => python.get_if(at, layout.code)?.flatten(),
    };
    Ok(code.map(|code| Subject { code, frame: lives.then_some(address), settled }))
}

/// A frame object is the frame itself before 3.11.
fn frame_object(python: &Python<'_>, at: Addr) -> Result<Option<Subject>> {
    let address = match python.layout.frame_object.frame {
        Some(field) => python.pointer(at, field, "the frame of a frame object")?,
        None => at,
    };
    let frame = python.frame(address)?;
    Ok(frame.code.map(|code| Subject { code, frame: Some(address), settled: false }))
}
