//! From an instruction to a line: the four encodings there have been.

use crate::layout::LineTable as Encoding;

/// Where in a source file an instruction comes from. `None` is what CPython says of an instruction
/// that belongs to no line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The first line, from 1.
    pub line: Option<i64>,
    /// The last line (3.11+).
    pub end_line: Option<i64>,
    /// The first column, in bytes of UTF-8 from 0 (3.11+).
    pub column: Option<i64>,
    /// The column behind the last (3.11+).
    pub end_column: Option<i64>,
}

/// The line table of a code object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineTable {
    /// How it is encoded.
    pub encoding: Encoding,
    /// `co_linetable` or `co_lnotab`.
    pub bytes: Vec<u8>,
    /// `co_firstlineno`.
    pub first_line: i64,
}

impl LineTable {
    /// The position of the instruction at byte offset `lasti`; -1 stands before the first.
    pub fn position(&self, lasti: i64) -> Position {
        let line = |line| Position { line, ..Position::default() };
        match self.encoding {
            Encoding::Lnotab => line(self.lnotab(lasti, |step| i64::from(step.cast_signed()))),
            Encoding::LnotabUnsigned => line(self.lnotab(lasti, i64::from)),
            _ if lasti < 0 => line(Some(self.first_line)),
            Encoding::Ranges => line(self.ranges(lasti)),
            Encoding::Locations => self.locations(lasti / 2),
        }
    }

    /// Objects/lnotab_notes.txt, before 3.10: pairs of steps, address and line.
    fn lnotab(&self, lasti: i64, step: impl Fn(u8) -> i64) -> Option<i64> {
        let (mut address, mut line) = (0, self.first_line);
        for pair in self.bytes.chunks_exact(2) {
            address += i64::from(pair[0]);
            if address > lasti {
                break;
            }
            line = line.saturating_add(step(pair[1]));
        }
        Some(line)
    }

    /// Objects/lnotab_notes.txt, 3.10: pairs of the length of a range and its line step; -128 marks
    /// a range of no line.
    fn ranges(&self, lasti: i64) -> Option<i64> {
        let (mut start, mut line) = (0, self.first_line);
        for pair in self.bytes.chunks_exact(2) {
            let end = start + i64::from(pair[0]);
            let step = i64::from(pair[1].cast_signed());
            if step != -128 {
                line = line.saturating_add(step);
            }
            if start <= lasti && lasti < end {
                return (step != -128).then_some(line);
            }
            start = end;
        }
        None
    }

    /// Objects/locations.md (3.11+).
    fn locations(&self, unit: i64) -> Position {
        let mut entries = Locations { bytes: Bytes(&self.bytes), start: 0, line: self.first_line };
        let found = entries.find(|(start, end, _)| *start <= unit && unit < *end);
        found.map_or_else(Position::default, |(_, _, position)| position)
    }

    /// Where each position begins, as byte offsets from 0 on, in one pass: for those who want all. What lies
    /// before the first has none.
    pub fn runs(&self) -> Vec<(i64, Position)> {
        let line = |line: Option<i64>| Position { line, ..Position::default() };
        match self.encoding {
            Encoding::Locations => {
                let entries = Locations { bytes: Bytes(&self.bytes), start: 0, line: self.first_line };
                entries.map(|(start, _, position)| (start * 2, position)).collect()
            }
            Encoding::Ranges => {
                let (mut start, mut at) = (0, self.first_line);
                let mut runs = Vec::new();
                for pair in self.bytes.chunks_exact(2) {
                    let step = i64::from(pair[1].cast_signed());
                    if step != -128 {
                        at = at.saturating_add(step);
                    }
                    // An empty range only moves the line.
                    if pair[0] > 0 {
                        runs.push((start, line((step != -128).then_some(at))));
                    }
                    start += i64::from(pair[0]);
                }
                runs
            }
            Encoding::Lnotab => self.lnotab_runs(|step| i64::from(step.cast_signed())),
            Encoding::LnotabUnsigned => self.lnotab_runs(i64::from),
        }
    }

    fn lnotab_runs(&self, step: impl Fn(u8) -> i64) -> Vec<(i64, Position)> {
        let line = |line: i64| Position { line: Some(line), ..Position::default() };
        let (mut address, mut at) = (0, self.first_line);
        let mut runs = Vec::new();
        for pair in self.bytes.chunks_exact(2) {
            if pair[0] > 0 {
                runs.push((address, line(at)));
            }
            address += i64::from(pair[0]);
            at = at.saturating_add(step(pair[1]));
        }
        runs.push((address, line(at)));
        runs
    }
}

/// The entries of a location table: first unit, the one behind the last, and the position. Each begins with
/// a byte with the high bit set, whose kind tells what follows.
struct Locations<'a> {
    bytes: Bytes<'a>,
    start: i64,
    line: i64,
}

