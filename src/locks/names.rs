//! What an object is called: by what it is bound to in the frames of a thread.

use crate::address::Addr;
use crate::locks::Object;
use crate::locks::scene::{Call, Scene};
use crate::python::Python;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// So many frames, from the one that waits outwards, are searched for a name.
const NEAR: usize = 8;
/// Names of one module that are looked at.
const MAX_GLOBALS: usize = 20_000;
/// Objects that modules hold whose attributes are looked at.
const MAX_HOLDERS: usize = 400;

/// What the modules of an interpreter hold, and by which names, found out once it is asked for.
#[derive(Debug, Default)]
pub struct Globals(RefCell<HashMap<Addr, HashMap<Addr, Named>>>);

/// The name of a module and that of a global variable in it: where these lie.
type Named = (Addr, Addr);

/// Modules that are looked through, and names in all of them.
const MAX_MODULES: usize = 10_000;
const MAX_NAMES: usize = 1_000_000;

impl Globals {
    /// The name of the object at `address` in one of `modules`.
    fn find(&self, python: &Python<'_>, modules: Addr, address: Addr) -> Option<String> {
        let mut known = self.0.borrow_mut();
        let known = known.entry(modules).or_insert_with(|| read_globals(python, modules));
        let (module, name) = known.get(&address)?;
        Some(format!("{}.{}", python.name(*module).ok()?, python.name(*name).ok()?))
    }
}

fn read_globals(python: &Python<'_>, modules: Addr) -> HashMap<Addr, Named> {
    let mut found = HashMap::new();
    for module in python.dict_items(modules, MAX_MODULES).map_or_else(|_| Vec::new(), |(items, _)| items) {
        // What stands in for a module may be any object: only a real one has a dict there.
        let class = python.type_of(module.value).and_then(|class| python.tp_name(class));
        let dict = python.get(module.value, python.layout.module.dict).ok().flatten();
        let Some(dict) = dict.filter(|_| class.is_ok_and(|name| name == "module")) else { continue };
        for item in python.dict_items(dict, MAX_GLOBALS).map_or_else(|_| Vec::new(), |(items, _)| items) {
            if found.len() >= MAX_NAMES {
                return found;
            }
            found.entry(item.value).or_insert((module.key, item.key));
        }
    }
    found
}

impl Scene<'_> {
    /// The object at `address`, called as the frames from number `from` outwards call it.
    pub fn object(&self, address: Addr, from: usize) -> Object {
        let type_name = self.python.type_of(address).and_then(|class| self.python.type_name(class));
        Object {
            address,
            type_name: type_name.unwrap_or_else(|_| "object".to_owned()),
            name: self.name_of(address, from),
        }
    }

    /// An attribute of a variable tells most, a name of the module as much; a variable is better than
    /// nothing, and so is an attribute of what the module holds.
    fn name_of(&self, address: Addr, from: usize) -> Option<String> {
        let mut variable = None;
        let mut modules: HashSet<Addr> = HashSet::new();
        for call in self.calls.iter().skip(from).take(NEAR) {
            let variables = self.variables(call);
            for (name, value) in &variables {
                if *value == address && self.is_function(call) {
                    variable = variable.or_else(|| Some(format!("{name} in {}", call.code.name)));
                } else if let Some(found) = self.attribute_bound_to(name, *value, address) {
                    return Some(found);
                }
            }
            if let Some(found) = self.global(call, address, &mut modules) {
                return Some(found);
            }
            for (name, value) in &variables {
                for (attribute, inner) in self.attributes(*value) {
                    if let Some(found) = self.attribute_bound_to(&format!("{name}.{attribute}"), inner, address) {
                        return Some(found);
                    }
                }
            }
        }
        let global = self.modules.and_then(|modules| self.globals.find(&self.python, modules, address));
        global.or(variable).or_else(|| self.held_by_a_global(address, &modules))
    }

    /// Whether a call has variables of its own, and not the names of a module.
    fn is_function(&self, call: &Call) -> bool {
        /// `CO_OPTIMIZED` (Include/cpython/code.h).
        const OPTIMIZED: i32 = 1;
        call.code.flags & OPTIMIZED != 0
    }

    fn attribute_bound_to(&self, name: &str, value: Addr, address: Addr) -> Option<String> {
        let (attribute, _) = self.attributes(value).into_iter().find(|(_, inner)| *inner == address)?;
        let class = self.python.type_name(self.python.type_of(value).ok()?).ok()?;
        Some(format!("{name}.{attribute} of <{class} at {value}>"))
    }

    /// The name that `address` has in the module of `call`, unless that has been looked through already.
    fn global(&self, call: &Call, address: Addr, seen: &mut HashSet<Addr>) -> Option<String> {
        let globals = self.python.get(call.raw.address, self.python.layout.frame.globals).ok()??;
        if !seen.insert(globals) {
            return None;
        }
        let (items, _) = self.python.dict_items(globals, MAX_GLOBALS).ok()?;
        let item = items.iter().find(|item| item.value == address)?;
        Some(format!("{}.{}", self.module_name(globals)?, self.python.name(item.key).ok()?))
    }

    fn module_name(&self, globals: Addr) -> Option<String> {
        let name = self.python.item_named(globals, "__name__").ok()??;
        self.python.name(name).ok()
    }

    fn held_by_a_global(&self, address: Addr, modules: &HashSet<Addr>) -> Option<String> {
        let mut left = MAX_HOLDERS;
        for globals in modules {
            for (name, value) in self.entries(*globals, MAX_HOLDERS) {
                left = left.checked_sub(1)?;
                if let Some(found) = self.attribute_bound_to(&name, value, address) {
                    return Some(format!("{}.{found}", self.module_name(*globals)?));
                }
            }
        }
        None
    }
}
