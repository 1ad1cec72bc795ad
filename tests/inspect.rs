//! Objects of every kind on every Python: what `pitviper inspect` says of them is what they say themselves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use support::programs::Program;
use support::run::{Problems, everywhere};

fn inspect(pid: u32, path: &str, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
    command.args(["inspect", &pid.to_string(), path]).args(options).output().expect("pitviper runs")
}

/// The document of the object at `path`.
fn object(program: &Program, path: &str, options: &[&str]) -> Result<Value, String> {
    let output = inspect(program.pid(), path, &[&["--json"], options].concat());
    let talk = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|_| format!("{path}: {}", talk.trim()))?;
    if !output.status.success() {
        return Err(format!("{path}: {}: {}", output.status, document["objects"][0]["fault"]));
    }
    Ok(document["objects"][0].clone())
}

/// What is said of `name` differs from what it says itself in these.
fn differences(name: &str, told: &Value, seen: &Value) -> Problems {
    let address = told["address"].as_u64().map(|at| format!("{at:#x}"));
    let mut problems = Problems::new();
    let mut same = |what: &str, told: &Value, seen: &Value| {
        if told != seen {
            problems.push(format!("{name}: its {what} is {told}, pitviper says {seen}"));
        }
    };
    same("address", &Value::from(address), &seen["addr"]);
    same("type", &told["type"], &seen["type"]);
    // Of what has a length that memory does not tell, nothing is said.
    if !seen["len"].is_null() && !told["len"].is_null() {
        same("length", &told["len"], &seen["len"]);
    }
    if !seen["size"].is_null() {
        same("size", &told["size"], &seen["size"]);
    }
    if !seen["gc"]["tracked"].is_null() {
        same("being tracked", &told["tracked"], &seen["gc"]["tracked"]);
    }
    if !told["refcnt"].is_null() {
        same("count of references", &told["refcnt"], &seen["refcnt"]);
    }
    problems
}

/// Kinds of which the size has to be known, not only right where it is.
const SIZED: &[&str] = &[
    "none",
    "true",
    "small",
    "negative",
    "huge",
    "float",
    "ascii",
    "latin",
    "ucs2",
    "bytes",
    "bytearray",
    "tuple",
    "list",
    "dict",
    "big_dict",
    "set",
    "big_set",
    "frozenset",
    "plain",
    "function",
    "generator",
    "exception",
    "listed",
    "mapped",
    "point",
];

