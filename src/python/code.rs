//! Code objects.

use crate::address::Addr;
use crate::layout::Instruction;
use crate::memory::{Copies, Part};
use crate::python::line_table::{LineTable, Position};
use crate::python::{Fault, Python, RawFrame, Result, flag};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A decoded code object: what does not change while it lives.
#[derive(Clone, Debug)]
pub struct Code {
    /// Where it lies.
    pub address: Addr,
    /// `co_name`.
    pub name: String,
    /// `co_qualname`; `None` before 3.11.
    pub qualname: Option<String>,
    /// `co_filename`.
    pub filename: String,
    /// `co_firstlineno`.
    pub first_line: i64,
    /// `co_flags`.
    pub flags: i32,
    /// From instruction to line.
    pub lines: LineTable,
    /// Where the instructions begin; `None` where frames hold an index.
    pub instructions: Option<Addr>,
    /// How many bytes of instructions it has (3.11+; before, 0).
    pub size: i64,
    /// Whether its frames have slots for variables (3.11+): only then does an empty frame differ from
    /// one that waits for a call.
    pub has_variables: bool,
    /// How many bytes a frame of it takes in a chunk of frame memory (3.11+).
    pub frame_bytes: Option<u64>,
    /// The byte offset of the first instruction that counts as begun (3.11+).
    pub first_traceable: i64,
    /// Its number: no two code objects that were decoded share one.
    pub serial: u64,
    /// Where copies of the bytecode begin that threads run instead (free-threaded 3.14+).
    copies: RefCell<Vec<(u64, Addr)>>,
    /// The fields by which a reused address is noticed.
    identity: Identity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    name: Option<Addr>,
    filename: Option<Addr>,
    lines: Option<Addr>,
    first_line: i32,
}

/// `CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR` (Include/cpython/code.h).
const GENERATOR_FLAGS: i32 = 0x20 | 0x80 | 0x200;
/// `CO_COROUTINE | CO_ITERABLE_COROUTINE` (Include/cpython/code.h).
const AWAITABLE_FLAGS: i32 = 0x80 | 0x100;
/// A greater line table is garbage: a function of a million lines has 20 MB.
const MAX_LINE_TABLE: usize = 64 << 20;

impl Code {
    /// Whether calls of it make a generator, coroutine or async generator.
    pub fn is_generator(&self) -> bool {
        self.flags & GENERATOR_FLAGS != 0
    }

    /// Whether calls of it make what `await` takes: a coroutine, or a generator that counts as one.
    pub fn is_awaitable(&self) -> bool {
        self.flags & AWAITABLE_FLAGS != 0
    }

    /// How much memory it takes, roughly.
    fn weight(&self) -> usize {
        let qualname = self.qualname.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.lines.bytes.len() + self.name.len() + self.filename.len() + qualname
    }

    /// `frame.f_lasti` of a frame of this code: the byte offset of its instruction, -1 before the
    /// first. `base` is where the frame's copy of the bytecode begins.
    pub fn lasti(&self, python: &Python<'_>, frame: &RawFrame) -> i64 {
        match python.layout.words.instruction {
            Instruction::ByteIndex => i64::from(frame.instruction as i32),
            Instruction::UnitIndex => match frame.instruction as i32 {
                before if before < 0 => -1,
                index => i64::from(index) * 2,
            },
            Instruction::PreviousPointer | Instruction::Pointer => {
                let base = self.bytecode(python, Some(frame)).map_or(0, Addr::get);
                let offset = frame.instruction.wrapping_sub(base).cast_signed();
                if offset < 0 { -1 } else { offset & !1 }
            }
        }
    }

    /// Where the bytecode begins that `frame` runs: in free-threaded builds of 3.14 and newer each
    /// thread has a copy that it specialises. Without a frame, the first copy.
    pub fn bytecode(&self, python: &Python<'_>, frame: Option<&RawFrame>) -> Option<Addr> {
        let copy = || {
            let index = u64::try_from(frame?.tlbc_index.filter(|index| *index > 0)?).ok()?;
            if let Some((_, known)) = self.copies.borrow().iter().find(|(known, _)| *known == index) {
                return Some(*known);
            }
            let array = python.get_if(self.address, python.layout.code.tlbc).ok()??;
            let array = array?;
            let size = python.get_if(array, python.layout.code_array.size).ok()??;
            let entries = python.layout.code_array.entries?;
            if index >= size {
                return None;
            }
            let copy = python.memory.pointer(array.offset(u64::from(entries.offset) + index * 8)).ok()??;
            self.copies.borrow_mut().push((index, copy));
            Some(copy)
        };
        copy().or(self.instructions)
    }

    /// The position in the source of the instruction at byte offset `lasti`.
    pub fn position(&self, lasti: i64) -> Position {
        self.lines.position(lasti)
    }
}

