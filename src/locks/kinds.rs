//! Locks that C code makes: what they are called, and where in them is what a thread sleeps on.
//!
//! Their structs are private to the files that define them, so that no table of offsets has them. They are
//! told apart by the name of the type and by how much longer than a bare object it is: a release in the
//! middle of a series may change them (3.13.0 and 3.13.15 do), and one number more tells which it is.

use crate::address::Addr;
use crate::python::Python;
use std::cell::RefCell;
use std::collections::HashMap;

/// What a lock of C code is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// `threading.Lock`.
    Lock,
    /// `threading.RLock`.
    RLock,
    /// `queue.SimpleQueue`: who sleeps on it waits for an item.
    SimpleQueue,
    /// What reads and writes a buffered file.
    Buffer,
    /// A lock that processes share (`multiprocessing`).
    Shared,
}

/// Where in a lock is what a thread sleeps on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    /// A pointer to a semaphore, or from 3.14 on to a `PyMutex`, stands here.
    Behind(u64),
    /// A `PyMutex`, or another byte that threads park on, lies here.
    Here(u64),
}

/// Where in a lock it says who holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OwnerAt {
    /// `threading.get_ident()`, 0 if nobody does.
    ident: u64,
    /// A count that is 0 if nobody does, as the ident is not cleared.
    count: Option<u64>,
    /// How many may hold it at once: of more than one it names only the last.
    most: Option<u64>,
}

/// Where a queue keeps its items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Items {
    /// In a list, from an index on.
    List { list: u64, first: u64 },
    /// In a ring: the index of the first, an array of pointers, its length, the number of items.
    Ring { first: u64, array: u64, length: u64, count: u64 },
}

/// A type of lock. All offsets are counted from behind the header of an object.
#[derive(Debug)]
struct Type {
    /// `tp_name`.
    names: &'static [&'static str],
    /// `tp_basicsize` without the header.
    body: u64,
    primitive: Primitive,
    word: Word,
    owner: Option<OwnerAt>,
    items: Option<Items>,
}

/// Every type of lock, for all versions and flavours.
const TYPES: &[Type] = &[
    // `lockobject` (Modules/threadmodule.c, 2.7): lock_lock, in_weakreflist.
    Type {
        names: &["thread.lock"],
        body: 16,
        primitive: Primitive::Lock,
        word: Word::Behind(0),
        owner: None,
        items: None,
    },
    // `lockobject` (Modules/_threadmodule.c, 3.2 to 3.13.0): lock_lock, in_weakreflist, locked; without
    // locked up to 3.1.
    Type {
        names: &["_thread.lock"],
        body: 24,
        primitive: Primitive::Lock,
        word: Word::Behind(0),
        owner: None,
        items: None,
    },
    Type {
        names: &["_thread.lock"],
        body: 16,
        primitive: Primitive::Lock,
        word: Word::Behind(0),
        owner: None,
        items: None,
    },
    // `lockobject` (later releases of 3.13, and newer): lock, a PyMutex.
    Type {
        names: &["_thread.lock"],
        body: 8,
        primitive: Primitive::Lock,
        word: Word::Here(0),
        owner: None,
        items: None,
    },
    // `rlockobject` (3.2 to 3.13): rlock_lock, rlock_owner, rlock_count, in_weakreflist.
    Type {
        names: &["_thread.RLock"],
        body: 32,
        primitive: Primitive::RLock,
        word: Word::Behind(0),
        owner: Some(OwnerAt { ident: 8, count: Some(16), most: None }),
        items: None,
    },
    // `rlockobject` (3.14+): lock, a `_PyRecursiveMutex` of mutex, thread, level
    // (Include/internal/pycore_lock.h). The level is of further acquisitions; thread is cleared.
    Type {
        names: &["_thread.RLock"],
        body: 24,
        primitive: Primitive::RLock,
        word: Word::Here(0),
        owner: Some(OwnerAt { ident: 8, count: None, most: None }),
        items: None,
    },
    // `simplequeueobject` (Modules/_queuemodule.c, 3.7 to 3.12): lock, locked, lst, lst_pos, weakreflist.
    Type {
        names: &["_queue.SimpleQueue"],
        body: 40,
        primitive: Primitive::SimpleQueue,
        word: Word::Behind(0),
        owner: None,
        items: Some(Items::List { list: 16, first: 24 }),
    },
    // The same from 3.13 on: has_threads_waiting, a ring buffer of five words, weakreflist.
    Type {
        names: &["_queue.SimpleQueue"],
        body: 56,
        primitive: Primitive::SimpleQueue,
        word: Word::Here(0),
        owner: None,
        items: Some(Items::Ring { first: 16, array: 24, length: 32, count: 40 }),
    },
    // `buffered` (Modules/_io/bufferedio.c, 2.7 to 3.15): … write_end, lock, owner.
    Type {
        names: &["_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom"],
        body: 136,
        primitive: Primitive::Buffer,
        word: Word::Behind(88),
        owner: Some(OwnerAt { ident: 96, count: None, most: None }),
        items: None,
    },
    // `SemLockObject` (Modules/_multiprocessing/semaphore.c, 2.7): handle, last_tid, count, maxvalue, kind.
    Type {
        names: &["_multiprocessing.SemLock"],
        body: 32,
        primitive: Primitive::Shared,
        word: Word::Behind(0),
        owner: Some(OwnerAt { ident: 8, count: Some(16), most: Some(20) }),
        items: None,
    },
    // The same from 3.0 on: and name.
    Type {
        names: &["_multiprocessing.SemLock"],
        body: 40,
        primitive: Primitive::Shared,
        word: Word::Behind(0),
        owner: Some(OwnerAt { ident: 8, count: Some(16), most: Some(20) }),
        items: None,
    },
];

