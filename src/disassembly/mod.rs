//! Bytecode: the instructions of a code object, and where a frame stands among them.
//!
//! Instructions are told as the compiler made them, whatever specialisation, tracing and the optimizer have
//! put in their place; what an argument says is told in the words of that version's own `dis`. Everything
//! versions differ in is in the tables of `python_opcodes/`. Nothing is executed, and whatever the bytes are,
//! decoding ends: an instruction takes a byte at least, a jump leads where it leads or nowhere.
//!
//! ```no_run
//! # use pitviper::{address::Addr, python::Python};
//! # fn example(python: &Python<'_>, address: Addr) -> Option<()> {
//! use pitviper::disassembly::disassemble;
//! use pitviper::layout::Opcodes;
//! let opcodes = Opcodes::of(python.layout.version).ok()?;
//! let code = python.code(address).ok()?;
//! for instruction in disassemble(python, &opcodes, &code, None).ok()?.instructions {
//!     println!("{} {} {:?}", instruction.offset, instruction.name, instruction.text);
//! }
//! # Some(())
//! # }
//! ```

mod arguments;
mod bytecode;
mod decode;
mod depth;
mod exception_table;
mod frame;
mod look;
mod scopes;
mod source;
mod subject;
#[cfg(test)]
mod tests;

pub use bytecode::{Bytecode, MAX_BYTECODE};
pub use decode::{Raw, decode, target};
pub use depth::{State, states};
pub use exception_table::{Handler, parse as parse_exception_table};
pub use frame::{Block, BlockKind, Depth, Slot, Stand, ValueStack};
pub use look::Looked;
pub use scopes::scopes;
pub use source::{Source, cached_source};
pub use subject::{Subject, subject};

use crate::layout::Opcodes;
use crate::layout::opcodes::{Argument, LineStarts, Standing};
use crate::objects::Limits;
use crate::python::{Code, Position, Python, RawFrame, Result};
use arguments::Arguments;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A constant is shown in at most this many characters, and of a container this many items.
const CONSTANTS: Limits = Limits { depth: 0, items: 200, width: 2000, printers: None };

/// What is known of an instruction that another has replaced in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Original {
    /// It stands in memory as the compiler made it.
    Itself,
    /// Another stands in its place, and this is the one it stands for.
    Restored,
    /// Another stands in its place, and what it stands for cannot be known: this is the other.
    Unknown,
}

/// An inline cache of an instruction (3.11+).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    /// Its name.
    pub name: Rc<str>,
    /// Where it begins.
    pub offset: u32,
    /// Code units of two bytes that it takes.
    pub units: u8,
    /// What it holds, where that fits a number.
    pub value: Option<u64>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Where it is, in bytes.
    pub offset: u32,
    /// The byte behind it and its caches.
    pub next: u32,
    /// Its opcode, as the compiler made it.
    pub opcode: u8,
    /// The name of that; `<N>` for a number that the version does not know.
    pub name: Rc<str>,
    /// The name of what stands in memory.
    pub adaptive: Rc<str>,
    /// How sure `name` is.
    pub original: Original,
    /// Its argument, with what EXTENDED_ARG before it adds; `None` if it takes none.
    pub argument: Option<i64>,
    /// How the argument reads.
    pub kind: Argument,
    /// What `dis` says of the argument, nothing if it says nothing; `None` if it cannot be read.
    pub text: Option<Rc<str>>,
    /// The name that the argument stands for, without marks.
    pub bare_name: Option<Rc<str>>,
    /// Where it jumps.
    pub jump: Option<u32>,
    /// Whether a jump or an exception leads here.
    pub is_target: bool,
    /// Its number among labels, in versions that number them.
    pub label: Option<u32>,
    /// Whether a line begins here.
    pub starts_line: bool,
    /// Where it comes from.
    pub position: Position,
    /// Its inline caches.
    pub caches: Vec<Cache>,
}

/// What a name of a code object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// A parameter.
    Argument,
    /// Assigned in the function.
    Local,
    /// A local that inner functions use.
    Cell,
    /// A local of an outer function.
    Free,
    /// A name of the module, or a builtin.
    Global,
    /// Looked up in a mapping first, at module level and in class bodies.
    Name,
}

/// A name, and what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ScopeKind,
    /// Whether a cell holds it.
    pub in_cell: bool,
    /// Whether it is bound in the frame; `None` where there is no frame, or it has no slot there.
    pub bound: Option<bool>,
}

/// The instructions of a code object and what belongs to them.
#[derive(Clone, Debug)]
pub struct Disassembly {
    /// The instructions, in order.
    pub instructions: Vec<Instruction>,
    /// Their bytes.
    pub bytecode: Bytecode,
    /// The same as numbers.
    pub raws: Vec<Raw>,
    /// The exception table; `None` before 3.11.
    pub handlers: Option<Vec<Handler>>,
    /// Numbers of labels by offset, in versions that number them.
    pub labels: HashMap<u32, u32>,
    /// What could not be read, one sentence each.
    pub problems: Vec<String>,
}

impl Disassembly {
    /// The instruction that byte `offset` belongs to: within its argument or caches, too.
    pub fn at(&self, offset: i64) -> Option<&Instruction> {
        let offset = u32::try_from(offset).ok()?;
        let behind = self.instructions.partition_point(|instruction| instruction.offset <= offset);
        let found = self.instructions.get(behind.checked_sub(1)?)?;
        (offset < found.next).then_some(found)
    }
}

