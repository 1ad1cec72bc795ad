//! Generators, coroutines and async generators: whether they have begun, where they wait, and for what.

use crate::address::Addr;
use crate::python::{CodeCache, Position, Python, RawFrame, flag};

/// How far a generator has come.
#[derive(Clone, Debug)]
pub struct GeneratorState {
    /// `created`, `suspended`, `running` or `closed`, as `inspect.getgeneratorstate` calls them; `None` where
    /// memory does not tell.
    pub state: Option<&'static str>,
    /// Its code object.
    pub code: Option<Addr>,
    /// Its frame, unless it has ended.
    pub frame: Option<RawFrame>,
    /// `f_lasti`.
    pub lasti: Option<i64>,
    /// Where in the source it is.
    pub position: Position,
    /// What it waits for: `gi_yieldfrom`, `cr_await`, `ag_await`.
    pub awaits: Option<Addr>,
    /// `__name__` of its code.
    pub name: Option<String>,
    /// All that it waits for, one for the other, itself first: name (of what is no generator its type), line, `f_lasti`.
    pub chain: Vec<Waiting>,
}

/// One of those that wait for one another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The name of its code; of what is no generator that of its type.
    pub name: String,
    /// The line it is in.
    pub line: Option<i64>,
    /// `f_lasti`.
    pub lasti: Option<i64>,
}

/// Longer chains of generators that wait for one another are loops.
const MAX_CHAIN: usize = 1000;

/// What the generator at `address` is, and what it waits for; `None` if it is none.
pub fn generator(python: &Python<'_>, codes: &CodeCache, address: Addr) -> Option<GeneratorState> {
    let mut state = one(python, codes, address)?;
    let waiting = |state: &GeneratorState| Waiting {
        name: state.name.clone().unwrap_or_else(|| "?".to_owned()),
        line: state.position.line,
        lasti: state.lasti,
    };
    let mut chain = vec![waiting(&state)];
    let mut next = state.awaits;
    while let Some(at) = next.filter(|_| chain.len() < MAX_CHAIN) {
        let inner = one(python, codes, at);
        chain.push(inner.as_ref().map_or_else(
            || Waiting {
                name: python.type_of(at).and_then(|class| python.type_name(class)).unwrap_or_else(|_| "?".to_owned()),
                line: None,
                lasti: None,
            },
            waiting,
        ));
        next = inner.and_then(|inner| inner.awaits);
    }
    state.chain = chain;
    Some(state)
}

/// How far the generator at `address` has come; `None` if it is none.
fn one(python: &Python<'_>, codes: &CodeCache, address: Addr) -> Option<GeneratorState> {
    let name = python.tp_name(python.type_of(address).ok()?).ok()?;
    if !matches!(name.as_str(), "generator" | "coroutine" | "async_generator") {
        return None;
    }
    let layout = &python.layout.generator;
    let frame = match layout.iframe {
        Some(iframe) => python.frame(address.offset(u64::from(iframe.offset))).ok(),
        None => python.get_if(address, layout.frame).ok().flatten().flatten().and_then(|at| python.frame(at).ok()),
    };
    let state = state(python, address, frame.as_ref());
    let frame = frame.filter(|_| state != Some("closed"));
    let own_code = python.get_if(address, layout.code).ok().flatten().flatten();
    let code = own_code.or_else(|| frame.and_then(|frame| frame.code));
    let decoded = frame.zip(code).and_then(|(frame, code)| Some((frame, codes.get(python, code).ok()?)));
    let lasti = decoded.as_ref().map(|(frame, code)| code.lasti(python, frame));
    let position = match (&decoded, lasti) {
        // What has not begun stands before its first line.
        (Some((_, code)), Some(lasti)) if lasti >= 0 => code.position(lasti),
        _ => Position::default(),
    };
    let awaits = frame.filter(|_| state == Some("suspended")).and_then(|frame| awaited(python, address, &frame));
    let name = code.and_then(|code| python.get(code, python.layout.code.name).ok().flatten());
    let name = name.and_then(|name| python.name(name).ok());
    Some(GeneratorState { state, code, frame, lasti, position, awaits, name, chain: Vec::new() })
}

fn state(python: &Python<'_>, address: Addr, frame: Option<&RawFrame>) -> Option<&'static str> {
    let layout = &python.layout.generator;
    if let Some(field) = layout.frame_state {
        let state = i64::from(python.get(address, field).ok()? as i8);
        let is = |constant: Option<crate::layout::Constant>| constant.is_some_and(|constant| constant.0 == state);
        return Some(match () {
            () if is(layout.created) => "created",
            () if is(layout.executing) => "running",
            () if is(layout.suspended) || is(layout.suspended_yield_from) => "suspended",
            () => "closed",
        });
    }
    // Before 3.11 the frame tells, and is gone once it has ended.
    let Some(frame) = frame else { return Some("closed") };
    let running = match (python.layout.frame.state, layout.running) {
        (Some(field), _) => {
            let state = i64::from(python.get(frame.address, field).ok()?);
            let is = |constant: Option<crate::layout::Constant>| constant.is_some_and(|constant| constant.0 == state);
            is(layout.executing)
        }
        (None, Some(field)) => python.get(address, field).ok()? != 0,
        (None, None) => return None,
    };
    let begun = frame.instruction as i32 >= 0;
    Some(match (running, begun) {
        (true, _) => "running",
        (false, true) => "suspended",
        (false, false) => "created",
    })
}

/// The object on top of the value stack of a generator that has delegated to another: only then it is one that
/// can be waited for.
fn awaited(python: &Python<'_>, generator: Addr, frame: &RawFrame) -> Option<Addr> {
    let layout = &python.layout.generator;
    if let (Some(field), Some(delegates)) = (layout.frame_state, layout.suspended_yield_from) {
        let state = i64::from(python.get(generator, field).ok()? as i8);
        if state != delegates.0 {
            return None;
        }
    }
    let top = top_of_stack(python, frame)?;
    let name = python.tp_name(python.type_of(top).ok()?).ok()?;
    let is_class = python.type_flags(top).ok()?.has(flag::TYPE_SUBCLASS);
    let can_be_awaited = matches!(
        name.as_str(),
        "generator"
            | "coroutine"
            | "async_generator"
            | "coroutine_wrapper"
            | "async_generator_asend"
            | "async_generator_athrow"
            | "_asyncio.FutureIter"
            | "FutureIter"
            | "anext_awaitable"
    );
    let is_iterator = layout.suspended_yield_from.is_some() && !is_class;
    (can_be_awaited || is_iterator).then_some(top)
}

/// The last live value of a frame that does not execute.
fn top_of_stack(python: &Python<'_>, frame: &RawFrame) -> Option<Addr> {
    let layout = &python.layout.frame;
    let first = frame.localsplus(python.layout);
    let end = match (frame.stacktop, layout.f_stacktop, layout.stackdepth, layout.valuestack) {
        (Some(top), ..) => first.offset(u64::try_from(top).ok()?.checked_mul(8)?),
        (None, Some(field), _, _) => python.get(frame.address, field).ok()??,
        (None, None, Some(depth), Some(stack)) => {
            let depth = u64::try_from(python.get(frame.address, depth).ok()?).ok()?;
            python.get(frame.address, stack).ok()??.offset(depth.checked_mul(8)?)
        }
        _ => return None,
    };
    let value = |words: u64| {
        let at = end.before(words * 8).filter(|at| *at >= first)?;
        python.untag(python.memory.pointer(at).ok()?)
    };
    // From 3.15 on an iterator has a null, or where it is, above it (`null_or_index`, Python/bytecodes.c).
    value(1).or_else(|| value(2))
}