impl Python<'_> {
    /// Decodes the code object at `address`.
    pub fn code(&self, address: Addr) -> Result<Code> {
        let layout = &self.layout.code;
        let identity = self.identity(address)?;
        let qualname = self.get_if(address, layout.qualname)?.flatten();
        let name = identity.name.ok_or(Fault::Null("the name of a code object"))?;
        let filename = identity.filename.ok_or(Fault::Null("the file name of a code object"))?;
        let table = identity.lines.ok_or(Fault::Null("the line table of a code object"))?;
        if !self.type_flags(table)?.has(flag::BYTES_SUBCLASS) {
            return Err(Fault::Implausible(address, "the line table of a code object"));
        }
        let (bytes, length) = self.bytes(table, MAX_LINE_TABLE)?;
        if length > MAX_LINE_TABLE as u64 {
            return Err(Fault::Implausible(table, "the length of a line table"));
        }
        let first_line = i64::from(identity.first_line);
        let first_traceable = self.get_if(address, layout.firsttraceable)?.unwrap_or(0);
        Ok(Code {
            address,
            name: self.name(name)?,
            qualname: qualname.map(|at| self.name(at)).transpose()?,
            filename: self.name(filename)?,
            first_line,
            flags: self.get(address, layout.flags)?,
            lines: LineTable { encoding: self.layout.words.line_table, bytes, first_line },
            instructions: layout.instructions.map(|field| address.offset(u64::from(field.offset))),
            size: match layout.instructions {
                // The items of a code object are its code units of two bytes.
                Some(_) => self.get(address, self.layout.object.ob_size)?.clamp(0, 1 << 32) * 2,
                None => 0,
            },
            has_variables: self.get_if(address, layout.nlocalsplus)?.is_some_and(|slots| slots > 0),
            frame_bytes: self.frame_bytes(address)?,
            first_traceable: i64::from(first_traceable) * 2,
            serial: 0,
            copies: RefCell::default(),
            identity,
        })
    }

    /// All of it in one read.
    fn identity(&self, address: Addr) -> Result<Identity> {
        let layout = &self.layout.code;
        let (start, end) = layout.span;
        let mut copy = [Part::new(address.offset(u64::from(start)), (end - start) as usize)];
        self.memory.read(copy[0].addr, &mut copy[0].bytes)?;
        let copy = Copies::new(&copy, self.memory);
        let here = Python::new(&copy, self.layout);
        Ok(Identity {
            name: here.get(address, layout.name)?,
            filename: here.get(address, layout.filename)?,
            lines: here.get(address, layout.linetable)?,
            first_line: here.get(address, layout.firstlineno)?,
        })
    }

    /// `co_framesize` in bytes; 3.11 has no such field and computes it
    /// (`_PyFrame_PushUnchecked`, Include/internal/pycore_frame.h).
    fn frame_bytes(&self, address: Addr) -> Result<Option<u64>> {
        let layout = &self.layout.code;
        if let Some(slots) = self.get_if(address, layout.framesize)? {
            return Ok(u64::try_from(slots).ok().map(|slots| slots * 8));
        }
        let Some(locals) = self.get_if(address, layout.nlocalsplus)? else { return Ok(None) };
        let slots = i64::from(locals) + i64::from(self.get(address, layout.stacksize)?);
        let header = u64::from(self.layout.frame.localsplus.offset);
        Ok(u64::try_from(slots).ok().map(|slots| slots * 8 + header))
    }
}

/// The code objects decoded so far, for as long as their target lives.
///
/// A code object that is destroyed may leave its address to another. [`CodeCache::renew`] makes the
/// cache ask of each, once, whether it is still the same before it is believed again.
#[derive(Debug, Default)]
pub struct CodeCache(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    /// With the epoch in which it was last seen to be the same.
    codes: HashMap<Addr, (Rc<Code>, u64)>,
    weight: usize,
    epoch: u64,
    decoded: u64,
    replaced: u64,
}

/// Beyond this many code objects the cache starts afresh: a large service has 50,000, of which a
/// dump meets a few hundred.
const MAX_CODES: usize = 20_000;
/// And beyond so many bytes: 20,000 code objects take some 10 MB.
const MAX_WEIGHT: usize = 128 << 20;

impl CodeCache {
    /// The code object at `address`: decoded now, or before if it is still the same one.
    pub fn get(&self, python: &Python<'_>, address: Addr) -> Result<Rc<Code>> {
        let known = self.0.borrow().codes.get(&address).cloned();
        let epoch = self.epoch();
        if let Some((code, seen)) = known {
            if seen == epoch {
                return Ok(code);
            }
            // Memory that is given back is given out again in the same order: another function may have its
            // name where this one had it, so that the name itself is asked for, too.
            let identity = python.identity(address)?;
            let named = || identity.name.is_some_and(|at| python.name(at).is_ok_and(|name| name == code.name));
            if identity == code.identity && named() {
                self.0.borrow_mut().codes.insert(address, (Rc::clone(&code), epoch));
                return Ok(code);
            }
        }
        let code = python.code(address)?;
        let mut known = self.0.borrow_mut();
        if known.codes.len() >= MAX_CODES || known.weight >= MAX_WEIGHT {
            known.codes.clear();
            known.weight = 0;
        }
        known.decoded += 1;
        known.weight += code.weight();
        let code = Rc::new(Code { serial: known.decoded, ..code });
        if let Some((old, _)) = known.codes.insert(address, (Rc::clone(&code), epoch)) {
            known.weight = known.weight.saturating_sub(old.weight());
            known.replaced += 1;
        }
        Ok(code)
    }

    /// Whether `code` is still what lies at its address.
    pub fn is_same(&self, python: &Python<'_>, code: &Rc<Code>) -> bool {
        self.get(python, code.address).is_ok_and(|now| Rc::ptr_eq(&now, code))
    }

    /// Begins another epoch: what was seen before may have changed.
    pub fn renew(&self) {
        self.0.borrow_mut().epoch += 1;
    }

    /// How often it was renewed.
    pub fn epoch(&self) -> u64 {
        self.0.borrow().epoch
    }

    /// How many addresses turned out to hold another code object than before.
    pub fn replaced(&self) -> u64 {
        self.0.borrow().replaced
    }
}
