//! pandas: tables and their columns. What pandas keeps in Python attributes is found by name; what Cython keeps in C
//! (managers, blocks) declares nothing, so it is found by what it is: the only tuple of blocks, the only array.

use crate::address::Addr;
use crate::python::{Array, Fault, Python, Result, flag};

/// A `pandas.DataFrame` or `pandas.Series`.
#[derive(Clone, PartialEq, Debug)]
pub struct DataTable {
    /// How many rows it has.
    pub rows: u64,
    /// Its columns' labels; of a series its name alone.
    pub labels: Labels,
    /// What the columns hold, those that could be told: place, and name of the dtype or array class.
    pub columns: Vec<(u64, String)>,
    /// How many columns it has.
    pub width: u64,
    /// Bytes of its columns' arrays (`memory_usage(index=False)`); `None` where one is not numpy's.
    pub bytes: Option<u64>,
    /// The array of its first column, if that is numpy's.
    pub first: Option<Array>,
}

/// The labels of an axis.
#[derive(Clone, PartialEq, Debug)]
pub enum Labels {
    /// A numpy array.
    Array(Array),
    /// Numbers: first and step.
    Range(i64, i64),
    /// One object.
    Name(Addr),
    /// Not to be told.
    Unknown,
}

/// Blocks of one table, columns of one block: a table with more is not read whole.
const MAX_BLOCKS: usize = 10_000;
const MAX_COLUMNS: u64 = 100_000;
/// The C part of an object of pandas is smaller.
const MAX_FIELDS: u64 = 64;

