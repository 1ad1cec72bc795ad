//! What a thread seems to hold without a block: it has called `acquire` of a lock, and no `release` since, as
//! the instructions of its frames stand one after the other. It may have given it back elsewhere.

use crate::address::Addr;
use crate::disassembly::{Disassembly, Instruction, disassemble};
use crate::locks::look::Room;
use crate::locks::scene::{Call, Scene};
use std::collections::HashSet;
use std::rc::Rc;

/// So many frames of a thread are looked at.
const MAX_FRAMES: usize = 200;
/// No code object has more names.
const MAX_NAMES: usize = 10_000;
/// `a.b.c.acquire()`: so many attributes are followed.
const MAX_ATTRIBUTES: usize = 4;

impl Room<'_> {
    /// Which of the `wanted` locks the thread has acquired, as it seems, with the numbers of the frames.
    pub fn acquired(&self, scene: &Scene<'_>, wanted: &HashSet<Addr>) -> Vec<(Addr, usize)> {
        let mut found = Vec::new();
        for (frame, call) in scene.calls.iter().take(MAX_FRAMES).enumerate() {
            let Some(listing) = self.listing(scene, call) else { continue };
            let mut held: Vec<Addr> = Vec::new();
            for (lock, taken) in calls_before(&listing, call.lasti) {
                let Some(lock) = resolve(scene, call, &lock).filter(|lock| wanted.contains(lock)) else { continue };
                held.retain(|other| *other != lock);
                held.extend(taken.then_some(lock));
            }
            found.extend(held.into_iter().map(|lock| (lock, frame)));
        }
        found
    }

    /// The instructions of the code of `call`, if it acquires anything.
    fn listing(&self, scene: &Scene<'_>, call: &Call) -> Option<Rc<Disassembly>> {
        if let Some(known) = self.listings.borrow().get(&call.code.serial) {
            return known.clone();
        }
        let read = || {
            let python = &scene.python;
            let names = python.get(call.code.address, python.layout.code.names).ok()??;
            let (names, _) = python.tuple_items(names, MAX_NAMES).ok()?;
            names.into_iter().flatten().find(|name| python.is_named(*name, "acquire"))?;
            disassemble(python, self.opcodes.as_ref()?, &call.code, Some(&call.raw)).ok().map(Rc::new)
        };
        let listing = read();
        self.listings.borrow_mut().insert(call.code.serial, listing.clone());
        listing
    }
}

/// What `acquire` and `release` are called of before the instruction at byte `lasti`, as names from the variable
/// on, and whether it is `acquire`. Not a call that is being made.
fn calls_before(listing: &Disassembly, lasti: i64) -> Vec<(Vec<Rc<str>>, bool)> {
    let is_before = |instruction: &&Instruction| i64::from(instruction.next) <= lasti;
    let before: Vec<&Instruction> = listing.instructions.iter().take_while(is_before).collect();
    let mut found = Vec::new();
    for (index, instruction) in before.iter().enumerate() {
        let taken = match instruction.bare_name.as_deref() {
            Some("acquire") => true,
            Some("release") => false,
            _ => continue,
        };
        let called = before.get(index + 1..).unwrap_or_default().iter().any(|next| next.name.starts_with("CALL"));
        if called && let Some(names) = names_before(before.get(..index).unwrap_or_default()) {
            found.push((names, taken));
        }
    }
    found
}

/// The variable and attributes that the last of `instructions` load one of the other.
fn names_before(instructions: &[&Instruction]) -> Option<Vec<Rc<str>>> {
    let mut names = Vec::new();
    for instruction in instructions.iter().rev() {
        // What is pushed for a call that C code takes itself.
        if matches!(&*instruction.name, "PUSH_NULL" | "EXTENDED_ARG" | "NOT_TAKEN") {
            continue;
        }
        names.push(Rc::clone(instruction.bare_name.as_ref()?));
        if !instruction.name.starts_with("LOAD_ATTR") {
            let is_variable = instruction.name.starts_with("LOAD_");
            names.reverse();
            return is_variable.then_some(names);
        }
        if names.len() > MAX_ATTRIBUTES {
            return None;
        }
    }
    None
}

/// The object that these names lead to in a frame.
fn resolve(scene: &Scene<'_>, call: &Call, names: &[Rc<str>]) -> Option<Addr> {
    let (first, rest) = names.split_first()?;
    let variable = scene.variable(call, first).or_else(|| {
        let globals = scene.python.get(call.raw.address, scene.python.layout.frame.globals).ok()??;
        scene.python.item_named(globals, first).ok()?
    });
    rest.iter().try_fold(variable?, |object, name| scene.attribute(object, name))
}
