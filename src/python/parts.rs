//! What objects of C types consist of, by the names that Python gives it: `__func__` of a method, `tb_next`
//! of a traceback, and whatever a type declares as a member itself (`PyMemberDef`).

use crate::address::Addr;
use crate::layout::{Field, Structs};
use crate::python::{Fault, Python, Result, flag};

/// A part of an object.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// Another object.
    Object(Addr),
    /// A pointer that is null: nothing there.
    Null,
    /// A number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A C string.
    Text(String),
    /// A pointer to what is no object: a C function, a buffer.
    Pointer(Addr),
}

/// How a part is read.
enum How {
    Object(fn(&Structs) -> Option<Field<Addr>>),
    Long(fn(&Structs) -> Option<Field<i64>>),
    Int(fn(&Structs) -> Option<Field<i32>>),
    Text(fn(&Structs) -> Option<Field<Addr>>),
    Pointer(fn(&Structs) -> Option<Field<Addr>>),
}

/// The parts of objects of some types, by `tp_name`.
struct Parts {
    types: &'static [&'static str],
    parts: &'static [(&'static str, How)],
}

use How::{Int, Long, Object, Pointer, Text};

/// Types that do not declare what they consist of. The names are those of Python's attributes.
const PARTS: &[Parts] = &[
    Parts {
        types: &["function"],
        parts: &[
            ("__name__", Object(|l| Some(l.function.name))),
            ("__qualname__", Object(|l| l.function.qualname)),
            ("__module__", Object(|l| Some(l.function.module))),
            ("__code__", Object(|l| Some(l.function.code))),
            ("__defaults__", Object(|l| Some(l.function.defaults))),
            ("__kwdefaults__", Object(|l| l.function.kwdefaults)),
            ("__closure__", Object(|l| Some(l.function.closure))),
            ("__annotations__", Object(|l| l.function.annotations)),
            ("__annotate__", Object(|l| l.function.annotate)),
            ("__type_params__", Object(|l| l.function.type_params)),
            ("__doc__", Object(|l| Some(l.function.doc))),
            ("__dict__", Object(|l| Some(l.function.dict))),
            ("__globals__", Object(|l| Some(l.function.globals))),
        ],
    },
    Parts {
        types: &["method", "instancemethod"],
        parts: &[
            ("__func__", Object(|l| Some(l.method.function))),
            ("__self__", Object(|l| Some(l.method.self_object))),
            ("im_class", Object(|l| l.method.class)),
        ],
    },
    Parts {
        types: &["builtin_function_or_method", "builtin_method"],
        parts: &[
            ("__self__", Object(|l| Some(l.cfunction.self_object))),
            ("__module__", Object(|l| Some(l.cfunction.module))),
        ],
    },
    Parts {
        types: &[
            "method_descriptor",
            "classmethod_descriptor",
            "member_descriptor",
            "getset_descriptor",
            "wrapper_descriptor",
        ],
        parts: &[
            ("__objclass__", Object(|l| Some(l.descriptor.class))),
            ("__name__", Object(|l| Some(l.descriptor.name))),
        ],
    },
    Parts {
        types: &["method-wrapper"],
        parts: &[
            ("__self__", Object(|l| l.method_wrapper.self_object)),
            ("descriptor", Object(|l| l.method_wrapper.descriptor)),
        ],
    },
    Parts { types: &["cell"], parts: &[("cell_contents", Object(|l| Some(l.cell.ob_ref)))] },
    Parts {
        types: &["mappingproxy", "dictproxy", "dict_proxy"],
        parts: &[("mapping", Object(|l| l.mapping_proxy.mapping))],
    },
    Parts { types: &["classmethod"], parts: &[("__func__", Object(|l| l.class_method.callable))] },
    Parts { types: &["staticmethod"], parts: &[("__func__", Object(|l| l.static_method.callable))] },
    Parts {
        types: &["property"],
        parts: &[
            ("fget", Object(|l| l.property.get)),
            ("fset", Object(|l| l.property.set)),
            ("fdel", Object(|l| l.property.delete)),
        ],
    },
    Parts {
        types: &["weakref", "weakref.ReferenceType", "weakproxy", "weakref.ProxyType"],
        parts: &[
            ("referent", Object(|l| Some(l.weak_ref.object))),
            ("__callback__", Object(|l| Some(l.weak_ref.callback))),
        ],
    },
    Parts {
        types: &["slice"],
        parts: &[
            ("start", Object(|l| Some(l.slice.start))),
            ("stop", Object(|l| Some(l.slice.stop))),
            ("step", Object(|l| Some(l.slice.step))),
        ],
    },
    Parts {
        types: &["range"],
        parts: &[
            ("start", Object(|l| l.range.start)),
            ("stop", Object(|l| l.range.stop)),
            ("step", Object(|l| l.range.step)),
        ],
    },
    Parts {
        types: &["memoryview"],
        parts: &[
            ("obj", Object(|l| Some(l.memory_view.object))),
            ("nbytes", Long(|l| Some(l.memory_view.length))),
            ("itemsize", Long(|l| Some(l.memory_view.itemsize))),
            ("ndim", Int(|l| Some(l.memory_view.ndim))),
            ("readonly", Int(|l| Some(l.memory_view.readonly))),
            ("format", Text(|l| Some(l.memory_view.format))),
            ("buffer", Pointer(|l| Some(l.memory_view.buffer))),
        ],
    },
    Parts {
        types: &["PyCapsule"],
        parts: &[
            ("name", Text(|l| l.capsule.name)),
            ("pointer", Pointer(|l| l.capsule.pointer)),
            ("destructor", Pointer(|l| l.capsule.destructor)),
        ],
    },
    Parts {
        types: &["functools.partial"],
        parts: &[
            ("func", Object(|l| l.partial.function)),
            ("args", Object(|l| l.partial.args)),
            ("keywords", Object(|l| l.partial.keywords)),
        ],
    },
    Parts { types: &["collections.deque"], parts: &[("maxlen", Long(|l| l.deque.maxlen))] },
    Parts { types: &["collections.defaultdict"], parts: &[("default_factory", Object(|l| l.default_dict.factory))] },
    Parts { types: &["types.SimpleNamespace", "namespace"], parts: &[("__dict__", Object(|l| l.namespace.dict))] },
    Parts {
        types: &["traceback"],
        parts: &[
            ("tb_frame", Object(|l| Some(l.traceback.frame))),
            ("tb_lasti", Int(|l| Some(l.traceback.lasti))),
            ("tb_lineno", Int(|l| Some(l.traceback.lineno))),
            ("tb_next", Object(|l| Some(l.traceback.next))),
        ],
    },
    Parts {
        types: &["generator", "coroutine", "async_generator"],
        parts: &[
            ("__name__", Object(|l| l.generator.name)),
            ("__qualname__", Object(|l| l.generator.qualname)),
            ("gi_frame", Object(|l| l.generator.frame)),
        ],
    },
    Parts {
        types: &["module"],
        parts: &[
            ("definition", Pointer(|l| l.module.definition)),
            ("state", Pointer(|l| l.module.state)),
            ("__dict__", Object(|l| Some(l.module.dict))),
        ],
    },
    Parts {
        types: &["code"],
        parts: &[
            ("co_name", Object(|l| Some(l.code.name))),
            ("co_qualname", Object(|l| l.code.qualname)),
            ("co_filename", Object(|l| Some(l.code.filename))),
            ("co_firstlineno", Int(|l| Some(l.code.firstlineno))),
            ("co_argcount", Int(|l| Some(l.code.argcount))),
            ("co_posonlyargcount", Int(|l| l.code.posonlyargcount)),
            ("co_kwonlyargcount", Int(|l| l.code.kwonlyargcount)),
            ("co_nlocals", Int(|l| Some(l.code.nlocals))),
            ("co_stacksize", Int(|l| Some(l.code.stacksize))),
            ("co_flags", Int(|l| Some(l.code.flags))),
            ("co_consts", Object(|l| Some(l.code.consts))),
            ("co_names", Object(|l| Some(l.code.names))),
            ("co_varnames", Object(|l| l.code.varnames)),
            ("co_cellvars", Object(|l| l.code.cellvars)),
            ("co_freevars", Object(|l| l.code.freevars)),
            ("co_exceptiontable", Object(|l| l.code.exceptiontable)),
        ],
    },
    Parts {
        types: &["instance"],
        parts: &[("__class__", Object(|l| l.old_instance.class)), ("__dict__", Object(|l| l.old_instance.dict))],
    },
    Parts {
        types: &["classobj"],
        parts: &[("__name__", Object(|l| l.old_class.name)), ("__dict__", Object(|l| l.old_class.dict))],
    },
    Parts {
        types: &["lazy_import"],
        parts: &[("module", Object(|l| l.lazy_import.from)), ("name", Object(|l| l.lazy_import.attribute))],
    },
];

