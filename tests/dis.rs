//! `pitviper dis` against what each interpreter's own `dis` says: every instruction of functions of every kind,
//! and frames that stand in known places with known values on their stacks.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use pitviper::address::{Addr, Pid};
use pitviper::disassembly::{Depth, Looked, states};
use pitviper::layout::Opcodes;
use pitviper::memory::Pages;
use pitviper::output::dis_json;
use pitviper::python::Python;
use pitviper::target::Target;
use serde_json::{Value, json};
use std::process::Command;
use support::interpreters::Interpreter;
use support::programs::Program;
use support::run::{Problems, each_python, everywhere};

/// The document of `pitviper dis PID PATH --json`, and how it ended.
fn dis(program: &Program, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
        .args(["dis", &program.pid().to_string(), "--json"])
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run pitviper: {error}"))?;
    let talk = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(document) if output.status.success() => Ok(document),
        Ok(document) => Err(format!("{arguments:?}: {}: {}", output.status, document["problems"])),
        Err(_) => Err(format!("{arguments:?}: {}: {talk}", output.status)),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn address(value: &Value) -> Addr {
    Addr::new(value.as_u64().expect("an address is a number")).expect("an address is not null")
}

/// What the library shows of the object at `at`.
fn looked(python: &Python<'_>, opcodes: &Opcodes, at: Addr) -> Result<Looked, String> {
    let looked = Looked::of(python, opcodes, at).map_err(|fault| fault.to_string())?;
    looked.ok_or_else(|| "it has no code".to_owned())
}

/// Runs `check` with what reads the memory of `program`.
fn with(program: &Program, check: impl FnOnce(&Target, &Python<'_>, &Opcodes) -> Problems) -> Problems {
    let target = match Target::attach(Pid(program.pid()), None) {
        Ok(target) => target,
        Err(error) => return vec![error.to_string()],
    };
    let opcodes = Opcodes::of(target.layout.version).unwrap();
    let pages = Pages::new(&target.memory);
    check(&target, &Python::new(&pages, &target.layout), &opcodes)
}

/// Every instruction of every function of the program, as its own `dis` tells it.
fn same_instructions(_: &Interpreter, program: &Program) -> Problems {
    with(program, |target, python, opcodes| {
        let mut problems = Problems::new();
        for told in items(&program.extra()["codes"]) {
            let what = told["what"].as_str().unwrap_or_default();
            let wanted = dis_json::Wanted::default();
            match looked(python, opcodes, address(&told["addr"])) {
                Ok(looked) => {
                    let seen = dis_json::document(target, &looked, None, &looked.listing.problems, wanted);
                    problems.extend(differences(told, &seen).into_iter().take(4).map(|one| format!("{what}: {one}")));
                }
                Err(problem) => problems.push(format!("{what}: {problem}")),
            }
        }
        problems
    })
}

fn differences(told: &Value, seen: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |place: &str, told: &Value, seen: &Value| {
        if told != seen {
            found.push(format!("{place}: is {told}, pitviper says {seen}"));
        }
    };
    compare("code", &json!(address(&told["code"]).to_string()), &seen["code"]["addr"]);
    compare("problems", &json!([]), &seen["problems"]);
    compare("co_code", &told["hex"], &seen["code"]["co_code_hex"]);
    let (are, says) = (items(&told["instructions"]), items(&seen["instructions"]));
    compare("instructions", &json!(are.len()), &json!(says.len()));
    for (index, (is, says)) in are.iter().zip(says).enumerate() {
        let place = format!("{} {}", is[0], is[1].as_str().unwrap_or_default());
        compare(&place, &is[0], &says["offset"]);
        compare(&place, &is[1], &says["name"]);
        compare(&place, &is[2], &says["arg"]);
        if !is_unprinted(&says["argrepr"], &is[3]) {
            compare(&place, &is[3], &says["argrepr"]);
        }
        let line = if says["starts_line"] == true { &says["line"] } else { &Value::Null };
        compare(&format!("{place} line"), &is[4], line);
        // From 3.13 on a target is what has a label.
        let marked = says["is_jump_target"] == true || !says["label"].is_null();
        compare(&format!("{place} target"), &is[5], &json!(marked));
        if let Some(position) = told["positions"].get(index) {
            let says = json!([says["line"], says["end_line"], says["column"], says["end_column"]]);
            compare(&format!("{place} position"), position, &says);
        }
        if let Some(adaptive) = told["adaptive"].get(index) {
            compare(&format!("{place} adaptive"), adaptive, &says["adaptive"]);
        }
    }
    let row = |handler: &Value| {
        json!([handler["start"], handler["end"], handler["target"], handler["depth"], handler["lasti"]])
    };
    let table = seen["exception_table"].as_array().map(|rows| rows.iter().map(row).collect::<Vec<_>>());
    compare("exception table", &told["table"], &json!(table));
    found
}

/// Whether the text is of an object that no printer knows, or too long.
fn is_unprinted(seen: &Value, told: &Value) -> bool {
    let (seen, told) = (seen.as_str().unwrap_or_default(), told.as_str().unwrap_or_default());
    seen.contains('…') || (seen.contains(" at 0x") && !told.starts_with('<'))
}

#[test]
fn disassembled() {
    everywhere("disassembled", &[], same_instructions);
}

/// With a trace function set, which replaces instructions from 3.12 on.
#[test]
fn traced() {
    everywhere("disassembled", &["traced"], same_instructions);
}

/// Inferred depths against exact ones: a generator that waits notes how many values it has.
#[test]
fn inferred_depths() {
    everywhere("disassembled", &[], |_, program| {
        with(program, |_, python, opcodes| {
            let mut problems = Problems::new();
            let mut compared = 0;
            for generator in items(&program.extra()["generators"]) {
                let looked = match looked(python, opcodes, address(generator)) {
                    Ok(looked) => looked,
                    Err(problem) => {
                        problems.push(problem);
                        continue;
                    }
                };
                let stand = looked.stand.expect("it waits");
                let (Depth::Exact(depth), Some(current)) = (stand.stack.depth, stand.current) else {
                    problems.push(format!("{} at {:?}: {:?}", looked.code.name, stand.current, stand.stack.depth));
                    continue;
                };
                let handlers = looked.listing.handlers.as_deref().unwrap_or_default();
                let inferred: Vec<i64> =
                    states(opcodes, &looked.listing.raws, handlers, current).iter().map(|state| state.depth).collect();
                // What was yielded is not on the stack, and what is sent not yet. Before 3.11 one that delegates
                // stands before YIELD_FROM, where nothing is missing.
                let at = looked.listing.at(i64::from(current)).map(|one| one.name.to_string()).unwrap_or_default();
                let missing = matches!(at.as_str(), "YIELD_VALUE" | "RESUME");
                let expected = i64::from(depth) + i64::from(missing);
                if !inferred.contains(&expected) {
                    problems.push(format!("{} at {current}: {expected}, inferred {inferred:?}", looked.code.name));
                }
                compared += 1;
            }
            if compared < 5 {
                problems.push(format!("only {compared} generators"));
            }
            problems
        })
    });
}

/// Threads that stand in known places: the instruction, the values on the stack, blocks and handlers.
#[test]
fn stands() {
    everywhere("disassembled", &[], |python, program| {
        let mut problems = Problems::new();
        for (thread, told) in program.extra()["stands"].as_object().unwrap() {
            let function = told["function"].as_str().unwrap();
            match dis(program, &[&format!("t:{thread}.f[{function}]"), "--stack"]) {
                Ok(seen) => problems.extend(stand_differs(python, told, &seen).map(|one| format!("{thread}: {one}"))),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    });
}

fn stand_differs(python: &Interpreter, told: &Value, seen: &Value) -> impl Iterator<Item = String> {
    let mut problems = Vec::new();
    let frame = &seen["frame"];
    let current = items(&seen["instructions"]).iter().find(|one| one["offset"] == frame["current"]);
    let name = current.map_or(Value::Null, |one| one["name"].clone());
    if !items(&told["current"]).contains(&name) {
        problems.push(format!("executes one of {}, pitviper says {name}", told["current"]));
    }
    let stack = &frame["stack"];
    if stack["depth"].is_null() || stack["complete"] != true {
        problems.push(format!("stack: {stack}"));
    }
    // 3.14 and newer note it always, and 3.11 to 3.13 in a call of Python code.
    let exact =
        python.since(3, 14) || (python.since(3, 11) && told["function"] != "in_c" && told["function"] != "in_except");
    let how = if exact { "exact" } else { "inferred" };
    if stack["how"] != how {
        problems.push(format!("the depth should be {how}: {}", stack["how"]));
    }
    let types: Vec<&Value> = items(&stack["values"]).iter().map(|value| &value["type"]).collect();
    let prefix = items(&told["prefix"]);
    if types.iter().zip(prefix).any(|(seen, told)| *seen != told) || types.len() < prefix.len() {
        problems.push(format!("stack begins with {}, pitviper says {types:?}", told["prefix"]));
    }
    if types.len() > prefix.len() + 7 {
        problems.push(format!("the stack is too deep: {types:?}"));
    }
    for value in items(&told["values"]) {
        let text = address(value).to_string();
        if !items(&stack["values"]).iter().any(|value| value["addr"] == text) {
            problems.push(format!("{text} should be on the stack: {}", stack["values"]));
        }
    }
    if python.since(3, 11) {
        if items(&frame["handlers"]).is_empty() == (told["handlers"] == true) {
            problems
                .push(format!("handlers: should be some: {}; pitviper says {}", told["handlers"], frame["handlers"]));
        }
    } else {
        let kinds: Vec<&Value> = items(&frame["blocks"]).iter().map(|block| &block["kind"]).collect();
        if json!(kinds) != told["blocks"] {
            problems.push(format!("blocks: are {}, pitviper says {kinds:?}", told["blocks"]));
        }
    }
    problems.into_iter()
}

/// What every name of a function is, and which variables are not bound.
#[test]
fn scopes() {
    everywhere("disassembled", &[], |_, program| {
        let seen = match dis(program, &["t:scoped.f[scoped]", "--scopes"]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let told = items(&program.extra()["scopes"]);
        let mut problems = Problems::new();
        for scope in told {
            let found = items(&seen["scopes"]).iter().find(|one| one["name"] == scope[0]);
            if found.is_none_or(|one| one["kind"] != scope[1]) {
                problems.push(format!("{scope}: pitviper says {found:?}"));
            }
        }
        let unbound = items(&seen["scopes"]).iter().filter(|one| one["bound"] == false);
        let unbound: Vec<&Value> = unbound.map(|one| &one["name"]).collect();
        if json!(unbound) != program.extra()["unbound"] {
            problems.push(format!("unbound: {unbound:?}"));
        }
        problems
    });
}

/// The text, without a path: the main thread's innermost frame, marked, with its source.
#[test]
fn text() {
    everywhere("disassembled", &[], |_, program| {
        let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
            .args(["dis", &program.pid().to_string(), "--source", "--stack", "--scopes", "--caches", "--adaptive"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut problems = Problems::new();
        if !output.status.success() {
            problems.push(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
        for part in ["Code tell_and_wait", "    os.read(0, 1)", "-->", "Value stack: ", "threads_: argument"] {
            if !text.contains(part) {
                problems.push(format!("{part:?} is missing: {text}"));
            }
        }
        problems
    });
}

/// A path that names nothing is told, and with which exit code.
#[test]
fn wrong_paths() {
    each_python("wrong paths", |python| {
        let program = match Program::start(python, "module_level", &[]) {
            Ok(support::programs::Started::Tells(program)) => program,
            Ok(support::programs::Started::Skips(_)) => return Problems::new(),
            Err(problem) => return vec![problem],
        };
        let rows: &[(&str, i32)] = &[
            ("t:0.f[1000]", 1),
            ("t:0.f[nothing]", 1),
            ("t:nobody.f[0]", 1),
            ("0x10", 1),
            ("0x0", 1),
            ("t:0.f[]", 2),
            ("nothing.known", 1),
            ("code:t:0.f[1000]", 1),
            ("code:code:t:0.f[0]", 2),
            ("sys.path", 1),
            ("t:0", 0),
            ("code:t:0.f[0]", 0),
            ("os.path.join", 0),
            ("code:os.path.join", 0),
            ("interp:0/os.environ", 1),
        ];
        let code = |path: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
            command.args(["dis", &program.pid().to_string(), path]).output().unwrap().status.code()
        };
        let wrong = rows.iter().filter(|(path, expected)| code(path) != Some(*expected));
        wrong.map(|(path, expected)| format!("{path}: {:?} instead of {expected}", code(path))).collect()
    });
}
