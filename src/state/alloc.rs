//! The allocator of small objects: pymalloc's arenas, pools and size classes.

use crate::address::Addr;
use crate::layout::Path;
use crate::memory::Part;
use crate::python::Result;
use crate::state::Look;
use std::collections::BTreeMap;

/// The allocator of small objects, which before 3.12 interpreters share.
#[derive(Clone, Debug)]
pub struct Alloc {
    /// The numbers of the interpreters that use it.
    pub interpreters: Vec<i64>,
    /// What it is, or why nothing can be told of it.
    pub allocator: Allocator,
}

/// What an allocator is.
#[derive(Clone, Debug)]
pub enum Allocator {
    /// pymalloc (Objects/obmalloc.c).
    Pymalloc {
        /// Arenas it has of the system.
        arenas: u64,
        /// Bytes of these.
        bytes: u64,
        /// Pools that are free.
        free_pools: u64,
        /// Bytes of a pool; `None` while there is none.
        pool_size: Option<u64>,
        /// What each size of block takes, the smallest first.
        classes: Vec<SizeClass>,
        /// Whether that is all: it changes while it is read.
        complete: bool,
    },
    /// mimalloc (free-threaded builds), which keeps its account thread by thread.
    Mimalloc,
    /// Nothing can be told, and why.
    Unknown(&'static str),
}

/// The blocks of one size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SizeClass {
    /// Bytes of a block.
    pub size: u64,
    /// Pools of such blocks.
    pub pools: u64,
    /// Blocks in use.
    pub used: u64,
    /// Blocks there is room for.
    pub capacity: u64,
}

/// More arenas are garbage: these hold 64 GiB and more.
const MAX_ARENAS: u64 = 1 << 18;
/// So many pools are read in one system call.
const BATCH: usize = 1024;
/// More pools are garbage.
const MAX_POOLS: u64 = 1 << 22;
/// A greater head of a pool is garbage: it has 48 bytes.
const MAX_HEAD: u64 = 256;
/// No block is larger (`SMALL_REQUEST_THRESHOLD`).
const MAX_BLOCK: u64 = 512;
/// `POOL_SIZE`: 16 kB from 3.10 on, a page before.
const POOL_SIZES: [u64; 2] = [16 * 1024, 4096];

/// Memory that the allocator has of the system.
struct Arena {
    address: u64,
    /// The first pool that was never used.
    fresh: u64,
    pools: u64,
    free_pools: u64,
}

