//! A disassembly as JSON: the schema of docs/json.md. Fields are added, never renamed.

use crate::disassembly::{
    Block, BlockKind, Cache, Depth, Handler, Instruction, Looked, Original, Scope, ScopeKind, Slot, Source, Stand,
};
use crate::output::{dump_json, read};
use crate::python::Code;
use crate::target::Target;
use serde_json::{Map, Value as Json, json};

/// What is told beyond the instructions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Inline caches.
    pub caches: bool,
}

/// The document of `looked` in `target`; `problems` is what could not be read.
pub fn document(
    target: &Target,
    looked: &Looked,
    source: Option<&Source>,
    problems: &[String],
    wanted: Wanted,
) -> Json {
    let listing = &looked.listing;
    let instructions: Vec<Json> = listing.instructions.iter().map(|one| instruction(one, wanted)).collect();
    let scopes = looked.scopes.as_ref().ok().map(|scopes| scopes.iter().map(scope).collect::<Vec<_>>());
    json!({
        "pitviper": env!("CARGO_PKG_VERSION"),
        "target": dump_json::process(target),
        "python": dump_json::python(target),
        "complete": problems.is_empty(),
        "problems": problems,
        "code": code(&looked.code, &listing.bytecode.original),
        "frame": looked.stand.as_ref().map(|stand| frame(looked, stand)),
        "instructions": instructions,
        "exception_table": listing.handlers.as_ref().map(|all| all.iter().map(handler).collect::<Vec<_>>()),
        "scopes": scopes,
        "source": source.map(|source| lines(looked, source)),
    })
}

fn code(code: &Code, original: &[u8]) -> Json {
    let hex: String = original.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "addr": code.address.to_string(),
        "name": code.name,
        "qualname": code.qualname,
        "file": code.filename,
        "first_line": code.first_line,
        "co_flags": code.flags,
        "co_code_hex": hex,
    })
}

fn frame(looked: &Looked, stand: &Stand) -> Json {
    let (depth, how) = match stand.stack.depth {
        Depth::Exact(depth) => (Some(depth), Some("exact")),
        Depth::Inferred(depth) => (Some(depth), Some("inferred")),
        Depth::Unknown => (None, None),
    };
    json!({
        "lasti": stand.lasti,
        "current": stand.current,
        "read": looked.read.map(read),
        "stack": {
            "depth": depth,
            "how": how,
            "complete": stand.stack.complete,
            "values": stand.stack.slots.iter().map(slot).collect::<Vec<_>>(),
        },
        "blocks": stand.blocks.as_ref().map(|blocks| blocks.iter().map(block).collect::<Vec<_>>()),
        "handlers": stand.covering.as_ref().map(|all| all.iter().map(handler).collect::<Vec<_>>()),
    })
}

/// A place of the value stack: null where it holds none.
fn slot(slot: &Slot) -> Json {
    match (&slot.value, slot.tagged) {
        (Some(value), _) => {
            let mut document = dump_json::value(value);
            if let Json::Object(fields) = &mut document {
                fields.insert("addr".to_owned(), json!(value.address.to_string()));
            }
            document
        }
        (None, Some(number)) => json!({"type": "int", "repr": number.to_string(), "value": number, "addr": null}),
        (None, None) => Json::Null,
    }
}

fn block(block: &Block) -> Json {
    let kind = match &block.kind {
        BlockKind::SetUp(name) => name,
        BlockKind::Handling => "EXCEPT_HANDLER",
    };
    json!({"kind": kind, "handler": block.handler, "level": block.level})
}

fn handler(handler: &Handler) -> Json {
    json!({
        "start": handler.start,
        "end": handler.end,
        "target": handler.target,
        "depth": handler.depth,
        "lasti": handler.lasti,
    })
}

fn instruction(one: &Instruction, wanted: Wanted) -> Json {
    let caches = wanted.caches.then(|| one.caches.iter().map(cache).collect::<Vec<_>>());
    json!({
        "offset": one.offset,
        "opcode": one.opcode,
        "name": &*one.name,
        "adaptive": &*one.adaptive,
        "original_known": one.original != Original::Unknown,
        "arg": one.argument,
        "argrepr": one.text.as_deref(),
        "jump": one.jump,
        "is_jump_target": one.is_target,
        "label": one.label,
        "starts_line": one.starts_line,
        "line": one.position.line,
        "end_line": one.position.end_line,
        "column": one.position.column,
        "end_column": one.position.end_column,
        "caches": caches,
    })
}

fn cache(cache: &Cache) -> Json {
    json!({"name": &*cache.name, "offset": cache.offset, "units": cache.units, "value": cache.value})
}

/// The word for what a name is.
pub fn scope_word(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Argument => "argument",
        ScopeKind::Local => "local",
        ScopeKind::Cell => "cell",
        ScopeKind::Free => "free",
        ScopeKind::Global => "global",
        ScopeKind::Name => "name",
    }
}

fn scope(scope: &Scope) -> Json {
    json!({"name": scope.name, "kind": scope_word(scope.kind), "in_cell": scope.in_cell, "bound": scope.bound})
}

/// The lines of source that instructions come from, by number.
fn lines(looked: &Looked, source: &Source) -> Json {
    let numbers = looked.listing.instructions.iter().filter_map(|one| one.position.line);
    let lines: Map<String, Json> =
        numbers.filter_map(|number| Some((number.to_string(), json!(source.line(number)?)))).collect();
    json!({"origin": source.origin, "lines": lines})
}
