//! Exceptions, told in a line each.

use crate::address::Addr;
use crate::python::flag;
use crate::state::Look;

/// An exception.
#[derive(Clone, PartialEq, Debug)]
pub struct Exception {
    /// Where it lies.
    pub address: Addr,
    /// The name of its class.
    pub type_name: String,
    /// What `BaseException.__str__` says; a class's own `__str__` is never asked. `None` where it cannot be read.
    pub text: Option<String>,
    /// What was being handled when it was raised, or what it was raised from, one after another.
    pub chain: Vec<Exception>,
}

/// A longer chain of exceptions is cut.
const MAX_CHAIN: usize = 100;

impl Look<'_> {
    /// The exception at `address`, with those it was raised from or in.
    pub(super) fn exception(&self, address: Addr) -> Exception {
        let mut first = self.single(address);
        let layout = &self.python.layout.exception;
        let mut seen = vec![address];
        let mut at = address;
        while seen.len() < MAX_CHAIN {
            let link = |field| self.python.get_if(at, field).ok().flatten().flatten();
            let next = link(layout.cause).or_else(|| link(layout.context));
            let Some(next) = next.filter(|next| !seen.contains(next) && self.is_exception(*next)) else { break };
            first.chain.push(self.single(next));
            seen.push(next);
            at = next;
        }
        first
    }

    /// `Py_TPFLAGS_BASE_EXC_SUBCLASS` (Include/object.h).
    pub(super) fn is_exception(&self, address: Addr) -> bool {
        const BASE_EXC_SUBCLASS: u64 = 1 << 30;
        self.python.type_flags(address).is_ok_and(|flags| flags.has(BASE_EXC_SUBCLASS))
    }

    fn single(&self, address: Addr) -> Exception {
        let class = self.python.type_of(address).and_then(|class| self.python.type_name(class));
        let type_name = self.noted("the class of an exception", class).unwrap_or_else(|| "object".to_owned());
        let text = if self.is_exception(address) { self.exception_text(address) } else { None };
        Exception { address, type_name, text, chain: Vec::new() }
    }

    fn exception_text(&self, address: Addr) -> Option<String> {
        let args =
            self.noted("the arguments of an exception", self.python.get(address, self.python.layout.exception.args))?;
        let items = self.items("the arguments of an exception", args?)?;
        match items.as_slice() {
            [] => Some(String::new()),
            [only]
                if self
                    .python
                    .type_flags(*only)
                    .is_ok_and(|flags| flags.has(flag::UNICODE_SUBCLASS | flag::BYTES_SUBCLASS)) =>
            {
                self.text(*only)
            }
            [only] => Some(self.describe(*only).text),
            _ => Some(self.describe(args?).text),
        }
    }
}
