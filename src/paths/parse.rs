//! Reading a path. A parser that nests is bounded by the length of the text, which a user has typed.

use crate::paths::{Key, Path, Root, Step};
use std::str::FromStr;

/// Nobody types a longer one, and what nests in it nests no deeper.
const MAX_PATH: usize = 4096;
/// Tuples within tuples.
const MAX_NESTING: usize = 16;

impl FromStr for Path {
    type Err = String;

    /// The error says what is wrong, and where.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATH {
            return Err(format!("a path of {} characters is too long", text.len()));
        }
        let (interpreter, text) = match text.strip_prefix("interp:") {
            Some(rest) => {
                let (number, rest) = rest.split_once('/').ok_or("after interp: a number and / are expected")?;
                let number = number.parse().map_err(|_| format!("{number:?} is not the number of an interpreter"))?;
                (Some(number), rest)
            }
            None => (None, text),
        };
        let (root, rest) = root(text)?;
        let is_thread = matches!(root, Root::Thread(_));
        Ok(Self { interpreter, root, steps: steps(rest, is_thread)? })
    }
}

/// The root, and what is left.
fn root(text: &str) -> Result<(Root, &str), String> {
    if let Some(rest) = text.strip_prefix("code:") {
        if rest.starts_with("code:") {
            return Err("code: stands before the path of a function, once".to_owned());
        }
        return Ok((Root::Code(Box::new(rest.parse()?)), ""));
    }
    if let Some(rest) = text.strip_prefix("t:") {
        // Names of threads may hold anything: they end where a frame is named, or a chain.
        let end = [rest.find(".f["), rest.find('!')].into_iter().flatten().min().unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return if name.is_empty() {
            Err("t: names no thread".to_owned())
        } else {
            Ok((Root::Thread(name.to_owned()), rest))
        };
    }
    if let Some(rest) = text.strip_prefix("task:") {
        // So may names of tasks; which dots are theirs is told by what tasks there are.
        let (name, rest) = rest.split_at(rest.find(['[', '!']).unwrap_or(rest.len()));
        return if name.is_empty() {
            Err("task: names no task".to_owned())
        } else {
            Ok((Root::Task(name.to_owned()), rest))
        };
    }
    for (prefix, root) in [("type:", Root::Type as fn(String) -> Root), ("all:", Root::All)] {
        let Some(rest) = text.strip_prefix(prefix) else { continue };
        let (name, rest) = split_name(rest, true);
        return match name {
            "" => Err(format!("{prefix} names no class")),
            name => Ok((root(name.to_owned()), rest)),
        };
    }
    if let Some(digits) = text.strip_prefix("0x") {
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        let address = u64::from_str_radix(digits, 16).map_err(|_| format!("0x{digits} is not an address"))?;
        return Ok((Root::Address(address), rest));
    }
    let (name, rest) = split_name(text, true);
    if name.is_empty() {
        return Err(format!("{text:?} begins with no name, address, type:, all:, code:, t:, task: or interp:"));
    }
    if name.split('.').any(str::is_empty) {
        return Err(format!("a name is missing in {name:?}"));
    }
    Ok((Root::Name(name.to_owned()), rest))
}

/// A name, with dots in it if they are `dotted`, and what is left.
fn split_name(text: &str, dotted: bool) -> (&str, &str) {
    let is_part = |c: char| c == '_' || c.is_alphanumeric() || dotted && c == '.';
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn steps(mut rest: &str, of_thread: bool) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let frame = rest.strip_prefix(".f[").filter(|_| of_thread && steps.is_empty());
        if let Some(text) = frame {
            let (name, after) = text.split_once(']').ok_or("a ] is missing")?;
            if name.is_empty() {
                return Err("f[] names no frame".to_owned());
            }
            steps.push(name.parse().map_or_else(|_| Step::FrameOf(name.to_owned()), Step::Frame));
            rest = after;
        } else if let Some(text) = rest.strip_prefix('.') {
            let (name, after) = split_name(text, false);
            if name.is_empty() {
                return Err(format!("a name is expected before {text:?}"));
            }
            steps.push(Step::Attribute(name.to_owned()));
            rest = after;
        } else if let Some(text) = rest.strip_prefix('[') {
            let mut keys = Keys { rest: text };
            let key = keys.key(']', 0)?;
            steps.push(Step::Item(key));
            rest = keys.rest.strip_prefix(']').ok_or_else(|| format!("a ] is missing before {:?}", keys.rest))?;
        } else if let Some(after) = rest.strip_prefix("!chain") {
            steps.push(Step::Chain);
            rest = after;
        } else {
            return Err(format!("{rest:?} is no step: .name, [key], .f[frame] or !chain"));
        }
    }
    Ok(steps)
}

/// A key being read.
struct Keys<'t> {
    rest: &'t str,
}

