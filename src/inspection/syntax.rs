//! Trees of `ast` nodes, as `ast.dump` of that version writes them. A node says itself of what it consists: `_fields`
//! of its class.

use crate::address::Addr;
use crate::objects::{Limits, describe};
use crate::python::{Fault, Python, Result, flag};

/// A tree of `ast` nodes, or a part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyntaxTree {
    /// A node: the name of its class, and its fields.
    Node(String, Vec<(String, SyntaxTree)>),
    /// A list of nodes and values.
    List(Vec<SyntaxTree>),
    /// A value that is neither, as `repr` writes it.
    Value(String),
    /// What was left out, and why.
    Cut(&'static str),
}

/// No parser makes a deeper tree: CPython's own gives up at 6,000 levels of C calls, which are several for a level here.
const MAX_DEPTH: u32 = 1000;
/// The largest module of the standard library has 200,000 nodes, lists and values.
const MAX_NODES: usize = 2_000_000;
/// Fields of one node.
const MAX_FIELDS: usize = 256;
/// Characters of one value, and items of one that is a container.
const VALUE: Limits = Limits { depth: 0, items: 10_000, width: 100_000, printers: None };

/// The tree of the `ast` node at `address`; `None` if it is none. A tree that is deeper or larger than any that a
/// parser makes is cut, as is a node within itself.
pub fn syntax_tree(python: &Python<'_>, address: Addr) -> Result<Option<SyntaxTree>> {
    if !is_node(python, address)? {
        return Ok(None);
    }
    let mut reader = Reader { python: *python, left: MAX_NODES, outer: Vec::new() };
    Ok(Some(reader.node(address)?))
}

fn is_node(python: &Python<'_>, address: Addr) -> Result<bool> {
    let mro = python.mro(python.type_of(address)?)?;
    let is = |class: &Addr| python.tp_name(*class).is_ok_and(|name| matches!(name.as_str(), "_ast.AST" | "ast.AST"));
    Ok(mro.iter().any(is))
}

struct Reader<'p> {
    python: Python<'p>,
    left: usize,
    /// The nodes and lists that are being read, outermost first.
    outer: Vec<Addr>,
}

