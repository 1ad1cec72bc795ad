//! Where printers write to: text, and the budget that no printer can overdraw.

use crate::address::Addr;
use crate::objects::{Limits, OwnPrinters, Scalar, Value, printers};
use crate::python::{Fault, Item, Python, Result, TypeFlags, flag};

/// Containers within containers deeper than this are named and not shown; so are attributes of
/// attributes. Python's own `repr` gives up at its recursion limit; no one reads on at 32.
pub const MAX_NESTING: u32 = 32;
/// A larger [`Limits::width`] or [`Limits::items`] is taken for this: what is asked for is also
/// what is allocated.
const MAX_WIDTH: usize = 1 << 22;
/// Slots of hash tables looked at for one description: a set of which nearly all was deleted keeps
/// its table, and a hostile one says it has 2⁴⁰ slots. A million take 0.1 s.
const MAX_SLOTS: u64 = 1 << 20;
/// Of more items than these none are read only to be sorted.
const MAX_SORTED: usize = 10_000;

/// An object about to be printed, and what is known of it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it lies.
    pub address: Addr,
    /// Its class.
    pub class: Addr,
    /// `tp_name` of its class.
    pub tp_name: String,
    /// Flags of its class.
    pub flags: TypeFlags,
}

/// The text of one description while it grows.
pub struct Out<'p> {
    python: Python<'p>,
    items: usize,
    depth: u32,
    printers: Option<&'static OwnPrinters>,
    text: String,
    /// Characters that may still be written.
    left: usize,
    /// Slots of hash tables that may still be looked at.
    slots: u64,
    /// The containers that are being written, outermost first.
    outer: Vec<Addr>,
    /// The instances whose attributes are being described, outermost first.
    owners: Vec<Addr>,
    complete: bool,
    /// Whether something in the text could not be read.
    unreadable: bool,
    scalar: Option<Scalar>,
    length: Option<u64>,
}

impl<'p> Out<'p> {
    /// Nothing written, all of `limits` left.
    pub fn new(python: Python<'p>, limits: &Limits) -> Self {
        Self {
            python,
            items: limits.items.min(MAX_WIDTH),
            depth: limits.depth.min(MAX_NESTING),
            printers: limits.printers,
            text: String::new(),
            left: limits.width.min(MAX_WIDTH),
            slots: MAX_SLOTS,
            outer: Vec::new(),
            owners: Vec::new(),
            complete: true,
            unreadable: false,
            scalar: None,
            length: None,
        }
    }

