//! An object for people: one line each, what it refers to below, indented.

use crate::inspection::{Child, ChildKind, ClassFacts, Fact, Link, Node, RawField, References, Slot};
use crate::objects::Value;
use crate::output::{Style, escape};
use std::io::{self, Write};

/// What of a class is listed in one line at most.
const MAX_NAMES: usize = 100;

/// Writes `node`, called `name` by the user, to `out`.
pub fn write(out: &mut dyn Write, name: &str, node: &Node, style: Style) -> io::Result<()> {
    writeln!(out, "{} = {}", style.name(escape(name)), escape(&node.value.text))?;
    writeln!(out, "    {}", style.quiet(head(node)))?;
    write_facts(out, node, 1, style)?;
    write_children(out, node, 1, style)
}

/// Writes the C fields of an object.
pub fn write_fields(out: &mut dyn Write, name: &str, node: &Node, fields: &[RawField], style: Style) -> io::Result<()> {
    writeln!(out, "{}: {}", style.name(escape(name)), style.quiet(head(node)))?;
    for field in fields {
        let RawField { structure, name, offset, value } = field;
        writeln!(out, "    {offset:>5}  {value:#018x}  {structure}.{name}")?;
    }
    Ok(())
}

/// Type, address, references, size.
fn head(node: &Node) -> String {
    let mut words = vec![format!("{} at {}", escape(&node.type_name), node.value.address)];
    words.extend(references(node.references));
    words.extend(node.size.map(|size| format!("{size} bytes")));
    words.extend(node.value.length.map(|length| format!("length {length}")));
    match (node.tracked, node.generation) {
        (Some(true), Some(generation)) => words.push(format!("in generation {generation} of the collector")),
        (Some(true), None) => words.push("tracked by the collector".to_owned()),
        _ => {}
    }
    words.join(", ")
}

fn references(references: References) -> Option<String> {
    match references {
        References { immortal: Some(true), .. } => Some("immortal".to_owned()),
        References { count: Some(1), .. } => Some("1 reference".to_owned()),
        References { count: Some(count), .. } => Some(format!("{count} references")),
        References { count: None, .. } => None,
    }
}

fn write_facts(out: &mut dyn Write, node: &Node, indent: usize, style: Style) -> io::Result<()> {
    let pad = " ".repeat(indent * 4);
    let facts: Vec<String> =
        node.facts.iter().map(|(name, fact)| format!("{}: {}", escape(name), text(fact))).collect();
    if !facts.is_empty() {
        writeln!(out, "{pad}{}", style.quiet(facts.join(", ")))?;
    }
    if let Some(function) = &node.c_function {
        let line = format!("C function: {} at {}", escape(&function.to_string()), function.address);
        writeln!(out, "{pad}{}", style.quiet(line))?;
    }
    if let Some(generator) = &node.generator {
        let line = generator.position.line.map_or_else(String::new, |line| format!(", line {line}"));
        let lasti = generator.lasti.map_or_else(String::new, |lasti| format!(", lasti {lasti}"));
        writeln!(out, "{pad}{}", style.quiet(format!("state: {}{line}{lasti}", generator.state.unwrap_or("unknown"))))?;
    }
    if let Some(class) = &node.class {
        write_class(out, class, &pad, style)?;
    }
    match &node.fault {
        Some(fault) => writeln!(out, "{pad}{}", style.bad(format!("<not all could be read: {fault}>"))),
        None => Ok(()),
    }
}

fn write_class(out: &mut dyn Write, class: &ClassFacts, pad: &str, style: Style) -> io::Result<()> {
    let names = |list: &[(String, crate::address::Addr)]| {
        list.iter().map(|(name, _)| escape(name).into_owned()).collect::<Vec<_>>().join(", ")
    };
    writeln!(out, "{pad}{}", style.quiet(format!("mro: {}", names(&class.mro))))?;
    let metatype = class.metatype.as_deref().unwrap_or("unreadable");
    let kind = if class.heap_type { "heap type" } else { "static type" };
    let (basic, item, dict, weak) = (class.basicsize, class.itemsize, class.dictoffset, class.weaklistoffset);
    let sizes = format!("basicsize {basic}, itemsize {item}, dictoffset {dict}, weaklistoffset {weak}");
    writeln!(out, "{pad}{}", style.quiet(format!("{kind} of metatype {}: {sizes}", escape(metatype))))?;
    let of = |slot: &Slot| match &slot.symbol {
        Some(symbol) => format!("{} = {symbol}", slot.name),
        None => slot.name.clone(),
    };
    // Below another object it is told what the class is, not what it can do.
    if pad.len() > 4 {
        return Ok(());
    }
    let lists = [
        ("slots", class.slots.iter().map(of).collect::<Vec<_>>()),
        ("subclasses", class.subclasses.iter().flatten().map(|(name, _)| name.clone()).collect()),
        ("members", class.members.iter().map(|m| format!("{}@{}", m.name, m.offset)).collect::<Vec<_>>()),
        ("getset", class.getset.iter().map(of).collect()),
        ("methods", class.methods.iter().map(of).collect()),
    ];
    for (what, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
        let more = list.len().saturating_sub(MAX_NAMES);
        let shown: Vec<&str> = list.iter().take(MAX_NAMES).map(String::as_str).collect();
        let more = if more > 0 { format!(", … {more} more") } else { String::new() };
        writeln!(out, "{pad}{}", style.quiet(format!("{what}: {}{more}", escape(&shown.join(", ")))))?;
    }
    Ok(())
}

fn text(fact: &Fact) -> String {
    match fact {
        Fact::Int(value) => value.to_string(),
        Fact::Float(value) => value.to_string(),
        Fact::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
        Fact::Text(text) => format!("{:?}", escape(text)),
        Fact::Pointer(at) => at.to_string(),
    }
}

/// Nesting is bounded by the depth that the user asked for.
fn write_children(out: &mut dyn Write, node: &Node, indent: usize, style: Style) -> io::Result<()> {
    let pad = " ".repeat(indent * 4);
    for child in &node.children {
        let label = label(child);
        match &child.link {
            Link::Null => writeln!(out, "{pad}{label} {}", style.quiet("is not set"))?,
            Link::Brief(value) => writeln!(out, "{pad}{label} = {}", line(value))?,
            Link::Seen(value) => {
                writeln!(out, "{pad}{label} = {} {}", line(value), style.quiet(format!("(see {})", value.address)))?;
            }
            Link::Node(child) => {
                writeln!(out, "{pad}{label} = {}  {}", line(&child.value), style.quiet(head(child)))?;
                write_facts(out, child, indent + 1, style)?;
                write_children(out, child, indent + 1, style)?;
            }
        }
    }
    match node.hidden {
        0 => Ok(()),
        more => writeln!(out, "{pad}{}", style.quiet(format!("… {more} more"))),
    }
}

fn label(child: &Child) -> String {
    let label = escape(&child.label);
    match child.kind {
        ChildKind::Item => format!("[{label}]"),
        ChildKind::Attribute | ChildKind::Member => format!(".{label}"),
        ChildKind::Variable => label.into_owned(),
    }
}

fn line(value: &Value) -> String {
    escape(&value.text).into_owned()
}
