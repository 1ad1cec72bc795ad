//! What a short exported function refers to, read off its machine code: how CPython's accessors
//! give away addresses and offsets that no symbol names (`PyInterpreterState_Head` is
//! `return interp_head`).
//!
//! This is no disassembler: it finds the few instruction patterns compilers use to reach static
//! data. Every answer is a candidate, to be checked by the caller.

use crate::binary::Machine;

/// How much of a function is looked at: accessors are a handful of instructions, also in debug
/// builds.
pub const CODE_SIZE: usize = 160;

/// A way in which a function refers to data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// It loads the word at this address, or takes the address.
    Static(u64),
    /// It loads a word this far behind a pointer that it has.
    Offset(u64),
}

/// What the function whose `code` lies at `address` refers to, in the order of its instructions.
pub fn references(machine: Machine, code: &[u8], address: u64) -> Vec<Reference> {
    match machine {
        Machine::X86_64 => x86_64(code, address),
        Machine::Aarch64 => aarch64(code, address),
    }
}

fn x86_64(code: &[u8], address: u64) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(window) = code.get(at..).filter(|rest| rest.len() >= 7) {
        at += match x86_64_at(window, address.wrapping_add(at as u64)) {
            Some((reference, length)) => {
                found.push(reference);
                length
            }
            None => 1,
        };
    }
    found
}

/// REX.W, then `mov r64, r/m64` (8b) or `lea` (8d) with a ModRM byte that means an address:
/// relative to the next instruction, absolute, or a displacement from a register.
fn x86_64_at(code: &[u8], here: u64) -> Option<(Reference, usize)> {
    let [rex, opcode, modrm, rest @ ..] = code else { return None };
    let rest32 = || rest.first_chunk().map(|bytes| i64::from(i32::from_le_bytes(*bytes)));
    // Code linked to a fixed address below 4 GB takes addresses as plain numbers: mov $imm32, r32.
    if (0xb8..=0xbf).contains(rex) {
        let value = code.get(1..5)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        return (value > 0x1_0000).then_some((Reference::Static(u64::from(value)), 5));
    }
    // cmpq $imm8, static: a whole byte longer than the loads.
    if (*rex, *opcode, *modrm) == (0x48, 0x83, 0x3d) {
        return Some((Reference::Static(here.wrapping_add(8).wrapping_add_signed(rest32()?)), 8));
    }
    if rex & 0xf8 != 0x48 || !matches!(opcode, 0x8b | 0x8d) {
        return None;
    }
    match (modrm >> 6, modrm & 7) {
        (0, 5) => Some((Reference::Static(here.wrapping_add(7).wrapping_add_signed(rest32()?)), 7)),
        (0, 4) if rest.first() == Some(&0x25) => {
            let value = rest.get(1..5)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
            Some((Reference::Static(u64::from(value)), 8))
        }
        (2, register) if register != 4 => u64::try_from(rest32()?).ok().map(|d| (Reference::Offset(d), 7)),
        (1, register) if register != 4 => {
            let offset = rest.first().copied().map(u64::from).filter(|d| *d < 0x80)?;
            Some((Reference::Offset(offset), 4))
        }
        (0, register) if !(4..=5).contains(&register) => Some((Reference::Offset(0), 3)),
        _ => None,
    }
}

/// `adrp` takes the page of an address; `add` and `ldr` give the rest.
fn aarch64(code: &[u8], address: u64) -> Vec<Reference> {
    let mut pages = [None::<u64>; 32];
    let mut found = Vec::new();
    for (index, bytes) in code.chunks_exact(4).enumerate() {
        let Some(word) = bytes.first_chunk().map(|b| u32::from_le_bytes(*b)) else { break };
        let here = address.wrapping_add(4 * index as u64);
        let (to, from) = ((word & 31) as usize, ((word >> 5) & 31) as usize);
        let immediate = u64::from((word >> 10) & 0xfff);
        if word & 0x9f00_0000 == 0x9000_0000 {
            let value = (i64::from((word >> 5) & 0x7_ffff) << 2) | i64::from((word >> 29) & 3);
            let pages_away = (value << 43) >> 43;
            pages[to] = Some((here & !0xfff).wrapping_add_signed(pages_away << 12));
        } else if word & 0xffc0_0000 == 0x9100_0000 {
            match pages[from] {
                Some(page) => {
                    found.push(Reference::Static(page.wrapping_add(immediate)));
                    pages[to] = Some(page.wrapping_add(immediate));
                }
                None => pages[to] = None,
            }
        } else if word & 0xffc0_0000 == 0xf940_0000 {
            found.push(match pages[from] {
                Some(page) => Reference::Static(page.wrapping_add(immediate * 8)),
                None => Reference::Offset(immediate * 8),
            });
            pages[to] = None;
        } else if word == 0xd65f_03c0 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reference::{Offset, Static};

    #[test]
    fn accessors_as_compilers_write_them() {
        // mov 0x2f0e11(%rip),%rax; ret — PyInterpreterState_Head of 2.7.
        let code = [0x48, 0x8b, 0x05, 0x11, 0x0e, 0x2f, 0x00, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90];
        assert_eq!(x86_64(&code, 0x1000), [Static(0x1000 + 7 + 0x2f_0e11)]);
        // mov GOT(%rip),%rax; mov 0x20(%rax),%rax; ret — of 3.9, shared.
        let code = [0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x48, 0x8b, 0x40, 0x20, 0xc3, 0, 0, 0, 0, 0, 0];
        assert_eq!(x86_64(&code, 0x1000), [Static(0x1017), Offset(0x20)]);
        // mov GOT(%rip),%rax; mov 0x5c8(%rax),%rax; ret — _PyThreadState_UncheckedGet of 3.7.
        let code = [0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x48, 0x8b, 0x80, 0xc8, 0x05, 0, 0, 0xc3];
        assert_eq!(x86_64(&code, 0x1000), [Static(0x1017), Offset(0x5c8)]);
        // adrp x0, +1 page; ldr x0, [x0, #8]; ret
        let code: Vec<u8> = [0xb000_0000_u32, 0xf940_0400, 0xd65f_03c0].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(aarch64(&code, 0x1000), [Static(0x2008)]);
        // adrp x0; ldr x0, [x0, #16]; ldr x0, [x0, #568]; ret
        let words = [0x9000_0000_u32, 0xf940_0800, 0xf941_1c00, 0xd65f_03c0];
        let code: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(aarch64(&code, 0x1000), [Static(0x1010), Offset(568)]);
    }
}
