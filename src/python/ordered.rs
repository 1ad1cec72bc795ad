//! `collections.OrderedDict` in its own order.

use crate::address::Addr;
use crate::python::{Fault, Python, Result, flag};
use std::collections::HashMap;

impl Python<'_> {
    /// The items of the `OrderedDict` at `address` in its order, at most `max`, and how many it has. Looks at no
    /// more than `slots` slots of its table, and takes from it those it looked at.
    pub fn ordered_items(&self, address: Addr, max: usize, slots: &mut u64) -> Result<(Vec<(Addr, Addr)>, u64)> {
        // Keys are looked up by identity, in all of the dict: what comes first may lie anywhere in it.
        let (items, total) = self.dict_items_within(address, usize::MAX, slots)?;
        let values: HashMap<Addr, Addr> = items.iter().map(|item| (item.key, item.value)).collect();
        let mut found = Vec::new();
        let mut links = Links::of(self, address)?;
        let most = max.min(items.len());
        // A list that others have changed meanwhile has links of what is gone.
        for _ in 0..items.len().saturating_add(1) {
            if found.len() >= most {
                break;
            }
            let Some(key) = links.next_key(self)? else { break };
            found.extend(values.get(&key).map(|value| (key, *value)));
        }
        Ok((found, total))
    }
}

/// Where in the list of keys a reader is.
enum Links {
    /// The nodes of C code (3.5+).
    Nodes(Option<Addr>),
    /// The links of Python code, with the one that is begin and end. Lists in 2.7, objects from 3.0 to 3.4
    /// (Lib/collections).
    Objects { root: Addr, at: Option<Addr> },
}

impl Links {
    fn of(python: &Python<'_>, address: Addr) -> Result<Self> {
        if let Some(first) = python.layout.ordered_dict.first {
            return Ok(Self::Nodes(python.get(address, first)?));
        }
        // The root is a weak proxy where another attribute holds what it refers to (3.2+).
        let root = match python.attribute(address, "_OrderedDict__hardroot")? {
            Some(root) => Some(root),
            None => python.attribute(address, "_OrderedDict__root")?,
        };
        let root = root.ok_or(Fault::Null("the first link of an OrderedDict"))?;
        Ok(Self::Objects { root, at: link(python, root, "next", 1)? })
    }

    fn next_key(&mut self, python: &Python<'_>) -> Result<Option<Addr>> {
        match self {
            Self::Nodes(at) => {
                let layout = &python.layout.ordered_dict;
                let (Some(key), Some(next), Some(node)) = (layout.node_key, layout.node_next, *at) else {
                    return Ok(None);
                };
                *at = python.get(node, next)?;
                python.get(node, key)
            }
            Self::Objects { root, at } => {
                let Some(node) = at.filter(|at| at != root) else { return Ok(None) };
                *at = link(python, node, "next", 1)?;
                link(python, node, "key", 2)
            }
        }
    }
}

/// What a link refers to under `name`, or as item `index`.
fn link(python: &Python<'_>, at: Addr, name: &str, index: usize) -> Result<Option<Addr>> {
    let found = if python.type_flags(at)?.has(flag::LIST_SUBCLASS) {
        python.list_items(at, index + 1)?.0.get(index).copied().flatten()
    } else {
        python.attribute_or_slot(at, name)?
    };
    // The last one refers to the root by a weak proxy (3.1+).
    match found {
        Some(proxy) if python.tp_name(python.type_of(proxy)?)?.contains("proxy") => {
            python.get(proxy, python.layout.weak_ref.object)
        }
        found => Ok(found),
    }
}
