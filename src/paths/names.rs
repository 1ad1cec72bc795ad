//! What a path may go on with: the names, keys and frames that are there.

use crate::address::Addr;
use crate::paths::steps::{is_a, module_dict};
use crate::paths::{Key, Place, Resolver};
use crate::python::{Int, Part, Python, flag};
use std::collections::BTreeSet;

/// Names of one place that are told.
const MAX_NAMES: usize = 20_000;
/// Keys of one container that are told.
const MAX_KEYS: usize = 1000;
/// Tuples within tuples that are told as keys.
const MAX_NESTING: usize = 4;
/// Attributes of a frame, beside its variables.
const OF_FRAMES: [&str; 4] = ["f_builtins", "f_code", "f_globals", "f_locals"];

impl Resolver<'_> {
    /// The names that a path may begin with: of `__main__`, modules and builtins.
    pub fn roots(&self) -> BTreeSet<String> {
        let python = &self.python;
        let main = self.module("__main__").and_then(|main| module_dict(python, main).ok().flatten());
        let builtins = python.get(self.interpreter.address, python.layout.interpreter.builtins).ok().flatten();
        [main, self.modules(), builtins].into_iter().flatten().flat_map(|dict| self.names_in(dict)).collect()
    }

    /// What tasks of asyncio are called.
    pub fn tasks(&self) -> BTreeSet<String> {
        self.task_names(&self.python.tasks(self.interpreter).items)
    }

    /// The attributes of what is at `place`.
    pub fn attributes(&self, place: &Place) -> BTreeSet<String> {
        match place {
            Place::Object(at) => self.attributes_of(*at),
            Place::Frame(frame, _) => {
                let python = &self.python;
                let code = frame.code.and_then(|code| self.codes.get(python, code).ok());
                let variables = code.and_then(|code| python.variables(frame, &code).ok().flatten()).unwrap_or_default();
                variables.into_iter().map(|v| v.name).chain(OF_FRAMES.map(str::to_owned)).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// What may stand in brackets behind `place`: keys, indices, of a thread the frames.
    pub fn keys(&self, place: &Place) -> Vec<Key> {
        let python = &self.python;
        let numbers = |count: usize| (0..count.min(MAX_KEYS)).filter_map(|at| Some(Key::Int(i64::try_from(at).ok()?)));
        match place {
            Place::Object(at) => match self.mapping(*at) {
                Some(dict) => {
                    let items = python.dict_items(dict, MAX_KEYS).map_or_else(|_| Vec::new(), |(items, _)| items);
                    items.into_iter().filter_map(|item| key(python, item.key, 0)).collect()
                }
                None => numbers(self.length(*at)).collect(),
            },
            Place::Thread(thread) => {
                let frames = self.frames(*thread);
                let name =
                    |frame: &crate::python::RawFrame| Some(self.codes.get(python, frame.code?).ok()?.name.clone());
                let mut names = BTreeSet::new();
                let functions = frames.iter().filter_map(name).filter(|name| names.insert(name.clone()));
                numbers(frames.len()).chain(functions.map(Key::Text).take(MAX_KEYS)).collect()
            }
            Place::Instances(all, _) => numbers(all.len()).collect(),
            Place::Plain(_) | Place::Frame(..) | Place::Chain(_) => Vec::new(),
        }
    }

    fn attributes_of(&self, at: Addr) -> BTreeSet<String> {
        let python = &self.python;
        let mut names = BTreeSet::new();
        let Ok(class) = python.type_of(at) else { return names };
        let is_class = python.type_flags(at).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS));
        if is_class {
            names.extend(["__mro__", "__bases__", "__base__", "__dict__"].map(str::to_owned));
        } else if let Ok(Some(dict)) = module_dict(python, at) {
            names.extend(self.names_in(dict));
        } else {
            let own = python.attributes(at, MAX_NAMES).unwrap_or_default();
            names.extend(own.iter().filter_map(|item| python.name(item.key).ok()));
            names.extend(python.slots(at).unwrap_or_default().into_iter().map(|(name, _)| name));
            let parts = python.parts(at).unwrap_or_default().into_iter();
            names.extend(parts.filter(|(_, part)| *part != Part::Null).map(|(name, _)| name));
        }
        for class in python.mro(if is_class { at } else { class }).unwrap_or_default() {
            let dict = python.class_dict(class).ok().flatten();
            names.extend(dict.map(|dict| self.names_in(dict)).into_iter().flatten());
        }
        names
    }

    /// The keys of a dict that are names.
    fn names_in(&self, dict: Addr) -> Vec<String> {
        let items = self.python.dict_items(dict, MAX_NAMES).map_or_else(|_| Vec::new(), |(items, _)| items);
        items.iter().filter_map(|item| self.python.name(item.key).ok()).collect()
    }

    /// The dict whose keys are those of the object at `at`.
    fn mapping(&self, at: Addr) -> Option<Addr> {
        let python = &self.python;
        if python.type_flags(at).is_ok_and(|flags| flags.has(flag::DICT_SUBCLASS)) || is_a(python, at, "frozendict") {
            return Some(at);
        }
        let is_proxy = is_a(python, at, "mappingproxy") || is_a(python, at, "dictproxy");
        let parts = python.parts(at).ok().filter(|_| is_proxy)?;
        parts.into_iter().find_map(|(name, part)| match part {
            Part::Object(mapping) if name == "mapping" => Some(mapping),
            _ => None,
        })
    }

    /// How many items the sequence at `at` has.
    fn length(&self, at: Addr) -> usize {
        let python = &self.python;
        let Ok(flags) = python.type_flags(at) else { return 0 };
        let length = match () {
            () if flags.has(flag::TUPLE_SUBCLASS) => python.tuple_items(at, 0).map(|(_, length)| length),
            () if flags.has(flag::LIST_SUBCLASS) => python.list_items(at, 0).map(|(_, length)| length),
            () if is_a(python, at, "collections.deque") => python.deque_items(at, 0).map(|(_, length)| length),
            () => return 0,
        };
        length.ok().and_then(|length| usize::try_from(length).ok()).unwrap_or(0)
    }
}

/// The object at `at` as a key of a path, if it can be written as one.
fn key(python: &Python<'_>, at: Addr, depth: usize) -> Option<Key> {
    let flags = python.type_flags(at).ok()?;
    let class = python.tp_name(python.type_of(at).ok()?).ok()?;
    let int = || match python.int(at).ok()? {
        Int::Value(value) => i64::try_from(&value).ok(),
        _ => None,
    };
    Some(match class.as_str() {
        "NoneType" => Key::None,
        "bool" => Key::Bool(int()? != 0),
        "int" | "long" => Key::Int(int()?),
        _ if flags.has(flag::UNICODE_SUBCLASS) => Key::Text(python.name(at).ok()?),
        // Of 2.7 a str of Python code: a name rather than bytes.
        _ if flags.has(flag::BYTES_SUBCLASS) => match python.name(at) {
            Ok(name) if class == "str" => Key::Text(name),
            _ => Key::Bytes(python.bytes(at, 256).ok().filter(|(bytes, length)| bytes.len() as u64 == *length)?.0),
        },
        _ if flags.has(flag::TUPLE_SUBCLASS) && depth < MAX_NESTING => {
            let (items, length) = python.tuple_items(at, MAX_KEYS).ok()?;
            let keys: Option<Vec<Key>> = items.into_iter().map(|item| key(python, item?, depth + 1)).collect();
            Key::Tuple(keys.filter(|keys| keys.len() as u64 == length)?)
        }
        _ => return None,
    })
}
