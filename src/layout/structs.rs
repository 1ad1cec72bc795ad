//! Which members of CPython's structs pitviper reads: one declaration that yields the typed layout
//! structs, the loading of tables, the list that `pitviper offsets` looks up in debug info, and the
//! names of `_Py_DebugOffsets` that override a table.
//!
//! A field without `Option` is one that every supported version has. Candidates are C member paths
//! in the order newest first; `->` follows a pointer. `own` names the slot of `_Py_DebugOffsets`
//! (Include/internal/pycore_debug_offsets.h, 3.13+) that holds the same number; `a + b` is a sum of
//! two slots.

use crate::address::Addr;
use crate::layout::field::{Bits, Constant, Field, FromNumber, Inline, Number, Path, Size};

/// Where `pitviper offsets` finds a number in debug info.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// The offset of the first of these members that exists.
    Member(&'static [&'static str]),
    /// The size of the first of these types that exists.
    SizeOf(&'static [&'static str]),
    /// The size of a type, in builds that have a member.
    SizeOfIf(&'static str, &'static str),
    /// The value of an enumerator.
    Enumerator(&'static str),
}

/// One number that a table may hold.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its name in the table, as the Rust field is called.
    pub name: &'static str,
    /// Where debug info has it.
    pub origin: Origin,
    /// The slot of `_Py_DebugOffsets`, or two to be added.
    pub own: Option<&'static str>,
}

/// One section of a table: the role a C struct plays.
#[derive(Clone, Copy, Debug)]
pub struct SectionSpec {
    /// Its name in the table, as the Rust field of `Structs` is called.
    pub name: &'static str,
    /// Its numbers.
    pub fields: &'static [FieldSpec],
}

/// How a layout struct asks a table for a number.
pub trait Lookup {
    /// The number of `field` in `section`, if the table has it.
    fn number(&self, section: &str, field: &str) -> Option<&Number>;
}

macro_rules! origin {
    (sizeof $type:literal if $member:literal) => { Origin::SizeOfIf($type, $member) };
    (sizeof $($type:literal)|+) => { Origin::SizeOf(&[$($type),+]) };
    (constant $name:literal) => { Origin::Enumerator($name) };
    ($($member:literal)|+) => { Origin::Member(&[$($member),+]) };
}
macro_rules! own {
    () => {
        None
    };
    ($own:literal) => {
        Some($own)
    };
}

