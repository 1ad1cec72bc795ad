//! An object and those it refers to, as a tree.

use crate::address::Addr;
use crate::inspection::classes::{ClassFacts, c_function, class_facts, qualified};
use crate::inspection::facts::{Fact, facts};
use crate::inspection::generators::{GeneratorState, generator};
use crate::inspection::size::size_of;
use crate::inspection::{References, is_tracked, references};
use crate::objects::{self, OwnPrinters, Value, describe};
use crate::paths::{is_a, module_dict};
use crate::python::{CodeCache, Collector, Part, Python, flag};
use crate::target::{FunctionName, Functions};
use std::cell::Cell;
use std::collections::HashSet;

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many levels of objects below the first; 0 shows only that.
    pub depth: u32,
    /// Items of one container, attributes of one object.
    pub items: usize,
    /// Characters of the text of one object.
    pub width: usize,
    /// How the user wants classes to be written.
    pub printers: Option<&'static OwnPrinters>,
}

/// However deep and wide is asked for, no more objects are shown: a tree of them doubles at every level.
const MAX_NODES: usize = 25_000;
/// No more values are shown in all, the last of which are no nodes, and no more characters of their texts: a
/// million items were asked for, and each may be a text of a million characters.
const MAX_VALUES: usize = 100_000;
const MAX_TEXT: usize = 64 << 20;
/// And none deeper.
const MAX_DEPTH: u32 = 64;
/// Slots of the table of an `OrderedDict` that are looked at.
const MAX_SLOTS: u64 = 1 << 22;
/// How far a list of the collector is followed, to find which it is: milliseconds.
const MAX_STEPS: u64 = 50_000;
/// Attributes of a module or class that are gone through.
const MAX_ATTRIBUTES: usize = 100_000;

/// An object.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is, in one line: address, type, text.
    pub value: Value,
    /// Its class with the module.
    pub type_name: String,
    /// The references to it.
    pub references: References,
    /// `sys.getsizeof`; `None` where that cannot be known.
    pub size: Option<u64>,
    /// Whether the garbage collector knows it.
    pub tracked: Option<bool>,
    /// The collector's generation it is in, 0 for the youngest; told of the first object, where it is soon found.
    pub generation: Option<u8>,
    /// Plain facts.
    pub facts: Vec<(String, Fact)>,
    /// The C function that it stands for.
    pub c_function: Option<FunctionName>,
    /// What it is, if it is a class.
    pub class: Option<ClassFacts>,
    /// How far it has come, if it is a generator or coroutine.
    pub generator: Option<GeneratorState>,
    /// What it refers to.
    pub children: Vec<Child>,
    /// How many more there are.
    pub hidden: u64,
    /// Why not all could be read.
    pub fault: Option<String>,
}

/// What kind of reference leads to a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildKind {
    /// An attribute in its dict, its values or its slots.
    Attribute,
    /// An item of a container: the label is the key or the index.
    Item,
    /// A part of a C struct, under the name that Python has for it.
    Member,
    /// A variable of a frame.
    Variable,
}

/// An object that another refers to.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its name, key or index.
    pub label: String,
    /// How it is referred to.
    pub kind: ChildKind,
    /// What it is.
    pub link: Link,
}

/// What a reference leads to.
#[derive(Clone, Debug)]
pub enum Link {
    /// An object, shown with what it refers to.
    Node(Box<Node>),
    /// One that is shown elsewhere in this tree already, or contains this.
    Seen(Value),
    /// One at the end of the depth that was asked for.
    Brief(Value),
    /// A null pointer.
    Null,
}

/// Looks at objects.
pub struct Inspector<'p> {
    python: Python<'p>,
    codes: &'p CodeCache,
    limits: Limits,
    functions: Option<&'p Functions<'p>>,
    seen: HashSet<Addr>,
    left: usize,
    /// How many more values are shown, and how many more characters of their texts.
    values: usize,
    text: Cell<usize>,
    collector: Option<Collector>,
}

impl<'p> Inspector<'p> {
    /// Looks through `python`, within `limits`.
    pub fn new(python: Python<'p>, codes: &'p CodeCache, limits: Limits) -> Self {
        let limits = Limits { depth: limits.depth.min(MAX_DEPTH), ..limits };
        Self {
            python,
            codes,
            limits,
            functions: None,
            seen: HashSet::new(),
            left: MAX_NODES,
            values: MAX_VALUES,
            text: Cell::new(MAX_TEXT),
            collector: None,
        }
    }

    /// Tells the generation of the first object, too.
    pub fn with_collector(self, collector: Option<Collector>) -> Self {
        Self { collector, ..self }
    }