    /// What printers read with.
    pub fn python(&self) -> Python<'p> {
        self.python
    }

    /// How many characters may still be written.
    pub fn left(&self) -> usize {
        self.left
    }

    /// How many items of a container are shown at most.
    pub fn max_items(&self) -> usize {
        // An item takes a character and a comma: more than this could not be written anyway.
        self.items.min(self.left)
    }

    /// Writes `text`, as far as there is room.
    pub fn text(&mut self, text: &str) {
        let end = text.char_indices().nth(self.left).map(|(end, _)| end);
        let shown = end.map_or(text, |end| text.get(..end).unwrap_or_default());
        self.text.push_str(shown);
        self.left = self.left.saturating_sub(shown.chars().count());
        if end.is_some() {
            self.cut("…");
        }
    }

    /// Writes a bracket, comma or short mark: room for these there always is.
    pub fn mark(&mut self, mark: &str) {
        self.text.push_str(mark);
        self.left = self.left.saturating_sub(mark.chars().count());
    }

    /// Writes a `mark` that tells what is left out: with `…`, which no `repr` writes; three points are
    /// Ellipsis, or a container within itself.
    pub fn cut(&mut self, mark: &str) {
        self.complete = false;
        self.mark(mark);
    }

    /// Notes the value of the object described, where JSON has a word for it.
    pub fn scalar(&mut self, scalar: Scalar) {
        if self.outer.is_empty() {
            self.scalar = Some(scalar);
        }
    }

    /// Notes `len()` of the object described.
    pub fn length(&mut self, length: u64) {
        if self.outer.is_empty() {
            self.length = Some(length);
        }
    }

    /// The items of the dict at `address` that may be shown, and how many it has.
    pub fn dict_items(&mut self, address: Addr) -> Result<(Vec<Item>, u64)> {
        self.python.dict_items_within(address, self.max_items(), &mut self.slots)
    }

    /// The items of the dict at `address` in which the greatest shall be found, and how many it has.
    pub fn dict_items_to_sort(&mut self, address: Addr) -> Result<(Vec<Item>, u64)> {
        self.python.dict_items_within(address, MAX_SORTED, &mut self.slots)
    }

    /// The items of the `OrderedDict` at `address` that may be shown, in its order, and how many it has.
    pub fn ordered_items(&mut self, address: Addr) -> Result<(Vec<(Addr, Addr)>, u64)> {
        self.python.ordered_items(address, self.max_items(), &mut self.slots)
    }

    /// The members of the set at `address` that may be shown, and how many it has.
    pub fn set_items(&mut self, address: Addr) -> Result<(Vec<Addr>, u64)> {
        self.python.set_items_within(address, self.max_items(), &mut self.slots)
    }

    /// Writes the `items` of the container `subject`, which has `total`, by `item` with commas
    /// between; or its mark where the container is within itself.
    pub fn container<T>(
        &mut self,
        subject: &Subject,
        total: u64,
        brackets: Brackets<'_>,
        items: &[T],
        item: impl FnMut(&mut Self, &T),
    ) {
        self.length(total);
        // What writes a list fails in nothing.
        let _ = self.nest(subject, brackets.cycle, |out| {
            out.mark(brackets.open);
            out.list(total, items, item);
            out.mark(brackets.close);
            Ok(())
        });
    }

    /// Writes `fields`, of which `subject` has `total`, as `name=value`, between brackets; says nothing of `len()`.
    pub fn fields(&mut self, subject: &Subject, total: u64, brackets: Brackets<'_>, fields: &[(String, Option<Addr>)]) {
        let _ = self.nest(subject, brackets.cycle, |out| {
            out.mark(brackets.open);
            out.list(total, fields, |out, (name, value)| {
                out.text(name);
                out.mark("=");
                out.object(*value);
            });
            out.mark(brackets.close);
            Ok(())
        });
    }

    /// Writes `items`, of which `subject` has `total`, between brackets; says nothing of `len()`.
    pub fn sequence(&mut self, subject: &Subject, total: u64, brackets: Brackets<'_>, items: &[Option<Addr>]) {
        let _ = self.nest(subject, brackets.cycle, |out| {
            out.mark(brackets.open);
            out.list(total, items, |out, item| out.object(*item));
            out.mark(brackets.close);
            Ok(())
        });
    }

    /// Writes what `subject` holds by `inside`; or `cycle` where it is within itself. All that writes other
    /// objects goes through here, which bounds how deep that goes.
    pub fn nest(&mut self, subject: &Subject, cycle: &str, inside: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.outer.contains(&subject.address) {
            self.mark(cycle);
            return Ok(());
        }
        if self.outer.len() > MAX_NESTING as usize {
            let name = printers::short_name(&self.python, subject);
            self.cut(&format!("<{name} at {}>", subject.address));
            return Ok(());
        }
        self.outer.push(subject.address);
        inside(self)?;
        self.outer.pop();
        Ok(())
    }

    /// Writes `items`, the first of `total`, by `item` with commas between.
    pub fn list<T>(&mut self, total: u64, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        let mut shown = 0;
        for one in items {
            if self.left == 0 {
                break;
            }
            if shown > 0 {
                self.mark(", ");
            }
            item(self, one);
            shown += 1;
        }
        if shown < total {
            let comma = if shown > 0 { ", " } else { "" };
            self.cut(&format!("{comma}…, {} more", total - shown));
        }
    }

    /// Writes the object at `address`; null is what C code has not filled yet.
    pub fn object(&mut self, address: Option<Addr>) {
        match address {
            None => self.cut("<NULL>"),
            Some(_) if self.left == 0 => self.cut("…"),
            Some(address) => {
                let subject = self.subject(address);
                self.print(address, subject.as_ref());
            }
        }
    }

    fn subject(&self, address: Addr) -> Option<Subject> {
        let class = self.python.type_of(address).ok()?;
        let tp_name = self.python.tp_name(class).ok()?;
        Some(Subject { address, class, tp_name, flags: self.python.flags_of(class).ok()? })
    }

    /// Writes an object. What a printer wrote before it failed is taken back.
    fn print(&mut self, address: Addr, subject: Option<&Subject>) {
        let (start, depth) = (self.text.len(), self.outer.len());
        let complete = self.complete;
        let mut done = subject.map(|subject| self.print_known(subject));
        // An object that lacks what its class is known for, or has something else there, is one that is being made,
        // or of a release that is not known here: that much can be said.
        if let (Some(Err(Fault::Null(_) | Fault::Implausible(..))), Some(subject)) = (&done, subject)
            && printers::find(&self.python, subject).types.is_of_python()
        {
            self.text.truncate(start);
            self.outer.truncate(depth);
            self.complete = complete;
            done = Some(printers::print_plainly(self, subject));
        }
        let done = done.is_some_and(|done| done.is_ok());
        if !done {
            self.text.truncate(start);
            self.outer.truncate(depth);
            let name =
                subject.map_or_else(|| "object".to_owned(), |subject| printers::short_name(&self.python, subject));
            self.unreadable = true;
            self.cut(&format!("<unreadable {name} at {address}>"));
        }
    }

    fn print_known(&mut self, subject: &Subject) -> Result<()> {
        if let Some(own) = self.printers
            && own.print(self, subject)?
        {
            return Ok(());
        }
        printers::find(&self.python, subject).print(self, subject)
    }

    /// Describes the object at `address`, with attributes as deep as the limits allow.
    pub fn value(&mut self, address: Addr) -> Value {
        let subject = self.subject(address);
        // Attributes are described one after another: each has a text of its own.
        let mut text = std::mem::take(&mut self.text);
        let complete = std::mem::replace(&mut self.complete, true);
        let unreadable = std::mem::take(&mut self.unreadable);
        (self.scalar, self.length) = (None, None);
        self.print(address, subject.as_ref());
        std::mem::swap(&mut text, &mut self.text);
        let (scalar, length) = (self.scalar.take(), self.length.take());
        let type_name = subject.as_ref().map(|subject| printers::short_name(&self.python, subject));
        let attributes = subject.map_or_else(Vec::new, |subject| self.attributes(&subject));
        let complete = std::mem::replace(&mut self.complete, complete);
        let unreadable = std::mem::replace(&mut self.unreadable, unreadable);
        let type_name = type_name.unwrap_or_else(|| "object".to_owned());
        Value { address, type_name, text, complete, unreadable, scalar, length, attributes }
    }

    fn attributes(&mut self, subject: &Subject) -> Vec<(String, Value)> {
        let deep = self.owners.len() >= self.depth as usize || self.owners.contains(&subject.address);
        if deep || !printers::find(&self.python, subject).attributes {
            return Vec::new();
        }
        let most = self.max_items().saturating_add(1);
        let mut found = Vec::new();
        match self.python.attributes(subject.address, most) {
            Ok(items) => found.extend(items.into_iter().map(|item| (self.attribute_name(item.key), item.value))),
            Err(_) => self.complete = false,
        }
        match self.python.slots(subject.address) {
            Ok(slots) => found.extend(slots),
            Err(_) => self.complete = false,
        }
        let mut attributes = Vec::new();
        self.owners.push(subject.address);
        for (name, value) in found {
            if self.left == 0 || attributes.len() >= self.items {
                self.complete = false;
                break;
            }
            self.left = self.left.saturating_sub(name.chars().count());
            attributes.push((name, self.value(value)));
        }
        self.owners.pop();
        attributes
    }

    /// The name of an attribute. Python allows keys of a `__dict__` that are no str: they are shown
    /// as they would be in a dict.
    fn attribute_name(&mut self, key: Addr) -> String {
        let named = |flags: TypeFlags| flags.has(flag::UNICODE_SUBCLASS | flag::BYTES_SUBCLASS);
        if self.python.type_flags(key).is_ok_and(named)
            && let Ok(name) = self.python.name(key)
        {
            return name;
        }
        let text = std::mem::take(&mut self.text);
        self.object(Some(key));
        std::mem::replace(&mut self.text, text)
    }
}

/// How a kind of container is written.
#[derive(Clone, Copy, Debug)]
pub struct Brackets<'t> {
    /// Before the items.
    pub open: &'t str,
    /// Behind them.
    pub close: &'t str,
    /// In place of a container within itself.
    pub cycle: &'t str,
}
