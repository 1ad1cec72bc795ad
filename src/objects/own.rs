//! Printers of users for classes of their own, out of a small file: which attributes are shown (docs/printers.md).

use crate::address::Addr;
use crate::objects::printers::short_name;
use crate::objects::{Out, Subject};
use crate::python::{Part, Python, Result, flag};

/// What a file of printers says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnPrinters {
    printers: Vec<OwnPrinter>,
}

/// How objects of one class, and of those that derive from it, are written.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OwnPrinter {
    /// Module and qualified name, with a point between.
    class: String,
    /// Whether the name of the class and brackets surround the pieces.
    brackets: bool,
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    /// Names of attributes, each of what the one before leads to.
    Path(Vec<String>),
}

/// Classes of one file, and attributes and characters of one printer: more is a mistake.
const MAX_CLASSES: usize = 10_000;
const MAX_PIECES: usize = 1000;

impl OwnPrinters {
    /// Reads the text of a file. The error is a sentence about the first mistake.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let mut found = Self::default();
        found.add("", &document, 0)?;
        if found.printers.is_empty() {
            return Err("it has no printers".to_owned());
        }
        Ok(found)
    }

    /// Takes the printers of a table: `["app.User"]`, and `[app.User]`, which TOML nests.
    fn add(&mut self, name: &str, table: &toml::Table, depth: usize) -> Result<(), String> {
        const MAX_DEPTH: usize = 32;
        let is_printer = table.values().any(|value| !value.is_table());
        if is_printer && !name.is_empty() {
            if self.printers.len() >= MAX_CLASSES {
                return Err(format!("it has more than {MAX_CLASSES} classes"));
            }
            self.printers.push(OwnPrinter::parse(name, table).map_err(|mistake| format!("{name}: {mistake}"))?);
            return Ok(());
        }
        for (key, value) in table {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            match value {
                toml::Value::Table(inner) if !inner.is_empty() && depth < MAX_DEPTH => {
                    self.add(&name, inner, depth + 1)?
                }
                _ => return Err(format!("{name}: it is no table with show or format")),
            }
        }
        Ok(())
    }

    /// The printer for objects of the class of `subject`: that of the class itself, else of the first class it
    /// derives from.
    fn find(&self, python: &Python<'_>, subject: &Subject) -> Option<&OwnPrinter> {
        for class in python.mro(subject.class).ok()? {
            let name = python.tp_name(class).ok()?;
            let last = name.rsplit('.').next().unwrap_or_default();
            // Names are many, and a qualified name takes a look into a dict.
            let mut alike = self.printers.iter().filter(|printer| printer.class.ends_with(last)).peekable();
            if alike.peek().is_none() {
                continue;
            }
            let qualified = match python.qualified_name(class) {
                Ok((Some(module), name)) => format!("{module}.{name}"),
                Ok((None, name)) => name,
                Err(_) => continue,
            };
            if let Some(printer) = alike.find(|printer| printer.class == qualified) {
                return Some(printer);
            }
        }
        None
    }

    /// Writes `subject` to `out`, if there is a printer for its class; says whether there is.
    pub(super) fn print(&self, out: &mut Out<'_>, subject: &Subject) -> Result<bool> {
        let python = out.python();
        if subject.flags.has(flag::TYPE_SUBCLASS) {
            return Ok(false);
        }
        let Some(printer) = self.find(&python, subject) else { return Ok(false) };
        let name = short_name(&python, subject);
        out.nest(subject, &format!("{name}(...)"), |out| {
            if printer.brackets {
                out.mark(&format!("{name}("));
            }
            for piece in &printer.pieces {
                match piece {
                    Piece::Text(text) => out.text(text),
                    Piece::Path(path) => value(out, subject.address, path),
                }
            }
            if printer.brackets {
                out.mark(")");
            }
            Ok(())
        })?;
        Ok(true)
    }
}

impl OwnPrinter {
    fn parse(class: &str, table: &toml::Table) -> Result<Self, String> {
        if let Some(key) = table.keys().find(|key| !matches!(key.as_str(), "show" | "format")) {
            return Err(format!("{key} means nothing here, only show and format do"));
        }
        let (brackets, pieces) = match (table.get("show"), table.get("format")) {
            (Some(_), Some(_)) => return Err("it has both show and format".to_owned()),
            (Some(toml::Value::Array(paths)), None) => (true, shown(paths)?),
            (None, Some(toml::Value::String(format))) => (false, formatted(format)?),
            (Some(_), None) => return Err("show is no list of attributes".to_owned()),
            _ => return Err("format is no text".to_owned()),
        };
        if pieces.len() > MAX_PIECES {
            return Err(format!("it has more than {MAX_PIECES} parts"));
        }
        Ok(Self { class: class.to_owned(), brackets, pieces })
    }
}

