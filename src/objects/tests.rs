//! Objects made of bytes at addresses: what is told of garbage, cycles and floods.

use super::*;
use crate::address::Version;
use crate::layout::{Flavour, Layout, Source, known_tables};
use crate::memory::Image;
use std::cell::Cell;

/// 3.11: one of the layouts that need no numbers from the target itself.
fn layout() -> Layout {
    layout_of(Version::release(3, 11, 7))
}

fn layout_of(version: Version) -> Layout {
    let plain = known_tables(version)
        .into_iter()
        .find(|(_, table)| !table.requires.iter().any(|symbol| symbol == "_Py_NoneStruct"));
    let (name, table) = plain.unwrap();
    let source = Source::Table { name, own: false, covered: true };
    Layout::from_table(&table, version, Flavour::Gil, source).unwrap()
}

/// Every layout that is compiled in.
fn layouts() -> Vec<Layout> {
    let series = [(2, 7), (3, 6), (3, 7), (3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13)];
    series.map(|(major, minor)| layout_of(Version::release(major, minor, 0))).into()
}

const TYPE: u64 = 0x1000;
const OBJECT: u64 = 0x10_000;
const NAME: u64 = 0xf00;

/// An image with a static type `name` at [`TYPE`].
fn typed(layout: &Layout, name: &str, flags: u64) -> Image {
    let mut class = vec![0; 1024];
    put(&mut class, layout.type_object.name.offset, NAME);
    put(&mut class, layout.type_object.flags.offset, flags);
    put(&mut class, layout.object.ob_type.offset, TYPE);
    Image::new().with(TYPE, &class).with(NAME, &padded(name))
}

fn padded(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(64, 0);
    bytes
}

