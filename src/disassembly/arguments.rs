//! What the argument of an instruction says, in the words of that version's own `dis`.

use crate::address::Addr;
use crate::disassembly::decode::Raw;
use crate::layout::opcodes::{Argument, Opcode};
use crate::objects::{self, Limits};
use crate::python::{Code, Python, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// No code object has more constants, names or variables: a longer tuple is garbage.
const MAX_NAMES: usize = 1 << 20;
/// So many bytes of text are told of the arguments of a code object: a hostile one may name the same vast name
/// in each instruction.
const MAX_TEXT: usize = 64 << 20;

/// What arguments are indices into. Read once each, when first asked for.
pub struct Arguments<'p> {
    python: &'p Python<'p>,
    limits: Limits,
    consts: Vec<Option<Addr>>,
    names: Vec<Option<Addr>>,
    locals: Vec<Option<Addr>>,
    cells: Vec<Option<Addr>>,
    /// Texts of constants by index.
    described: HashMap<i64, Rc<str>>,
    /// Names by address.
    known: RefCell<HashMap<Addr, Rc<str>>>,
    /// Bytes of text that may still be told.
    left: usize,
    /// No text.
    empty: Rc<str>,
}

/// A text, and the name in it.
#[derive(Default)]
pub struct Text {
    /// As `dis` writes it.
    pub text: Option<Rc<str>>,
    /// The name alone.
    pub name: Option<Rc<str>>,
}

impl<'p> Arguments<'p> {
    /// What `code` refers to.
    pub fn read(python: &'p Python<'p>, code: &Code, limits: Limits) -> Result<Self> {
        let layout = &python.layout.code;
        let tuple = |at: Option<Addr>| -> Result<Vec<Option<Addr>>> {
            match at {
                Some(at) => Ok(python.tuple_items(at, MAX_NAMES)?.0),
                None => Ok(Vec::new()),
            }
        };
        let optional = |field| -> Result<Option<Addr>> { Ok(python.get_if(code.address, field)?.flatten()) };
        let locals = match optional(layout.localsplusnames)? {
            Some(names) => tuple(Some(names))?,
            None => tuple(optional(layout.varnames)?)?,
        };
        let mut cells = tuple(optional(layout.cellvars)?)?;
        cells.extend(tuple(optional(layout.freevars)?)?);
        Ok(Self {
            python,
            limits,
            consts: tuple(python.get(code.address, layout.consts)?)?,
            names: tuple(python.get(code.address, layout.names)?)?,
            locals,
            cells,
            described: HashMap::new(),
            known: RefCell::default(),
            left: MAX_TEXT,
            empty: Rc::from(""),
        })
    }

    /// How the argument of `raw` reads; `target` is where it jumps, `labels` the numbers of targets where they
    /// have some. Once all that is told together is too long, nothing more is.
    pub fn text(&mut self, opcode: &Opcode, raw: &Raw, target: Option<u32>, labels: &HashMap<u32, u32>) -> Text {
        if self.left == 0 {
            return Text::default();
        }
        let text = self.any_text(opcode, raw, target, labels);
        self.left = self.left.saturating_sub(text.text.as_ref().map_or(0, |text| text.len()));
        text
    }

    fn any_text(&mut self, opcode: &Opcode, raw: &Raw, target: Option<u32>, labels: &HashMap<u32, u32>) -> Text {
        let Some(argument) = raw.argument else { return self.only(None) };
        let named = |name: Option<Rc<str>>| Text { text: name.clone(), name };
        match opcode.argument {
            Argument::None | Argument::Number | Argument::JumpNumber => self.only(None),
            Argument::Int => self.only(Some(argument.to_string())),
            Argument::Const => Text { text: self.constant(argument), name: None },
            Argument::Local => named(self.name(&self.locals, argument)),
            Argument::Free => named(self.name(&self.cells, argument)),
            Argument::LocalPair => {
                let (first, second) = (self.name(&self.locals, argument >> 4), self.name(&self.locals, argument & 15));
                self.only(first.zip(second).map(|(first, second)| format!("{first}, {second}")))
            }
            Argument::Name => {
                let name = self.name(&self.names, argument.checked_shr(opcode.shift).unwrap_or(0));
                let text = name.as_ref().map(|name| marked(opcode, argument, name));
                Text { text, name }
            }
            Argument::Choice => {
                let index = (argument & opcode.mask).checked_shr(opcode.shift).unwrap_or(0);
                let choice = usize::try_from(index).ok().and_then(|index| opcode.choices.get(index));
                self.only(choice.map(|choice| marked(opcode, argument, &Rc::from(choice.as_str())).to_string()))
            }
            Argument::Calls => {
                self.only(Some(format!("{} positional, {} keyword pair", argument & 255, argument >> 8)))
            }
            Argument::JumpForward | Argument::JumpBackward | Argument::JumpAbsolute => self.jump("to", target, labels),
            Argument::JumpFrom => self.jump("from", target, labels),
        }
    }

    fn only(&self, text: Option<String>) -> Text {
        Text { text: Some(text.map_or_else(|| Rc::clone(&self.empty), Rc::from)), name: None }
    }

    fn jump(&self, word: &str, target: Option<u32>, labels: &HashMap<u32, u32>) -> Text {
        self.only(target.map(|target| match labels.get(&target) {
            Some(label) => format!("{word} L{label}"),
            None => format!("{word} {target}"),
        }))
    }

    fn name(&self, names: &[Option<Addr>], index: i64) -> Option<Rc<str>> {
        let at = (*names.get(usize::try_from(index).ok()?)?)?;
        if let Some(known) = self.known.borrow().get(&at) {
            return Some(Rc::clone(known));
        }
        let name: Rc<str> = Rc::from(self.python.name(at).ok()?);
        self.known.borrow_mut().insert(at, Rc::clone(&name));
        Some(name)
    }

    fn constant(&mut self, index: i64) -> Option<Rc<str>> {
        if let Some(known) = self.described.get(&index) {
            return Some(Rc::clone(known));
        }
        let at = (*self.consts.get(usize::try_from(index).ok()?)?)?;
        let text: Rc<str> = Rc::from(object_text(self.python, at, &self.limits));
        self.described.insert(index, Rc::clone(&text));
        Some(text)
    }
}

/// `text` with what the low bits of `argument` mark.
fn marked(opcode: &Opcode, argument: i64, text: &Rc<str>) -> Rc<str> {
    match opcode.marks.iter().find(|(bit, _)| argument & bit != 0) {
        Some((_, mark)) => Rc::from(mark.replace("{}", text)),
        None => Rc::clone(text),
    }
}

/// The object at `at` as `repr` writes it; a code object with its name and place, as `repr` does.
pub fn object_text(python: &Python<'_>, at: Addr, limits: &Limits) -> String {
    let is_code = python.type_of(at).and_then(|class| python.tp_name(class)).is_ok_and(|name| name == "code");
    match python.code(at) {
        Ok(code) if is_code => {
            format!("<code object {} at {at}, file \"{}\", line {}>", code.name, code.filename, code.first_line)
        }
        _ => objects::describe(python, at, limits).text,
    }
}
