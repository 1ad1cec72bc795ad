//! The state of a Python as JSON: the schema of docs/json.md. Fields are added, never renamed.

use crate::objects::{Scalar, Value};
use crate::output::{dump_json, state as doing};
use crate::state::{
    Alloc, Allocator, Allocators, Exception, Gc, Gil, Hooks, ImportLock, Imports, Interpreter, InterpreterHooks, Kind,
    Member, Runtime, State, Stranger, Thread, ThreadName, Threads,
};
use crate::target::Target;
use serde_json::{Map, Value as Json, json};

/// The document for `state` of `target`. A section that was not asked for is missing.
pub fn document(target: &Target, state: &State) -> Json {
    let mut document = json!({
        "pitviper": env!("CARGO_PKG_VERSION"),
        "target": dump_json::process(target),
        "python": dump_json::python(target),
        "complete": state.problems.is_empty(),
        "problems": state.problems,
    });
    let sections = [
        ("runtime", state.runtime.as_ref().map(runtime)),
        ("interpreters", state.interpreters.as_ref().map(|all| all.iter().map(interpreter).collect())),
        ("threads", state.threads.as_ref().map(|threads| threads.known.iter().map(thread).collect())),
        ("os_threads", state.threads.as_ref().map(strangers)),
        ("gil", state.gil.as_ref().map(|all| all.iter().map(gil).collect())),
        ("gc", state.gc.as_ref().map(|all| all.iter().map(gc).collect())),
        ("imports", state.imports.as_ref().map(|all| all.iter().map(imports).collect())),
        ("hooks", state.hooks.as_ref().map(hooks)),
        ("alloc", state.alloc.as_ref().map(|all| all.iter().map(alloc).collect())),
    ];
    if let Some(fields) = document.as_object_mut() {
        fields.extend(sections.into_iter().filter_map(|(name, section)| Some((name.to_owned(), section?))));
    }
    document
}

/// What JSON has a word for, else the text of it.
fn plain(value: &Value) -> Json {
    match &value.scalar {
        Some(Scalar::None) => Json::Null,
        Some(Scalar::Bool(value)) => json!(value),
        Some(Scalar::Int(value)) => json!(value),
        Some(Scalar::Float(value)) => json!(value),
        Some(Scalar::Str(value)) => json!(value),
        None => json!(value.text),
    }
}

fn all_plain(values: Option<&Vec<Value>>) -> Option<Vec<Json>> {
    values.map(|values| values.iter().map(plain).collect())
}

/// An object: its address, type and text.
fn object(value: &Value) -> Json {
    json!({"address": value.address.to_string(), "type": value.type_name, "repr": value.text})
}

fn objects(values: Option<&Vec<Value>>) -> Option<Vec<Json>> {
    values.map(|values| values.iter().map(object).collect())
}

fn named(values: &[(String, Value)]) -> Json {
    Json::Object(values.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
}

fn who(thread: &ThreadName) -> Json {
    json!({"id": thread.id, "native_id": thread.native_id.map(|id| id.0), "name": thread.name})
}

fn runtime(runtime: &Runtime) -> Json {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Json| fields.insert(name.to_owned(), value);
    put("version", json!(runtime.version));
    put("cache_tag", json!(runtime.cache_tag));
    put("platform", json!(runtime.platform));
    put("executable", json!(runtime.executable));
    for name in ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"] {
        let prefix = runtime.prefixes.iter().find(|(known, _)| *known == name).map(|(_, prefix)| prefix);
        put(name, json!(prefix));
    }
    put("argv", json!(all_plain(runtime.argv.as_ref())));
    put("orig_argv", json!(all_plain(runtime.orig_argv.as_ref())));
    put("flags", named(&runtime.flags));
    put("xoptions", runtime.xoptions.as_deref().map_or(Json::Null, named));
    put("warnoptions", json!(all_plain(runtime.warnoptions.as_ref())));
    put("path", json!(all_plain(runtime.path.as_ref())));
    put("allocator", runtime.allocators.map_or(Json::Null, allocators));
    put("finalizing", json!(runtime.finalizing));
    Json::Object(fields)
}

fn allocators(allocators: Allocators) -> Json {
    json!({"own_objects": allocators.own_objects, "debug": allocators.debug})
}

