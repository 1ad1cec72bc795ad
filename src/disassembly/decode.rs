//! From bytes to instructions: numbers and arguments, nothing read.

use crate::disassembly::Bytecode;
use crate::layout::Opcodes;
use crate::layout::opcodes::{Argument, Opcode};

/// An instruction as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw {
    /// Where it is, in bytes.
    pub offset: u32,
    /// The byte behind it, its caches not counted.
    pub end: u32,
    /// The byte behind its caches.
    pub next: u32,
    /// Its opcode, as the compiler made it.
    pub opcode: u8,
    /// Its opcode in memory.
    pub adaptive: u8,
    /// Its argument, with what EXTENDED_ARG before it adds; `None` if it takes none.
    pub argument: Option<i64>,
}

/// The name of the instruction that makes the argument of the next longer.
const EXTENDED_ARG: &str = "EXTENDED_ARG";

/// The instructions of `bytecode`. Whatever the bytes are, each takes at least one.
pub fn decode(opcodes: &Opcodes, bytecode: &Bytecode) -> Vec<Raw> {
    let (bytes, memory) = (&bytecode.original, &bytecode.memory);
    let mut instructions = Vec::with_capacity(bytes.len() / 2);
    let (mut at, mut extended) = (0, 0_i64);
    while let Some(code) = bytes.get(at).copied() {
        let opcode = opcodes.get(code);
        let takes = opcode.is_some_and(|opcode| opcode.argument != Argument::None);
        let size = if opcodes.pairs {
            2
        } else if takes {
            3
        } else {
            1
        };
        let low = match bytes.get(at + 1..at + size) {
            Some([low]) => i64::from(*low),
            Some([low, high]) => i64::from(*low) | i64::from(*high) << 8,
            Some(_) => 0,
            // The last instruction is cut off.
            None => break,
        };
        let argument = takes.then_some(low | extended);
        extended = match argument {
            // In C the argument is an int: it overflows into negative numbers.
            Some(argument) if opcode.is_some_and(|opcode| opcode.name == EXTENDED_ARG) => {
                i64::from((argument << if opcodes.pairs { 8 } else { 16 }) as i32)
            }
            _ => 0,
        };
        let caches = opcode.map_or(0, Opcode::cache_units);
        instructions.push(Raw {
            offset: at as u32,
            end: (at + size) as u32,
            next: (at + size + caches * 2) as u32,
            opcode: code,
            adaptive: memory.get(at).copied().unwrap_or(code),
            argument,
        });
        at += size + caches * 2;
    }
    instructions
}

/// Where the instruction jumps to, or is said to belong to.
pub fn target(opcodes: &Opcodes, opcode: &Opcode, raw: &Raw) -> Option<u32> {
    let distance = raw.argument?.checked_mul(i64::from(opcodes.jump_unit))?;
    let target = match opcode.argument {
        Argument::JumpForward => i64::from(raw.next).checked_add(distance)?,
        Argument::JumpBackward | Argument::JumpFrom => i64::from(raw.next).checked_sub(distance)?,
        Argument::JumpAbsolute | Argument::JumpNumber => distance,
        _ => return None,
    };
    u32::try_from(target).ok()
}
