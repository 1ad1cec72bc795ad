//! Each garbage collector.

use crate::address::Addr;
use crate::objects::Value;
use crate::python::{Collector, InterpreterState};
use crate::stacks;
use crate::state::{Look, ThreadName};

/// A garbage collector, which before 3.9 interpreters share.
#[derive(Clone, Debug)]
pub struct Gc {
    /// The numbers of its interpreters.
    pub interpreters: Vec<i64>,
    /// `gc.isenabled()`.
    pub enabled: Option<bool>,
    /// `gc.get_debug()`.
    pub debug: Option<i32>,
    /// Its generations, the youngest first.
    pub generations: Vec<Generation>,
    /// How many objects are never collected: `gc.get_freeze_count()` (3.7+).
    pub permanent: Option<u64>,
    /// Whether it runs.
    pub collecting: Option<bool>,
    /// The thread that runs it.
    pub collector: Option<ThreadName>,
    /// `len(gc.garbage)`.
    pub garbage: Option<u64>,
    /// `gc.callbacks` (3.3+).
    pub callbacks: Option<Vec<Value>>,
}

/// A generation of a collector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generation {
    /// `gc.get_threshold()`.
    pub threshold: Option<i64>,
    /// `gc.get_count()`; in free-threaded builds threads count some by themselves first.
    pub count: Option<i64>,
    /// How many objects are on its list; `None` where there is none (free-threaded builds).
    pub population: Option<u64>,
    /// Whether that are all: a list may change while it is followed.
    pub complete: bool,
}

/// More objects than this are not counted: what has so many takes a minute.
const MAX_OBJECTS: u64 = 1 << 27;

impl Look<'_> {
    /// Each collector.
    pub(super) fn gc(&self) -> Vec<Gc> {
        let collectors: Vec<Option<Collector>> =
            self.interpreters.iter().map(|interpreter| self.collector(*interpreter)).collect();
        let identity = |index: usize| {
            let collector = collectors.get(index)?.as_ref();
            Some(collector.and_then(|collector| collector.state))
        };
        let groups = self.shared(identity);
        let one = |(_, indices): (Option<Option<Addr>>, Vec<usize>)| {
            let collector = indices.first().and_then(|index| collectors.get(*index)?.clone());
            self.one_gc(&indices, collector.as_ref())
        };
        groups.into_iter().map(one).collect()
    }

    fn collector(&self, interpreter: InterpreterState) -> Option<Collector> {
        let found = self.python.collector(interpreter.address, self.places.runtime, self.places.generations);
        let found = self.noted("a garbage collector", found)?;
        // Free-threaded builds have no lists, and may have no pointer to the generations either. Of 3.6, builds that
        // nothing tells apart have generations of two sizes: none is known.
        let unknown = found.as_ref().is_none_or(|found| found.generations.is_empty());
        let expected = !self.python.layout.free_threaded() && self.python.layout.gc.generation_size.is_some();
        if unknown && expected {
            self.problem("the generations of a garbage collector cannot be found in this build".to_owned());
        }
        found
    }

    fn one_gc(&self, indices: &[usize], collector: Option<&Collector>) -> Gc {
        let layout = self.python.layout;
        let interpreters: Vec<i64> = indices.iter().map(|index| self.number(*index)).collect();
        let first = indices.first().and_then(|index| self.interpreters.get(*index)).copied();
        let state = collector.and_then(|collector| collector.state);
        let number = |field| self.noted("a garbage collector", self.python.get_if(state?, field)).flatten();
        let object = |field, name| {
            let own = state.and_then(|state| self.python.get_if(state, field).ok().flatten().flatten());
            own.or_else(|| self.in_module(first?, "gc", name))
        };
        let old = |name| self.static_word(name).filter(|_| state.is_none());
        let running =
            || self.known().find(|(id, thread)| interpreters.contains(id) && thread.state == stacks::State::Gc);
        let list = |generation| collector.map(|collector| self.population(collector, generation));
        let permanent = collector.and_then(|collector| collector.permanent).and_then(list).flatten();
        let garbage = object(layout.gc.garbage, "garbage");
        let callbacks = object(layout.gc.callbacks, "callbacks");
        let collecting = first.and_then(|first| self.collecting(first));
        Gc {
            enabled: number(layout.gc.enabled).or_else(|| old("enabled")).map(|enabled| enabled != 0),
            debug: number(layout.gc.debug).or_else(|| old("debug")),
            generations: collector.map_or_else(Vec::new, |collector| self.generations(collector)),
            permanent: permanent.map(|(count, _)| count),
            collecting,
            collector: running().map(|(_, thread)| ThreadName::of(thread)),
            garbage: garbage.and_then(|list| self.noted("gc.garbage", self.python.list_items(list, 0))).map(|(_, n)| n),
            callbacks: callbacks.and_then(|list| self.values("gc.callbacks", list)),
            interpreters,
        }
    }

    fn collecting(&self, interpreter: InterpreterState) -> Option<bool> {
        let layout = self.python.layout;
        let own = self.python.get_if(interpreter.address, layout.interpreter.gc_collecting).ok().flatten();
        let shared = || self.python.get_if(self.places.runtime?, layout.runtime.gc_collecting).ok().flatten();
        own.or_else(shared).or_else(|| self.static_word("collecting")).map(|word| word != 0)
    }

    fn generations(&self, collector: &Collector) -> Vec<Generation> {
        let layout = &self.python.layout.gc;
        let one = |at: &Addr| {
            let number = |field| self.noted("a generation", self.python.get_if(*at, field)).flatten().map(i64::from);
            let population = self.population(collector, *at);
            Generation {
                threshold: number(layout.generation_threshold),
                count: number(layout.generation_count),
                population: population.map(|(count, _)| count),
                complete: population.is_none_or(|(_, complete)| complete),
            }
        };
        collector.generations.iter().map(one).collect()
    }

    /// How many objects are on the list of a generation, and whether that are all.
    fn population(&self, collector: &Collector, generation: Addr) -> Option<(u64, bool)> {
        if self.python.layout.free_threaded() {
            return None;
        }
        let (count, fault) = self.python.generation_objects(collector, generation, MAX_OBJECTS, &mut |_| {});
        if let Some(fault) = &fault {
            self.problem(format!("a generation of the garbage collector is counted in part: {fault}"));
        }
        Some((count, fault.is_none()))
    }
}
