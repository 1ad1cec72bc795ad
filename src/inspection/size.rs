//! `sys.getsizeof`: the rules of each type's `__sizeof__`, and what lies before the object.

use crate::address::Addr;
use crate::inspection::classes::methods;
use crate::python::{Python, Result, TypeFlags, flag};

/// `MANAGED_WEAKREF` (3.12+): two words before the object, as for `MANAGED_DICT`.
const MANAGED_WEAKREF: u64 = 1 << 3;

/// What `sys.getsizeof` says of the object at `address`; `None` for types with a rule of their own that memory
/// does not tell (those of C extensions).
pub fn size_of(python: &Python<'_>, address: Addr) -> Result<Option<u64>> {
    let class = python.type_of(address)?;
    let flags = python.flags_of(class)?;
    let Some(own) = own_size(python, address, class)? else { return Ok(None) };
    Ok(before(python, address, flags)?.map(|before| own + before))
}

/// What lies before an object (`_PySys_GetSizeOf`, Python/sysmodule.c); `None` where builds do not agree on the size
/// of the collector's header, and nothing tells them apart (3.6).
fn before(python: &Python<'_>, address: Addr, flags: TypeFlags) -> Result<Option<u64>> {
    let static_type = !python.layout.texts().static_types_have_header
        && flags.has(flag::TYPE_SUBCLASS)
        && !python.flags_of(address)?.has(flag::HEAPTYPE);
    let mut before = 0;
    // Free-threaded builds have no header, but for what the flags say.
    if flags.has(flag::HAVE_GC) && !static_type && python.layout.object.gc_bits.is_none() {
        let Some(size) = python.layout.gc.head_size else { return Ok(None) };
        before += u64::from(size.0);
    }
    use crate::layout::ManagedDict;
    let managed = match python.layout.words.managed_dict {
        ManagedDict::None => false,
        // 3.11 counts the two words with the header of what is collected.
        ManagedDict::Pair => flags.has(flag::MANAGED_DICT),
        ManagedDict::Tagged | ManagedDict::Inline => flags.has(flag::MANAGED_DICT | MANAGED_WEAKREF),
    };
    Ok(Some(before + if managed { 16 } else { 0 }))
}

/// Types of which `object.__sizeof__` is the whole rule, for this reader: they have no rule of their own.
const PLAIN: &[&str] = &[
    "object",
    "NoneType",
    "float",
    "complex",
    "function",
    "method",
    "instancemethod",
    "builtin_function_or_method",
    "cell",
    "property",
    "classmethod",
    "staticmethod",
    "slice",
    "range",
    "traceback",
    "module",
    "weakref",
    "weakref.ReferenceType",
    "mappingproxy",
    "tuple",
    "ellipsis",
    "NotImplementedType",
    "getset_descriptor",
    "member_descriptor",
    "method_descriptor",
    "wrapper_descriptor",
    "method-wrapper",
    "super",
    "types.SimpleNamespace",
    "namespace",
    "instance",
    "classobj",
    "BaseException",
    "str",
    "exceptions.BaseException",
    "bytes",
    "PyCapsule",
];

/// `__sizeof__` of the object at `address`, of class `class`.
fn own_size(python: &Python<'_>, address: Addr, class: Addr) -> Result<Option<u64>> {
    let mro = python.mro(class)?;
    let basic = python.get(class, python.layout.type_object.basicsize)?;
    let basic = u64::try_from(basic).unwrap_or(0);
    for base in &mro {
        let name = python.c_type_name(*base)?.unwrap_or_default();
        let size = match name.as_str() {
            "str" | "unicode" if python.layout.str_object.ascii_size.is_some() => str_size(python, address)?,
            "unicode" => {
                let length = u64::try_from(python.get(address, python.layout.str_object.length)?).unwrap_or(0);
                let unit = python.layout.str_object.unit_size.map(|size| u64::from(size.0));
                unit.map(|unit| basic + (length + 1).saturating_mul(unit))
            }
            "int" | "long" => int_size(python, address, basic)?,
            "list" => {
                let room = python.get(address, python.layout.list_object.allocated)?;
                Some(basic + 8 * u64::try_from(room).unwrap_or(0))
            }
            "collections.OrderedDict" => ordered_dict_size(python, address, basic)?,
            "collections.deque" => deque_size(python, address, basic)?,
            "decimal.Decimal" => Some(basic + python.decimal_own_data(address)?),
            "code" => code_size(python, address, *base)?,
            "dict" | "frozendict" => dict_size(python, address, basic)?,
            "set" | "frozenset" => set_size(python, address, basic)?,
            "bytearray" => {
                let layout = &python.layout.bytearray_object;
                let room = u64::try_from(python.get(address, layout.allocated)?).unwrap_or(0);
                // From 3.15 on a bytes object holds them.
                let held = python.get_if(address, layout.bytes_object)?.flatten();
                let head = held.map_or(0, |_| u64::from(python.layout.bytes_object.data.offset) + 1);
                Some(basic + head + room)
            }
            "type" => type_size(python, address, *base)?,
            name if PLAIN.contains(&name) => {
                let item = u64::try_from(python.get(class, python.layout.type_object.itemsize)?).unwrap_or(0);
                let count =
                    if item > 0 { python.get(address, python.layout.object.ob_size)?.unsigned_abs() } else { 0 };
                Some(basic + item.saturating_mul(count))
            }
            "generator" | "coroutine" | "async_generator" if python.layout.generator.iframe.is_some() => {
                generator_size(python, address)?
            }
            _ if has_rule(python, *base)? => return Ok(None),
            _ => continue,
        };
        return Ok(size);
    }
    Ok(None)
}