/// The instructions of `code`, as `frame` runs them where each thread has a copy of its own.
pub fn disassemble(
    python: &Python<'_>,
    opcodes: &Opcodes,
    code: &Code,
    frame: Option<&RawFrame>,
) -> Result<Disassembly> {
    let bytecode = Bytecode::read(python, opcodes, code, frame)?;
    let raws = decode(opcodes, &bytecode);
    let handlers = exception_table::read(python, code)?;
    let targets = Targets::of(opcodes, &raws, handlers.as_deref().unwrap_or_default());
    let mut arguments = Arguments::read(python, code, CONSTANTS)?;
    let mut positions = Positions::of(code, opcodes.line_starts);
    let names = names(opcodes);
    let name = |code: u8| names.get(usize::from(code)).map_or_else(|| Rc::from("?"), Rc::clone);
    let mut problems = Vec::new();
    let instructions: Vec<Instruction> = raws
        .iter()
        .map(|raw| {
            let opcode = opcodes.get(raw.opcode);
            let (position, starts_line) = positions.next(raw.offset);
            let jump = opcode.and_then(|opcode| target(opcodes, opcode, raw));
            let text = opcode.map(|opcode| arguments.text(opcode, raw, jump, &targets.labels)).unwrap_or_default();
            Instruction {
                offset: raw.offset,
                next: raw.next,
                opcode: raw.opcode,
                name: name(raw.opcode),
                adaptive: name(raw.adaptive),
                original: match opcode.map(|opcode| opcode.standing) {
                    Some(Standing::Kept(_) | Standing::For(_)) => Original::Unknown,
                    _ if raw.opcode == raw.adaptive => Original::Itself,
                    _ => Original::Restored,
                },
                argument: raw.argument,
                kind: opcode.map_or(Argument::None, |opcode| opcode.argument),
                text: text.text,
                bare_name: text.name,
                jump,
                is_target: targets.all.contains(&raw.offset),
                label: targets.labels.get(&raw.offset).copied(),
                starts_line,
                position,
                caches: caches(opcodes, raw, &bytecode),
            }
        })
        .collect();
    complain(&mut problems, &bytecode, &instructions);
    Ok(Disassembly { instructions, bytecode, raws, handlers, labels: targets.labels, problems })
}

/// Notes what is not told of the instructions.
fn complain(problems: &mut Vec<String>, bytecode: &Bytecode, instructions: &[Instruction]) {
    if let Some(size) = bytecode.cut {
        problems.push(format!("only the first {MAX_BYTECODE} of {size} bytes of bytecode are shown"));
    }
    let count = |test: &dyn Fn(&Instruction) -> bool| instructions.iter().filter(|one| test(one)).count();
    let unknown = count(&|one| one.original == Original::Unknown);
    if unknown > 0 {
        problems.push(format!("{unknown} instructions have replaced others that cannot be known"));
    }
    let unreadable = count(&|one| one.argument.is_some() && one.text.is_none());
    if unreadable > 0 {
        problems.push(format!("the arguments of {unreadable} instructions refer to what cannot be read"));
    }
}

/// The name of each opcode.
fn names(opcodes: &Opcodes) -> Vec<Rc<str>> {
    let name =
        |code: u8| opcodes.get(code).map_or_else(|| Rc::from(format!("<{code}>")), |opcode| Rc::from(&*opcode.name));
    (0..=u8::MAX).map(name).collect()
}

fn caches(opcodes: &Opcodes, raw: &Raw, bytecode: &Bytecode) -> Vec<Cache> {
    let mut offset = raw.end;
    let shape = opcodes.get(raw.opcode).map_or(&[][..], |opcode| &opcode.caches);
    shape
        .iter()
        .map(|(name, units)| {
            let start = offset;
            offset += u32::from(*units) * 2;
            let bytes = bytecode.memory.get(start as usize..offset as usize);
            let value = bytes
                .filter(|bytes| bytes.len() <= 8)
                .map(|bytes| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)));
            Cache { name: Rc::from(name.as_str()), offset: start, units: *units, value }
        })
        .collect()
}

/// Where jumps and exceptions lead.
struct Targets {
    all: BTreeSet<u32>,
    labels: HashMap<u32, u32>,
}

impl Targets {
    fn of(opcodes: &Opcodes, raws: &[Raw], handlers: &[Handler]) -> Self {
        let jumps = raws.iter().filter_map(|raw| target(opcodes, opcodes.get(raw.opcode)?, raw));
        let mut all: BTreeSet<u32> = jumps.collect();
        // A handler of no instruction is none.
        all.extend(handlers.iter().filter(|handler| handler.start < handler.end).map(|handler| handler.target));
        let mut labels = HashMap::new();
        if opcodes.labels {
            let ends = handlers.iter().flat_map(|handler| [handler.start, handler.end, handler.target]);
            let sorted: BTreeSet<u32> = all.iter().copied().chain(ends).collect();
            labels = sorted.into_iter().zip(1..).collect();
        }
        Self { all, labels }
    }
}

/// The positions of instructions one after the other.
struct Positions {
    runs: Vec<(i64, Position)>,
    next: usize,
    starts: LineStarts,
    /// The line of the instruction before; `None` before the first.
    last: Option<Option<i64>>,
}

impl Positions {
    fn of(code: &Code, starts: LineStarts) -> Self {
        Self { runs: code.lines.runs(), next: 0, starts, last: None }
    }

    /// The position of the instruction at `offset`, and whether a line begins there.
    fn next(&mut self, offset: u32) -> (Position, bool) {
        while self.runs.get(self.next).is_some_and(|(start, _)| *start <= i64::from(offset)) {
            self.next += 1;
        }
        let run = self.next.checked_sub(1).and_then(|last| self.runs.get(last));
        let position = run.map_or_else(Position::default, |(_, position)| *position);
        let starts = match self.starts {
            LineStarts::All => self.last != Some(position.line),
            LineStarts::Known => position.line.is_some() && self.last != Some(position.line),
        };
        if starts {
            self.last = Some(position.line);
        }
        (position, starts)
    }
}