impl Look<'_> {
    /// Each allocator.
    pub(super) fn alloc(&self) -> Vec<Alloc> {
        let layout = &self.python.layout.interpreter_state;
        let own = |index: usize| {
            let interpreter = self.interpreters.get(index)?.address;
            let place = |path: &Option<Path>| self.place(interpreter, path.as_ref()?);
            place(&layout.arenas).zip(place(&layout.arena_count))
        };
        let shared = || self.places.static_at("arenas").zip(self.places.static_at("maxarenas"));
        let groups = if layout.arenas.is_some() {
            self.shared(own)
        } else {
            vec![(shared(), (0..self.interpreters.len()).collect())]
        };
        let one = |(place, indices): (Option<(Addr, Addr)>, Vec<usize>)| Alloc {
            interpreters: indices.into_iter().map(|index| self.number(index)).collect(),
            allocator: self.allocator(place),
        };
        groups.into_iter().map(one).collect()
    }

    /// Where the last member of `path` lies, from `base` on.
    fn place(&self, base: Addr, path: &Path) -> Option<Addr> {
        let (last, way) = path.0.split_last()?;
        let at = if way.is_empty() {
            Some(base)
        } else {
            self.noted("the allocator", self.python.follow(base, &Path(way.to_vec())))?
        };
        Some(self.at(at?, *last))
    }

    fn allocator(&self, place: Option<(Addr, Addr)>) -> Allocator {
        if self.python.layout.free_threaded() {
            return Allocator::Mimalloc;
        }
        let Some((arenas, count)) = place else {
            return Allocator::Unknown("its arenas are static data, and the file has no symbol table that names them");
        };
        let read = || {
            let count = u64::from(self.u32(count)?).min(MAX_ARENAS);
            let first = self.python.memory.pointer(arenas)?;
            first.map_or(Ok(Some(Vec::new())), |first| self.arenas(first, count))
        };
        match self.noted("the arenas of the allocator", read()) {
            Some(Some(arenas)) => self.pymalloc(&arenas),
            Some(None) => Allocator::Unknown("this build's table does not tell how arenas are laid out"),
            None => Allocator::Unknown("its arenas cannot be read"),
        }
    }

    /// The arenas of the array at `first` that are in use.
    fn arenas(&self, first: Addr, count: u64) -> Result<Option<Vec<Arena>>> {
        let layout = &self.python.layout.arena;
        let (Some(address), Some(fresh), Some(pools), Some(free), Some(size)) =
            (layout.address, layout.pool_address, layout.pools, layout.free_pools, layout.size)
        else {
            return Ok(None);
        };
        let mut found = Vec::new();
        for index in 0..count {
            let at = first.offset(index * u64::from(size.0));
            if let Some(start) = self.python.get(at, address)? {
                found.push(Arena {
                    address: start.get(),
                    fresh: self.python.get(at, fresh)?.map_or(0, Addr::get),
                    pools: u64::from(self.python.get(at, pools)?),
                    free_pools: u64::from(self.python.get(at, free)?),
                });
            }
        }
        Ok(Some(found))
    }

    fn pymalloc(&self, arenas: &[Arena]) -> Allocator {
        let head_size = self.python.layout.pool.size.map_or(0, |size| u64::from(size.0));
        let pool_size = POOL_SIZES.into_iter().find(|size| self.is_pool_size(arenas, *size));
        let mut classes: BTreeMap<u64, SizeClass> = BTreeMap::new();
        let mut complete = true;
        let mut seen = 0;
        let mut heads = Vec::new();
        for arena in arenas {
            let Some(size) = pool_size else { break };
            let begun = pools_of(arena, size);
            seen += begun.len() as u64;
            heads.extend(begun.into_iter().filter_map(Addr::new));
            if seen > MAX_POOLS {
                complete = false;
                break;
            }
        }
        for batch in heads.chunks(BATCH) {
            complete &= self.count_pools(batch, pool_size.unwrap_or(0), head_size, &mut classes);
        }
        if !complete {
            self.problem("the pools of the allocator are counted in part".to_owned());
        }
        Allocator::Pymalloc {
            arenas: arenas.len() as u64,
            bytes: arenas.iter().map(|arena| arena_size(arena, pool_size)).fold(0, u64::saturating_add),
            free_pools: arenas.iter().map(|arena| arena.free_pools).fold(0, u64::saturating_add),
            pool_size,
            classes: classes.into_values().collect(),
            complete,
        }
    }

    /// Whether the heads of some pools say that they are of `size` bytes.
    fn is_pool_size(&self, arenas: &[Arena], size: u64) -> bool {
        let first = arenas.iter().filter_map(|arena| pools_of(arena, size).first().copied()).next();
        let Some(at) = first.and_then(Addr::new) else { return false };
        let last = self.python.get_if(at, self.python.layout.pool.last_block).ok().flatten();
        last.is_some_and(|last| block_size(size, u64::from(last)).is_some())
    }

    /// Adds the pools at `heads` to `classes`; false if some cannot be what they should.
    fn count_pools(
        &self,
        heads: &[Addr],
        pool_size: u64,
        head_size: u64,
        classes: &mut BTreeMap<u64, SizeClass>,
    ) -> bool {
        let layout = &self.python.layout.pool;
        let (Some(used), Some(last)) = (layout.used, layout.last_block) else { return false };
        if head_size > MAX_HEAD {
            return false;
        }
        let mut parts: Vec<Part> = heads.iter().map(|at| Part::new(*at, head_size as usize)).collect();
        if self.python.memory.read_parts(&mut parts).is_err() {
            return false;
        }
        let mut complete = true;
        for part in parts {
            let word = |offset: u32| {
                let bytes = part.bytes.get(offset as usize..)?.first_chunk()?;
                Some(u64::from(u32::from_le_bytes(*bytes)))
            };
            let Some((used, last)) = word(used.offset).zip(word(last.offset)) else {
                complete = false;
                continue;
            };
            // A pool that is free is of no size; what its head says is of its former life.
            if used == 0 {
                continue;
            }
            let Some(size) = block_size(pool_size, last) else {
                complete = false;
                continue;
            };
            let capacity = pool_size.saturating_sub(head_size) / size;
            let class = classes.entry(size).or_insert(SizeClass { size, ..SizeClass::default() });
            class.pools += 1;
            class.used += used.min(capacity);
            class.capacity += capacity;
            complete &= used <= capacity;
        }
        complete
    }
}

/// The size of the blocks of a pool, whose last one begins at `last`.
fn block_size(pool_size: u64, last: u64) -> Option<u64> {
    pool_size.checked_sub(last).filter(|size| (8..=MAX_BLOCK).contains(size) && size % 8 == 0)
}

/// The pools of `arena` that were ever used.
fn pools_of(arena: &Arena, size: u64) -> Vec<u64> {
    let first = arena.address.checked_next_multiple_of(size).unwrap_or(arena.address);
    // An arena has 128 pools at most.
    let most = arena.pools.min(1024);
    (0..most).map(|index| first.saturating_add(index * size)).take_while(|pool| *pool < arena.fresh).collect()
}

/// An arena that does not begin at a multiple of the size of a pool has one pool less.
fn arena_size(arena: &Arena, pool_size: Option<u64>) -> u64 {
    let Some(size) = pool_size else { return 0 };
    let pools = arena.pools.saturating_add(u64::from(!arena.address.is_multiple_of(size)));
    pools.saturating_mul(size)
}