    /// The same, which tells by `functions` what C functions are called.
    pub fn naming(self, functions: &'p Functions<'p>) -> Self {
        Self { functions: Some(functions), ..self }
    }

    /// The object at `address`. Never fails: what cannot be read says so.
    pub fn node(&mut self, address: Addr) -> Node {
        self.node_at(address, 0)
    }

    /// The object at `address`, in one line.
    pub fn brief(&self, address: Addr) -> Value {
        let width = self.limits.width.min(self.text.get());
        let value = describe(
            &self.python,
            address,
            &objects::Limits { depth: 0, items: self.limits.items, width, printers: self.limits.printers },
        );
        self.text.set(self.text.get().saturating_sub(value.text.len()));
        value
    }

    /// How many items of a container, or attributes of an object, may still be shown.
    fn room(&self) -> usize {
        self.limits.items.min(self.values)
    }

    fn node_at(&mut self, address: Addr, depth: u32) -> Node {
        let python = self.python;
        self.seen.insert(address);
        let class = python.type_of(address);
        let is_class = python.type_flags(address).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        let tracked = is_tracked(&python, address);
        let collector = self.collector.as_ref().filter(|_| depth == 0 && tracked == Some(true));
        let mut node = Node {
            value: self.brief(address),
            type_name: class.as_ref().map_or_else(|_| "object".to_owned(), |class| qualified(&python, *class)),
            references: references(&python, address).unwrap_or_default(),
            size: size_of(&python, address).ok().flatten(),
            tracked,
            generation: collector.and_then(|collector| python.generation_of(collector, address, MAX_STEPS)),
            facts: facts(&python, address).into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect(),
            c_function: self.functions.and_then(|functions| Some(functions.name(c_function(&python, address)?))),
            class: if is_class { class_facts(&python, address, self.functions).ok() } else { None },
            generator: generator(&python, self.codes, address),
            children: Vec::new(),
            hidden: 0,
            fault: class.err().map(|fault| fault.to_string()),
        };
        if node.fault.is_none() {
            self.fill(&mut node, address, depth);
        }
        if node.fault.is_none() && node.value.unreadable {
            node.fault = Some("what is marked unreadable makes no sense, or cannot be read".to_owned());
        }
        node
    }

    fn fill(&mut self, node: &mut Node, address: Addr, depth: u32) {
        let mut found = Outgoing::default();
        self.items(&mut found, address);
        self.attributes(&mut found, address);
        self.parts(&mut found, node, address);
        if let Some(generator) = &node.generator {
            found.extend_one(ChildKind::Member, "awaits", generator.awaits);
        }
        let room = self.room();
        self.values -= room.min(found.list.len());
        node.hidden = found.hidden + found.list.len().saturating_sub(room) as u64;
        node.fault = found.fault;
        for (kind, label, target) in found.list.into_iter().take(room) {
            let link = match target {
                None => Link::Null,
                Some(target) => self.link(target, depth),
            };
            node.children.push(Child { label, kind, link });
        }
    }

    fn link(&mut self, target: Addr, depth: u32) -> Link {
        let value = self.brief(target);
        // What has no parts is worth no line of its own; that it is shared is worth no mark.
        if value.scalar.is_some() {
            return Link::Brief(value);
        }
        if self.seen.contains(&target) {
            return Link::Seen(value);
        }
        let Some(left) = self.left.checked_sub(1).filter(|_| depth < self.limits.depth) else {
            return Link::Brief(value);
        };
        self.left = left;
        Link::Node(Box::new(self.node_at(target, depth + 1)))
    }

    /// The items of a container.
    fn items(&self, found: &mut Outgoing, address: Addr) {
        let python = self.python;
        let Ok(flags) = python.type_flags(address) else { return };
        let max = self.room();
        if flags.has(flag::DICT_SUBCLASS) || is_a(&python, address, "frozendict") {
            match self.dict_items(address, max) {
                Ok((items, total)) => {
                    let rows = items.into_iter().map(|(key, value)| (self.brief(key).text, Some(value)));
                    found.add(ChildKind::Item, rows.collect(), total);
                }
                Err(fault) => found.fault = Some(fault.to_string()),
            }
            return;
        }
        let sequence = if flags.has(flag::TUPLE_SUBCLASS) {
            python.tuple_items(address, max)
        } else if flags.has(flag::LIST_SUBCLASS) {
            python.list_items(address, max)
        } else if is_a(&python, address, "collections.deque") {
            python.deque_items(address, max).map(|(items, total)| (items.into_iter().map(Some).collect(), total))
        } else if is_a(&python, address, "set") || is_a(&python, address, "frozenset") {
            let mut slots = 1 << 22;
            let items = python.set_items_within(address, max, &mut slots);
            items.map(|(items, total)| (items.into_iter().map(Some).collect(), total))
        } else {
            return;
        };
        match sequence {
            Ok((items, total)) => {
                let names = self.item_names(address);
                let label = |index: usize| match names.get(index) {
                    Some(name) => format!("{index} {name}"),
                    None => index.to_string(),
                };
                let rows = items.into_iter().enumerate().map(|(index, item)| (label(index), item));
                found.add(ChildKind::Item, rows.collect(), total);
            }
            Err(fault) => found.fault = Some(fault.to_string()),
        }
    }

