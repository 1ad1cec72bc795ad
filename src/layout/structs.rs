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

impl FieldSpec {
    /// The C struct whose member it is.
    pub fn owner(&self) -> Option<&'static str> {
        match self.origin {
            Origin::Member(candidates) => candidates.first()?.split(['.', '-']).next(),
            _ => None,
        }
    }
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
                /// The fields that this build has and that lie in the struct itself, in the order they are
                /// declared, with the bytes `[start, end)` of each.
                pub fn fields(&self) -> Vec<(&'static str, (u32, u32))> {
                    let fields = [$( (stringify!($field), FromNumber::extent(&self.$field)) ),*];
                    fields.into_iter().filter_map(|(name, extent)| Some((name, extent?))).collect()
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
            /// The members of the struct `section` that lie in it, each with its bytes `[start, end)`.
            pub fn fields(&self, section: &str) -> Vec<(&'static str, (u32, u32))> {
                match section {
                    $( stringify!($section) => self.$section.fields(), )*
                    _ => Vec::new(),
                }
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
        /// The collector of the process (3.7, 3.8).
        gc: Option<Inline> = { "_PyRuntimeState.gc" };
        /// `sys.getrecursionlimit()` (3.7, 3.8).
        recursion_limit: Option<Field<i32>> = { "_PyRuntimeState.ceval.recursion_limit" };
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
        /// Its collector (3.9+; before, the runtime has it).
        gc: Option<Inline> = { "PyInterpreterState.gc" } own "interpreter_state.gc";
        /// `sys.getrecursionlimit()` (3.9+).
        recursion_limit: Option<Field<i32>> = { "PyInterpreterState.ceval.recursion_limit" };
        /// The module `importlib._bootstrap` (3.3+).
        importlib: Option<Field<Addr>> = { "PyInterpreterState.imports.importlib" | "PyInterpreterState.importlib" };
        /// A pointer to the audit hooks of Python code, a list (3.8+); in 3.12 it lies far behind all else.
        audit_hooks: Option<Inline> = { "PyInterpreterState.audit_hooks" };
        /// What evaluates frames, if it was replaced (3.6+).
        eval_frame: Option<Field<Addr>> = { "PyInterpreterState.eval_frame" };
        /// Dict watchers, a pointer each (3.12+).
        dict_watchers: Option<Inline> = { "PyInterpreterState.dict_state.watchers" };
        /// Type watchers, a pointer each (3.12+).
        type_watchers: Option<Inline> = { "PyInterpreterState.type_watchers" };
        /// Code watchers, a pointer each (3.12+).
        code_watchers: Option<Inline> = { "PyInterpreterState.code_watchers" };
        /// Function watchers, a pointer each (3.12+).
        func_watchers: Option<Inline> = { "PyInterpreterState.func_watchers" };
        /// Names of the tools that monitor (`sys.monitoring`), an object each (3.12+).
        monitoring_tools: Option<Inline> = { "PyInterpreterState.monitoring_tool_names" };
    }
    /// A GIL (`struct _gil_runtime_state`).
    Gil as gil {
        /// The thread that took it last; not cleared when it is released.
        last_holder: Option<Field<Addr>> = { "_gil_runtime_state.last_holder" };
        /// 1 while held, 0 while free, -1 before it is made.
        locked: Option<Field<i32>> = { "_gil_runtime_state.locked" };
        /// Whether there is a GIL at all (free-threaded builds).
        enabled: Option<Field<i32>> = { "_gil_runtime_state.enabled" };
        /// `sys.getswitchinterval()` in microseconds.
        interval: Option<Field<u64>> = { "_gil_runtime_state.interval" };
        /// How often it changed hands.
        switch_number: Option<Field<u64>> = { "_gil_runtime_state.switch_number" };
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
        /// A number of its own in its interpreter (3.3+).
        number: Option<Field<u64>> = { "PyThreadState.id" };
        /// The exceptions being handled, innermost first: an `_PyErr_StackItem` (3.7+).
        exc_info: Option<Field<Addr>> = { "PyThreadState.exc_info" };
        /// The exception being handled (before 3.7).
        exc_value: Option<Field<Addr>> = { "PyThreadState.exc_value" };
        /// The exception being raised (3.12+).
        current_exception: Option<Field<Addr>> = { "PyThreadState.current_exception" };
        /// The class of the exception being raised (before 3.12).
        curexc_type: Option<Field<Addr>> = { "PyThreadState.curexc_type" };
        /// The exception being raised, or what becomes one (before 3.12).
        curexc_value: Option<Field<Addr>> = { "PyThreadState.curexc_value" };
        /// `PyThreadState_GetDict()`: what thread-local data is kept in.
        dict: Field<Addr> = { "PyThreadState.dict" };
        /// The current `contextvars.Context` (3.7+).
        context: Option<Field<Addr>> = { "PyThreadState.context" };
        /// An exception that another thread has sent.
        async_exc: Field<Addr> = { "PyThreadState.async_exc" };
        /// The function of `sys.setprofile()` in C.
        c_profilefunc: Field<Addr> = { "PyThreadState.c_profilefunc" };
        /// The function of `sys.settrace()` in C.
        c_tracefunc: Field<Addr> = { "PyThreadState.c_tracefunc" };
        /// The function of `sys.setprofile()`.
        c_profileobj: Field<Addr> = { "PyThreadState.c_profileobj" };
        /// The function of `sys.settrace()`.
        c_traceobj: Field<Addr> = { "PyThreadState.c_traceobj" };
        /// How deep Python calls are nested (before 3.11).
        recursion_depth: Option<Field<i32>> = { "PyThreadState.recursion_depth" };
        /// How much deeper they may be (3.11+).
        recursion_remaining: Option<Field<i32>> = { "PyThreadState.py_recursion_remaining" | "PyThreadState.recursion_remaining" };
        /// How deep they may be (3.11+).
        recursion_limit: Option<Field<i32>> = { "PyThreadState.py_recursion_limit" | "PyThreadState.recursion_limit" };
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
        /// `f_globals`.
        globals: Field<Addr> = { "_PyInterpreterFrame.f_globals" | "PyFrameObject.f_globals" };
        /// `f_builtins`.
        builtins: Field<Addr> = { "_PyInterpreterFrame.f_builtins" | "PyFrameObject.f_builtins" };
        /// The function it runs (3.11+).
        function: Option<Field<Addr>> = { "_PyInterpreterFrame.f_funcobj" | "_PyInterpreterFrame.f_func" };
        /// The frame object, once someone has asked for it (3.11+).
        frame_object: Option<Field<Addr>> = { "_PyInterpreterFrame.frame_obj" };
        /// The first slot for values (before 3.11).
        valuestack: Option<Field<Addr>> = { "PyFrameObject.f_valuestack" };
        /// One past the last live value, null while it executes (before 3.10).
        f_stacktop: Option<Field<Addr>> = { "PyFrameObject.f_stacktop" };
        /// How many values are live, -1 while it executes (3.10).
        stackdepth: Option<Field<i32>> = { "PyFrameObject.f_stackdepth" };
        /// How many blocks are active (before 3.11).
        iblock: Option<Field<i32>> = { "PyFrameObject.f_iblock" };
        /// The active blocks, a `PyTryBlock` each (before 3.11).
        blockstack: Option<Inline> = { "PyFrameObject.f_blockstack" };
        /// Whether it was begun, runs, waits or has ended (3.10).
        state: Option<Field<i8>> = { "PyFrameObject.f_state" };
        /// Whether it executes (3.3–3.9).
        executing: Option<Field<i8>> = { "PyFrameObject.f_executing" };
        /// The generator it belongs to (3.4–3.10).
        generator: Option<Field<Addr>> = { "PyFrameObject.f_gen" };
    }
    /// A generator, coroutine or async generator (`PyGenObject`, 3.11+).
    Generator as generator {
        /// Its frame, inside the object.
        iframe: Option<Field<Addr>> = { "PyGenObject.gi_iframe" } own "gen_object.gi_iframe";
        /// Whether it was begun, runs, waits or has ended.
        frame_state: Option<Field<u8>> = { "PyGenObject.gi_frame_state" } own "gen_object.gi_frame_state";
        /// The state of one that runs.
        executing: Option<Constant> = { constant "FRAME_EXECUTING" };
        /// The state of one that has not begun.
        created: Option<Constant> = { constant "FRAME_CREATED" };
        /// The state of one that waits.
        suspended: Option<Constant> = { constant "FRAME_SUSPENDED" };
        /// The state of one that waits for another it delegates to (3.12+).
        suspended_yield_from: Option<Constant> = { constant "FRAME_SUSPENDED_YIELD_FROM" };
        /// Its frame object, null once it has ended (before 3.11).
        frame: Option<Field<Addr>> = { "PyGenObject.gi_frame" };
        /// Its code object (before 3.12).
        code: Option<Field<Addr>> = { "PyGenObject.gi_code" };
        /// Whether it executes (before 3.10).
        running: Option<Field<i8>> = { "PyGenObject.gi_running" };
        /// `__name__` (3.5+).
        name: Option<Field<Addr>> = { "PyGenObject.gi_name" };
        /// `__qualname__` (3.5+).
        qualname: Option<Field<Addr>> = { "PyGenObject.gi_qualname" };
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
        /// `co_consts`.
        consts: Field<Addr> = { "PyCodeObject.co_consts" };
        /// `co_names`.
        names: Field<Addr> = { "PyCodeObject.co_names" };
        /// `co_posonlyargcount` (3.8+).
        posonlyargcount: Option<Field<i32>> = { "PyCodeObject.co_posonlyargcount" };
        /// `co_exceptiontable` (3.11+).
        exceptiontable: Option<Field<Addr>> = { "PyCodeObject.co_exceptiontable" };
        /// What `sys.monitoring` and tracing have put into the instructions (3.12+).
        monitoring: Option<Field<Addr>> = { "PyCodeObject._co_monitoring" };
        /// Where monitoring keeps the instructions it has replaced, some bytes each, of which the first is the opcode (3.12+).
        line_instructions: Option<Field<Addr>> = { "_PyCoMonitoringData.lines" };
        /// A byte for each instruction that single-step monitoring has replaced (3.12+).
        step_instructions: Option<Field<Addr>> = { "_PyCoMonitoringData.per_instruction_opcodes" };
        /// The optimized traces that `ENTER_EXECUTOR` refers to (3.13+).
        executors: Option<Field<Addr>> = { "PyCodeObject.co_executors" };
        /// What extensions keep with it (3.6+).
        extra: Option<Field<Addr>> = { "PyCodeObject.co_extra" };
        /// Which cells are arguments, a number for each (3.2–3.10).
        cell2arg: Option<Field<Addr>> = { "PyCodeObject.co_cell2arg" };
        /// A cache of what globals are (3.8–3.10).
        opcache: Option<Field<Addr>> = { "PyCodeObject.co_opcache" };
    }
    /// The instructions that optimized traces have replaced (`_PyExecutorArray`, `_PyExecutorObject`).
    Replaced as replaced {
        /// How many executors there are (3.13+).
        executor_count: Option<Field<i32>> = { "_PyExecutorArray.size" };
        /// The pointers to them (3.13+).
        executors: Option<Inline> = { "_PyExecutorArray.executors" };
        /// The opcode that an executor has replaced (3.13+).
        executor_opcode: Option<Field<u8>> = { "_PyExecutorObject.vm_data.opcode" };
        /// And the argument of that (3.13+).
        executor_argument: Option<Field<u8>> = { "_PyExecutorObject.vm_data.oparg" };
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
        /// How many references there are to it (builds with a GIL).
        refcnt: Option<Field<i64>> = { "PyObject.ob_refcnt" };
        /// The halves of that (3.12, 3.13, builds with a GIL): the lower is the count.
        split: Option<Inline> = { "PyObject.ob_refcnt_split" };
        /// Flags beside it (3.14+).
        flags: Option<Field<u16>> = { "PyObject.ob_flags" };
        /// References of the thread that owns it (free-threaded builds).
        ref_local: Option<Field<u32>> = { "PyObject.ob_ref_local" };
        /// References of others, above two bits of state (free-threaded builds).
        ref_shared: Option<Field<i64>> = { "PyObject.ob_ref_shared" };
        /// The thread that owns it (free-threaded builds).
        tid: Option<Field<u64>> = { "PyObject.ob_tid" };
        /// What the collector has noted of it (free-threaded builds).
        gc_bits: Option<Field<u8>> = { "PyObject.ob_gc_bits" };
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
        /// `__bases__`.
        bases: Field<Addr> = { "PyTypeObject.tp_bases" };
        /// The classes that derive from it: a list or dict of weak references, or a number (static types, 3.12+).
        subclasses: Field<Addr> = { "PyTypeObject.tp_subclasses" };
        /// `tp_weaklistoffset`.
        weaklistoffset: Field<i64> = { "PyTypeObject.tp_weaklistoffset" };
        /// `tp_doc`, a C string.
        doc: Field<Addr> = { "PyTypeObject.tp_doc" };
        /// `tp_methods`.
        methods: Field<Addr> = { "PyTypeObject.tp_methods" };
        /// `tp_getset`.
        getset: Field<Addr> = { "PyTypeObject.tp_getset" };
        /// `__slots__` of a class made by Python code.
        slots: Field<Addr> = { "PyHeapTypeObject.ht_slots" };
        /// The module of a class that C code made (3.9+).
        module: Option<Field<Addr>> = { "PyHeapTypeObject.ht_module" };
        /// The size of a class of C code that is no heap type.
        static_size: Size = { sizeof "PyTypeObject" };
        /// The size of a class made by Python code, without its members.
        heap_size: Size = { sizeof "PyHeapTypeObject" };
    }
    /// What an interpreter keeps of a static class of CPython itself (`managed_static_type_state`, 3.12+).
    StaticType as static_type {
        /// The class.
        class: Option<Field<Addr>> = { "managed_static_type_state.type" | "static_builtin_state.type" };
        /// `tp_dict`.
        dict: Option<Field<Addr>> = { "managed_static_type_state.tp_dict" | "static_builtin_state.tp_dict" };
        /// `tp_subclasses`.
        subclasses: Option<Field<Addr>> = { "managed_static_type_state.tp_subclasses" | "static_builtin_state.tp_subclasses" };
        /// The size of an entry.
        size: Option<Size> = { sizeof "managed_static_type_state" | "static_builtin_state" };
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
    /// A method of a type of C code, or a function of a module (`PyMethodDef`).
    MethodDef as method_def {
        /// A C string.
        name: Field<Addr> = { "PyMethodDef.ml_name" };
        /// The C function.
        function: Field<Addr> = { "PyMethodDef.ml_meth" };
        /// `METH_VARARGS` and so on.
        flags: Field<i32> = { "PyMethodDef.ml_flags" };
        /// The size of an entry.
        size: Size = { sizeof "PyMethodDef" };
    }
    /// An attribute that C code computes (`PyGetSetDef`).
    GetSetDef as getset_def {
        /// A C string.
        name: Field<Addr> = { "PyGetSetDef.name" };
        /// The C function that computes it.
        get: Field<Addr> = { "PyGetSetDef.get" };
        /// The size of an entry.
        size: Size = { sizeof "PyGetSetDef" };
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
        /// Whether it is interned (3.3+).
        interned: Option<Bits> = { "PyASCIIObject.state.interned" };
        /// The same before 3.3 (2.7: of a `str`).
        old_state: Option<Field<i32>> = { "PyStringObject.ob_sstate" | "PyUnicodeObject.state" };
        /// `hash()`, -1 while it is not known.
        hash: Field<i64> = { "PyASCIIObject.hash" | "PyUnicodeObject.hash" };
        /// Its UTF-8 copy (3.3+).
        utf8: Option<Field<Addr>> = { "PyCompactUnicodeObject.utf8" };
        /// How long that is (3.3+).
        utf8_length: Option<Field<i64>> = { "PyCompactUnicodeObject.utf8_length" };
        /// The size of a string that is not compact.
        legacy_size: Size = { sizeof "PyUnicodeObject" };
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
        /// How many bytes there is room for.
        allocated: Field<i64> = { "PyByteArrayObject.ob_alloc" };
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
        /// How many items there is room for.
        allocated: Field<i64> = { "PyListObject.allocated" };
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
        /// How many dicts share them (3.3+).
        refcnt: Option<Field<i64>> = { "PyDictKeysObject.dk_refcnt" };
        /// How many more keys there is room for (3.3+).
        usable: Option<Field<i64>> = { "PyDictKeysObject.dk_usable" };
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
        /// The table of a small set, inside the object.
        smalltable: Inline = { "PySetObject.smalltable" };
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
        /// `__globals__`.
        globals: Field<Addr> = { "PyFunctionObject.func_globals" };
        /// `__defaults__`.
        defaults: Field<Addr> = { "PyFunctionObject.func_defaults" };
        /// `__kwdefaults__` (3.0+).
        kwdefaults: Option<Field<Addr>> = { "PyFunctionObject.func_kwdefaults" };
        /// `__closure__`.
        closure: Field<Addr> = { "PyFunctionObject.func_closure" };
        /// `__doc__`.
        doc: Field<Addr> = { "PyFunctionObject.func_doc" };
        /// `__dict__`.
        dict: Field<Addr> = { "PyFunctionObject.func_dict" };
        /// `__module__`.
        module: Field<Addr> = { "PyFunctionObject.func_module" };
        /// `__annotations__`, once they are known (3.0+).
        annotations: Option<Field<Addr>> = { "PyFunctionObject.func_annotations" };
        /// `__annotate__` (3.14+).
        annotate: Option<Field<Addr>> = { "PyFunctionObject.func_annotate" };
        /// `__type_params__` (3.12+).
        type_params: Option<Field<Addr>> = { "PyFunctionObject.func_typeparams" };
    }
    /// A module (`PyModuleObject`).
    Module as module {
        /// `__dict__`.
        dict: Field<Addr> = { "PyModuleObject.md_dict" };
        /// Its definition in C (3.0–3.14).
        definition: Option<Field<Addr>> = { "PyModuleObject.md_def" };
        /// What C code keeps for it (3.0+).
        state: Option<Field<Addr>> = { "PyModuleObject.md_state" };
        /// How many bytes that has (3.15+).
        state_size: Option<Field<i64>> = { "PyModuleObject.md_state_size" };
        /// `__name__` as it was made (3.3+).
        name: Option<Field<Addr>> = { "PyModuleObject.md_name" };
        /// How many bytes of state its definition asks for (3.0+), in the definition.
        definition_size: Option<Field<i64>> = { "PyModuleDef.m_size" };
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
    /// A block of a frame: a loop, or what `except` and `finally` return to (`PyTryBlock`, before 3.11).
    Block as block {
        /// The opcode that set it up.
        kind: Option<Field<i32>> = { "PyTryBlock.b_type" };
        /// Where its handler is.
        handler: Option<Field<i32>> = { "PyTryBlock.b_handler" };
        /// How many values were live before it.
        level: Option<Field<i32>> = { "PyTryBlock.b_level" };
        /// The size of one.
        size: Option<Size> = { sizeof "PyTryBlock" if "PyFrameObject.f_iblock" };
    }
    /// An exception being handled, and the one around it (`_PyErr_StackItem`, 3.7+).
    ExcItem as exc_item {
        /// The exception; null or `None` if there is none.
        value: Option<Field<Addr>> = { "_PyErr_StackItem.exc_value" };
        /// The item around it.
        previous: Option<Field<Addr>> = { "_PyErr_StackItem.previous_item" };
    }
    /// An exception (`PyBaseExceptionObject`).
    Exception as exception {
        /// `__dict__`.
        dict: Field<Addr> = { "PyBaseExceptionObject.dict" };
        /// `args`.
        args: Field<Addr> = { "PyBaseExceptionObject.args" };
        /// `__notes__` (3.11+).
        notes: Option<Field<Addr>> = { "PyBaseExceptionObject.notes" };
        /// `__traceback__` (3.0+).
        traceback: Option<Field<Addr>> = { "PyBaseExceptionObject.traceback" };
        /// `__context__` (3.0+).
        context: Option<Field<Addr>> = { "PyBaseExceptionObject.context" };
        /// `__cause__` (3.0+).
        cause: Option<Field<Addr>> = { "PyBaseExceptionObject.cause" };
        /// `exceptions` of a group (3.11+).
        group_exceptions: Option<Field<Addr>> = { "PyBaseExceptionGroupObject.excs" };
        /// `message` of a group (3.11+).
        group_message: Option<Field<Addr>> = { "PyBaseExceptionGroupObject.msg" };
    }
    /// One frame of a traceback (`PyTracebackObject`).
    Traceback as traceback {
        /// `tb_next`: the frame that this one called.
        next: Field<Addr> = { "PyTracebackObject.tb_next" };
        /// `tb_frame`, a frame object.
        frame: Field<Addr> = { "PyTracebackObject.tb_frame" };
        /// `tb_lasti`.
        lasti: Field<i32> = { "PyTracebackObject.tb_lasti" };
        /// `tb_lineno`; -1 where it is still to be computed (3.12+).
        lineno: Field<i32> = { "PyTracebackObject.tb_lineno" };
    }
    /// A frame as Python sees it (`PyFrameObject`, 3.11+; before, the frame itself).
    FrameObject as frame_object {
        /// The frame.
        frame: Option<Field<Addr>> = { "PyFrameObject.f_frame" };
        /// The caller, once it has returned.
        back: Option<Field<Addr>> = { "PyFrameObject.f_back" };
        /// Where the frame lies once it has returned.
        own_frame: Option<Inline> = { "PyFrameObject._f_frame_data" };
    }
    /// A bound method (`PyMethodObject`).
    Method as method {
        /// `__func__`.
        function: Field<Addr> = { "PyMethodObject.im_func" };
        /// `__self__`; null where it is unbound (2.7).
        self_object: Field<Addr> = { "PyMethodObject.im_self" };
        /// `im_class` (2.7).
        class: Option<Field<Addr>> = { "PyMethodObject.im_class" };
    }
    /// A function of C code (`PyCFunctionObject`).
    CFunction as cfunction {
        /// Its definition.
        definition: Field<Addr> = { "PyCFunctionObject.m_ml" };
        /// `__self__`.
        self_object: Field<Addr> = { "PyCFunctionObject.m_self" };
        /// `__module__`.
        module: Field<Addr> = { "PyCFunctionObject.m_module" };
    }
    /// An attribute of a class that C code gives it (`PyDescrObject` and those that begin so).
    Descriptor as descriptor {
        /// The class.
        class: Field<Addr> = { "PyDescrObject.d_type" };
        /// Its name.
        name: Field<Addr> = { "PyDescrObject.d_name" };
        /// The `PyMethodDef` of a method.
        method: Field<Addr> = { "PyMethodDescrObject.d_method" };
        /// The `PyMemberDef` of a member.
        member: Field<Addr> = { "PyMemberDescrObject.d_member" };
        /// The `PyGetSetDef` of what is computed.
        getset: Field<Addr> = { "PyGetSetDescrObject.d_getset" };
        /// The C function behind a slot such as `__add__`.
        wrapped: Field<Addr> = { "PyWrapperDescrObject.d_wrapped" };
    }
    /// A method of a slot, bound (`wrapperobject`).
    MethodWrapper as method_wrapper {
        /// The `wrapper_descriptor`.
        descriptor: Option<Field<Addr>> = { "wrapperobject.descr" };
        /// `__self__`.
        self_object: Option<Field<Addr>> = { "wrapperobject.self" };
    }
    /// A view of a mapping (`mappingproxyobject`; 2.7 and 3.1–3.2 `dictproxy`).
    MappingProxy as mapping_proxy {
        /// What it shows.
        mapping: Option<Field<Addr>> = { "mappingproxyobject.mapping" | "proxyobject.dict" };
    }
    /// A class method (`classmethod`).
    ClassMethod as class_method {
        /// `__func__`.
        callable: Option<Field<Addr>> = { "classmethod.cm_callable" };
    }
    /// A static method (`staticmethod`).
    StaticMethod as static_method {
        /// `__func__`.
        callable: Option<Field<Addr>> = { "staticmethod.sm_callable" };
    }
    /// A property (`propertyobject`).
    Property as property {
        /// `fget`.
        get: Option<Field<Addr>> = { "propertyobject.prop_get" };
        /// `fset`.
        set: Option<Field<Addr>> = { "propertyobject.prop_set" };
        /// `fdel`.
        delete: Option<Field<Addr>> = { "propertyobject.prop_del" };
    }
    /// A weak reference (`PyWeakReference`).
    WeakRef as weak_ref {
        /// What it refers to; `None` once that is gone.
        object: Field<Addr> = { "PyWeakReference.wr_object" };
        /// What is called then.
        callback: Field<Addr> = { "PyWeakReference.wr_callback" };
    }
    /// A `slice` (`PySliceObject`).
    Slice as slice {
        /// `start`.
        start: Field<Addr> = { "PySliceObject.start" };
        /// `stop`.
        stop: Field<Addr> = { "PySliceObject.stop" };
        /// `step`.
        step: Field<Addr> = { "PySliceObject.step" };
    }
    /// A `range` (`rangeobject`; objects since 3.0, C longs before).
    Range as range {
        /// `start`.
        start: Option<Field<Addr>> = { "rangeobject.start" };
        /// `stop` (3.2+).
        stop: Option<Field<Addr>> = { "rangeobject.stop" };
        /// `step`.
        step: Option<Field<Addr>> = { "rangeobject.step" };
        /// How many numbers it has (2.7, a C long; later an object).
        length: Option<Field<Addr>> = { "rangeobject.length" | "rangeobject.len" };
    }
    /// A `memoryview` (`PyMemoryViewObject`).
    MemoryView as memory_view {
        /// The first byte.
        buffer: Field<Addr> = { "PyMemoryViewObject.view.buf" };
        /// What it is a view of.
        object: Field<Addr> = { "PyMemoryViewObject.view.obj" };
        /// How many bytes.
        length: Field<i64> = { "PyMemoryViewObject.view.len" };
        /// Bytes of an item.
        itemsize: Field<i64> = { "PyMemoryViewObject.view.itemsize" };
        /// Whether it may not be written to.
        readonly: Field<i32> = { "PyMemoryViewObject.view.readonly" };
        /// How many dimensions.
        ndim: Field<i32> = { "PyMemoryViewObject.view.ndim" };
        /// A C string, as the module struct reads it.
        format: Field<Addr> = { "PyMemoryViewObject.view.format" };
        /// The size of each dimension.
        shape: Field<Addr> = { "PyMemoryViewObject.view.shape" };
    }
    /// A capsule (`PyCapsule`).
    Capsule as capsule {
        /// What it carries.
        pointer: Option<Field<Addr>> = { "PyCapsule.pointer" };
        /// A C string.
        name: Option<Field<Addr>> = { "PyCapsule.name" };
        /// The C function that frees it.
        destructor: Option<Field<Addr>> = { "PyCapsule.destructor" };
    }
    /// A `functools.partial` (`partialobject`).
    Partial as partial {
        /// `func`.
        function: Option<Field<Addr>> = { "partialobject.fn" };
        /// `args`.
        args: Option<Field<Addr>> = { "partialobject.args" };
        /// `keywords`.
        keywords: Option<Field<Addr>> = { "partialobject.kw" };
    }
    /// A `collections.deque` (`dequeobject`).
    Deque as deque {
        /// The first block.
        left: Option<Field<Addr>> = { "dequeobject.leftblock" };
        /// Where in it the first item is.
        left_index: Option<Field<i64>> = { "dequeobject.leftindex" };
        /// How many items (2.7–3.4; later `ob_size`).
        length: Option<Field<i64>> = { "dequeobject.len" };
        /// `maxlen`, -1 without one.
        maxlen: Option<Field<i64>> = { "dequeobject.maxlen" };
        /// The items of a block.
        block_data: Option<Inline> = { "BLOCK.data" | "struct BLOCK.data" };
        /// The next block.
        block_next: Option<Field<Addr>> = { "BLOCK.rightlink" | "struct BLOCK.rightlink" };
        /// The size of a block.
        block_size: Option<Size> = { sizeof "BLOCK" | "struct BLOCK" };
    }
    /// A `collections.defaultdict` (`defdictobject`).
    DefaultDict as default_dict {
        /// `default_factory`.
        factory: Option<Field<Addr>> = { "defdictobject.default_factory" };
    }
    /// A `collections.OrderedDict` (`PyODictObject`, 3.5+; before, one of Python code).
    OrderedDict as ordered_dict {
        /// The first node.
        first: Option<Field<Addr>> = { "PyODictObject.od_first" };
        /// The key of a node.
        node_key: Option<Field<Addr>> = { "_odictnode.key" };
        /// The node behind it.
        node_next: Option<Field<Addr>> = { "_odictnode.next" };
        /// `__dict__`.
        dict: Option<Field<Addr>> = { "PyODictObject.od_inst_dict" };
        /// Slots of the table of nodes.
        fast_size: Option<Field<i64>> = { "PyODictObject.od_fast_nodes_size" };
    }
    /// A `types.SimpleNamespace` (`_PyNamespaceObject`, 3.3+).
    Namespace as namespace {
        /// `__dict__`.
        dict: Option<Field<Addr>> = { "_PyNamespaceObject.ns_dict" };
    }
    /// A name that will be imported when it is used (`PyLazyImportObject`, 3.15+).
    LazyImport as lazy_import {
        /// The module, a str.
        from: Option<Field<Addr>> = { "PyLazyImportObject.lz_from" };
        /// The name in it, a str.
        attribute: Option<Field<Addr>> = { "PyLazyImportObject.lz_attr" };
    }
    /// A garbage collector (`_gc_runtime_state`, 3.7+).
    Gc as gc {
        /// Whether it runs by itself.
        enabled: Option<Field<i32>> = { "_gc_runtime_state.enabled" };
        /// `gc.get_debug()`.
        debug: Option<Field<i32>> = { "_gc_runtime_state.debug" };
        /// Whether it is at work.
        collecting: Option<Field<i32>> = { "_gc_runtime_state.collecting" } own "gc.collecting";
        /// Its generations, the youngest first: it points to them (3.13.18 has moved them, and no other member).
        generations: Option<Field<Addr>> = { "_gc_runtime_state.generation0" };
        /// Its youngest generation (free-threaded builds, 3.14+): the others follow.
        young: Option<Inline> = { "_gc_runtime_state.young" };
        /// Objects that are never collected.
        permanent: Option<Inline> = { "_gc_runtime_state.permanent_generation" };
        /// `gc.garbage`.
        garbage: Option<Field<Addr>> = { "_gc_runtime_state.garbage" };
        /// `gc.callbacks`.
        callbacks: Option<Field<Addr>> = { "_gc_runtime_state.callbacks" };
        /// `threshold` of a generation.
        generation_threshold: Option<Field<i32>> = { "gc_generation.threshold" };
        /// `count` of a generation.
        generation_count: Option<Field<i32>> = { "gc_generation.count" };
        /// The size of a generation.
        generation_size: Option<Size> = { sizeof "gc_generation" };
        /// The next object of a list, above two bits of state.
        head_next: Option<Field<u64>> = { "PyGC_Head._gc_next" | "PyGC_Head.gc.gc_next" };
        /// The size of what lies before an object that is collected.
        head_size: Option<Size> = { sizeof "PyGC_Head" };
        /// The size of the collector: in a release of 3.14 that is too old to point to its generations, they would lie
        /// behind its end.
        size: Option<Size> = { sizeof "_gc_runtime_state" } own "gc.size";
    }
    /// What of the whole process's Python (`_PyRuntimeState`) only `pitviper state` asks for.
    RuntimeState as runtime_state {
        /// How many calls wait for the main thread (3.7, 3.8).
        pending_calls: Option<Field<i32>> = { "_PyRuntimeState.ceval.pending.calls_to_do" };
        /// Whether a thread asks for the GIL (3.7, 3.8).
        gil_drop_request: Option<Field<i32>> = { "_PyRuntimeState.ceval.gil_drop_request" };
        /// The first audit hook of C code (3.8–3.11; later the place depends on how CPython was configured).
        audit_hooks: Option<Field<Addr>> = { "_PyRuntimeState.audit_hook_head" };
        /// What Python calls on signal 0, which there is none of (3.12+; before, a static).
        signal_0: Option<Field<Addr>> = { "_PyRuntimeState.signals.handlers[0].func" };
        /// The same for signal 1: the others follow at the same distance.
        signal_1: Option<Field<Addr>> = { "_PyRuntimeState.signals.handlers[1].func" };
        /// Which allocator `PyMem_RawMalloc()` calls (3.12+; before, a static).
        raw_allocator: Option<Inline> = { "_PyRuntimeState.allocators.standard.raw" };
        /// Which allocator `PyObject_Malloc()` calls (3.12+).
        object_allocator: Option<Inline> = { "_PyRuntimeState.allocators.standard.obj" };
        /// The allocator beneath the debug hooks of `PyMem_RawMalloc()` (3.12+).
        debug_raw_allocator: Option<Inline> = { "_PyRuntimeState.allocators.debug.raw.alloc" };
        /// The allocator beneath the debug hooks of `PyObject_Malloc()` (3.12+).
        debug_object_allocator: Option<Inline> = { "_PyRuntimeState.allocators.debug.obj.alloc" };
        /// The function of an allocator that allocates.
        allocator_malloc: Option<Field<Addr>> = { "PyMemAllocatorEx.malloc" };
    }
    /// What of an interpreter (`PyInterpreterState`) only `pitviper state` asks for.
    InterpreterState as interpreter_state {
        /// Whether it is ending (3.8+).
        finalizing: Option<Field<i32>> = { "PyInterpreterState.finalizing" };
        /// How many calls wait for one of its threads (3.9+).
        pending_calls: Option<Field<i32>> = { "PyInterpreterState.ceval.pending.npending" | "PyInterpreterState.ceval.pending.calls_to_do" };
        /// Whether a thread asks for the GIL (3.9–3.12; later a bit of each thread).
        gil_drop_request: Option<Field<i32>> = { "PyInterpreterState.ceval.gil_drop_request" };
        /// Watchers of contexts, a pointer each (3.14+).
        context_watchers: Option<Inline> = { "PyInterpreterState.context_watchers" };
        /// How many functions `atexit` will call (3.10–3.13).
        atexit_count: Option<Field<i32>> = { "PyInterpreterState.atexit.ncallbacks" };
        /// The functions `atexit` will call: a list from 3.14 on, where they are not counted.
        atexit_callbacks: Option<Field<Addr>> = { "PyInterpreterState.atexit.callbacks" };
        /// The arenas of its object allocator (3.12+; before, a static).
        arenas: Option<Path> = { "PyInterpreterState.obmalloc.mgmt.arenas" | "PyInterpreterState.obmalloc->mgmt.arenas" };
        /// How many arenas there is room for (3.12+).
        arena_count: Option<Path> = { "PyInterpreterState.obmalloc.mgmt.maxarenas" | "PyInterpreterState.obmalloc->mgmt.maxarenas" };
        /// What it keeps of each static class of CPython itself (3.12+).
        static_types: Option<Inline> = { "PyInterpreterState.types.builtins.initialized" | "PyInterpreterState.types.builtins" };
        /// The list of tasks whose thread has ended (3.14+).
        asyncio_tasks: Option<Inline> = { "PyInterpreterState.asyncio_tasks_head" };
    }
    /// What of a thread (`PyThreadState`) only `pitviper state` asks for.
    ThreadExtra as thread_state {
        /// What it is asked to do between two instructions, a bit each, below the version of `sys.monitoring` (3.13+).
        eval_breaker: Option<Field<u64>> = { "PyThreadState.eval_breaker" };
    }
    /// Memory that the object allocator got from the system (`struct arena_object`).
    Arena as arena {
        /// Where it begins; null while there is none.
        address: Option<Field<Addr>> = { "arena_object.address" | "struct arena_object.address" };
        /// The first pool that was never used.
        pool_address: Option<Field<Addr>> = { "arena_object.pool_address" | "struct arena_object.pool_address" };
        /// Pools in it that are free.
        free_pools: Option<Field<u32>> = { "arena_object.nfreepools" | "struct arena_object.nfreepools" };
        /// Pools in it.
        pools: Option<Field<u32>> = { "arena_object.ntotalpools" | "struct arena_object.ntotalpools" };
        /// The size of this record of it.
        size: Option<Size> = { sizeof "arena_object" | "struct arena_object" };
    }
    /// The head of a piece of an arena, for blocks of one size (`struct pool_header`).
    Pool as pool {
        /// Blocks in use.
        used: Option<Field<u32>> = { "pool_header.ref.count" | "struct pool_header.ref.count" };
        /// Its size class, from 0.
        size_class: Option<Field<u32>> = { "pool_header.szidx" | "struct pool_header.szidx" };
        /// The greatest offset at which a block may begin: the size of a pool less that of a block.
        last_block: Option<Field<u32>> = { "pool_header.maxnextoffset" | "struct pool_header.maxnextoffset" };
        /// The size of the head.
        size: Option<Size> = { sizeof "pool_header" | "struct pool_header" };
    }
    /// What asyncio keeps in the state of a thread (`_PyThreadStateImpl`, 3.14+).
    AsyncioThread as asyncio_thread {
        /// The task that the thread executes.
        running_task: Option<Field<Addr>> = { "_PyThreadStateImpl.asyncio_running_task" };
        /// The list of tasks that it has made.
        tasks: Option<Inline> = { "_PyThreadStateImpl.asyncio_tasks_head" };
    }
}
