//! The variables of a frame: their names, kinds and values.

use crate::address::Addr;
use crate::layout::Variables;
use crate::python::{Code, Fault, Python, RawFrame, Result, flag};
use std::collections::HashMap;

/// What kind of variable it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum VariableKind {
    /// A parameter.
    Argument,
    /// Assigned in the function.
    Local,
    /// A local that inner functions use.
    Cell,
    /// A local of an outer function.
    Free,
}

/// A variable that is bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: VariableKind,
    /// The object it is bound to: for a cell what the cell holds.
    pub value: Addr,
}

/// A variable that the frames of a code object may have, bound or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scoped {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: VariableKind,
    /// Whether a cell holds it, which other functions may share.
    pub in_cell: bool,
    /// Whether it is bound in a frame; `None` without one.
    pub bound: Option<bool>,
}

/// A variable that a frame may have: where in its slots.
struct Slot {
    name: Addr,
    kind: VariableKind,
    index: u64,
    in_cell: bool,
}

/// `CO_OPTIMIZED`: variables live in slots and not in a mapping; `CO_VARARGS`; `CO_VARKEYWORDS`
/// (Include/cpython/code.h).
const OPTIMIZED: i32 = 1;
const VARARGS: i32 = 4;
const VARKEYWORDS: i32 = 8;
/// `co_localspluskinds` (Include/internal/pycore_code.h, 3.11+).
const FAST_LOCAL: u8 = 0x20;
const FAST_CELL: u8 = 0x40;
const FAST_FREE: u8 = 0x80;
/// No function has more variables: a greater number is garbage.
const MAX_VARIABLES: usize = 65_536;