/// Whether the class at `class` has a `__sizeof__` of its own: in its dict, or, where that is kept elsewhere
/// (static types since 3.12), among its methods.
fn has_rule(python: &Python<'_>, class: Addr) -> Result<bool> {
    let dict = python.get(class, python.layout.type_object.dict)?;
    if dict.is_some_and(|dict| python.item_named(dict, "__sizeof__").is_ok_and(|found| found.is_some())) {
        return Ok(true);
    }
    Ok(methods(python, class)?.iter().any(|method| method.name == "__sizeof__"))
}

/// `gen_sizeof` (Objects/genobject.c, 3.11+): the frame is a part of it.
fn generator_size(python: &Python<'_>, address: Addr) -> Result<Option<u64>> {
    let (Some(iframe), Some(slots)) = (python.layout.generator.iframe, python.layout.code.nlocalsplus) else {
        return Ok(None);
    };
    let frame = python.frame(address.offset(u64::from(iframe.offset)))?;
    let Some(code) = frame.code else { return Ok(None) };
    let slots = python.get(code, slots)?.saturating_add(python.get(code, python.layout.code.stacksize)?);
    let header = u64::from(iframe.offset) + u64::from(python.layout.frame.localsplus.offset);
    Ok(u64::try_from(slots).ok().map(|slots| header + slots * 8))
}

/// `unicode___sizeof___impl` (Objects/unicodeobject.c).
fn str_size(python: &Python<'_>, address: Addr) -> Result<Option<u64>> {
    let layout = &python.layout.str_object;
    let (Some(kind), Some(compact), Some(ascii), Some(ascii_size), Some(compact_size)) =
        (layout.kind, layout.compact, layout.ascii, layout.ascii_size, layout.compact_size)
    else {
        return Ok(None);
    };
    let class = python.type_of(address)?;
    let length = u64::try_from(python.get(address, layout.length)?).unwrap_or(0);
    let text = (length + 1).saturating_mul(python.bits(address, kind)?);
    let is_ascii = python.bits(address, ascii)? != 0;
    if python.bits(address, compact)? == 0 {
        // A subclass: its text lies elsewhere.
        let basic = u64::try_from(python.get(class, python.layout.type_object.basicsize)?).unwrap_or(0);
        return Ok(Some(basic + text));
    }
    if is_ascii {
        return Ok(Some(u64::from(ascii_size.0) + text));
    }
    let utf8 = match (python.get_if(address, layout.utf8)?.flatten(), layout.utf8_length) {
        (Some(_), Some(field)) => u64::try_from(python.get(address, field)?).unwrap_or(0) + 1,
        _ => 0,
    };
    Ok(Some(u64::from(compact_size.0) + text + utf8))
}

/// `int___sizeof___impl` (Objects/longobject.c): digits, at least one since 3.12.
fn int_size(python: &Python<'_>, address: Addr, basic: u64) -> Result<Option<u64>> {
    let layout = &python.layout.int_object;
    if layout.small.is_some() && python.tp_name(python.type_of(address)?)? != "long" {
        return Ok(Some(basic));
    }
    let digit = u64::from(layout.digit_size.0);
    let header = u64::from(layout.digits.offset);
    Ok(Some(match layout.tag {
        Some(tag) => header + digit * (python.get(address, tag)? >> 3).max(1),
        None => {
            let least = u64::from(python.layout.texts().zero_has_a_digit);
            header + digit.saturating_mul(python.get(address, python.layout.object.ob_size)?.unsigned_abs().max(least))
        }
    }))
}