impl Keys<'_> {
    /// A key that ends before `end`, or within a tuple before a comma.
    fn key(&mut self, end: char, depth: usize) -> Result<Key, String> {
        if depth > MAX_NESTING {
            return Err("tuples are nested too deep".to_owned());
        }
        self.rest = self.rest.trim_start();
        let mut characters = self.rest.chars();
        let key = match characters.next() {
            Some('(') => {
                self.rest = characters.as_str();
                self.tuple(depth)?
            }
            Some(quote @ ('\'' | '"')) => {
                self.rest = characters.as_str();
                Key::Text(self.quoted(quote)?)
            }
            Some('b') if matches!(characters.clone().next(), Some('\'' | '"')) => {
                let quote = characters.next().unwrap_or('"');
                self.rest = characters.as_str();
                let text = self.quoted(quote)?;
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
                Key::Bytes(bytes.collect::<Result<_, _>>().map_err(|_| "b\"…\" holds bytes, \\xff at most")?)
            }
            _ => self.bare(end, depth)?,
        };
        self.rest = self.rest.trim_start();
        Ok(key)
    }

    fn bare(&mut self, end: char, depth: usize) -> Result<Key, String> {
        let is_end = |c: char| c == end || depth > 0 && c == ',';
        let at = self.rest.find(is_end).ok_or_else(|| format!("a {end} is missing"))?;
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        Ok(match text.trim_end() {
            "" => return Err("a key is missing".to_owned()),
            "None" => Key::None,
            "True" => Key::Bool(true),
            "False" => Key::Bool(false),
            text => text.parse().map_or_else(|_| Key::Text(text.to_owned()), Key::Int),
        })
    }

    fn tuple(&mut self, depth: usize) -> Result<Key, String> {
        let mut keys = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Ok(Key::Tuple(keys));
            }
            keys.push(self.key(')', depth + 1)?);
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None if self.rest.starts_with(')') => {}
                None => return Err("a ) is missing".to_owned()),
            }
        }
    }

    /// What follows up to `quote`, with the escapes of Python that keys may need.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => text.push(escape(&mut characters)?),
                character if character == quote => {
                    self.rest = characters.as_str();
                    return Ok(text);
                }
                character => text.push(character),
            }
        }
        Err(format!("a {quote} is missing"))
    }
}

fn escape(characters: &mut std::str::Chars<'_>) -> Result<char, String> {
    let digits = match characters.next() {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some('n') => return Ok('\n'),
        Some('t') => return Ok('\t'),
        Some('r') => return Ok('\r'),
        Some('0') => return Ok('\0'),
        Some(other) => return Ok(other),
        None => return Err("a \\ stands at the end".to_owned()),
    };
    let text = characters.as_str();
    let code = text.get(..digits).and_then(|text| u32::from_str_radix(text, 16).ok()).and_then(char::from_u32);
    *characters = text.get(digits..).unwrap_or_default().chars();
    code.ok_or_else(|| "an escape lacks its digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_meant() {
        let text = |text: &str| Key::Text(text.to_owned());
        let name = |name: &str| Step::Attribute(name.to_owned());
        let rows: Vec<(&str, Root, Vec<Step>)> = vec![
            ("a.b.c", Root::Name("a.b.c".to_owned()), vec![]),
            (
                "__main__.x[0][-1].y",
                Root::Name("__main__.x".to_owned()),
                vec![Step::Item(Key::Int(0)), Step::Item(Key::Int(-1)), name("y")],
            ),
            (
                "d[key]['a]b'][\"q\\x41\"]",
                Root::Name("d".to_owned()),
                vec![Step::Item(text("key")), Step::Item(text("a]b")), Step::Item(text("qA"))],
            ),
            ("0x7f00.x!chain", Root::Address(0x7f00), vec![name("x"), Step::Chain]),
            (
                "t:Thread-1 (work.er).f[main].x",
                Root::Thread("Thread-1 (work.er)".to_owned()),
                vec![Step::FrameOf("main".to_owned()), name("x")],
            ),
            ("t:0.f[2]", Root::Thread("0".to_owned()), vec![Step::Frame(2)]),
            (
                "d[(1, 'a', (None,))][b'\\xff'][True]",
                Root::Name("d".to_owned()),
                vec![
                    Step::Item(Key::Tuple(vec![Key::Int(1), text("a"), Key::Tuple(vec![Key::None])])),
                    Step::Item(Key::Bytes(vec![0xff])),
                    Step::Item(Key::Bool(true)),
                ],
            ),
            (
                "task:Server.<locals>.run 1[0]!chain",
                Root::Task("Server.<locals>.run 1".to_owned()),
                vec![Step::Item(Key::Int(0)), Step::Chain],
            ),
            ("type:collections.deque", Root::Type("collections.deque".to_owned()), vec![]),
            ("all:app.Pool", Root::All("app.Pool".to_owned()), vec![]),
        ];
        for (written, root, steps) in rows {
            assert_eq!(written.parse(), Ok(Path { interpreter: None, root, steps }), "{written}");
        }
        let inner: Path = "interp:3/code:a.f".parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((inner.interpreter, inner.to_string()), (Some(3), "interp:3/code:a.f".to_owned()));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        let deep = format!("a[{}", "(".repeat(100));
        let long = "a".repeat(5000);
        for nonsense in [
            "",
            ".",
            "a.",
            "a[",
            "a[1",
            "a['",
            "a[(1",
            "t:",
            "0xzz",
            "a b",
            "interp:x/a",
            "a[\\",
            "a['\\",
            "a['\\x",
            &deep,
            &long,
        ] {
            assert!(nonsense.parse::<Path>().is_err(), "{nonsense}");
        }
    }
}
