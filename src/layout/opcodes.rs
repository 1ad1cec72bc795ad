//! The instructions of each CPython series: tables of `python_opcodes/`, made by `scripts/opcodes` of what the
//! interpreters say of themselves. All flavours of a series share them.

use crate::address::{Level, Version};
use std::collections::HashMap;

include!(concat!(env!("OUT_DIR"), "/opcodes.rs"));

/// How the argument of an instruction reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// It has none.
    None,
    /// As a number that says all.
    Number,
    /// As an int that is pushed.
    Int,
    /// An index into `co_consts`.
    Const,
    /// An index into `co_names`.
    Name,
    /// An index into the names of locals; from 3.11 on into those of all variables.
    Local,
    /// Two of those, four bits each.
    LocalPair,
    /// An index into the names of cells and free variables (before 3.11).
    Free,
    /// So far behind the next instruction the jump goes.
    JumpForward,
    /// So far before the next instruction.
    JumpBackward,
    /// So far before the next instruction lies the one that this belongs to.
    JumpFrom,
    /// The jump goes there.
    JumpAbsolute,
    /// The same, which `dis` of these series shows as a number alone.
    JumpNumber,
    /// One of a list of choices.
    Choice,
    /// How many positional arguments and, in the higher byte, how many keyword arguments a call has.
    Calls,
}

const ARGUMENTS: &[(&str, Argument)] = &[
    ("number", Argument::Number),
    ("int", Argument::Int),
    ("const", Argument::Const),
    ("name", Argument::Name),
    ("local", Argument::Local),
    ("local-pair", Argument::LocalPair),
    ("free", Argument::Free),
    ("jump-forward", Argument::JumpForward),
    ("jump-backward", Argument::JumpBackward),
    ("jump-from", Argument::JumpFrom),
    ("jump-absolute", Argument::JumpAbsolute),
    ("jump-number", Argument::JumpNumber),
    ("choice", Argument::Choice),
    ("calls", Argument::Calls),
];

/// What an instruction does to the order of instructions, beyond jumping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The next one follows.
    Next,
    /// The next one does not follow.
    End,
    /// It ends a `finally` clause: raises again if it was entered by an exception (before 3.9).
    EndFinally,
    /// It leaves a `finally` clause for good (3.8).
    PopFinally,
    /// It ends an `except` clause (before 3.9).
    PopExcept,
    /// It calls `__exit__`, and goes on with a `finally` clause (before 3.5).
    Cleanup,
    /// It calls `__exit__` (3.5–3.8).
    CleanupStart,
    /// It looks at what that has returned (3.5–3.8).
    CleanupFinish,
}

const FLOWS: &[(&str, Flow)] = &[
    ("end", Flow::End),
    ("end-finally", Flow::EndFinally),
    ("pop-finally", Flow::PopFinally),
    ("pop-except", Flow::PopExcept),
    ("cleanup", Flow::Cleanup),
    ("cleanup-start", Flow::CleanupStart),
    ("cleanup-finish", Flow::CleanupFinish),
];

/// Where the instruction is kept that another has replaced in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Among those that line events replace (3.12+).
    Lines,
    /// Among those that single-step events replace (3.12+).
    Steps,
    /// In the executor that the argument is the index of (3.13+).
    Executors,
    /// Nowhere that is known.
    Nowhere,
}

const KEPT: &[(&str, Kept)] =
    &[("lines", Kept::Lines), ("steps", Kept::Steps), ("executors", Kept::Executors), ("nowhere", Kept::Nowhere)];

/// What an opcode in memory stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Itself.
    Itself,
    /// A specialised or instrumented form of this opcode.
    For(u8),
    /// What is kept elsewhere.
    Kept(Kept),
}

/// How many values more there are on the stack: a constant, and multiples of bit fields of the argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    constant: i64,
    /// Multiple, lowest bit, number of bits.
    terms: Vec<(i64, u32, u32)>,
}

impl Effect {
    /// The effect with this argument.
    pub fn of(&self, argument: i64) -> i64 {
        let field = |shift: u32, bits: u32| argument.checked_shr(shift).unwrap_or(0) & ((1 << bits) - 1);
        self.terms.iter().fold(self.constant, |sum, (times, shift, bits)| sum + times * field(*shift, *bits))
    }