/// `_PyDict_SizeOf` (Objects/dictobject.c): shared keys are not counted, values of instances are.
fn dict_size(python: &Python<'_>, address: Addr, basic: u64) -> Result<Option<u64>> {
    let dict = &python.layout.dict_object;
    if let (Some(mask), Some(_)) = (dict.mask, dict.table) {
        // Before 3.3 a table of eight slots lies in the object.
        let slots = u64::try_from(python.get(address, mask)?).unwrap_or(0) + 1;
        let table = if slots > 8 { slots * u64::from(python.layout.dict_entry.size.0) } else { 0 };
        return Ok(Some(basic + table));
    }
    let Some(keys) = python.get_if(address, dict.keys)?.flatten() else { return Ok(None) };
    let values = python.get_if(address, dict.values)?.flatten();
    let shared = match python.layout.dict_keys.refcnt {
        Some(refcnt) => python.get(keys, refcnt)? != 1,
        None => return Ok(None),
    };
    let Some((table, usable)) = keys_size(python, keys)? else { return Ok(None) };
    let own = match values {
        Some(values) => values_size(python, values, usable)?,
        None => 0,
    };
    Ok(Some(basic + own + if shared { 0 } else { table }))
}

/// `_PyDict_KeysSize` (Objects/dictobject.c), and how many entries there is room for.
fn keys_size(python: &Python<'_>, keys: Addr) -> Result<Option<(u64, u64)>> {
    let layout = &python.layout.dict_keys;
    let (Some(log2_size), Some(log2_bytes), Some(kind), Some(indices)) =
        (layout.log2_size, layout.log2_index_bytes, layout.kind, layout.indices)
    else {
        return old_keys_size(python, keys);
    };
    let slots = 1_u64 << python.get(keys, log2_size)?.min(40);
    // USABLE_FRACTION.
    let usable = (slots << 1) / 3;
    let entry = match (python.get(keys, kind)?, python.layout.dict_unicode_entry.size) {
        (1 | 2, Some(size)) => u64::from(size.0),
        _ => u64::from(python.layout.dict_entry.size.0),
    };
    let table = u64::from(indices.offset) + (1_u64 << python.get(keys, log2_bytes)?.min(44)) + usable * entry;
    Ok(Some((table, usable)))
}

/// The values of a dict that shares its keys.
fn values_size(python: &Python<'_>, values: Addr, usable: u64) -> Result<u64> {
    match python.layout.dict_values.capacity {
        // 3.13+ counts values that are its own, not those within the instance.
        Some(capacity) => {
            let room = u64::from(python.get(values, capacity)?);
            Ok(python.values_offset() + room * 8 + room.next_multiple_of(8))
        }
        None => Ok(usable * 8),
    }
}

/// 3.3–3.10.
fn old_keys_size(python: &Python<'_>, keys: Addr) -> Result<Option<(u64, u64)>> {
    let layout = &python.layout.dict_keys;
    let Some(size) = layout.size else { return Ok(None) };
    let slots = u64::try_from(python.get(keys, size)?).unwrap_or(0).min(1 << 40);
    let entry = u64::from(python.layout.dict_entry.size.0);
    let usable = match layout.indices {
        Some(_) => (slots << 1) / 3,
        // 3.3–3.5 keep the entries in the table itself.
        None => slots,
    };
    let table = match (layout.indices, layout.entries) {
        (Some(indices), _) => {
            let index = match slots {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                0x1_0000..=0xffff_ffff => 4,
                _ => 8,
            };
            u64::from(indices.offset) + index * slots + entry * usable
        }
        // sizeof(PyDictKeysObject) holds one entry.
        (None, Some(entries)) => u64::from(entries.offset) + entry + entry * slots.saturating_sub(1),
        (None, None) => return Ok(None),
    };
    Ok(Some((table, usable)))
}

/// `odict_sizeof` (Objects/odictobject.c, 3.5+): a pointer for each slot of its table, a node for each item.
fn ordered_dict_size(python: &Python<'_>, address: Addr, basic: u64) -> Result<Option<u64>> {
    /// `sizeof(_ODictNode)`: key, hash, and two links.
    const NODE: u64 = 32;
    let layout = &python.layout.ordered_dict;
    let (Some(slots), Some(first)) = (layout.fast_size, layout.first) else { return Ok(None) };
    let Some(dict) = dict_size(python, address, basic)? else { return Ok(None) };
    let slots = u64::try_from(python.get(address, slots)?).unwrap_or(0);
    let items = match python.get(address, first)? {
        Some(_) => u64::try_from(python.get(address, python.layout.dict_object.used)?).unwrap_or(0),
        None => 0,
    };
    Ok(Some(dict.saturating_add(slots.saturating_mul(8)).saturating_add(items.saturating_mul(NODE))))
}

