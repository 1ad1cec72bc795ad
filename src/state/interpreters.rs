//! The interpreters of a process.

use crate::address::Addr;
use crate::state::{Look, Member};

/// One interpreter.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// Its number; before 3.7, which does not number them, counted from 0.
    pub id: i64,
    /// Where its `PyInterpreterState` lies.
    pub address: Addr,
    /// Whether it is the one that Python began with.
    pub main: bool,
    /// How many threads it has.
    pub threads: usize,
    /// `len(sys.modules)`; `None` while there are none.
    pub modules: Option<u64>,
    /// Whether it is ending (3.8+).
    pub finalizing: Option<bool>,
    /// Members of its `PyInterpreterState`, if wanted.
    pub members: Option<Vec<Member>>,
}

impl Look<'_> {
    /// All interpreters, the main one first.
    pub(super) fn all_interpreters(&self, members: bool) -> Vec<Interpreter> {
        let layout = self.python.layout;
        let fields = || [layout.interpreter.fields(), layout.interpreter_state.fields()].concat();
        let one = |(index, interpreter): (usize, &crate::python::InterpreterState)| {
            let id = self.number(index);
            let threads = self.dump.interpreters.iter().find(|known| known.id == id);
            let modules = self.noted("sys.modules", self.python.get(interpreter.address, layout.interpreter.modules));
            let count = |modules| self.noted("sys.modules", self.python.dict_items(modules, 0)).map(|(_, count)| count);
            let finalizing = self.python.get_if(interpreter.address, layout.interpreter_state.finalizing);
            Interpreter {
                id,
                address: interpreter.address,
                main: index == 0,
                threads: threads.map_or(0, |known| known.threads.len()),
                modules: modules.flatten().and_then(count),
                finalizing: self.noted("whether an interpreter is ending", finalizing).flatten().map(|word| word != 0),
                members: members.then(|| self.members(interpreter.address, fields())),
            }
        };
        self.interpreters.iter().enumerate().map(one).collect()
    }
}