impl Iterator for Locations<'_> {
    type Item = (i64, i64, Position);

    fn next(&mut self) -> Option<Self::Item> {
        let (bytes, line) = (&mut self.bytes, &mut self.line);
        let first = bytes.next()?;
        let kind = (first >> 3) & 15;
        let entry = match kind {
            15 => Position::default(),
            14 => bytes.long(line)?,
            13 => {
                *line = line.saturating_add(bytes.signed()?);
                Position { line: Some(*line), end_line: Some(*line), ..Position::default() }
            }
            10..=12 => {
                *line = line.saturating_add(i64::from(kind) - 10);
                on_line(*line, bytes.next()?.into(), bytes.next()?.into())
            }
            _ => {
                let second = bytes.next()?;
                let column = i64::from(kind) << 3 | i64::from(second >> 4 & 7);
                on_line(*line, column, column + i64::from(second & 15))
            }
        };
        let start = self.start;
        self.start += i64::from(first & 7) + 1;
        Some((start, self.start, entry))
    }
}

fn on_line(line: i64, column: i64, end_column: i64) -> Position {
    Position { line: Some(line), end_line: Some(line), column: Some(column), end_column: Some(end_column) }
}

/// What is left of a location table.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Six bits a byte, the lowest first; bit 6 says that more follow.
    fn unsigned(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_i64, 0);
        loop {
            let byte = self.next()?;
            // Longer than any real number: the table is garbage.
            if shift > 54 {
                return None;
            }
            value |= i64::from(byte & 63) << shift;
            shift += 6;
            if byte & 64 == 0 {
                return Some(value);
            }
        }
    }

    /// The lowest bit is the sign.
    fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 })
    }

    fn long(&mut self, line: &mut i64) -> Option<Position> {
        *line = line.saturating_add(self.signed()?);
        let end_line = line.saturating_add(self.unsigned()?);
        // Columns are stored one higher, so that 0 says there is none.
        let mut column = || Some(self.unsigned()?.checked_sub(1).filter(|column| *column >= 0));
        let (column, end_column) = (column()?, column()?);
        Some(Position { line: Some(*line), end_line: Some(end_line), column, end_column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(encoding: Encoding, bytes: &[u8], lastis: &[i64]) -> Vec<Option<i64>> {
        let table = LineTable { encoding, bytes: bytes.to_vec(), first_line: 10 };
        lastis.iter().map(|lasti| table.position(*lasti).line).collect()
    }

    #[test]
    fn lnotab_steps_may_go_back_only_where_signed() {
        let table = [6, 1, 50, 255, 2, 3];
        assert_eq!(lines(Encoding::Lnotab, &table, &[-1, 0, 5, 6, 55, 56, 58]), [10, 10, 10, 11, 11, 10, 13].map(Some));
        assert_eq!(lines(Encoding::LnotabUnsigned, &table, &[56]), [Some(266)]);
    }

    #[test]
    fn ranges_know_no_line() {
        let table = [4, 1, 0, 5, 6, 0x80, 2, 0xff];
        assert_eq!(
            lines(Encoding::Ranges, &table, &[-1, 0, 3, 4, 10, 12]),
            [Some(10), Some(11), Some(11), None, Some(15), None]
        );
    }

    #[test]
    fn locations_of_every_kind() {
        // Short (kind 2, columns 21–25); one line on (kind 11); no columns (13); long (14); none (15).
        let table = [
            0x80 | 2 << 3,
            5 << 4 | 4,
            0x80 | 11 << 3 | 1,
            7,
            9,
            0x80 | 13 << 3,
            2 << 1,
            0x80 | 14 << 3,
            3,
            2,
            0x41,
            1,
            6,
            0x80 | 15 << 3,
        ];
        let table = LineTable { encoding: Encoding::Locations, bytes: table.to_vec(), first_line: 10 };
        let position = |lasti| table.position(lasti);
        assert_eq!(position(0), on_line(10, 21, 25));
        assert_eq!(position(2), on_line(11, 7, 9));
        assert_eq!(position(4), position(2));
        assert_eq!(position(6).line, Some(13));
        assert_eq!(position(6).column, None);
        assert_eq!(position(8), Position { line: Some(12), end_line: Some(14), column: Some(64), end_column: Some(5) });
        assert_eq!(position(10), Position::default());
        assert_eq!(position(1_000_000), Position::default());
    }

    #[test]
    fn garbage_ends() {
        for seed in 0..4096_u32 {
            let bytes: Vec<u8> =
                (0..seed % 64).map(|i| (seed.wrapping_mul(2_654_435_761).wrapping_mul(i + 1) >> 13) as u8).collect();
            for encoding in [Encoding::Lnotab, Encoding::LnotabUnsigned, Encoding::Ranges, Encoding::Locations] {
                lines(encoding, &bytes, &[-1, 0, 7, i64::MAX]);
                let table = LineTable { encoding, bytes: bytes.clone(), first_line: 10 };
                for (start, position) in table.runs() {
                    let later =
                        table.runs().iter().any(|(other, _)| *other == start && encoding != Encoding::Locations);
                    assert!(later || table.position(start) == position, "{encoding:?} {bytes:?} {start}");
                }
            }
        }
    }
}