/// `deque_sizeof` (Modules/_collectionsmodule.c): its blocks, the free ones left out.
fn deque_size(python: &Python<'_>, address: Addr, basic: u64) -> Result<Option<u64>> {
    let layout = &python.layout.deque;
    let (Some(index), Some(size)) = (layout.left_index, layout.block_size) else { return Ok(None) };
    let length = match layout.length {
        Some(length) => python.get(address, length)?,
        None => python.get(address, python.layout.object.ob_size)?,
    };
    let places = u64::try_from(python.get(address, index)?.saturating_add(length)).unwrap_or(0);
    // Two links, then the items.
    let room = (u64::from(size.0) / 8).saturating_sub(2).max(1);
    Ok(Some(places.div_ceil(room).saturating_mul(u64::from(size.0)).saturating_add(basic)))
}

/// `code_sizeof` (Objects/codeobject.c); `None` where extensions have added to it, or it has a cache of globals, of
/// which memory does not tell the size.
fn code_size(python: &Python<'_>, address: Addr, class: Addr) -> Result<Option<u64>> {
    let (layout, of_type) = (&python.layout.code, &python.layout.type_object);
    let basic = u64::try_from(python.get(class, of_type.basicsize)?).unwrap_or(0);
    let item = u64::try_from(python.get(class, of_type.itemsize)?).unwrap_or(0);
    let count = if item > 0 { python.get(address, python.layout.object.ob_size)?.unsigned_abs() } else { 0 };
    // _PyObject_VAR_SIZE rounds up.
    let mut size = basic.saturating_add(item.saturating_mul(count)).saturating_add(7) & !7;
    if !has_rule(python, class)? {
        return Ok(Some(size));
    }
    for more in [layout.extra, layout.opcache] {
        if python.get_if(address, more)?.flatten().is_some() {
            return Ok(None);
        }
    }
    let cells = python.get_if(address, layout.cellvars)?.flatten();
    if let (Some(_), Some(cells)) = (python.get_if(address, layout.cell2arg)?.flatten(), cells) {
        // A `Py_ssize_t` for each, a byte before 3.6.
        let each = if layout.extra.is_some() { 8 } else { 1 };
        size = size.saturating_add(python.size(cells)?.saturating_mul(each));
    }
    // A pointer for each thread's copy of the instructions (free-threaded 3.14+).
    if let (Some(copies), Some(count), Some(entries)) = (
        python.get_if(address, layout.tlbc)?.flatten(),
        python.layout.code_array.size,
        python.layout.code_array.entries,
    ) {
        let copies = python.get(copies, count)?;
        size = size.saturating_add(u64::from(entries.offset) + 8).saturating_add(copies.saturating_mul(8));
    }
    Ok(Some(size))
}

/// `set___sizeof___impl` (Objects/setobject.c): a small table lies in the object.
fn set_size(python: &Python<'_>, address: Addr, basic: u64) -> Result<Option<u64>> {
    let layout = &python.layout.set_object;
    let small = address.offset(u64::from(layout.smalltable.offset));
    if python.get(address, layout.table)? == Some(small) {
        return Ok(Some(basic));
    }
    let slots = u64::try_from(python.get(address, layout.mask)?).unwrap_or(0) + 1;
    Ok(Some(basic + slots * u64::from(layout.entry_size.0)))
}

/// `type___sizeof___impl` (Objects/typeobject.c, 3.3+): shared keys are counted with the class. Before, a class is
/// counted as other objects are, and the members of its slots lie behind it.
fn type_size(python: &Python<'_>, address: Addr, metaclass: Addr) -> Result<Option<u64>> {
    let layout = &python.layout.type_object;
    let heap = python.flags_of(address)?.has(flag::HEAPTYPE);
    if !has_rule(python, metaclass)? {
        if !heap {
            return Ok(None);
        }
        let members = python.get(address, python.layout.object.ob_size)?.unsigned_abs();
        return Ok(Some(
            u64::from(layout.heap_size.0) + members.saturating_mul(u64::from(python.layout.member.size.0)),
        ));
    }
    if !heap {
        return Ok(Some(u64::from(layout.static_size.0)));
    }
    let size = u64::from(layout.heap_size.0);
    Ok(match python.get_if(address, layout.cached_keys)?.flatten() {
        None => Some(size),
        Some(keys) => keys_size(python, keys)?.map(|(table, _)| size + table),
    })
}