/// The pieces of `show`: `name=value`, with commas between.
fn shown(paths: &[toml::Value]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let path = path.as_str().ok_or_else(|| format!("what show has at {index} is no text"))?;
        let comma = if index > 0 { ", " } else { "" };
        pieces.push(Piece::Text(format!("{comma}{path}=")));
        pieces.push(Piece::Path(attributes(path)?));
    }
    Ok(pieces)
}

/// The pieces of `format`: text with attributes in braces; doubled braces are braces.
fn formatted(format: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '{' | '}' if characters.peek() == Some(&character) => {
                characters.next();
                text.push(character);
            }
            '}' => return Err("a } in format has no {; a brace alone is written twice".to_owned()),
            '{' => {
                let mut path = String::new();
                loop {
                    match characters.next() {
                        Some('}') => break,
                        Some(character) => path.push(character),
                        None => return Err("a { in format has no }; a brace alone is written twice".to_owned()),
                    }
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Path(attributes(&path)?));
            }
            character => text.push(character),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn attributes(path: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        let starts_well = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
        starts_well && name.chars().all(|char| char.is_alphanumeric() || char == '_')
    };
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    match names.iter().find(|name| !is_name(name)) {
        Some(_) => Err(format!("{path:?} is no attribute, nor attributes with points between")),
        None => Ok(names),
    }
}

/// Writes what `path` leads to from the object at `address`.
fn value(out: &mut Out<'_>, address: Addr, path: &[String]) {
    let python = out.python();
    let mut at = address;
    for (index, name) in path.iter().enumerate() {
        match attribute(&python, at, name) {
            Some(Part::Object(found)) => at = found,
            // A number in a C struct has no attributes.
            Some(part) if index + 1 == path.len() => return plain(out, &part),
            _ => return out.cut("<not set>"),
        }
    }
    let kind = python.type_of(at).and_then(|class| python.tp_name(class)).unwrap_or_default();
    if matches!(kind.as_str(), "property" | "getset_descriptor") {
        return out.cut("<computed>");
    }
    out.object(Some(at));
}

/// An attribute as Python would find it, but for what code computes.
fn attribute(python: &Python<'_>, at: Addr, name: &str) -> Option<Part> {
    if let Ok(Some(found)) = python.attribute_or_slot(at, name) {
        return Some(Part::Object(found));
    }
    let parts = python.parts(at).unwrap_or_default();
    if let Some((_, part)) = parts.into_iter().find(|(known, _)| known == name) {
        return Some(part);
    }
    python.class_attribute(python.type_of(at).ok()?, name).ok().flatten().map(Part::Object)
}

fn plain(out: &mut Out<'_>, part: &Part) {
    match part {
        Part::Int(value) => out.text(&value.to_string()),
        Part::Float(value) => out.text(&crate::objects::literals::float_text(*value)),
        Part::Bool(value) => out.text(if *value { "True" } else { "False" }),
        Part::Text(text) => out.text(&format!("{text:?}")),
        Part::Pointer(at) => out.text(&at.to_string()),
        Part::Object(_) | Part::Null => out.cut("<not set>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_name_a_class_are_one() {
        let quoted = OwnPrinters::parse("[\"app.models.User\"]\nshow = ['id', 'profile.email']").unwrap();
        let nested = OwnPrinters::parse("[app.models.User]\nshow = ['id', 'profile.email']").unwrap();
        assert_eq!(quoted, nested);
    }

    #[test]
    fn mistakes_are_named() {
        let rows = [
            ("", "it has no printers"),
            ("show = ['a']", "show: it is no table with show or format"),
            ("['a.B']", "a.B: it is no table with show or format"),
            ("['a.B']\nshow = 3", "a.B: show is no list of attributes"),
            ("['a.B']\nformat = 3", "a.B: format is no text"),
            ("['a.B']\nshow = ['a', 3]", "a.B: what show has at 1 is no text"),
            ("['a.B']\nshow = ['a..b']", "a.B: \"a..b\" is no attribute, nor attributes with points between"),
            ("['a.B']\nshow = ['a']\nformat = ''", "a.B: it has both show and format"),
            ("['a.B']\nshown = ['a']", "a.B: shown means nothing here, only show and format do"),
            ("['a.B']\nformat = '{a'", "a.B: a { in format has no }; a brace alone is written twice"),
            ("['a.B']\nformat = 'a}'", "a.B: a } in format has no {; a brace alone is written twice"),
        ];
        for (text, mistake) in rows {
            assert_eq!(OwnPrinters::parse(text), Err(mistake.to_owned()), "{text}");
        }
        assert!(OwnPrinters::parse("[a.B").is_err());
    }
}
