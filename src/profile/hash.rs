//! Tables whose keys are our own small numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table that is asked several times for every run: the standard hash takes five times as long.
pub(super) type Index<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// Hashes numbers and texts by multiplication. The keys are our own small numbers, so that nobody can
/// choose them to collide; texts are the target's, and looked up once per code object.
#[derive(Clone, Default)]
pub(super) struct Mixer(u64);

impl Mixer {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        // The table takes its place from the low bits and its tag from the high ones.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.add(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }
}