/// A lock of C code.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    /// Where it lies.
    pub address: Addr,
    kind: &'static Type,
}

/// Classes may derive from some of these types, and other classes from those.
const MAX_BASES: usize = 8;

/// Which classes are types of locks, as far as they have been asked for.
#[derive(Debug, Default)]
pub struct Kinds(RefCell<HashMap<Addr, Option<&'static Type>>>);

impl Kinds {
    /// The lock at `address`, if it is one.
    pub fn of(&self, python: &Python<'_>, address: Addr) -> Option<Native> {
        let class = python.type_of(address).ok()?;
        let known = self.0.borrow().get(&class).copied();
        let kind = known.unwrap_or_else(|| {
            let found = find(python, class);
            self.0.borrow_mut().insert(class, found);
            found
        });
        Some(Native { address, kind: kind? })
    }
}

fn find(python: &Python<'_>, class: Addr) -> Option<&'static Type> {
    let header = u64::from(python.layout.object.size.0);
    let mut at = class;
    for _ in 0..MAX_BASES {
        let name = python.tp_name(at).ok()?;
        if TYPES.iter().any(|known| known.names.contains(&name.as_str())) {
            let size = u64::try_from(python.get(at, python.layout.type_object.basicsize).ok()?).ok()?;
            let body = size.checked_sub(header)?;
            return TYPES.iter().find(|known| known.names.contains(&name.as_str()) && known.body == body);
        }
        at = python.get(at, python.layout.type_object.base).ok()??;
    }
    None
}

impl Native {
    /// What it is for.
    pub fn primitive(&self) -> Primitive {
        self.kind.primitive
    }

    fn place(&self, python: &Python<'_>, offset: u64) -> Addr {
        self.address.offset(u64::from(python.layout.object.size.0) + offset)
    }

    /// What threads that wait for it sleep on: the address of a semaphore or of a `PyMutex`.
    fn word(&self, python: &Python<'_>) -> Option<u64> {
        match self.kind.word {
            Word::Here(offset) => Some(self.place(python, offset).get()),
            Word::Behind(offset) => python.memory.u64(self.place(python, offset)).ok().filter(|word| *word != 0),
        }
    }

    /// Whether a thread that sleeps on `word` waits for it.
    pub fn is_awaited_at(&self, python: &Python<'_>, word: u64) -> bool {
        self.word(python) == Some(word)
    }

    /// The thread that holds it, by its own account: `threading.get_ident()`. `None` if nobody does, or if it
    /// keeps no account.
    pub fn owner(&self, python: &Python<'_>) -> Option<u64> {
        let at = self.kind.owner?;
        let word = |offset: u64| {
            let mut bytes = [0; 4];
            python.memory.read(self.place(python, offset), &mut bytes).ok().map(|()| u32::from_le_bytes(bytes))
        };
        if at.count.is_some_and(|count| word(count).is_none_or(|count| count == 0))
            || at.most.is_some_and(|most| word(most) != Some(1))
        {
            return None;
        }
        python.memory.u64(self.place(python, at.ident)).ok().filter(|ident| *ident != 0)
    }

    /// Whether threads hold it for as long as they like, and do not only sleep on it.
    pub fn is_held_for_long(&self) -> bool {
        matches!(self.kind.primitive, Primitive::Lock | Primitive::RLock | Primitive::Shared)
    }

    /// Whether it keeps account of who holds it.
    pub fn has_owner(&self) -> bool {
        self.kind.owner.is_some()
    }

    /// The items of a queue, at most `max`.
    pub fn items(&self, python: &Python<'_>, max: u64) -> Option<Vec<Addr>> {
        let word = |offset: u64| python.memory.u64(self.place(python, offset)).ok();
        match self.kind.items? {
            Items::List { list, first } => {
                let (items, _) = python.list_items(Addr::new(word(list)?)?, usize::try_from(max).ok()?).ok()?;
                Some(items.into_iter().skip(usize::try_from(word(first)?).ok()?).flatten().collect())
            }
            Items::Ring { first, array, length, count } => {
                let (first, length, array) = (word(first)?, word(length)?, Addr::new(word(array)?)?);
                let at = |index: u64| first.checked_add(index)?.checked_rem(length);
                let item = |index: u64| python.memory.pointer(array.offset(at(index)?.checked_mul(8)?)).ok()?;
                Some((0..word(count)?.min(length).min(max)).filter_map(item).collect())
            }
        }
    }

    /// The lock whose `PyMutex` lies at `word`, if that is one.
    pub fn around(kinds: &Kinds, python: &Python<'_>, word: u64) -> Option<Self> {
        let header = u64::from(python.layout.object.size.0);
        let found = kinds.of(python, Addr::new(word)?.before(header)?)?;
        (matches!(found.kind.word, Word::Here(_)) && found.is_awaited_at(python, word)).then_some(found)
    }
}

/// `struct wait_entry` (Python/parking_lot.c, 3.13 to 3.15): `{park_arg, addr, sema, node, is_unparking}`. It
/// lies on the stack of the thread that sleeps, and the futex is the first word of its semaphore.
mod entry {
    /// From the start of the semaphore back to `addr`.
    pub const ADDR_BEFORE: u64 = 8;
    /// `node`: two pointers that link those who wait on the same bucket.
    pub const NODE: u64 = 32;
}

/// Where a thread that sleeps on `futex` is parked (3.13+): the address of the byte that it waits for. `None`
/// where the futex is none of a parked thread.
pub fn parked_at(python: &Python<'_>, futex: u64) -> Option<u64> {
    let sema = Addr::new(futex)?;
    let node = sema.offset(entry::NODE);
    let (next, prev) = (python.memory.pointer(node).ok()??, python.memory.pointer(node.offset(8)).ok()??);
    // The list is followed one step in both directions: both neighbours point back.
    let linked =
        python.memory.pointer(next.offset(8)) == Ok(Some(node)) && python.memory.pointer(prev) == Ok(Some(node));
    let addr = python.memory.u64(sema.before(entry::ADDR_BEFORE)?).ok()?;
    (linked && addr != 0).then_some(addr)
}
