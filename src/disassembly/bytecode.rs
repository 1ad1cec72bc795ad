//! The bytes of a code object, as they lie in memory and as the compiler made them.

use crate::address::Addr;
use crate::layout::Opcodes;
use crate::layout::opcodes::{Kept, Standing};
use crate::python::{Code, Fault, Python, RawFrame, Result};

/// Bytes of a pointer.
const POINTER: u64 = 8;
/// Of more bytecode only this much is read: 131,072 instructions, of which a document takes 100 MB.
pub const MAX_BYTECODE: usize = 1 << 18;
/// An instruction that stands for one that stands for one …: line events above single steps above an
/// instrumented call are three.
const MAX_LAYERS: usize = 4;
/// An entry of what line events have replaced has an opcode and at most four bytes of a step.
const MAX_LINE_ENTRY: u8 = 5;
/// No code object has more executors (`MAX_EXECUTORS_SIZE`, Include/internal/pycore_optimizer.h).
const MAX_EXECUTORS: i32 = 256;

/// The bytecode of a code object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bytecode {
    /// As it lies in memory: specialised, instrumented, with counters in its caches.
    pub memory: Vec<u8>,
    /// As the compiler made it, caches emptied: `co_code`.
    pub original: Vec<u8>,
    /// Byte offsets of instructions of which cannot be known what they have replaced.
    pub unknown: Vec<u32>,
    /// How many bytes there are in all, where not all were read.
    pub cut: Option<u64>,
}

impl Bytecode {
    /// The bytecode of `code`; of the copy that `frame` runs, where each thread has its own.
    pub fn read(python: &Python<'_>, opcodes: &Opcodes, code: &Code, frame: Option<&RawFrame>) -> Result<Self> {
        let layout = &python.layout.code;
        let (memory, size) = if let Some(field) = layout.bytecode {
            let bytes = python.pointer(code.address, field, "the bytecode of a code object")?;
            python.bytes(bytes, MAX_BYTECODE)?
        } else {
            let base = code.bytecode(python, frame).ok_or(Fault::Null("the bytecode of a code object"))?;
            let size = u64::try_from(code.size).unwrap_or(0);
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(MAX_BYTECODE)];
            python.memory.read(base, &mut bytes)?;
            (bytes, size)
        };
        let cut = (size > memory.len() as u64).then_some(size);
        let replaced = Replaced { python, code: code.address };
        Ok(Self { cut, ..Self::restored(opcodes, memory, |kept, unit, argument| replaced.find(kept, unit, argument)) })
    }

    /// The bytecode that lies in memory as `memory`. `find` tells opcode and argument of an instruction that
    /// was replaced, by where it is kept, the index of its code unit and the argument in its place.
    pub fn restored(opcodes: &Opcodes, memory: Vec<u8>, find: impl Fn(Kept, usize, u8) -> Option<(u8, u8)>) -> Self {
        let mut original = memory.clone();
        let mut unknown = Vec::new();
        if !opcodes.pairs {
            return Self { memory, original, unknown, cut: None };
        }
        let mut unit = 0;
        while let Some([opcode, argument]) = memory.get(unit * 2..unit * 2 + 2) {
            let restored = restore(opcodes, *opcode, *argument, |kept, argument| find(kept, unit, argument));
            let (code, argument) = restored.unwrap_or_else(|| {
                unknown.push((unit * 2) as u32);
                (*opcode, *argument)
            });
            let caches = opcodes.get(code).map_or(0, |opcode| opcode.cache_units());
            if let Some(place) = original.get_mut(unit * 2..unit * 2 + 2) {
                place.copy_from_slice(&[code, argument]);
            }
            let end = original.len().min((unit + 1 + caches) * 2);
            if let Some(caches) = original.get_mut(unit * 2 + 2..end) {
                caches.fill(0);
            }
            unit += 1 + caches;
        }
        Self { memory, original, unknown, cut: None }
    }
}

/// Opcode and argument of what the instruction `opcode` has replaced; itself where it has not.
fn restore(
    opcodes: &Opcodes,
    mut opcode: u8,
    mut argument: u8,
    find: impl Fn(Kept, u8) -> Option<(u8, u8)>,
) -> Option<(u8, u8)> {
    for _ in 0..MAX_LAYERS {
        match opcodes.get(opcode).map(|known| known.standing) {
            // What has no name either may be anything: it is shown as a number.
            Some(Standing::Itself) | None => return Some((opcode, argument)),
            Some(Standing::For(other)) => opcode = other,
            Some(Standing::Kept(kept)) => (opcode, argument) = find(kept, argument)?,
        }
    }
    None
}

/// What monitoring and the optimizer have replaced in a code object.
struct Replaced<'p> {
    python: &'p Python<'p>,
    code: Addr,
}

impl Replaced<'_> {
    fn find(&self, kept: Kept, unit: usize, argument: u8) -> Option<(u8, u8)> {
        match kept {
            Kept::Lines => Some((self.line(unit)?, argument)),
            Kept::Steps => Some((self.step(unit)?, argument)),
            Kept::Executors => self.executor(argument),
            Kept::Nowhere => None,
        }
    }

    /// The address of the array in `field` of the monitoring data.
    fn monitoring(&self, field: Option<crate::layout::Field<Addr>>) -> Option<Addr> {
        let monitoring = self.python.get_if(self.code, self.python.layout.code.monitoring).ok()???;
        self.python.get_if(monitoring, field).ok()??
    }

    /// Entries of two bytes, an opcode and a step of lines; later releases of 3.13 put a byte before them that
    /// says how many bytes an entry has. That is 5 at most, and no opcode of so small a number is
    /// the first instruction of a code object, to which the first entry belongs.
    fn line(&self, unit: usize) -> Option<u8> {
        let lines = self.monitoring(self.python.layout.code.line_instructions)?;
        let mut first = [0];
        self.python.memory.read(lines, &mut first).ok()?;
        let (header, size) = match first {
            [size @ 2..=MAX_LINE_ENTRY] => (1, u64::from(size)),
            _ => (0, 2),
        };
        self.byte(lines.offset(header + unit as u64 * size))
    }

    fn step(&self, unit: usize) -> Option<u8> {
        let steps = self.monitoring(self.python.layout.code.step_instructions)?;
        self.byte(steps.offset(unit as u64))
    }

    fn executor(&self, index: u8) -> Option<(u8, u8)> {
        let layout = &self.python.layout.replaced;
        let array = self.python.get_if(self.code, self.python.layout.code.executors).ok()???;
        let count = self.python.get_if(array, layout.executor_count).ok()??;
        if i32::from(index) >= count.min(MAX_EXECUTORS) {
            return None;
        }
        let place = array.offset(u64::from(layout.executors?.offset) + u64::from(index) * POINTER);
        let executor = self.python.memory.pointer(place).ok()??;
        let opcode = self.python.get_if(executor, layout.executor_opcode).ok()??;
        Some((opcode, self.python.get_if(executor, layout.executor_argument).ok()??))
    }

    fn byte(&self, at: Addr) -> Option<u8> {
        let mut byte = [0];
        self.python.memory.read(at, &mut byte).ok()?;
        // 0 is CACHE, which is never replaced.
        byte.first().copied().filter(|opcode| *opcode != 0)
    }
}
