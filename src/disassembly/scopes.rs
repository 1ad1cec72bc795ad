//! What every name of a code object means, told from the code object alone.

use crate::disassembly::{Instruction, Scope, ScopeKind};
use crate::layout::opcodes::Argument;
use crate::python::{Code, Python, RawFrame, Result, VariableKind};
use std::collections::BTreeSet;

/// `CO_OPTIMIZED` (Include/cpython/code.h): variables live in slots and not in a mapping.
const OPTIMIZED: i32 = 1;

/// The names of `code`: its variables in their order, then those that its instructions look up. Of `frame`
/// it is told which variables are bound.
pub fn scopes(
    python: &Python<'_>,
    code: &Code,
    instructions: &[Instruction],
    frame: Option<&RawFrame>,
) -> Result<Vec<Scope>> {
    let variables = python.scopes(code, frame)?.into_iter().map(|variable| Scope {
        name: variable.name,
        kind: match variable.kind {
            VariableKind::Argument => ScopeKind::Argument,
            VariableKind::Local => ScopeKind::Local,
            VariableKind::Cell => ScopeKind::Cell,
            VariableKind::Free => ScopeKind::Free,
        },
        in_cell: variable.in_cell,
        bound: variable.bound,
    });
    let mut scopes: Vec<Scope> = variables.collect();
    let mut seen = BTreeSet::new();
    for instruction in instructions.iter().filter(|instruction| instruction.kind == Argument::Name) {
        // Names of attributes and modules are no variables.
        let kind = match instruction.name.rsplit_once('_').map(|(_, last)| last) {
            Some("GLOBAL" | "GLOBALS") => ScopeKind::Global,
            // Module level and class bodies: what their mapping lacks is a global.
            Some("NAME") if !instruction.name.starts_with("IMPORT") => ScopeKind::Name,
            _ => continue,
        };
        let kind = if code.flags & OPTIMIZED != 0 { ScopeKind::Global } else { kind };
        if let Some(name) = &instruction.bare_name
            && seen.insert(name.clone())
        {
            scopes.push(Scope { name: name.to_string(), kind, in_cell: false, bound: None });
        }
    }
    Ok(scopes)
}