fn put(bytes: &mut [u8], offset: u32, word: u64) {
    let at = offset as usize;
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

fn address(address: u64) -> Addr {
    Addr::new(address).unwrap()
}

/// A list at `at` with the items `items`.
fn list(image: Image, layout: &Layout, at: u64, items: &[u64]) -> Image {
    let mut object = vec![0; 64];
    put(&mut object, layout.object.ob_type.offset, TYPE);
    put(&mut object, layout.object.ob_size.offset, items.len() as u64);
    put(&mut object, layout.list_object.items.offset, at + 0x80);
    let items: Vec<u8> = items.iter().flat_map(|item| item.to_le_bytes()).collect();
    image.with(at, &object).with(at + 0x80, &items)
}

fn text(image: &Image, layout: &Layout, limits: Limits) -> (String, bool) {
    let value = describe(&Python::new(image, layout), address(OBJECT), &limits);
    (value.text, value.complete)
}

#[test]
fn nothing_there_is_told() {
    let layout = layout();
    let (text, complete) = text(&Image::new(), &layout, Limits::default());
    assert_eq!((text.as_str(), complete), ("<unreadable object at 0x10000>", false));
    let image = typed(&layout, "list", 0).with(OBJECT, &[0; 16]);
    let image = image.with(OBJECT + 16, &[0xff; 48]).with(OBJECT + 8, &TYPE.to_le_bytes());
    assert_eq!(self::text(&image, &layout, Limits::default()).0, "<unreadable list at 0x10000>");
}

#[test]
fn cycles_end_and_are_complete() {
    let layout = layout();
    let image = list(typed(&layout, "list", 0), &layout, OBJECT, &[OBJECT, OBJECT]);
    assert_eq!(text(&image, &layout, Limits::default()), ("[[...], [...]]".to_owned(), true));
}

#[test]
fn what_is_cut_is_counted() {
    let layout = layout();
    let null = list(typed(&layout, "list", 0), &layout, OBJECT, &[0, 0, 0, 0, 0]);
    let rows = [
        (5, 1000, "[<NULL>, <NULL>, <NULL>, <NULL>, <NULL>]"),
        (2, 1000, "[<NULL>, <NULL>, …, 3 more]"),
        (0, 1000, "[…, 5 more]"),
        (5, 9, "[<NULL>, <NULL>, …, 3 more]"),
        (5, 0, "[…, 5 more]"),
    ];
    for (items, width, expected) in rows {
        assert_eq!(
            text(&null, &layout, Limits { depth: 0, items, width, printers: None }),
            (expected.to_owned(), false)
        );
    }
}

#[test]
fn deep_nesting_is_named() {
    let layout = layout();
    let mut image = typed(&layout, "list", 0);
    for level in 0..100 {
        let at = OBJECT + level * 0x100;
        image = list(image, &layout, at, &[at + 0x100]);
    }
    let (text, complete) = text(&image, &layout, Limits::default());
    let levels = MAX_NESTING as usize + 1;
    assert_eq!(text, format!("{}<list at 0x12100>{}", "[".repeat(levels), "]".repeat(levels)));
    assert!(!complete);
}

#[test]
fn shared_lists_cannot_flood() {
    // Each list holds the next ten times: 10³² items in all.
    let layout = layout();
    let mut image = typed(&layout, "list", 0);
    for level in 0..40 {
        let at = OBJECT + level * 0x100;
        image = list(image, &layout, at, &[at + 0x100; 10]);
    }
    let (text, complete) = text(&image, &layout, Limits::default());
    assert!(text.len() < 3000, "{}", text.len());
    assert!(!complete);
}

/// Memory in which every byte anywhere is readable: pseudo-random, but every pointer-sized read
/// leads to plausible places more often than not. Counts its reads.
struct Garbage {
    seed: u64,
    reads: Cell<u64>,
    fixed: Image,
}

impl crate::memory::Memory for Garbage {
    fn read(&self, addr: Addr, buffer: &mut [u8]) -> Result<(), crate::memory::ReadError> {
        self.reads.set(self.reads.get() + 1);
        assert!(buffer.len() < 64 << 20, "a read of {} bytes", buffer.len());
        if self.fixed.read(addr, buffer).is_ok() {
            return Ok(());
        }
        for (index, byte) in buffer.iter_mut().enumerate() {
            let word = addr.get().wrapping_add(index as u64) / 8;
            let mixed = (word ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = mixed ^ mixed >> 29;
            let value = match mixed % 5 {
                0 => 0,
                1 => mixed >> 8 & 0xff,
                2 => OBJECT + (mixed >> 8 & 0xffff) * 8,
                3 => TYPE,
                _ => mixed,
            };
            *byte = value.to_le_bytes()[addr.get().wrapping_add(index as u64) as usize % 8];
        }
        Ok(())
    }
}

#[test]
fn garbage_is_bounded_for_every_printer_and_layout() {
    let mut names = vec!["whatever", "instance", "x.y"];
    for printer in PRINTERS {
        if let Types::Named(types) = printer.types {
            names.extend(types);
        }
    }
    let limits = Limits { depth: 3, items: 50, width: 500, printers: None };
    for layout in layouts() {
        for (index, name) in names.iter().enumerate() {
            for seed in 0..8 {
                // Flags of all kinds: subclasses of everything, managed dicts, heap types.
                let flags =
                    [0, 1 << 31, 1 << 9, 1 << 4, 1 << 9 | 1 << 4 | 1 << 2, 1 << 27, 1 << 28, 1 << 29][seed as usize];
                let mut fixed = typed(&layout, name, flags);
                if flags & (1 << 9 | 1 << 4) == 0 {
                    let at = layout.object.ob_type.offset;
                    fixed = fixed.with(OBJECT + u64::from(at), &TYPE.to_le_bytes());
                }
                let memory = Garbage { seed: seed * 7919 + index as u64, reads: Cell::new(0), fixed };
                let value = describe(&Python::new(&memory, &layout), address(OBJECT), &limits);
                assert!(characters(&value) < 20_000, "{name}: {}", characters(&value));
                assert!(memory.reads.get() < 12_000_000, "{name}: {} reads", memory.reads.get());
            }
        }
    }
}

fn characters(value: &Value) -> usize {
    let inside = value.attributes.iter().map(|(name, value)| name.chars().count() + characters(value));
    value.text.chars().count() + inside.sum::<usize>()
}