impl Reader<'_> {
    fn tree(&mut self, address: Addr) -> SyntaxTree {
        if self.outer.contains(&address) {
            return SyntaxTree::Cut("within itself");
        }
        if self.outer.len() >= MAX_DEPTH as usize {
            return SyntaxTree::Cut("too deep");
        }
        let Some(left) = self.left.checked_sub(1) else { return SyntaxTree::Cut("too many nodes") };
        self.left = left;
        let read = match is_node(&self.python, address) {
            Ok(true) => self.node(address),
            Ok(false) => self.list_or_value(address),
            Err(fault) => Err(fault),
        };
        read.unwrap_or(SyntaxTree::Cut("unreadable"))
    }

    fn list_or_value(&mut self, address: Addr) -> Result<SyntaxTree> {
        if !self.python.type_flags(address)?.has(flag::LIST_SUBCLASS) {
            return Ok(SyntaxTree::Value(describe(&self.python, address, &VALUE).text));
        }
        let (items, total) = self.python.list_items(address, self.left)?;
        self.outer.push(address);
        let mut list = Vec::new();
        for item in items {
            if self.left == 0 {
                break;
            }
            list.push(item.map_or(SyntaxTree::Cut("not set"), |item| self.tree(item)));
        }
        self.outer.pop();
        if (list.len() as u64) < total {
            list.push(SyntaxTree::Cut("too many nodes"));
        }
        Ok(SyntaxTree::List(list))
    }

    fn node(&mut self, address: Addr) -> Result<SyntaxTree> {
        let (python, texts) = (self.python, self.python.layout.texts());
        let class = python.type_of(address)?;
        let names = python.class_attribute(class, "_fields")?.ok_or(Fault::Null("the fields of a node"))?;
        let (names, count) = python.tuple_items(names, MAX_FIELDS)?;
        if count > MAX_FIELDS as u64 {
            return Err(Fault::Implausible(class, "the fields of a node"));
        }
        let attributes = python.attributes(address, MAX_FIELDS * 4)?;
        let types = python.class_attribute(class, "_field_types")?;
        let mut fields = Vec::new();
        self.outer.push(address);
        for name in names.into_iter().flatten() {
            let name = python.name(name)?;
            let own = python.find_named(&attributes, &name)?.map(|item| item.value);
            // A field that is not set is what the class says (3.8+: None).
            let default = || python.class_attribute(class, &name).ok().flatten();
            let Some(value) = own.or_else(default) else { continue };
            let is_none =
                |at: Addr| python.type_of(at).and_then(|class| python.tp_name(class)).is_ok_and(|n| n == "NoneType");
            if texts.dump_hides_none && is_none(value) && default().is_some_and(is_none) {
                continue;
            }
            if texts.dump_hides_empty && self.is_empty(value, class) {
                continue;
            }
            let kind = types.and_then(|types| python.item_named(types, &name).ok().flatten());
            if kind.is_some_and(|kind| self.goes_without_saying(value, kind, texts.dump_hides_load)) {
                continue;
            }
            fields.push((name, self.tree(value)));
        }
        self.outer.pop();
        Ok(SyntaxTree::Node(python.type_name(class)?, fields))
    }

    /// Whether it is None or an empty list, and the class of which it is a field is not one of constants.
    fn is_empty(&self, value: Addr, class: Addr) -> bool {
        let python = &self.python;
        let of_constant =
            python.type_name(class).is_ok_and(|name| matches!(name.as_str(), "Constant" | "MatchSingleton"));
        let kind = python.type_of(value).and_then(|class| python.tp_name(class)).unwrap_or_default();
        !of_constant && (kind == "NoneType" || kind == "list" && python.size(value) == Ok(0))
    }

    /// Whether `ast.dump` leaves out a field of type `kind` that has this value (3.13+).
    fn goes_without_saying(&self, value: Addr, kind: Addr, hides_load: bool) -> bool {
        let python = &self.python;
        let type_name = |at: Addr| python.type_of(at).and_then(|class| python.type_name(class)).unwrap_or_default();
        match type_name(value).as_str() {
            "list" => type_name(kind) == "GenericAlias" && python.size(value) == Ok(0),
            "Load" => hides_load && python.type_name(kind).is_ok_and(|name| name == "expr_context"),
            _ => false,
        }
    }
}

impl SyntaxTree {
    /// Whether nothing was left out.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Cut(_) => false,
            Self::Value(_) => true,
            Self::List(items) => items.iter().all(Self::is_complete),
            Self::Node(_, fields) => fields.iter().all(|(_, value)| value.is_complete()),
        }
    }

    /// `ast.dump(tree)`.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, None);
        text
    }

    /// `ast.dump(tree, indent=indent)`.
    pub fn dump_indented(&self, indent: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, Some((indent, 0)));
        text
    }

    /// Whether it takes no line of its own: what `ast.dump` calls simple.
    fn is_simple(&self) -> bool {
        match self {
            Self::Value(_) | Self::Cut(_) => true,
            Self::List(items) => items.is_empty(),
            Self::Node(_, fields) => fields.is_empty(),
        }
    }

    /// Nesting is bounded by [`MAX_DEPTH`].
    fn write(&self, text: &mut String, indent: Option<(usize, usize)>) {
        // Before the first of several, and between them.
        let inner = indent.map(|(width, level)| (width, level + 1));
        let line = inner.map_or_else(String::new, |(width, level)| format!("\n{}", " ".repeat(width * level)));
        let comma = if inner.is_some() { "," } else { ", " };
        match self {
            Self::Value(value) => text.push_str(value),
            Self::Cut(why) => text.push_str(&format!("<… {why}>")),
            Self::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index > 0 { comma } else { "" });
                    text.push_str(&line);
                    item.write(text, inner);
                }
                text.push(']');
            }
            Self::Node(name, fields) => {
                let short = fields.len() <= 3 && fields.iter().all(|(_, value)| value.is_simple());
                text.push_str(name);
                text.push('(');
                for (index, (name, value)) in fields.iter().enumerate() {
                    let between = if short { ", " } else { comma };
                    text.push_str(if index > 0 { between } else { "" });
                    text.push_str(if short { "" } else { &line });
                    text.push_str(name);
                    text.push('=');
                    value.write(text, inner);
                }
                text.push(')');
            }
        }
    }
}
