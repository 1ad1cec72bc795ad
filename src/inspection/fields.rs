//! The C fields of an object, as far as the offset table of its Python knows them.

use crate::address::Addr;
use crate::python::{Python, Result, flag};

/// A field of a C struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawField {
    /// The struct, by its role in the offset tables: `object`, `list_object`.
    pub structure: &'static str,
    /// The field, by its role.
    pub name: &'static str,
    /// Bytes from the start of the object.
    pub offset: u32,
    /// The eight bytes there, as a number.
    pub value: u64,
}

/// The struct that objects of a type are, beyond their head.
const STRUCTS: &[(&str, &str)] = &[
    ("list", "list_object"),
    ("tuple", "tuple_object"),
    ("dict", "dict_object"),
    ("set", "set_object"),
    ("frozenset", "set_object"),
    ("str", "str_object"),
    ("unicode", "str_object"),
    ("bytes", "bytes_object"),
    ("bytearray", "bytearray_object"),
    ("int", "int_object"),
    ("long", "int_object"),
    ("float", "float_object"),
    ("complex", "complex_object"),
    ("type", "type_object"),
    ("function", "function"),
    ("method", "method"),
    ("instancemethod", "method"),
    ("builtin_function_or_method", "cfunction"),
    ("module", "module"),
    ("code", "code"),
    ("cell", "cell"),
    ("frame", "frame_object"),
    ("generator", "generator"),
    ("coroutine", "generator"),
    ("async_generator", "generator"),
    ("traceback", "traceback"),
    ("BaseException", "exception"),
    ("exceptions.BaseException", "exception"),
    ("slice", "slice"),
    ("range", "range"),
    ("memoryview", "memory_view"),
    ("PyCapsule", "capsule"),
    ("property", "property"),
    ("functools.partial", "partial"),
    ("collections.deque", "deque"),
    ("collections.OrderedDict", "ordered_dict"),
    ("collections.defaultdict", "default_dict"),
    ("weakref", "weak_ref"),
    ("weakref.ReferenceType", "weak_ref"),
];

/// The fields of the object at `address`, in the order of their offsets. Members that its type declares
/// (`PyMemberDef`) are not among them: they are told with what it consists of.
pub fn raw_fields(python: &Python<'_>, address: Addr) -> Result<Vec<RawField>> {
    let class = python.type_of(address)?;
    let mut structures = vec!["object"];
    for class in python.mro(class)? {
        let name = python.c_type_name(class).ok().flatten().unwrap_or_default();
        structures.extend(STRUCTS.iter().filter(|(of, _)| *of == name).map(|(_, structure)| *structure));
    }
    let sized =
        python.flags_of(class)?.has(flag::HEAPTYPE) || python.get(class, python.layout.type_object.itemsize)? != 0;
    let mut fields = Vec::new();
    for structure in structures {
        for (name, (offset, _)) in python.layout.structs.fields(structure) {
            let item_count = structure == "object" && name == "ob_size";
            if item_count && !sized || fields.iter().any(|known: &RawField| known.offset == offset) {
                continue;
            }
            let value = python.memory.u64(address.offset(u64::from(offset)))?;
            fields.push(RawField { structure, name, offset, value });
        }
    }
    fields.sort_by_key(|field| field.offset);
    Ok(fields)
}
