//! An object as JSON: the schema of docs/json.md. Fields are added, never renamed.

use crate::inspection::{Child, ChildKind, ClassFacts, Fact, GeneratorState, Link, Node, RawField, Slot};
use crate::objects::Value;
use crate::output::dump_json::scalar;
use serde_json::{Map, Value as Json, json};

/// The document of one object, under the name that the user gave.
pub fn object(name: &str, node: &Node, fields: Option<&[RawField]>) -> Json {
    let mut document = self::node(node);
    if let Json::Object(document) = &mut document {
        document.insert("path".to_owned(), json!(name));
        if let Some(fields) = fields {
            let rows = fields.iter().map(|field| {
                json!({"struct": field.structure, "name": field.name, "offset": field.offset,
                       "value": format!("{:#x}", field.value)})
            });
            document.insert("layout".to_owned(), rows.collect());
        }
    }
    document
}

fn node(node: &Node) -> Json {
    let of = |kind: ChildKind| node.children.iter().filter(|child| child.kind == kind).map(child).collect::<Vec<_>>();
    let mut document = value(&node.value);
    let facts = node.facts.iter().map(|(name, fact)| (name.clone(), self::fact(fact)));
    let facts: Map<String, Json> = facts.collect();
    let more = json!({
        "type": node.type_name,
        "refcnt": node.references.count,
        "immortal": node.references.immortal,
        "size": node.size,
        "gc": {"tracked": node.tracked, "generation": node.generation},
        "facts": facts,
        "items": of(ChildKind::Item),
        "attributes": of(ChildKind::Attribute),
        "members": of(ChildKind::Member),
        "variables": of(ChildKind::Variable),
        "hidden": node.hidden,
        "fault": node.fault,
        "c_function": node.c_function.as_ref().map(|name| name.address.to_string()),
        "c_symbol": node.c_function.as_ref().map(ToString::to_string),
        "class": node.class.as_ref().map(class),
        "generator": node.generator.as_ref().map(generator),
    });
    if let (Json::Object(document), Json::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

fn child(child: &Child) -> Json {
    let (mut document, link) = match &child.link {
        Link::Null => (json!({}), "null"),
        Link::Brief(value) => (self::value(value), "brief"),
        Link::Seen(value) => (self::value(value), "seen"),
        Link::Node(node) => (self::node(node), "node"),
    };
    if let Json::Object(fields) = &mut document {
        fields.insert("name".to_owned(), json!(child.label));
        fields.insert("link".to_owned(), json!(link));
    }
    document
}

fn value(value: &Value) -> Json {
    json!({
        "addr": value.address.to_string(),
        "type": value.type_name,
        "repr": value.text,
        "complete": value.complete,
        "value": scalar(value),
        "len": value.length,
    })
}

fn fact(fact: &Fact) -> Json {
    match fact {
        Fact::Int(value) => json!(value),
        Fact::Float(value) => json!(value),
        Fact::Bool(value) => json!(value),
        Fact::Text(text) => json!(text),
        Fact::Pointer(at) => json!(at.to_string()),
    }
}

fn class(class: &ClassFacts) -> Json {
    let names = |list: &[(String, crate::address::Addr)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let slots = |slots: &[Slot]| {
        let slot = |slot: &Slot| {
            let symbol = slot.symbol.as_ref().map(ToString::to_string);
            json!({"name": slot.name, "function": slot.function.map(|at| at.to_string()), "symbol": symbol})
        };
        slots.iter().map(slot).collect::<Vec<_>>()
    };
    let symbol = |slot: &Slot| {
        let address = slot.function.map(|at| at.to_string());
        (slot.name.clone(), json!(slot.symbol.as_ref().map(ToString::to_string).or(address)))
    };
    let members = class.members.iter().map(|m| json!({"name": m.name, "kind": m.kind, "offset": m.offset}));
    json!({
        "mro": names(&class.mro),
        "bases": names(&class.bases),
        "metatype": class.metatype,
        "basicsize": class.basicsize,
        "itemsize": class.itemsize,
        "dictoffset": class.dictoffset,
        "weaklistoffset": class.weaklistoffset,
        "flags": class.flags,
        "heap_type": class.heap_type,
        "members": members.collect::<Vec<_>>(),
        "getset": slots(&class.getset),
        "methods": slots(&class.methods),
        "slots": class.slots.iter().map(symbol).collect::<Map<_, _>>(),
        "subclasses": class.subclasses.as_ref().map(|classes| names(classes)),
    })
}

fn generator(generator: &GeneratorState) -> Json {
    json!({
        "state": generator.state,
        "name": generator.name,
        "line": generator.position.line,
        "lasti": generator.lasti,
        "code_addr": generator.code.map(|at| at.to_string()),
        "awaits": generator.awaits.map(|at| at.to_string()),
        "await_chain": generator.chain.iter().map(|one| json!([one.name, one.line, one.lasti])).collect::<Vec<_>>(),
    })
}