impl Python<'_> {
    /// The bound variables of `frame`, which runs `code`: arguments first, then in the order of the
    /// source. `None` where they live in a mapping (module level, class bodies).
    pub fn variables(&self, frame: &RawFrame, code: &Code) -> Result<Option<Vec<Variable>>> {
        if code.flags & OPTIMIZED == 0 {
            return Ok(None);
        }
        let mut slots = match self.layout.words.variables {
            Variables::Kinds => self.slots_by_kinds(code)?,
            Variables::Tuples => self.slots_by_tuples(code)?,
        };
        slots.sort_by_key(|slot| slot.kind);
        let first = frame.address.offset(u64::from(self.layout.frame.localsplus.offset));
        let mut variables = Vec::new();
        for slot in slots {
            // A variable that cannot be read is left out like one that is unbound: the frame as a
            // whole was read well.
            let Ok(Some(value)) = self.slot_value(first, &slot) else { continue };
            let name = self.name(slot.name)?;
            // `.0` is the iterable of a comprehension, which no source names.
            if !name.starts_with('.') {
                variables.push(Variable { name, kind: slot.kind, value });
            }
        }
        Ok(Some(variables))
    }

    /// All variables that frames of `code` have slots for, in their order; of `frame`, whether they are bound.
    pub fn scopes(&self, code: &Code, frame: Option<&RawFrame>) -> Result<Vec<Scoped>> {
        let slots = match self.layout.words.variables {
            Variables::Kinds => self.slots_by_kinds(code)?,
            Variables::Tuples => self.slots_by_tuples(code)?,
        };
        let first = frame.map(|frame| frame.address.offset(u64::from(self.layout.frame.localsplus.offset)));
        let scoped = |slot: &Slot| {
            let bound = first.and_then(|first| Some(self.slot_value(first, slot).ok()?.is_some()));
            Ok(Scoped { name: self.name(slot.name)?, kind: slot.kind, in_cell: slot.in_cell, bound })
        };
        slots.iter().map(scoped).collect()
    }

    fn slot_value(&self, first: Addr, slot: &Slot) -> Result<Option<Addr>> {
        let value = self.untag(self.memory.pointer(first.offset(slot.index * 8))?);
        let Some(value) = value else { return Ok(None) };
        // Before its MAKE_CELL instruction a cell variable's slot holds the bare argument.
        if slot.in_cell && self.is_cell(value)? {
            return self.get(value, self.layout.cell.ob_ref);
        }
        Ok(Some(value))
    }

    fn is_cell(&self, value: Addr) -> Result<bool> {
        Ok(self.tp_name(self.type_of(value)?)? == "cell")
    }

    fn argument_count(&self, code: &Code) -> Result<usize> {
        let layout = &self.layout.code;
        let positional = self.get(code.address, layout.argcount)?;
        let keywords = self.get_if(code.address, layout.kwonlyargcount)?.unwrap_or(0);
        let stars = i32::from(code.flags & VARARGS != 0) + i32::from(code.flags & VARKEYWORDS != 0);
        Ok(usize::try_from(positional.saturating_add(keywords).saturating_add(stars)).unwrap_or(0))
    }

    fn slots_by_kinds(&self, code: &Code) -> Result<Vec<Slot>> {
        let layout = &self.layout.code;
        let garbage = Fault::Implausible(code.address, "the variables of a code object");
        let names = self.get_if(code.address, layout.localsplusnames)?.flatten().ok_or(garbage.clone())?;
        let kinds = self.get_if(code.address, layout.localspluskinds)?.flatten().ok_or(garbage.clone())?;
        let (names, _) = self.tuple_items(names, MAX_VARIABLES)?;
        let (kinds, _) = self.bytes(kinds, MAX_VARIABLES)?;
        let arguments = self.argument_count(code)?;
        let slot = |(index, (name, kind)): (usize, (Option<Addr>, u8))| {
            let role = match kind {
                _ if index < arguments => VariableKind::Argument,
                kind if kind & FAST_CELL != 0 => VariableKind::Cell,
                kind if kind & FAST_FREE != 0 => VariableKind::Free,
                kind if kind & FAST_LOCAL != 0 => VariableKind::Local,
                _ => return None,
            };
            let in_cell = kind & (FAST_CELL | FAST_FREE) != 0;
            Some(Slot { name: name?, kind: role, index: index as u64, in_cell })
        };
        Ok(names.into_iter().zip(kinds).enumerate().filter_map(slot).collect())
    }

    /// Before 3.11: slots of locals, then of cells, then of free variables. An argument that is
    /// also a cell lives in its cell; the slot of the argument is empty.
    fn slots_by_tuples(&self, code: &Code) -> Result<Vec<Slot>> {
        let layout = &self.layout.code;
        let names = |field| -> Result<Vec<Option<Addr>>> {
            match self.get_if(code.address, field)?.flatten() {
                Some(tuple) if self.type_flags(tuple)?.has(flag::TUPLE_SUBCLASS) => {
                    Ok(self.tuple_items(tuple, MAX_VARIABLES)?.0)
                }
                _ => Err(Fault::Implausible(code.address, "the variables of a code object")),
            }
        };
        let (locals, cells, frees) = (names(layout.varnames)?, names(layout.cellvars)?, names(layout.freevars)?);
        let arguments = self.argument_count(code)?;
        let nlocals = u64::try_from(self.get(code.address, layout.nlocals)?).unwrap_or(0);
        let mut slots: Vec<Slot> = Vec::new();
        // Names of arguments, and where in `slots` they are.
        let mut known: HashMap<String, usize> = HashMap::new();
        for (index, name) in locals.iter().enumerate() {
            let Some(name) = *name else { continue };
            let kind = if index < arguments { VariableKind::Argument } else { VariableKind::Local };
            if kind == VariableKind::Argument
                && !cells.is_empty()
                && let Ok(text) = self.name(name)
            {
                known.entry(text).or_insert(slots.len());
            }
            slots.push(Slot { name, kind, index: index as u64, in_cell: false });
        }
        for (index, name) in cells.iter().enumerate() {
            let Some(name) = *name else { continue };
            let place = nlocals + index as u64;
            let argument = self.name(name).ok().and_then(|text| known.get(&text));
            match argument.and_then(|at| slots.get_mut(*at)) {
                // Shown among the arguments, at its place.
                Some(bare) => *bare = Slot { name, kind: VariableKind::Argument, index: place, in_cell: true },
                None => slots.push(Slot { name, kind: VariableKind::Cell, index: place, in_cell: true }),
            }
        }
        let behind = nlocals + cells.len() as u64;
        for (index, name) in frees.iter().enumerate() {
            let place = behind + index as u64;
            slots.extend(name.map(|name| Slot { name, kind: VariableKind::Free, index: place, in_cell: true }));
        }
        Ok(slots)
    }
}