    /// Reads `-1 -2*8:23`: a constant, then multiple, lowest bit and number of bits of each field.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let constant = words.next()?.parse().ok()?;
        let term = |word: &str| {
            let (times, field) = word.split_once('*')?;
            let (shift, bits) = field.split_once(':')?;
            let (shift, bits): (u32, u32) = (shift.parse().ok()?, bits.parse().ok()?);
            (shift < 32 && bits < 32).then_some((times.parse::<i32>().ok()?.into(), shift, bits))
        };
        Some(Self { constant, terms: words.map(term).collect::<Option<_>>()? })
    }
}

/// One opcode of a series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opcode {
    /// Its name.
    pub name: String,
    /// Its number.
    pub code: u8,
    /// What it stands for.
    pub standing: Standing,
    /// How its argument reads.
    pub argument: Argument,
    /// So many low bits of the argument are marks, and not part of the index.
    pub shift: u32,
    /// What bits of the argument mark: the text is put in place of `{}`; the first that is set counts.
    pub marks: Vec<(i64, String)>,
    /// What a choice is among.
    pub choices: Vec<String>,
    /// Those bits of the argument that choose.
    pub mask: i64,
    /// What it does to the depth of the value stack where it does not jump.
    pub effect: Option<Effect>,
    /// And where it jumps, if that is another.
    pub jump: Option<Effect>,
    /// Its inline caches: name, and code units of each.
    pub caches: Vec<(String, u8)>,
    /// Whether its jump is where exceptions go on (before 3.11).
    pub handler: bool,
    /// What follows it.
    pub flow: Flow,
}

impl Opcode {
    /// Code units of all its caches.
    pub fn cache_units(&self) -> usize {
        self.caches.iter().map(|(_, units)| usize::from(*units)).sum()
    }

    /// The effect where it jumps.
    pub fn jump_effect(&self) -> Option<&Effect> {
        self.jump.as_ref().or(self.effect.as_ref())
    }
}

/// Where the listing of a code object shows a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineStarts {
    /// Where another line begins (before 3.13).
    Known,
    /// Also where instructions of no line begin (3.13+).
    All,
}

/// The instructions of a series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opcodes {
    /// Whether each takes two bytes (3.6+); before, one, or three with an argument.
    pub pairs: bool,
    /// What jumps count: bytes of this number.
    pub jump_unit: u32,
    /// Whether jumps name numbered labels (3.13+) rather than offsets.
    pub labels: bool,
    /// Where lines are shown.
    pub line_starts: LineStarts,
    /// How many values an exception puts on the stack for its handler (before 3.11; 0 since).
    pub raised: i64,
    /// By number.
    by_code: Vec<Option<Opcode>>,
}

impl Opcodes {
    /// The opcodes of `version`. The error is a sentence.
    pub fn of(version: Version) -> Result<Self, String> {
        let series = format!("{}.{}", version.major, version.minor);
        let Some((_, text)) = OPCODES.iter().find(|(name, _)| *name == series) else {
            return Err(format!("the instructions of CPython {series} are not known"));
        };
        // Numbers change until the first candidate, and arguments until the release.
        if version.level != Level::Final {
            return Err(format!("the instructions of the pre-release CPython {version} are not known"));
        }
        Self::parse(text)
    }

    /// The series there are tables for, with the result of reading each.
    pub fn all() -> impl Iterator<Item = (&'static str, Result<Self, String>)> {
        OPCODES.iter().map(|(name, text)| (*name, Self::parse(text)))
    }

    /// The opcode with number `code`.
    pub fn get(&self, code: u8) -> Option<&Opcode> {
        self.by_code.get(usize::from(code))?.as_ref()
    }