/// The parts of exceptions.
const EXCEPTION: &[(&str, How)] = &[
    ("args", Object(|l| Some(l.exception.args))),
    ("__traceback__", Object(|l| l.exception.traceback)),
    ("__cause__", Object(|l| l.exception.cause)),
    ("__context__", Object(|l| l.exception.context)),
];

/// The parts of groups of exceptions.
const GROUP: &[(&str, How)] =
    &[("message", Object(|l| l.exception.group_message)), ("exceptions", Object(|l| l.exception.group_exceptions))];

/// A C string that an object refers to is cut at so many bytes.
const MAX_TEXT: usize = 1024;

impl Python<'_> {
    /// The parts of the object at `address`, in the order of the tables: those of its type, then members that
    /// the classes of its method resolution order declare, without `__slots__`. Parts that are null are among
    /// them: [`Part::Null`].
    pub fn parts(&self, address: Addr) -> Result<Vec<(String, Part)>> {
        let class = self.type_of(address)?;
        let mut parts = Vec::new();
        for class in self.mro(class)? {
            let name = self.c_type_name(class).ok().flatten().unwrap_or_default();
            let known = PARTS.iter().filter(|known| known.types.contains(&name.as_str()));
            for (name, how) in known.flat_map(|known| known.parts) {
                self.add_part(&mut parts, address, name, how);
            }
            let exception = match name.as_str() {
                "BaseException" | "exceptions.BaseException" => EXCEPTION,
                "BaseExceptionGroup" => GROUP,
                _ => &[],
            };
            for (name, how) in exception {
                self.add_part(&mut parts, address, name, how);
            }
        }
        for (name, part) in self.members(address, class)? {
            if parts.iter().all(|(known, _)| *known != name) {
                parts.push((name, part));
            }
        }
        Ok(parts)
    }

    fn add_part(&self, parts: &mut Vec<(String, Part)>, address: Addr, name: &str, how: &How) {
        let layout = self.layout;
        let pointer = |field: Option<Field<Addr>>| self.get_if(address, field).ok().flatten();
        let part = match how {
            Object(field) => pointer(field(layout)).map(|at| at.map_or(Part::Null, Part::Object)),
            Pointer(field) => pointer(field(layout)).map(|at| at.map_or(Part::Null, Part::Pointer)),
            Text(field) => pointer(field(layout)).map(|at| self.c_text(at)),
            Long(field) => self.get_if(address, field(layout)).ok().flatten().map(Part::Int),
            Int(field) => self.get_if(address, field(layout)).ok().flatten().map(|value| Part::Int(i64::from(value))),
        };
        if let Some(part) = part.filter(|_| parts.iter().all(|(known, _)| known != name)) {
            parts.push((name.to_owned(), part));
        }
    }

    fn c_text(&self, at: Option<Addr>) -> Part {
        let text = at.map(|at| self.memory.c_string(at, MAX_TEXT));
        text.and_then(Result::ok).map_or(Part::Null, |text| Part::Text(String::from_utf8_lossy(&text).into_owned()))
    }

    /// What types of C code declare as members.
    fn members(&self, address: Addr, class: Addr) -> Result<Vec<(String, Part)>> {
        /// Of all classes together: more are garbage.
        const MAX_MEMBERS: usize = 4096;
        let layout = &self.layout.member;
        let (mut found, mut left) = (Vec::new(), MAX_MEMBERS);
        for class in self.mro(class)? {
            // A class of Python code has only slots.
            if !self.type_flags(class)?.has(flag::TYPE_SUBCLASS) {
                continue;
            }
            let slots = self.is_python_class(class);
            let Some(members) = self.get(class, self.layout.type_object.members)?.filter(|_| !slots) else { continue };
            for index in 0.. {
                left = left.checked_sub(1).ok_or(Fault::Implausible(class, "the members of a class"))?;
                let member = members.offset(index * u64::from(layout.size.0));
                let Some(name) = self.get(member, layout.name)? else { break };
                let name = self.memory.c_string(name, MAX_TEXT)?;
                let offset = u64::try_from(self.get(member, layout.offset)?).unwrap_or(0);
                let name = String::from_utf8_lossy(&name).into_owned();
                // What a type is laid out by is no part of its objects (`__dictoffset__`, 3.9+).
                if name.ends_with("offset__") {
                    continue;
                }
                let part = self.member(address.offset(offset), self.get(member, layout.kind)?);
                found.extend(part.map(|part| (name, part)));
            }
        }
        Ok(found)
    }

    /// Whether a class statement made the class at `class`: C code leaves `__slots__` out of heap types.
    pub fn is_python_class(&self, class: Addr) -> bool {
        // What is no heap type ends before its slots would come.
        if !self.flags_of(class).is_ok_and(|flags| flags.has(flag::HEAPTYPE)) {
            return false;
        }
        let dict = self.get(class, self.layout.type_object.dict).ok().flatten();
        self.get(class, self.layout.type_object.slots).is_ok_and(|slots| slots.is_some())
            || dict.is_some_and(|dict| self.item_named(dict, "__weakref__").is_ok_and(|found| found.is_some()))
    }

    /// The member of kind `kind` at `at` (Include/structmember.h; since 3.12 Include/descrobject.h).
    fn member(&self, at: Addr, kind: i32) -> Option<Part> {
        let mut bytes = [0; 8];
        let mut read = |size: usize| {
            let bytes = bytes.get_mut(..size)?;
            self.memory.read(at, bytes).ok()?;
            Some(bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
        };
        let signed = |value: u64, bits: u32| (value << (64 - bits)).cast_signed() >> (64 - bits);
        Some(match kind {
            0 => Part::Int(signed(read(2)?, 16)),
            1 => Part::Int(signed(read(4)?, 32)),
            2 | 17 | 19 => Part::Int(read(8)?.cast_signed()),
            3 => Part::Float(f64::from(f32::from_bits(read(4)? as u32))),
            4 => Part::Float(f64::from_bits(read(8)?)),
            5 => self.c_text(Addr::new(read(8)?)),
            6 | 16 => Addr::new(read(8)?).map_or(Part::Null, Part::Object),
            7 => Part::Text(char::from(read(1)? as u8).to_string()),
            8 => Part::Int(signed(read(1)?, 8)),
            9 => Part::Int(read(1)?.cast_signed()),
            10 => Part::Int(read(2)?.cast_signed()),
            11 => Part::Int(read(4)?.cast_signed()),
            12 | 18 => i64::try_from(read(8)?).map(Part::Int).ok()?,
            13 => self.c_text(Some(at)),
            14 => Part::Bool(read(1)? != 0),
            _ => return None,
        })
    }
}
