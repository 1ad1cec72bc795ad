//! The garbage collector: its generations, and the objects on their lists.

use crate::address::Addr;
use crate::python::{Fault, Python, Result};

/// A collector: each interpreter has one, before 3.9 the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collector {
    /// Where its `_gc_runtime_state` lies; `None` before 3.7, whose parts are statics.
    pub state: Option<Addr>,
    /// Its generations (`struct gc_generation`), the youngest first; empty where they cannot be told.
    pub generations: Vec<Addr>,
    /// The generation that is never collected (3.7+).
    pub permanent: Option<Addr>,
}

/// An object that a collector knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tracked {
    /// Where it lies.
    pub address: Addr,
    /// Its generation, 0 for the youngest; `None` for the permanent one.
    pub generation: Option<u8>,
}

/// `NUM_GENERATIONS` (Include/internal/pycore_gc.h).
const GENERATIONS: u64 = 3;

/// The two low bits of `_gc_next` say something else (Include/internal/pycore_gc.h).
const STATE_BITS: u64 = 3;

impl Python<'_> {
    /// The collector of the interpreter at `interpreter`. Before 3.9 the process has one: in `runtime`, the
    /// `_PyRuntime` (3.7, 3.8), or behind `generations`, where `_PyGC_generation0` lies. `None` where there
    /// is none to be found.
    pub fn collector(
        &self,
        interpreter: Addr,
        runtime: Option<Addr>,
        generations: Option<Addr>,
    ) -> Result<Option<Collector>> {
        let within = |base: Addr, offset: u32| base.offset(u64::from(offset));
        let own = self.layout.interpreter.gc.map(|gc| within(interpreter, gc.offset));
        let shared = || Some(within(runtime?, self.layout.runtime.gc?.offset));
        let Some(state) = own.or_else(shared) else {
            let Some(first) = generations.map(|at| self.memory.pointer(at)).transpose()?.flatten() else {
                return Ok(None);
            };
            return Ok(Some(Collector { state: None, generations: self.generations_from(first), permanent: None }));
        };
        let layout = &self.layout.gc;
        // What lies behind the end of an older release's collector is no pointer to generations.
        let pointer =
            layout.generations.filter(|field| layout.size.is_none_or(|size| field.offset.saturating_add(8) <= size.0));
        let first = match (pointer, layout.young) {
            (Some(pointer), _) => self.get(state, pointer)?,
            (None, young) => young.map(|young| within(state, young.offset)),
        };
        Ok(Some(Collector {
            state: Some(state),
            generations: first.map_or_else(Vec::new, |first| self.generations_from(first)),
            permanent: layout.permanent.map(|permanent| within(state, permanent.offset)),
        }))
    }

    fn generations_from(&self, first: Addr) -> Vec<Addr> {
        let size = self.layout.gc.generation_size.map(|size| u64::from(size.0));
        size.map_or_else(Vec::new, |size| (0..GENERATIONS).map(|index| first.offset(index * size)).collect())
    }

    /// Calls `each` with the objects of the `generation` of `collector`, at most `max` of them, and counts
    /// them. An error where the list does not lead back to its beginning: the target has changed it
    /// meanwhile, or it is none. Free-threaded builds have no lists.
    pub fn generation_objects(
        &self,
        collector: &Collector,
        generation: Addr,
        max: u64,
        each: &mut dyn FnMut(Addr),
    ) -> (u64, Option<Fault>) {
        let (Some(next), Some(size)) = (self.layout.gc.head_next, self.layout.gc.head_size) else {
            return (0, Some(Fault::Implausible(generation, "the layout of the collector's lists")));
        };
        let torn = |at| Some(Fault::Implausible(at, "a list of the collector that does not lead back"));
        let mut count = 0;
        // A loop that leaves its beginning out is found by Brent's method.
        let (mut head, mut mark, mut until) = (generation, generation, 1_u64);
        loop {
            head = match self.get(head, next).map(|word| Addr::new(word & !STATE_BITS)) {
                Ok(Some(next)) => next,
                Ok(None) => return (count, torn(head)),
                Err(fault) => return (count, Some(fault)),
            };
            if head == generation {
                return (count, None);
            }
            let strayed = collector.generations.contains(&head) || collector.permanent == Some(head);
            if strayed || head == mark || count >= max {
                return (count, torn(head));
            }
            count += 1;
            if count == until {
                (mark, until) = (head, until.saturating_mul(2));
            }
            each(head.offset(u64::from(size.0)));
        }
    }

    /// The generation of the object at `address`, which `collector` knows: that of the list it is on, found by
    /// following this to its end. `None` if that takes more than `max` steps, and for the permanent generation.
    pub fn generation_of(&self, collector: &Collector, address: Addr, max: u64) -> Option<u8> {
        if self.layout.free_threaded() {
            return None;
        }
        let (next, size) = (self.layout.gc.head_next?, self.layout.gc.head_size?);
        let mut head = address.before(u64::from(size.0))?;
        for _ in 0..max {
            head = Addr::new(self.get(head, next).ok()? & !STATE_BITS)?;
            if let Some(number) = collector.generations.iter().position(|generation| *generation == head) {
                return u8::try_from(number).ok();
            }
        }
        None
    }

    /// The objects that `collector` knows, at most `max` of them, and why there are no more, if there ought
    /// to be.
    pub fn gc_objects(&self, collector: &Collector, max: u64) -> crate::python::Partial<Tracked> {
        let mut found = crate::python::Partial { items: Vec::new(), fault: None };
        if self.layout.free_threaded() {
            return found;
        }
        let numbered = collector.generations.iter().zip(0_u8..).map(|(at, number)| (*at, Some(number)));
        for (at, generation) in numbered.chain(collector.permanent.map(|at| (at, None))) {
            let left = max.saturating_sub(found.items.len() as u64);
            let items = &mut found.items;
            let mut keep = |address| items.push(Tracked { address, generation });
            let (_, fault) = self.generation_objects(collector, at, left, &mut keep);
            found.fault = found.fault.or(fault);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Version;
    use crate::binary::Machine;
    use crate::layout::{Build, Flavour, select_known};
    use crate::memory::Image;

    const GENERATIONS_AT: u64 = 0x20000;

    /// The `PyGC_Head` at `at`, which leads to `next`.
    fn head(image: Image, at: u64, next: u64) -> Image {
        image.with(at, &next.to_le_bytes())
    }

    #[test]
    fn lists_are_followed_to_their_end_and_no_further() {
        let layout = select_known(&Build::new(Version::release(3, 11, 7), Flavour::Gil, Machine::X86_64)).unwrap();
        let interpreter = Addr::new(0x10000).unwrap();
        // 3.11: the collector at 648, its pointer to the generations at 96, the permanent one at 104.
        let state = 0x10000 + 648;
        let mut image = Image::new().with(state + 96, &GENERATIONS_AT.to_le_bytes());
        let [first, second, third] = [0, 24, 48].map(|offset| GENERATIONS_AT + offset);
        let rows = [
            // Two objects, the second marked as the collector marks some; none; a loop without its beginning.
            (first, 0x30000),
            (0x30000, 0x30040 | 1),
            (0x30040, first),
            (second, second),
            (third, 0x40000),
            (0x40000, 0x40040),
            (0x40040, 0x40080),
            (0x40080, 0x40040),
            // It leads to another list.
            (state + 104, second),
        ];
        for (at, next) in rows {
            image = head(image, at, next);
        }
        let python = Python::new(&image, &layout);
        let collector = python.collector(interpreter, None, None).unwrap().unwrap();
        let count = |at: u64, max| {
            let mut found = Vec::new();
            let at = Addr::new(at).unwrap();
            let (count, fault) = python.generation_objects(&collector, at, max, &mut |object| found.push(object.get()));
            assert_eq!(found.len() as u64, count);
            (found, fault.is_some())
        };
        assert_eq!(count(first, 100), (vec![0x30010, 0x30050], false));
        assert_eq!(count(first, 1), (vec![0x30010], true));
        assert_eq!(count(second, 100), (vec![], false));
        assert!(matches!(count(third, 1 << 40), (found, true) if found.len() < 10));
        assert_eq!(count(state + 104, 100), (vec![], true));
        assert_eq!(count(0x50000, 100), (vec![], true));
        let generation = |at: u64, max| python.generation_of(&collector, Addr::new(at).unwrap(), max);
        assert_eq!((generation(0x30010, 9), generation(0x30010, 1)), (Some(0), None));
        assert_eq!(generation(0x40010, 1 << 20), None);
        let all = python.gc_objects(&collector, 100);
        assert_eq!((all.items.first().map(|object| object.generation), all.fault.is_some()), (Some(Some(0)), true));
    }
}