#[test]
fn objects_are_what_they_say_they_are() {
    everywhere("inspected", &[], |python, program| {
        let things = program.extra()["things"].as_object().expect("extra.things is an object");
        let mut problems = Problems::new();
        let mut unknown = Vec::new();
        for (name, told) in things {
            match object(program, &format!("things[{name}]"), &[]) {
                Ok(seen) => {
                    problems.extend(differences(name, told, &seen));
                    if seen["size"].is_null() {
                        unknown.push(name.as_str());
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        // Builds of 3.6 do not agree on the size of the collector's header, and nothing tells them apart.
        if python.since(3, 6) && !python.since(3, 7) {
            unknown.clear();
        }
        problems
            .extend(unknown.iter().filter(|n| SIZED.contains(n)).map(|name| format!("{name}: its size is not known")));
        println!("{}: {} objects, sizes unknown: {unknown:?}", python.name, things.len());
        problems
    });
}

#[test]
fn paths_lead_where_they_say() {
    everywhere("inspected", &[], |_, program| {
        let paths = program.extra()["paths"].as_object().expect("extra.paths is an object");
        let check = |(path, text): (&String, &Value)| match object(program, path, &["--depth", "0"]) {
            Ok(seen) if seen["repr"] == *text => None,
            Ok(seen) => Some(format!("{path} is {text}, pitviper says {}", seen["repr"])),
            Err(problem) => Some(problem),
        };
        paths.iter().filter_map(check).collect()
    });
}

#[test]
fn wrong_paths_say_what_is_there() {
    everywhere("inspected", &[], |_, program| {
        let rows = [
            ("thing", "did you mean things"),
            ("things[plain].aa", "has no attribute aa"),
            ("things[plain].prop", "a property computes it"),
            ("things[list][9]", "it has 3 items"),
            ("things[dict][nothing]", "it has no key"),
            ("t:Nobody", "its threads are 0 \"MainThread\""),
            ("t:0.f[99]", "it has"),
            ("t:0.f[work].nothing", "its variables are argument"),
            ("0x10", "is no object"),
            ("interp:7/things", "its interpreters are 0"),
            ("type:nothing.At.All", "there is no class"),
        ];
        let check = |(path, says): (&str, &str)| {
            let output = inspect(program.pid(), path, &[]);
            let talk = String::from_utf8_lossy(&output.stderr);
            let right = output.status.code() == Some(1) && talk.contains(says);
            (!right).then(|| format!("{path}: {} instead of {says:?}: {}", output.status, talk.trim()))
        };
        let mut problems: Problems = rows.into_iter().filter_map(check).collect();
        let output = inspect(program.pid(), "a b", &[]);
        if output.status.code() != Some(2) {
            problems.push(format!("a path that cannot be read: {}", output.status));
        }
        problems
    });
}

/// All objects of a class are those that the program has made.
#[test]
fn objects_of_a_class_are_found() {
    everywhere("inspected", &[], |python, program| {
        let output = inspect(program.pid(), "all:Plain", &["--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let talk = String::from_utf8_lossy(&output.stderr);
        let told = &program.extra()["instances"];
        // Where there are no lists, and where builds that nothing tells apart have different ones.
        let unknown = talk.contains("free-threaded") || python.since(3, 6) && !python.since(3, 7);
        if unknown || document["instances"] == *told {
            return Problems::new();
        }
        vec![format!("there are {told} objects of Plain, pitviper says {}: {talk}", document["instances"])]
    });
}

/// Tasks of C code and of Python code, of threads that run and that have ended, are found by their names.
#[test]
fn tasks_are_found_by_name() {
    everywhere("task_objects", &[], |_, program| tasks(program));
    everywhere("task_objects", &["python"], |_, program| tasks(program));
}

fn tasks(program: &Program) -> Problems {
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in program.extra()["tasks"].as_array().expect("extra.tasks is a list") {
        let address = row[1].as_u64().map(|at| format!("{at:#x}")).expect("an address is a number");
        told.entry(row[0].as_str().expect("a name is a text")).or_default().insert(address);
    }
    let mut problems = Problems::new();
    for (name, addresses) in &told {
        let output = inspect(program.pid(), &format!("task:{name}"), &["--json", "--depth", "0"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let objects = document["objects"].as_array().cloned().unwrap_or_default();
        let seen: BTreeSet<String> =
            objects.iter().filter_map(|object| Some(object["addr"].as_str()?.into())).collect();
        if seen != *addresses || !output.status.success() {
            let talk = String::from_utf8_lossy(&output.stderr);
            problems.push(format!("{name}: at {addresses:?}, pitviper says {seen:?}: {}{talk}", document["problems"]));
        }
        let first = if addresses.len() > 1 { "[0]" } else { "" };
        match object(program, &format!("task:{name}{first}._coro"), &[]) {
            Ok(coroutine) if matches!(coroutine["type"].as_str(), Some("coroutine" | "generator")) => {}
            Ok(coroutine) => problems.push(format!("{name}: its coroutine is {}", coroutine["repr"])),
            Err(problem) => problems.push(problem),
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
        let path = format!("task:{name}{first}");
        let output =
            command.args(["dis", &program.pid().to_string(), &path, "--json"]).output().expect("pitviper runs");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if document["frame"]["lasti"].as_i64().is_none_or(|lasti| lasti < -1) || document["code"].is_null() {
            let talk = String::from_utf8_lossy(&output.stderr);
            problems.push(format!("{name}: where it stands: {}{talk}", document["frame"]));
        }
        match object(program, &format!("task:{name}{first}.__class__"), &[]) {
            Ok(class) if class["type"] == "type" => {}
            Ok(class) => problems.push(format!("{name}: its class is {}", class["repr"])),
            Err(problem) => problems.push(problem),
        }
    }
    let output = inspect(program.pid(), "task:none", &[]);
    let talk = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(1) || !talk.contains("its tasks are ") {
        problems.push(format!("a task that is none: {talk}"));
    }
    problems
}

/// The slots of classes, those that derive from them, and the C functions behind slots, methods and functions.
#[test]
fn classes_tell_their_slots() {
    everywhere("classes", &[], |_, program| {
        let mut problems = Problems::new();
        for (path, told) in program.extra()["classes"].as_object().expect("extra.classes is an object") {
            match object(program, &format!("type:{path}"), &["--depth", "0"]) {
                Ok(seen) => problems.extend(class_differs(path, told, &seen["class"])),
                Err(problem) => problems.push(problem),
            }
        }
        let functions = program.extra()["functions"].as_object().expect("extra.functions is an object");
        for (path, names) in functions {
            match object(program, path, &["--depth", "0"]) {
                // A file without symbols names none.
                Ok(seen) if names.as_array().is_some_and(|names| names.contains(&seen["c_symbol"])) => {}
                Ok(seen) if seen["c_symbol"].as_str().is_some_and(|symbol| symbol.contains("+0x")) => {}
                Ok(seen) => problems.push(format!("{path} is one of {names}, pitviper says {}", seen["c_symbol"])),
                Err(problem) => problems.push(problem),
            }
        }
        for (path, slots) in program.extra()["exported"].as_object().expect("extra.exported is an object") {
            let seen = object(program, &format!("type:{path}"), &[]).unwrap_or_default();
            for (slot, function) in slots.as_object().into_iter().flatten() {
                if seen["class"]["slots"][slot] != *function {
                    problems.push(format!("{path}: {slot}: {} instead of {function}", seen["class"]["slots"][slot]));
                }
            }
        }
        problems
    });
}

fn class_differs(path: &str, told: &Value, seen: &Value) -> Problems {
    let mut problems = Problems::new();
    for (slot, has) in told["slots"].as_object().into_iter().flatten() {
        if *has != seen["slots"][slot].is_string() {
            problems.push(format!("{path}: {slot} should be there: {has}, pitviper says {}", seen["slots"][slot]));
        }
    }
    let last = |name: &Value| name.as_str()?.rsplit('.').next().map(str::to_owned);
    let mut names: Vec<String> = seen["subclasses"].as_array().into_iter().flatten().filter_map(last).collect();
    names.sort();
    if Value::from(names.clone()) != told["subclasses"] {
        problems.push(format!("{path}: its subclasses are {}, pitviper says {names:?}", told["subclasses"]));
    }
    problems
}

/// Exceptions follow one another; a generator says where it waits.
#[test]
fn chains_and_generators_are_followed() {
    everywhere("inspected", &[], |python, program| {
        let mut problems = Problems::new();
        let output = inspect(program.pid(), "things[exception]!chain", &["--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let types: Vec<&str> =
            document["objects"].as_array().into_iter().flatten().filter_map(|o| o["type"].as_str()).collect();
        let expected: &[&str] =
            if python.since(3, 0) { &["ValueError", "KeyError"] } else { &["exceptions.ValueError"] };
        if types != expected {
            problems.push(format!("the chain of exceptions is {types:?}"));
        }
        match object(program, "things[generator]", &[]) {
            Ok(seen) if seen["generator"]["state"] == "suspended" && seen["generator"]["line"].is_u64() => {}
            Ok(seen) => problems.push(format!("the generator: {}", seen["generator"])),
            Err(problem) => problems.push(problem),
        }
        problems
    });
}
