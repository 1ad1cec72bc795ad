//! Bytes that no compiler made.

use super::*;
use crate::layout::opcodes::Kept;

/// A sequence that looks random and is the same every time.
fn noise(seed: u32) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Some((state >> 8) as u8)
    })
}

#[test]
fn garbage_is_decoded_to_its_end() {
    for (series, opcodes) in Opcodes::all() {
        let opcodes = opcodes.unwrap_or_else(|problem| panic!("{series}: {problem}"));
        for seed in 0..400 {
            let bytes: Vec<u8> = noise(seed).take(seed as usize).collect();
            let find = |_: Kept, unit: usize, argument: u8| (!unit.is_multiple_of(3)).then_some((argument, unit as u8));
            let bytecode = Bytecode::restored(&opcodes, bytes.clone(), find);
            assert_eq!(bytecode.original.len(), bytes.len());
            let raws = decode(&opcodes, &bytecode);
            assert!(raws.windows(2).all(|pair| pair[0].next == pair[1].offset && pair[0].offset < pair[0].next));
            let handlers = parse_exception_table(&bytes);
            for raw in raws.iter().step_by(7) {
                states(&opcodes, &raws, &handlers, raw.offset);
            }
        }
    }
}

#[test]
fn what_another_has_replaced_is_restored() {
    let opcodes = Opcodes::all().find(|(series, _)| *series == "3.12").unwrap().1.unwrap();
    let code = |name: &str| (0..=255).find(|code| opcodes.get(*code).is_some_and(|one| one.name == name)).unwrap();
    // A line event above an instrumented call, its caches full; then an optimized jump that no one knows.
    let memory = vec![code("INSTRUMENTED_LINE"), 2, 7, 7, 7, 7, 7, 7, code("INSTRUMENTED_INSTRUCTION"), 5];
    let find = |kept: Kept, unit: usize, argument: u8| {
        (kept == Kept::Lines && unit == 0).then_some((code("INSTRUMENTED_CALL"), argument))
    };
    let bytecode = Bytecode::restored(&opcodes, memory, find);
    assert_eq!(bytecode.original[..8], [code("CALL"), 2, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytecode.unknown, [8]);
}