fn members(members: Option<&[Member]>) -> Option<Vec<Json>> {
    let one = |member: &Member| {
        let value = format!("{:#x}", member.value);
        json!({"name": member.name, "offset": member.offset, "size": member.size, "value": value})
    };
    Some(members?.iter().map(one).collect())
}

fn interpreter(interpreter: &Interpreter) -> Json {
    json!({
        "id": interpreter.id,
        "address": interpreter.address.to_string(),
        "main": interpreter.main,
        "threads": interpreter.threads,
        "modules": interpreter.modules,
        "finalizing": interpreter.finalizing,
        "layout": members(interpreter.members.as_deref()),
    })
}

fn thread(thread: &Thread) -> Json {
    let known = &thread.thread;
    json!({
        "index": thread.index,
        "interpreter": thread.interpreter,
        "number": thread.number,
        "id": known.id,
        "native_id": known.native_id.map(|id| id.0),
        "name": known.name,
        "comm": known.comm,
        "address": known.address.to_string(),
        "state": doing(known),
        "gil": known.gil,
        "blocked_on": known.blocked_on.as_ref().map(dump_json::blocked_on),
        "recursion_depth": thread.recursion.map(|recursion| recursion.depth),
        "recursion_limit": thread.recursion.and_then(|recursion| recursion.limit),
        "handling": thread.handling.iter().map(exception).collect::<Vec<_>>(),
        "pending": thread.pending.as_ref().map(exception),
        "sent": thread.sent.as_ref().map(object),
        "trace": thread.trace.as_ref().map(object),
        "profile": thread.profile.as_ref().map(object),
        "locals": thread.locals,
        "requests": thread.requests,
        "layout": members(thread.members.as_deref()),
    })
}

fn exception(exception: &Exception) -> Json {
    json!({
        "address": exception.address.to_string(),
        "type": exception.type_name,
        "text": exception.text,
        "chain": exception.chain.iter().map(self::exception).collect::<Vec<_>>(),
    })
}

fn strangers(threads: &Threads) -> Json {
    let stranger = |stranger: &Stranger| {
        json!({
            "native_id": stranger.native_id.0,
            "comm": stranger.comm,
            "blocked_on": stranger.blocked_on.as_ref().map(dump_json::blocked_on),
        })
    };
    threads.strangers.iter().map(stranger).collect()
}

fn gil(gil: &Gil) -> Json {
    json!({
        "interpreters": gil.interpreters,
        "enabled": gil.enabled,
        "locked": gil.locked,
        "holder": gil.holder.as_ref().map(who),
        "holder_blocked_on": gil.holder_blocked_on.as_ref().map(dump_json::blocked_on),
        "waiting": gil.waiting.iter().map(who).collect::<Vec<_>>(),
        "switch_interval": gil.interval.map(|microseconds| microseconds as f64 / 1e6),
        "check_interval": gil.check_interval,
        "switches": gil.switches,
        "requested": gil.requested,
        "pending_calls": gil.pending_calls,
    })
}

fn gc(gc: &Gc) -> Json {
    let generations: Vec<Json> = gc
        .generations
        .iter()
        .map(|generation| {
            json!({
                "threshold": generation.threshold,
                "count": generation.count,
                "population": generation.population,
                "complete": generation.complete,
            })
        })
        .collect();
    json!({
        "interpreters": gc.interpreters,
        "enabled": gc.enabled,
        "debug": gc.debug,
        "generations": generations,
        "permanent": gc.permanent,
        "collecting": gc.collecting,
        "collector": gc.collector.as_ref().map(who),
        "garbage": gc.garbage,
        "callbacks": objects(gc.callbacks.as_ref()),
    })
}