macro_rules! structs {
    ($( $(#[doc = $doc:literal])* $Struct:ident as $section:ident {
        $( $(#[doc = $fdoc:literal])* $field:ident : $type:ty = { $($origin:tt)+ } $(own $own:literal)? ; )*
    } )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug)]
            pub struct $Struct {
                $( $(#[doc = $fdoc])* pub $field: $type, )*
                /// The bytes `[start, end)` that hold all the fields above.
                pub span: (u32, u32),
            }
            impl $Struct {
                fn load(table: &impl Lookup) -> Result<Self, String> {
                    let section = stringify!($section);
                    $(
                        let number = table.number(section, stringify!($field));
                        let $field = <$type as FromNumber>::from_number(number)
                            .ok_or_else(|| format!("{section}.{} is missing or malformed", stringify!($field)))?;
                    )*
                    let extents = [$( FromNumber::extent(&$field) ),*];
                    let start = extents.iter().flatten().map(|e| e.0).min().unwrap_or(0);
                    let end = extents.iter().flatten().map(|e| e.1).max().unwrap_or(0);
                    Ok(Self { $($field,)* span: (start, end) })
                }
            }
        )*
        /// Every struct of CPython that pitviper reads, as one build lays it out.
        #[derive(Clone, Debug)]
        pub struct Structs { $( $(#[doc = $doc])* pub $section: $Struct, )* }
        impl Structs {
            /// Gives the numbers of `table` their types. Fails with the name of the first field
            /// that every version needs and this table lacks.
            pub fn load(table: &impl Lookup) -> Result<Self, String> {
                Ok(Self { $( $section: $Struct::load(table)?, )* })
            }
            /// The span of each struct, by section, for the checks.
            pub fn spans(&self) -> Vec<(&'static str, (u32, u32))> {
                vec![$( (stringify!($section), self.$section.span) ),*]
            }
        }
        /// Everything a table may say, in the order it is printed.
        pub const SECTIONS: &[SectionSpec] = &[ $( SectionSpec {
            name: stringify!($section),
            fields: &[ $( FieldSpec {
                name: stringify!($field),
                origin: origin!($($origin)+),
                own: own!($($own)?),
            } ),* ],
        } ),* ];
    };
}

structs! {
    /// The whole process's Python (`_PyRuntimeState`, 3.7+). Before, its parts are statics.
    Runtime as runtime {
        /// The first interpreter of the list: the newest.
        interpreters_head: Option<Field<Addr>> = { "_PyRuntimeState.interpreters.head" } own "runtime_state.interpreters_head";
        /// The thread that is finalizing the runtime; null while Python runs.
        finalizing: Option<Field<Addr>> = { "_PyRuntimeState._finalizing" | "_PyRuntimeState.finalizing" } own "runtime_state.finalizing";
        /// The thread that holds the GIL (3.7–3.11).
        current_thread: Option<Field<Addr>> = { "_PyRuntimeState.gilstate.tstate_current" };
        /// The GIL itself (3.7–3.11).
        gil: Option<Field<u64>> = { "_PyRuntimeState.ceval.gil" };
        /// Whether the collector runs (3.7, 3.8).
        gc_collecting: Option<Field<i32>> = { "_PyRuntimeState.gc.collecting" };
    }
    /// One interpreter (`PyInterpreterState`).
    Interpreter as interpreter {
        /// The next older interpreter.
        next: Field<Addr> = { "PyInterpreterState.next" } own "interpreter_state.next";
        /// Its number; the main interpreter has 0 (3.7+).
        id: Option<Field<i64>> = { "PyInterpreterState.id" } own "interpreter_state.id";
        /// The first thread of the list: the newest.
        threads_head: Field<Addr> = { "PyInterpreterState.threads.head" | "PyInterpreterState.tstate_head" } own "interpreter_state.threads_head";
        /// `sys.modules`.
        modules: Field<Addr> = { "PyInterpreterState.imports.modules" | "PyInterpreterState.modules" } own "interpreter_state.imports_modules";
        /// `sys.__dict__`.
        sysdict: Field<Addr> = { "PyInterpreterState.sysdict" } own "interpreter_state.sysdict";
        /// `builtins.__dict__`.
        builtins: Field<Addr> = { "PyInterpreterState.builtins" } own "interpreter_state.builtins";
        /// The GIL this interpreter uses (3.12+).
        gil: Option<Field<Addr>> = { "PyInterpreterState.ceval.gil" } own "interpreter_state.ceval_gil";
        /// Whether its collector runs (3.9+).
        gc_collecting: Option<Field<i32>> = { "PyInterpreterState.gc.collecting" } own "interpreter_state.gc + gc.collecting";
        /// The thread that has stopped all others, or is about to; null while none does (3.13+).
        stop_the_world_requester: Option<Field<Addr>> = { "PyInterpreterState.stoptheworld.requester" };
        /// Goes up whenever a code object is freed: as long as it stays, so do their addresses (3.14+).
        code_object_generation: Option<Field<u64>> = { "PyInterpreterState._code_object_generation" } own "interpreter_state.code_object_generation";
    }
    /// A GIL (`struct _gil_runtime_state`).
    Gil as gil {
        /// The thread that took it last; not cleared when it is released.
        last_holder: Option<Field<Addr>> = { "_gil_runtime_state.last_holder" };
        /// 1 while held, 0 while free, -1 before it is made.
        locked: Option<Field<i32>> = { "_gil_runtime_state.locked" };
        /// Whether there is a GIL at all (free-threaded builds).
        enabled: Option<Field<i32>> = { "_gil_runtime_state.enabled" };
        /// Its condition variables and mutexes lie within this many bytes: a thread that sleeps on
        /// a futex in there waits for the GIL.
        size: Option<Size> = { sizeof "_gil_runtime_state" };
    }
    /// One thread that runs Python code (`PyThreadState`).
    Thread as thread {
        /// The next older thread.
        next: Field<Addr> = { "PyThreadState.next" } own "thread_state.next";
        /// The interpreter it belongs to.
        interpreter: Field<Addr> = { "PyThreadState.interp" } own "thread_state.interp";
        /// The innermost frame.
        current_frame: Path = { "PyThreadState.current_frame" | "PyThreadState.cframe->current_frame" | "PyThreadState.frame" } own "thread_state.current_frame";
        /// `threading.get_ident()`: the `pthread_t`.
        thread_id: Field<u64> = { "PyThreadState.thread_id" } own "thread_state.thread_id";
        /// The kernel's thread id (3.11+).
        native_thread_id: Option<Field<u64>> = { "PyThreadState.native_thread_id" } own "thread_state.native_thread_id";
        /// 0 detached, 1 attached, 2 suspended (3.13+; free-threaded builds go by it).
        state: Option<Field<i32>> = { "PyThreadState.state" };
        /// The newest chunk of frame memory (3.11+).
        datastack_chunk: Option<Field<Addr>> = { "PyThreadState.datastack_chunk" } own "thread_state.datastack_chunk";
        /// The end of the live part of the newest chunk (3.11+).
        datastack_top: Option<Field<Addr>> = { "PyThreadState.datastack_top" };
        /// The `CFrame` in use while no Python runs (3.10–3.12).
        root_cframe: Option<Inline> = { "PyThreadState.root_cframe" };
    }
    /// A piece of memory for frames (`_PyStackChunk`, 3.11+).
    Chunk as chunk {
        /// The older chunk.
        previous: Option<Field<Addr>> = { "_PyStackChunk.previous" };
        /// Its size in bytes, this header included.
        size: Option<Field<u64>> = { "_PyStackChunk.size" };
        /// How many slots of an older chunk are in use.
        top: Option<Field<u64>> = { "_PyStackChunk.top" };
        /// The first slot.
        data: Option<Field<Addr>> = { "_PyStackChunk.data" };
    }
    /// One Python call in progress (`_PyInterpreterFrame`, 3.11+; before, `PyFrameObject`).
    Frame as frame {
        /// The caller's frame.
        previous: Field<Addr> = { "_PyInterpreterFrame.previous" | "PyFrameObject.f_back" } own "interpreter_frame.previous";
        /// The code object, or another executable.
        code: Field<Addr> = { "_PyInterpreterFrame.f_executable" | "_PyInterpreterFrame.f_code" | "PyFrameObject.f_code" } own "interpreter_frame.executable";
        /// Where it is; how to read it is the word `instruction`.
        instruction: Field<u64> = { "_PyInterpreterFrame.instr_ptr" | "_PyInterpreterFrame.prev_instr" | "PyFrameObject.f_lasti" } own "interpreter_frame.instr_ptr";
        /// The first local variable.
        localsplus: Field<Addr> = { "_PyInterpreterFrame.localsplus" | "PyFrameObject.f_localsplus" } own "interpreter_frame.localsplus";
        /// The mapping of a class body or module.
        locals: Field<Addr> = { "_PyInterpreterFrame.f_locals" | "PyFrameObject.f_locals" };
        /// Who owns its memory (3.11+).
        owner: Option<Field<u8>> = { "_PyInterpreterFrame.owner" } own "interpreter_frame.owner";
        /// Live slots, or -1 while it executes (3.11–3.13).
        stacktop: Option<Field<i32>> = { "_PyInterpreterFrame.stacktop" };
        /// One past its live slots (3.14+); the first slot once it has returned.
        stackpointer: Option<Field<Addr>> = { "_PyInterpreterFrame.stackpointer" } own "interpreter_frame.stackpointer";
        /// Whether it was called from C (3.11).
        is_entry: Option<Field<u8>> = { "_PyInterpreterFrame.is_entry" };
        /// Which copy of the bytecode it runs (free-threaded 3.14+).
        tlbc_index: Option<Field<i32>> = { "_PyInterpreterFrame.tlbc_index" } own "interpreter_frame.tlbc_index";
        /// The owner of an entry frame on the C stack that has no code of its own (3.12+).
        owner_cstack: Option<Constant> = { constant "FRAME_OWNED_BY_CSTACK" };
        /// The same under its newer name (3.14+).
        owner_interpreter: Option<Constant> = { constant "FRAME_OWNED_BY_INTERPRETER" };
        /// The owner of a frame inside a generator object (3.11+).
        owner_generator: Option<Constant> = { constant "FRAME_OWNED_BY_GENERATOR" };
        /// The function it runs (3.11+).
        function: Option<Field<Addr>> = { "_PyInterpreterFrame.f_funcobj" | "_PyInterpreterFrame.f_func" };
    }
    /// A generator, coroutine or async generator (`PyGenObject`, 3.11+).
    Generator as generator {
        /// Its frame, inside the object.
        iframe: Option<Field<Addr>> = { "PyGenObject.gi_iframe" } own "gen_object.gi_iframe";
        /// Whether it was begun, runs, waits or has ended.
        frame_state: Option<Field<u8>> = { "PyGenObject.gi_frame_state" } own "gen_object.gi_frame_state";
        /// The state of one that runs.
        executing: Option<Constant> = { constant "FRAME_EXECUTING" };
    }
    /// A code object (`PyCodeObject`).
    Code as code {
        /// `co_argcount`: positional arguments.
        argcount: Field<i32> = { "PyCodeObject.co_argcount" } own "code_object.argcount";
        /// `co_kwonlyargcount` (3.0+).
        kwonlyargcount: Option<Field<i32>> = { "PyCodeObject.co_kwonlyargcount" };
        /// `co_flags`.
        flags: Field<i32> = { "PyCodeObject.co_flags" };
        /// `co_firstlineno`.
        firstlineno: Field<i32> = { "PyCodeObject.co_firstlineno" } own "code_object.firstlineno";
        /// `co_filename`.
        filename: Field<Addr> = { "PyCodeObject.co_filename" } own "code_object.filename";
        /// `co_name`.
        name: Field<Addr> = { "PyCodeObject.co_name" } own "code_object.name";
        /// `co_qualname` (3.11+).
        qualname: Option<Field<Addr>> = { "PyCodeObject.co_qualname" } own "code_object.qualname";
        /// `co_linetable`, or `co_lnotab` before 3.10.
        linetable: Field<Addr> = { "PyCodeObject.co_linetable" | "PyCodeObject.co_lnotab" } own "code_object.linetable";
        /// The instructions, inside the object (3.11+).
        instructions: Option<Field<u64>> = { "PyCodeObject.co_code_adaptive" } own "code_object.co_code_adaptive";
        /// The instructions, a bytes object (before 3.11).
        bytecode: Option<Field<Addr>> = { "PyCodeObject.co_code" };
        /// `co_nlocals`.
        nlocals: Field<i32> = { "PyCodeObject.co_nlocals" };
        /// Names of arguments and locals (before 3.11).
        varnames: Option<Field<Addr>> = { "PyCodeObject.co_varnames" };
        /// Names of cells (before 3.11).
        cellvars: Option<Field<Addr>> = { "PyCodeObject.co_cellvars" };
        /// Names of free variables (before 3.11).
        freevars: Option<Field<Addr>> = { "PyCodeObject.co_freevars" };
        /// Names of all locals (3.11+).
        localsplusnames: Option<Field<Addr>> = { "PyCodeObject.co_localsplusnames" } own "code_object.localsplusnames";
        /// A byte of `CO_FAST_*` for each of them (3.11+).
        localspluskinds: Option<Field<Addr>> = { "PyCodeObject.co_localspluskinds" } own "code_object.localspluskinds";
        /// Slots a frame takes in a chunk (3.12+).
        framesize: Option<Field<i32>> = { "PyCodeObject.co_framesize" };
        /// Slots for values (3.11 computes the frame's size from it).
        stacksize: Field<i32> = { "PyCodeObject.co_stacksize" };
        /// Slots for locals (3.11+).
        nlocalsplus: Option<Field<i32>> = { "PyCodeObject.co_nlocalsplus" };
        /// The first instruction that counts as begun (3.11+).
        firsttraceable: Option<Field<i32>> = { "PyCodeObject._co_firsttraceable" };
        /// Copies of the bytecode, one per thread that specialised it (free-threaded 3.14+).
        tlbc: Option<Field<Addr>> = { "PyCodeObject.co_tlbc" } own "code_object.co_tlbc";
    }
    /// The copies of a code object's bytecode (`_PyCodeArray`, free-threaded 3.14+).
    CodeArray as code_array {
        /// How many there are.
        size: Option<Field<u64>> = { "_PyCodeArray.size" };
        /// The first of the pointers.
        entries: Option<Field<Addr>> = { "_PyCodeArray.entries" };
    }
    /// Any object (`PyObject`, `PyVarObject`).
    Object as object {
        /// Its type.
        ob_type: Field<Addr> = { "PyObject.ob_type" } own "pyobject.ob_type";
        /// How many items it has; the sign of an int before 3.12.
        ob_size: Field<i64> = { "PyVarObject.ob_size" };
        /// The size of the header.
        size: Size = { sizeof "PyObject" };
    }
    /// A class (`PyTypeObject`, `PyHeapTypeObject`).
    Type as type_object {
        /// `tp_name`, a C string.
        name: Field<Addr> = { "PyTypeObject.tp_name" } own "type_object.tp_name";
        /// `tp_flags`.
        flags: Field<u64> = { "PyTypeObject.tp_flags" } own "type_object.tp_flags";
        /// `tp_basicsize`.
        basicsize: Field<i64> = { "PyTypeObject.tp_basicsize" };
        /// `tp_itemsize`.
        itemsize: Field<i64> = { "PyTypeObject.tp_itemsize" };
        /// `tp_dictoffset`.
        dictoffset: Field<i64> = { "PyTypeObject.tp_dictoffset" };
        /// `tp_base`.
        base: Field<Addr> = { "PyTypeObject.tp_base" };
        /// `tp_mro`.
        mro: Field<Addr> = { "PyTypeObject.tp_mro" };
        /// `tp_dict`.
        dict: Field<Addr> = { "PyTypeObject.tp_dict" };
        /// `tp_members`.
        members: Field<Addr> = { "PyTypeObject.tp_members" };
        /// `ht_qualname` of a class made by Python code (3.3+).
        qualname: Option<Field<Addr>> = { "PyHeapTypeObject.ht_qualname" };
        /// The attribute names that instances share (3.3+).
        cached_keys: Option<Field<Addr>> = { "PyHeapTypeObject.ht_cached_keys" };
    }
    /// A member of a C struct that Python sees as an attribute, or a slot (`PyMemberDef`).
    Member as member {
        /// A C string.
        name: Field<Addr> = { "PyMemberDef.name" };
        /// `T_OBJECT_EX` and so on.
        kind: Field<i32> = { "PyMemberDef.type" };
        /// Where it lies in the instance.
        offset: Field<i64> = { "PyMemberDef.offset" };
        /// The size of an entry.
        size: Size = { sizeof "PyMemberDef" };
    }
    /// A `str` (`PyASCIIObject` and its extensions, 3.3+; before, `PyUnicodeObject`).
    Str as str_object {
        /// In code points; before 3.3 in code units.
        length: Field<i64> = { "PyASCIIObject.length" | "PyUnicodeObject.length" };
        /// Bytes per code point.
        kind: Option<Bits> = { "PyASCIIObject.state.kind" };
        /// Whether the text follows the header.
        compact: Option<Bits> = { "PyASCIIObject.state.compact" };
        /// Whether it is all ASCII.
        ascii: Option<Bits> = { "PyASCIIObject.state.ascii" };
        /// Where the text of an ASCII string begins.
        ascii_size: Option<Size> = { sizeof "PyASCIIObject" } own "unicode_object.asciiobject_size";
        /// Where the text of another compact string begins.
        compact_size: Option<Size> = { sizeof "PyCompactUnicodeObject" };
        /// The text of a string that is not compact; before 3.3, of any.
        data: Field<Addr> = { "PyUnicodeObject.data" | "PyUnicodeObject.str" };
        /// Bytes per code unit (before 3.3; the build decides).
        unit_size: Option<Size> = { sizeof "Py_UNICODE" if "PyUnicodeObject.str" };
    }
    /// A `bytes` (`PyBytesObject`; in 2.7 `PyStringObject`).
    Bytes as bytes_object {
        /// The first byte.
        data: Field<u8> = { "PyBytesObject.ob_sval" | "PyStringObject.ob_sval" } own "bytes_object.ob_sval";
    }
    /// A `bytearray` (`PyByteArrayObject`).
    ByteArray as bytearray_object {
        /// The first byte.
        data: Field<Addr> = { "PyByteArrayObject.ob_start" | "PyByteArrayObject.ob_bytes" };
        /// The `bytes` that holds them (3.15+; where there is none, `repr` escapes every quote).
        bytes_object: Option<Field<Addr>> = { "PyByteArrayObject.ob_bytes_object" };
    }
    /// An `int` (`PyLongObject`; in 2.7 also `PyIntObject`).
    Int as int_object {
        /// Sign and number of digits (3.12+; before, `ob_size` says both).
        tag: Option<Field<u64>> = { "PyLongObject.long_value.lv_tag" } own "long_object.lv_tag";
        /// The first digit.
        digits: Field<u32> = { "PyLongObject.long_value.ob_digit" | "PyLongObject.ob_digit" } own "long_object.ob_digit";
        /// Bytes per digit: 4 hold 30 bits, 2 hold 15.
        digit_size: Size = { sizeof "digit" };
        /// 2.7's small int.
        small: Option<Field<i64>> = { "PyIntObject.ob_ival" };
    }
    /// A `float` (`PyFloatObject`).
    Float as float_object {
        /// The bits of the number.
        value: Field<u64> = { "PyFloatObject.ob_fval" } own "float_object.ob_fval";
    }
    /// A `complex` (`PyComplexObject`).
    Complex as complex_object {
        /// The bits of the real part; the imaginary part follows.
        value: Field<u64> = { "PyComplexObject.cval" };
    }
    /// A `tuple` (`PyTupleObject`).
    Tuple as tuple_object {
        /// The first item.
        items: Field<Addr> = { "PyTupleObject.ob_item" } own "tuple_object.ob_item";
    }
    /// A `list` (`PyListObject`).
    List as list_object {
        /// The array of items.
        items: Field<Addr> = { "PyListObject.ob_item" } own "list_object.ob_item";
    }
    /// A `dict` (`PyDictObject`).
    Dict as dict_object {
        /// How many items it has.
        used: Field<i64> = { "PyDictObject.ma_used" };
        /// The keys, perhaps shared (3.3+).
        keys: Option<Field<Addr>> = { "PyDictObject.ma_keys" } own "dict_object.ma_keys";
        /// The values of a split table (3.3+).
        values: Option<Field<Addr>> = { "PyDictObject.ma_values" } own "dict_object.ma_values";
        /// The hash table (before 3.3).
        table: Option<Field<Addr>> = { "PyDictObject.ma_table" };
        /// Its size less one (before 3.3).
        mask: Option<Field<i64>> = { "PyDictObject.ma_mask" };
    }
    /// The keys of a dict (`PyDictKeysObject`, 3.3+).
    DictKeys as dict_keys {
        /// Slots of the hash table (3.3–3.10).
        size: Option<Field<i64>> = { "PyDictKeysObject.dk_size" };
        /// The same as a power of two (3.11+).
        log2_size: Option<Field<u8>> = { "PyDictKeysObject.dk_log2_size" };
        /// Bytes of the index table as a power of two (3.11+).
        log2_index_bytes: Option<Field<u8>> = { "PyDictKeysObject.dk_log2_index_bytes" };
        /// 0 general, 1 all keys are str, 2 split (3.11+).
        kind: Option<Field<u8>> = { "PyDictKeysObject.dk_kind" };
        /// Entries in use (3.6+).
        nentries: Option<Field<i64>> = { "PyDictKeysObject.dk_nentries" };
        /// The index table, which the entries follow (3.6+).
        indices: Option<Field<u8>> = { "PyDictKeysObject.dk_indices" };
        /// The entries themselves (3.3–3.5).
        entries: Option<Field<u8>> = { "PyDictKeysObject.dk_entries" };
    }
    /// An item of a dict (`PyDictKeyEntry`; before 3.3 `PyDictEntry`).
    DictEntry as dict_entry {
        /// The key.
        key: Field<Addr> = { "PyDictKeyEntry.me_key" | "PyDictEntry.me_key" };
        /// The value.
        value: Field<Addr> = { "PyDictKeyEntry.me_value" | "PyDictEntry.me_value" };
        /// The size of an entry.
        size: Size = { sizeof "PyDictKeyEntry" | "PyDictEntry" };
    }
    /// An item of a dict whose keys are all `str` (`PyDictUnicodeEntry`, 3.11+).
    DictUnicodeEntry as dict_unicode_entry {
        /// The key.
        key: Option<Field<Addr>> = { "PyDictUnicodeEntry.me_key" };
        /// The value.
        value: Option<Field<Addr>> = { "PyDictUnicodeEntry.me_value" };
        /// The size of an entry.
        size: Option<Size> = { sizeof "PyDictUnicodeEntry" };
    }
    /// The values of a split dict or of an instance (`PyDictValues`, 3.11+).
    DictValues as dict_values {
        /// The first value.
        values: Option<Field<Addr>> = { "PyDictValues.values" };
        /// How many there is room for (3.13+).
        capacity: Option<Field<u8>> = { "PyDictValues.capacity" };
        /// How many are there (3.13+).
        size: Option<Field<u8>> = { "PyDictValues.size" };
        /// 0 once a dict has taken over (3.13+).
        valid: Option<Field<u8>> = { "PyDictValues.valid" };
    }
    /// A `set` or `frozenset` (`PySetObject`).
    Set as set_object {
        /// How many items it has.
        used: Field<i64> = { "PySetObject.used" };
        /// Slots of the table less one.
        mask: Field<i64> = { "PySetObject.mask" };
        /// The table.
        table: Field<Addr> = { "PySetObject.table" };
        /// The key in an entry.
        entry_key: Field<Addr> = { "setentry.key" };
        /// The hash in an entry; -1 marks a deleted one.
        entry_hash: Field<i64> = { "setentry.hash" };
        /// The size of an entry.
        entry_size: Size = { sizeof "setentry" };
    }
    /// A cell (`PyCellObject`).
    Cell as cell {
        /// What it holds.
        ob_ref: Field<Addr> = { "PyCellObject.ob_ref" };
    }
    /// A Python function (`PyFunctionObject`).
    Function as function {
        /// `__code__`.
        code: Field<Addr> = { "PyFunctionObject.func_code" };
        /// `__name__`.
        name: Field<Addr> = { "PyFunctionObject.func_name" };
        /// `__qualname__` (3.3+).
        qualname: Option<Field<Addr>> = { "PyFunctionObject.func_qualname" };
    }
    /// A module (`PyModuleObject`).
    Module as module {
        /// `__dict__`.
        dict: Field<Addr> = { "PyModuleObject.md_dict" };
    }
    /// An old-style class (`PyClassObject`, 2.7).
    OldClass as old_class {
        /// `__name__`.
        name: Option<Field<Addr>> = { "PyClassObject.cl_name" };
        /// `__dict__`.
        dict: Option<Field<Addr>> = { "PyClassObject.cl_dict" };
    }
    /// An instance of an old-style class (`PyInstanceObject`, 2.7).
    OldInstance as old_instance {
        /// `__class__`.
        class: Option<Field<Addr>> = { "PyInstanceObject.in_class" };
        /// `__dict__`.
        dict: Option<Field<Addr>> = { "PyInstanceObject.in_dict" };
    }
}