impl Python<'_> {
    /// The `pandas.DataFrame` at `address`.
    pub fn data_frame(&self, address: Addr) -> Result<DataTable> {
        let (blocks, axes) = self.manager(address)?;
        let [columns, index] = axes.as_slice() else {
            return Err(Fault::Implausible(address, "the axes of a table"));
        };
        let (labels, width) = self.axis(*columns)?;
        let (_, rows) = self.axis(*index)?;
        let mut table = DataTable { rows, labels, columns: Vec::new(), width, bytes: Some(0), first: None };
        for block in blocks {
            self.add_block(&mut table, block, None)?;
            if table.columns.len() as u64 > MAX_COLUMNS {
                return Err(Fault::Implausible(address, "the columns of a table"));
            }
        }
        table.columns.sort();
        Ok(table)
    }

    /// The `pandas.Series` at `address`.
    pub fn series(&self, address: Addr) -> Result<DataTable> {
        let (blocks, axes) = self.manager(address)?;
        let (_, rows) = self.axis(*axes.first().ok_or(Fault::Null("the axis of a series"))?)?;
        let name = self.attribute(address, "_name")?;
        let labels = name.map_or(Labels::Unknown, Labels::Name);
        let mut table = DataTable { rows, labels, columns: Vec::new(), width: 1, bytes: Some(0), first: None };
        for block in blocks.into_iter().take(1) {
            self.add_block(&mut table, block, Some(0))?;
        }
        Ok(table)
    }

    /// The blocks and axes of a table.
    fn manager(&self, address: Addr) -> Result<(Vec<Addr>, Vec<Addr>)> {
        let manager = self.attribute(address, "_mgr")?.ok_or(Fault::Null("the manager of a table"))?;
        let (mut blocks, mut axes) = (self.attribute(manager, "blocks")?, self.attribute(manager, "axes")?);
        for object in self.c_objects(manager)? {
            let flags = self.type_flags(object)?;
            if flags.has(flag::TUPLE_SUBCLASS) {
                blocks = blocks.or(Some(object));
            } else if flags.has(flag::LIST_SUBCLASS) {
                axes = axes.or(Some(object));
            }
        }
        let unknown = Fault::Implausible(manager, "the manager of a table");
        let (Some(blocks), Some(axes)) = (blocks, axes) else { return Err(unknown) };
        let (blocks, count) = self.tuple_items(blocks, MAX_BLOCKS)?;
        if count > MAX_BLOCKS as u64 {
            return Err(unknown);
        }
        let axes = self.list_items(axes, 2)?.0;
        Ok((blocks.into_iter().flatten().collect(), axes.into_iter().flatten().collect()))
    }

    /// The objects that the C fields of an object of Cython's refer to: what lies between the head and the end of
    /// the base class of C code, and looks like an object.
    fn c_objects(&self, address: Addr) -> Result<Vec<Addr>> {
        let mut end = 0;
        for class in self.mro(self.type_of(address)?)? {
            // A class of Python code adds a dict, and slots, of which all is known.
            if self.tp_name(class)?.starts_with("pandas._libs.") {
                end = end.max(u64::try_from(self.get(class, self.layout.type_object.basicsize)?).unwrap_or(0));
            }
        }
        let head = u64::from(self.layout.object.size.0);
        let places = (head..end).step_by(8).take(MAX_FIELDS as usize);
        let word = |place: u64| self.memory.pointer(address.offset(place)).ok().flatten();
        let is_object = |at: &Addr| {
            let class = self.type_of(*at);
            at.get().is_multiple_of(8)
                && class.is_ok_and(|class| {
                    self.type_flags(class).is_ok_and(|flags| flags.has(flag::TYPE_SUBCLASS))
                        && self.mro(class).is_ok_and(|mro| mro.first() == Some(&class))
                })
        };
        Ok(places.filter_map(word).filter(is_object).collect())
    }

    /// Adds the columns of a block, whose places it tells itself unless `place` does.
    fn add_block(&self, table: &mut DataTable, block: Addr, place: Option<u64>) -> Result<()> {
        let (mut values, mut places) = (None, None);
        for object in self.c_objects(block)? {
            match self.type_name(self.type_of(object)?)?.as_str() {
                "BlockPlacement" => places = Some(object),
                "BlockValuesRefs" => {}
                _ => values = values.or(Some(object)),
            }
        }
        let values = values.ok_or(Fault::Null("the values of a block"))?;
        let array = if self.is_array(values)? { self.array(values).ok() } else { None };
        let name = match &array {
            Some(array) => array.element.name(),
            None => self.type_name(self.type_of(values)?)?,
        };
        let places = match (place, places) {
            (Some(place), _) => vec![place],
            (None, Some(places)) => self.places(places)?,
            (None, None) => return Err(Fault::Null("the places of a block")),
        };
        table.bytes = table.bytes.zip(array.as_ref()).map(|(bytes, array)| bytes.saturating_add(array.bytes()));
        if places.contains(&0) {
            table.first = array;
        }
        table.columns.extend(places.into_iter().map(|place| (place, name.clone())));
        Ok(())
    }

    /// Which columns a block has: a slice, or an array.
    fn places(&self, placement: Addr) -> Result<Vec<u64>> {
        let implausible = Fault::Implausible(placement, "the places of a block");
        for object in self.c_objects(placement)? {
            if self.is_array(object)? {
                let array = self.array(object)?;
                let count = array.count();
                if array.element.size != 8 || array.shape.len() != 1 || count > MAX_COLUMNS {
                    return Err(implausible);
                }
                let stride = array.strides.first().copied().unwrap_or(8);
                let at = |n: u64| Addr::new(array.data.get().wrapping_add_signed(stride.wrapping_mul(n as i64)));
                let place = |n: u64| Ok(self.memory.u64(at(n).ok_or(implausible.clone())?)?);
                return (0..count).map(place).collect();
            }
            if self.tp_name(self.type_of(object)?)? == "slice" {
                let layout = &self.layout.slice;
                let int = |field| -> Result<i64> { self.small_int(self.pointer(object, field, "a part of a slice")?) };
                let (start, stop) = (int(layout.start)?, int(layout.stop)?);
                let step = int(layout.step).unwrap_or(1).max(1);
                let count = stop.saturating_sub(start).max(0) as u64 / step as u64;
                if start < 0 || count > MAX_COLUMNS {
                    return Err(implausible);
                }
                return Ok((start..stop).step_by(step as usize).map(|place| place as u64).collect());
            }
        }
        Err(implausible)
    }

    fn is_array(&self, address: Addr) -> Result<bool> {
        Ok(self.tp_name(self.type_of(address)?)? == "numpy.ndarray")
    }

    /// The labels of an axis, and how many there are.
    fn axis(&self, index: Addr) -> Result<(Labels, u64)> {
        if let Some(range) = self.attribute(index, "_range")? {
            let layout = &self.layout.range;
            let int = |field: Option<crate::layout::Field<Addr>>| -> Result<i64> {
                let part = self.get_if(range, field)?.flatten().ok_or(Fault::Null("a part of a range"))?;
                self.small_int(part)
            };
            let length = u64::try_from(int(layout.length)?).unwrap_or(0);
            return Ok((Labels::Range(int(layout.start)?, int(layout.step)?), length));
        }
        let data = self.attribute(index, "_data")?.ok_or(Fault::Null("the labels of an axis"))?;
        // Arrays of pandas' own are made of one of numpy's: as attribute, or as C field.
        let inner = match self.attribute(data, "_ndarray").ok().flatten() {
            Some(inner) => Some(inner),
            None => self.c_objects(data)?.into_iter().find(|at| self.is_array(*at).unwrap_or(false)),
        };
        let array = self.array(if self.is_array(data)? { data } else { inner.unwrap_or(data) })?;
        let length = array.shape.first().copied().unwrap_or(0).unsigned_abs();
        Ok((Labels::Array(array), length))
    }
}
