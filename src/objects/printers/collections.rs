//! `collections`: `OrderedDict`, `defaultdict`, `Counter`, `deque`.

use crate::address::Addr;
use crate::objects::printers::{Printer, Types};
use crate::objects::{Out, Subject};
use crate::python::Result;

/// Dicts in their own order: of C code (3.5+).
pub const ORDERED: Printer =
    Printer { types: Types::Named(&["collections.OrderedDict"]), attributes: false, print: ordered };

/// The same of Python code (2.7–3.4).
pub const PYTHON_ORDERED: Printer =
    Printer { types: Types::Classes(&[("collections", "OrderedDict")]), attributes: false, print: ordered };

/// Dicts with a default.
pub const DEFAULT: Printer =
    Printer { types: Types::Named(&["collections.defaultdict"]), attributes: false, print: default_dict };

/// Counts, the greatest first.
pub const COUNTER: Printer =
    Printer { types: Types::Classes(&[("collections", "Counter")]), attributes: false, print: counter };

/// Queues with two ends.
pub const DEQUE: Printer = Printer { types: Types::Named(&["collections.deque"]), attributes: false, print: deque };

fn pair(out: &mut Out<'_>, (key, value): &(Addr, Addr)) {
    out.object(Some(*key));
    out.mark(": ");
    out.object(Some(*value));
}

fn ordered(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let (items, total) = out.ordered_items(subject.address)?;
    out.length(total);
    let of_dict = out.python().layout.texts().ordered_dict_of_dict;
    out.nest(subject, "...", |out| {
        let (open, close) = match (total, of_dict) {
            (0, _) => ("OrderedDict(", ")"),
            (_, true) => ("OrderedDict({", "})"),
            (_, false) => ("OrderedDict([", "])"),
        };
        out.mark(open);
        out.list(total, &items, |out, item| {
            if of_dict {
                return pair(out, item);
            }
            out.mark("(");
            out.object(Some(item.0));
            out.mark(", ");
            out.object(Some(item.1));
            out.mark(")");
        });
        out.mark(close);
        Ok(())
    })
}

fn default_dict(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let factory = python.get_if(subject.address, python.layout.default_dict.factory)?.flatten();
    let (items, total) = out.dict_items(subject.address)?;
    let items: Vec<(Addr, Addr)> = items.iter().map(|item| (item.key, item.value)).collect();
    out.length(total);
    out.nest(subject, "defaultdict(...)", |out| {
        out.mark("defaultdict(");
        match factory {
            Some(factory) => out.object(Some(factory)),
            None => out.mark("None"),
        }
        out.mark(", {");
        out.list(total, &items, pair);
        out.mark("})");
        Ok(())
    })
}

/// Counts are sorted if they are ints that fit, as nearly all are: `Counter.most_common()`.
fn counter(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let (mut items, total) = out.dict_items_to_sort(subject.address)?;
    let counts: Result<Vec<i64>> = items.iter().map(|item| python.small_int(item.value)).collect();
    let most = out.max_items();
    if let Some(counts) = counts.ok().filter(|_| items.len() as u64 == total) {
        let mut sorted: Vec<_> = counts.into_iter().zip(items).collect();
        sorted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        items = sorted.into_iter().map(|(_, item)| item).collect();
    }
    items.truncate(most);
    out.length(total);
    let items: Vec<(Addr, Addr)> = items.iter().map(|item| (item.key, item.value)).collect();
    out.nest(subject, "Counter(...)", |out| {
        out.mark(if total == 0 { "Counter(" } else { "Counter({" });
        out.list(total, &items, pair);
        out.mark(if total == 0 { ")" } else { "})" });
        Ok(())
    })
}

fn deque(out: &mut Out<'_>, subject: &Subject) -> Result<()> {
    let python = out.python();
    let (items, total) = python.deque_items(subject.address, out.max_items())?;
    let maxlen = python.get_if(subject.address, python.layout.deque.maxlen)?;
    out.length(total);
    out.nest(subject, "[...]", |out| {
        out.mark("deque([");
        out.list(total, &items, |out, item| out.object(Some(*item)));
        out.mark("]");
        if let Some(maxlen) = maxlen.filter(|maxlen| *maxlen >= 0) {
            out.mark(&format!(", maxlen={maxlen}"));
        }
        out.mark(")");
        Ok(())
    })
}