    /// Reads a table.
    fn parse(text: &str) -> Result<Self, String> {
        let document: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let word = |key: &str| document.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let number = |key: &str| document.get(key).and_then(toml::Value::as_integer).unwrap_or(0);
        let mut opcodes = Self {
            pairs: word("instruction") == "pairs",
            jump_unit: u32::try_from(number("jump_unit")).unwrap_or(1),
            labels: document.get("labels").and_then(toml::Value::as_bool).unwrap_or(false),
            line_starts: if word("line_starts") == "all" { LineStarts::All } else { LineStarts::Known },
            raised: number("raised"),
            by_code: vec![None; 256],
        };
        let rows = |section: &str| document.get(section).and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let mut codes = HashMap::new();
        for (name, row) in rows("opcodes") {
            let opcode = parse_row(&name, &row).ok_or_else(|| format!("the row of {name} is malformed"))?;
            codes.insert(name, opcode.code);
            opcodes.put(opcode);
        }
        for (name, row) in rows("specialized") {
            let original = row.get("of").and_then(toml::Value::as_str).and_then(|of| codes.get(of));
            let standing = match (original, row.get("kept").and_then(toml::Value::as_str)) {
                (Some(code), None) => Standing::For(*code),
                (None, Some(kept)) => Standing::Kept(named(KEPT, kept).ok_or_else(|| format!("{name}: {kept}?"))?),
                _ => return Err(format!("the row of {name} is malformed")),
            };
            let opcode = parse_row(&name, &row).ok_or_else(|| format!("the row of {name} is malformed"))?;
            opcodes.put(Opcode { standing, ..opcode });
        }
        Ok(opcodes)
    }

    fn put(&mut self, opcode: Opcode) {
        if let Some(place) = self.by_code.get_mut(usize::from(opcode.code)) {
            *place = Some(opcode);
        }
    }
}

fn named<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

fn parse_row(name: &str, row: &toml::Value) -> Option<Opcode> {
    let word = |key: &str| row.get(key).and_then(toml::Value::as_str);
    let number = |key: &str| row.get(key).and_then(toml::Value::as_integer);
    let words = |key: &str| -> Option<Vec<&str>> {
        row.get(key)
            .and_then(toml::Value::as_array)
            .map_or(Some(Vec::new()), |list| list.iter().map(toml::Value::as_str).collect())
    };
    let pair = |word: &str| word.split_once(':').map(|(left, right)| (left.to_owned(), right.to_owned()));
    let pairs = |key: &str| -> Option<Vec<(String, String)>> { words(key)?.into_iter().map(pair).collect() };
    let effect = |key: &str| word(key).map_or(Some(None), |text| Effect::parse(text).map(Some));
    Some(Opcode {
        name: name.to_owned(),
        code: u8::try_from(number("code")?).ok()?,
        standing: Standing::Itself,
        argument: word("arg").map_or(Some(Argument::None), |word| named(ARGUMENTS, word))?,
        shift: u32::try_from(number("shift").unwrap_or(0)).ok().filter(|shift| *shift < 16)?,
        marks: pairs("marks")?.into_iter().map(|(bit, text)| Some((bit.parse().ok()?, text))).collect::<Option<_>>()?,
        choices: words("choices")?.into_iter().map(str::to_owned).collect(),
        mask: number("mask").unwrap_or(i64::MAX),
        effect: effect("effect")?,
        jump: effect("jump")?,
        caches: pairs("caches")?
            .into_iter()
            .map(|(name, units)| Some((name, units.parse().ok()?)))
            .collect::<Option<_>>()?,
        handler: row.get("handler").and_then(toml::Value::as_bool).unwrap_or(false),
        flow: word("flow").map_or(Some(Flow::Next), |word| named(FLOWS, word))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read_and_every_opcode_has_an_effect() {
        let tables: Vec<_> = Opcodes::all().collect();
        assert_eq!(tables.len(), 16);
        for (series, opcodes) in tables {
            let opcodes = opcodes.unwrap_or_else(|problem| panic!("{series}: {problem}"));
            let all = opcodes.by_code.iter().flatten();
            let lacking: Vec<&str> = all
                .filter(|opcode| opcode.standing == Standing::Itself && opcode.effect.is_none())
                .map(|opcode| opcode.name.as_str())
                .collect();
            assert!(lacking.is_empty(), "{series}: {lacking:?}");
        }
    }

    #[test]
    fn effects_are_multiples_of_bit_fields() {
        let effect = Effect::parse("-1 -1*0:8 -2*8:23").expect("it is well-formed");
        assert_eq!([effect.of(0), effect.of(3), effect.of(0x203)], [-1, -4, -8]);
        assert_eq!(Effect::parse("1 2:3"), None);
        assert_eq!(Effect::parse("1 2*64:3"), None);
    }
}