    /// The names of the items of a named tuple; of others none.
    fn item_names(&self, address: Addr) -> Vec<String> {
        self.python.namedtuple_fields(address).ok().flatten().unwrap_or_default()
    }

    /// The items of a dict; of an `OrderedDict` in its own order.
    fn dict_items(&self, address: Addr, max: usize) -> crate::python::Result<(Vec<(Addr, Addr)>, u64)> {
        let python = self.python;
        let ordered = is_a(&python, address, "collections.OrderedDict") || self.is_python_ordered(address);
        if ordered {
            return python.ordered_items(address, max, &mut MAX_SLOTS.clone());
        }
        let (items, total) = python.dict_items(address, max)?;
        Ok((items.into_iter().map(|item| (item.key, item.value)).collect(), total))
    }

    /// Whether it is an `OrderedDict` of Python code (2.7–3.4).
    fn is_python_ordered(&self, address: Addr) -> bool {
        let python = self.python;
        python.layout.ordered_dict.first.is_none()
            && python.attribute(address, "_OrderedDict__root").is_ok_and(|root| root.is_some())
    }

    fn attributes(&self, found: &mut Outgoing, address: Addr) {
        let python = self.python;
        let is_class = python.type_flags(address).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        let dict = if is_class { python.class_dict(address) } else { module_dict(&python, address) };
        let items = match dict {
            Ok(Some(dict)) => python.dict_items(dict, MAX_ATTRIBUTES).map(|found| found.0),
            _ => python.attributes(address, MAX_ATTRIBUTES),
        };
        match items {
            Ok(items) => {
                let total = items.len() as u64;
                let shown = items.into_iter().take(self.room());
                let named =
                    shown.map(|item| (python.name(item.key).unwrap_or_else(|_| "?".to_owned()), Some(item.value)));
                found.add(ChildKind::Attribute, named.collect(), total);
            }
            Err(fault) => found.fault = Some(fault.to_string()),
        }
        if is_class {
            return;
        }
        match python.slots(address) {
            Ok(slots) => {
                let total = slots.len() as u64;
                let rows = slots.into_iter().map(|(name, value)| (name, Some(value)));
                found.add(ChildKind::Attribute, rows.collect(), total);
            }
            Err(fault) => found.fault = Some(fault.to_string()),
        }
    }

    fn parts(&self, found: &mut Outgoing, node: &mut Node, address: Addr) {
        // Members of a class are told with the class.
        let parts = if node.class.is_some() { Ok(Vec::new()) } else { self.python.parts(address) };
        let parts = match parts {
            Ok(parts) => parts,
            Err(fault) => {
                found.fault = Some(fault.to_string());
                return;
            }
        };
        let mut members = Vec::new();
        for (name, part) in parts {
            let fact = match part {
                Part::Object(value) => {
                    members.push((name, Some(value)));
                    continue;
                }
                Part::Null => {
                    members.push((name, None));
                    continue;
                }
                Part::Int(value) => Fact::Int(value),
                Part::Float(value) => Fact::Float(value),
                Part::Bool(value) => Fact::Bool(value),
                Part::Text(text) => Fact::Text(text),
                Part::Pointer(at) => Fact::Pointer(at),
            };
            node.facts.push((name, fact));
        }
        let total = members.len() as u64;
        found.add(ChildKind::Member, members, total);
    }
}

/// References found so far.
#[derive(Default)]
struct Outgoing {
    list: Vec<(ChildKind, String, Option<Addr>)>,
    hidden: u64,
    fault: Option<String>,
}

impl Outgoing {
    fn add(&mut self, kind: ChildKind, rows: Vec<(String, Option<Addr>)>, total: u64) {
        self.hidden += total.saturating_sub(rows.len() as u64);
        self.list.extend(rows.into_iter().map(|(label, target)| (kind, label, target)));
    }

    fn extend_one(&mut self, kind: ChildKind, label: &str, target: Option<Addr>) {
        self.list.extend(target.map(|target| (kind, label.to_owned(), Some(target))));
    }
}