fn imports(imports: &Imports) -> Json {
    let in_progress = imports.in_progress.as_ref().map(|modules| {
        let module =
            |module: &crate::state::InProgress| json!({"name": module.name, "thread": module.thread.as_ref().map(who)});
        modules.iter().map(module).collect::<Vec<_>>()
    });
    let lock = |lock: &ImportLock| {
        json!({
            "module": lock.name,
            "owner_id": lock.owner_id,
            "owner": lock.owner.as_ref().map(who),
            "waiting": lock.waiting.iter().map(who).collect::<Vec<_>>(),
        })
    };
    let locks = imports.locks.as_ref().map(|locks| locks.iter().map(lock).collect::<Vec<_>>());
    let origins = imports.origins.as_ref().map(|origins| {
        let origin = |origin: &crate::state::Origin| {
            json!({"name": origin.name, "kind": kind(&origin.kind), "loader": loader(&origin.kind), "origin": origin.origin})
        };
        origins.iter().map(origin).collect::<Vec<_>>()
    });
    json!({
        "interpreter": imports.interpreter,
        "modules": imports.modules,
        "in_progress": in_progress,
        "locks": locks,
        "lock_holder": imports.lock_holder.as_ref().map(who),
        "lock_waiting": imports.lock_waiting.iter().map(who).collect::<Vec<_>>(),
        "meta_path": objects(imports.meta_path.as_ref()),
        "path_hooks": objects(imports.path_hooks.as_ref()),
        "importer_cache": imports.importer_cache,
        "origins": origins,
    })
}

/// The word for where a module comes from, in text and JSON.
pub(super) fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Builtin => "builtin",
        Kind::Frozen => "frozen",
        Kind::Extension => "extension",
        Kind::Source => "source",
        Kind::Bytecode => "bytecode",
        Kind::Namespace => "namespace",
        Kind::Loader(_) => "loader",
        Kind::Unknown => "unknown",
    }
}

fn loader(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Loader(class) => Some(class),
        _ => None,
    }
}

fn hooks(hooks: &Hooks) -> Json {
    let threads = |set: &[(ThreadName, Value)]| {
        let one =
            |(thread, function): &(ThreadName, Value)| json!({"thread": who(thread), "function": object(function)});
        set.iter().map(one).collect::<Vec<_>>()
    };
    let signals = hooks.signals.as_ref().map(|signals| {
        let signal = |signal: &crate::state::Signal| {
            json!({"number": signal.number, "name": signal.name, "handler": object(&signal.handler)})
        };
        signals.iter().map(signal).collect::<Vec<_>>()
    });
    json!({
        "trace": threads(&hooks.trace),
        "profile": threads(&hooks.profile),
        "c_audit_hooks": hooks.c_audit_hooks,
        "signals": signals,
        "interpreters": hooks.interpreters.iter().map(interpreter_hooks).collect::<Vec<_>>(),
    })
}

fn interpreter_hooks(hooks: &InterpreterHooks) -> Json {
    let watchers: Map<String, Json> = hooks
        .watchers
        .iter()
        .map(|watchers| {
            let one =
                |watcher: &crate::state::Watcher| json!({"id": watcher.id, "function": watcher.function.to_string()});
            (watchers.kind.to_owned(), watchers.set.iter().map(one).collect())
        })
        .collect();
    let monitoring = hooks
        .monitoring
        .as_ref()
        .map(|tools| tools.iter().map(|(id, name)| json!({"id": id, "name": plain(name)})).collect::<Vec<_>>());
    let replaced: Map<String, Json> =
        hooks.replaced.iter().map(|(name, value)| ((*name).to_owned(), object(value))).collect();
    json!({
        "interpreter": hooks.interpreter,
        "audit_hooks": objects(hooks.audit_hooks.as_ref()),
        "watchers": watchers,
        "monitoring": monitoring,
        "eval_frame": hooks.eval_frame.map(|function| function.to_string()),
        "atexit": hooks.atexit,
        "replaced": replaced,
    })
}

fn alloc(alloc: &Alloc) -> Json {
    match &alloc.allocator {
        Allocator::Pymalloc { arenas, bytes, free_pools, pool_size, classes, complete } => {
            let class = |class: &crate::state::SizeClass| json!({"size": class.size, "pools": class.pools, "used": class.used, "capacity": class.capacity});
            json!({
                "interpreters": alloc.interpreters,
                "allocator": "pymalloc",
                "arenas": arenas,
                "bytes": bytes,
                "free_pools": free_pools,
                "pool_size": pool_size,
                "classes": classes.iter().map(class).collect::<Vec<_>>(),
                "complete": complete,
                "why": null,
            })
        }
        Allocator::Mimalloc => json!({
            "interpreters": alloc.interpreters,
            "allocator": "mimalloc",
            "why": "each thread has heaps of its own, of which there is no common account",
        }),
        Allocator::Unknown(why) => json!({"interpreters": alloc.interpreters, "allocator": null, "why": why}),
    }
}
