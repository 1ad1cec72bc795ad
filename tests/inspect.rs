//! Objects of every kind on every Python: what `pitviper inspect` says of them is what they say themselves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
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
    if !told["generation"].is_null() {
        same("generation", &told["generation"], &seen["gc"]["generation"]);
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
    "zero",
    "deque",
    "empty_deque",
    "ordered",
    "default",
    "counter",
    "decimal",
    "code",
    "class",
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

/// Values have the text that `repr` gives them.
#[test]
fn values_are_written_as_they_write_themselves() {
    everywhere("valued", &[], |python, program| {
        let values = program.extra()["values"].as_object().expect("extra.values is an object");
        let wide = ["--depth", "0", "--width", "100000", "--items", "1000"];
        let check = |(name, text): (&String, &Value)| match object(program, &path_of(name), &wide) {
            Ok(seen) if seen["repr"] == *text && seen["complete"] == true => None,
            Ok(seen) => Some(format!("{name} is {text}, pitviper says {}", seen["repr"])),
            Err(problem) => Some(problem),
        };
        let missing: Vec<&str> =
            program.extra()["missing"].as_array().into_iter().flatten().filter_map(|m| m[0].as_str()).collect();
        let paths = program.extra()["paths"].as_object().expect("extra.paths is an object");
        let of_exceptions = |(path, text): (&String, &Value)| match object(program, path, &wide) {
            Ok(seen) if seen["repr"] == *text => None,
            seen => Some(format!("{path} is {text}, pitviper says {seen:?}")),
        };
        println!("{}: {} values, missing: {missing:?}", python.name, values.len());
        values.iter().filter_map(check).chain(paths.iter().filter_map(of_exceptions)).collect()
    });
}

/// What is huge, deep, within itself, freed or overwritten takes seconds and a gigabyte at most, and is told as such,
/// however much is asked for.
#[test]
fn hostile_objects_are_bounded_and_marked() {
    const MEMORY: &str = "ulimit -v 1000000 && exec \"$@\"";
    // On a machine that is busy otherwise; alone it is two seconds.
    const TIME: Duration = Duration::from_secs(60);
    const MUCH: &[&str] = &["--json", "--depth=20", "--items=1000000", "--width=4000000"];
    everywhere("hostile", &[], |_, program| {
        let pid = program.pid().to_string();
        let mut problems = Problems::new();
        let mut check = |path: &str, options: &[&str], code: i32, says: &str| {
            let start = Instant::now();
            let command = [&["-c", MEMORY, "sh", env!("CARGO_BIN_EXE_pitviper"), "inspect", &pid, path][..], options];
            let output = Command::new("sh").args(command.concat()).output().expect("pitviper runs");
            let (took, text) = (start.elapsed(), String::from_utf8_lossy(&output.stdout));
            let talk = String::from_utf8_lossy(&output.stderr);
            if output.status.code() != Some(code) || !format!("{text}{talk}").contains(says) || took > TIME {
                let text: String = text.chars().take(300).collect();
                problems.push(format!("{path} {options:?}: {} after {took:?}: {text} {talk}", output.status));
            }
            if options.is_empty() && text.chars().any(|char| char.is_control() && char != '\n') {
                problems.push(format!("{path}: control characters"));
            }
        };
        let extra = program.extra();
        let asked_much = ["big[text]", "big[dict]", "big[object]", "deep[list]", "deep[object]", "broken[noise]"];
        for (path, says) in extra["huge"].as_object().expect("extra.huge is an object") {
            check(path, &[], 0, says.as_str().unwrap_or_default());
            if asked_much.contains(&path.as_str()) {
                check(path, MUCH, 0, "");
            }
        }
        for path in extra["broken"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            check(path, &[], 4, "not all could be read");
            if asked_much.contains(&path) {
                check(path, MUCH, 4, "\"complete\":false");
            }
        }
        for path in extra["gone"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            check(path, &[], 1, "is no object");
        }
        problems
    });
}

/// A file of printers in the folder for tests' files, with this text.
fn printers(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a file can be written");
    path
}

/// Classes are written as the user's file says.
#[test]
fn users_have_printers_of_their_own() {
    let text = r#"
        ["__main__.Base"]
        show = ["a", "s1", "shared", "b.nothing", "prop"]
        [__main__.Mapped]
        format = "{{{a}}} of {__class__.nothing}"
        ["__main__.Managed"]
        show = ["two", "one"]
    "#;
    let file = printers("good", text);
    let option = format!("--printers={}", file.display());
    everywhere("inspected", &[], |_, program| {
        let rows = [
            ("things[plain]", "Plain(a=1, s1='slot', shared=3, b.nothing=<not set>, prop=<computed>)"),
            ("things[mapped]", "{<not set>} of <not set>"),
            ("things[slotted]", "<Slotted at "),
        ];
        let check = |(path, text): (&str, &str)| match object(program, path, &["--depth=0", &option]) {
            Ok(seen) if seen["repr"].as_str().is_some_and(|seen| seen.starts_with(text)) => None,
            Ok(seen) => Some(format!("{path} is {text}, pitviper says {}", seen["repr"])),
            Err(problem) => Some(problem),
        };
        rows.into_iter().filter_map(check).collect()
    });
    everywhere("locals_all", &[], |_, program| match support::run::dump(program.pid(), &["--locals", &option]) {
        Ok(dump) if dump.to_string().contains("\"Managed(two='two', one=1)\"") => Problems::new(),
        Ok(_) => vec!["dump does not write Managed as the file says".to_owned()],
        Err(problem) => vec![problem],
    });
    std::fs::remove_file(file).expect("the file is there");
}

#[test]
fn files_of_printers_that_say_nothing_are_refused() {
    let rows = [
        ("['a.B']\nshow = 3", "a.B: show is no list of attributes"),
        ("['a.B'\n", "says nothing of printers"),
        ("", "it has no printers"),
    ];
    for (number, (text, says)) in rows.into_iter().enumerate() {
        let file = printers(&format!("bad-{number}"), text);
        for command in [&["inspect", "1", "a"][..], &["dump", "1", "--locals"]] {
            let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
                .args(command)
                .arg(format!("--printers={}", file.display()))
                .output()
                .expect("pitviper runs");
            let talk = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(2) && talk.contains(says), "{text:?}: {} {talk}", output.status);
        }
        std::fs::remove_file(file).expect("the file is there");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_pitviper"))
        .args(["inspect", "1", "a", "--printers=/nothing/here.toml"])
        .output()
        .expect("pitviper runs");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read the printers /nothing/here.toml"));
}

/// Trees of `ast` nodes are what `ast.dump` writes.
#[test]
fn syntax_trees_are_those_that_ast_dumps() {
    everywhere("trees", &[], |_, program| {
        let pid = program.pid();
        let mut problems = Problems::new();
        for (name, told) in program.extra()["trees"].as_object().expect("extra.trees is an object") {
            let path = format!("trees['{name}']");
            let output = inspect(pid, &path, &["--tree", "--json"]);
            let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if document["tree"] != told[0] || !output.status.success() {
                let talk = String::from_utf8_lossy(&output.stderr);
                problems.push(format!("{name} is {}, pitviper says {} {talk}", told[0], document["tree"]));
            }
            let output = inspect(pid, &path, &["--tree"]);
            let text = String::from_utf8_lossy(&output.stdout);
            if told[1].as_str().is_some_and(|told| told != text.trim_end()) {
                problems.push(format!("{name} is {}, pitviper prints {text:?}", told[1]));
            }
        }
        let output = inspect(pid, "own", &["--tree"]);
        if output.status.code() != Some(4) || !String::from_utf8_lossy(&output.stdout).contains("<… within itself>") {
            problems.push(format!("a node within itself: {output:?}"));
        }
        let output = inspect(pid, "trees", &["--tree"]);
        if output.status.code() != Some(1) || !String::from_utf8_lossy(&output.stderr).contains("is no ast node") {
            problems.push(format!("a dict: {output:?}"));
        }
        problems
    });
}

/// numpy's arrays have their first values as text, and what is known of them as facts.
#[test]
fn arrays_are_what_numpy_says() {
    let tested = std::cell::Cell::new(0);
    everywhere("arrays", &[], |python, program| {
        let extra = program.extra();
        let wide = ["--depth", "0", "--width", "100000", "--items", "1000"];
        let mut problems = Problems::new();
        for (name, text) in extra["values"].as_object().expect("extra.values is an object") {
            let seen = match object(program, &path_of(name), &wide) {
                Ok(seen) => seen,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            if seen["repr"] != *text || seen["complete"] != true {
                problems.push(format!("{name} is {text}, pitviper says {}", seen["repr"]));
            }
            for (fact, told) in extra["facts"][name].as_object().into_iter().flatten() {
                if seen["facts"][fact] != *told {
                    problems.push(format!("{name}.{fact} is {told}, pitviper says {}", seen["facts"][fact]));
                }
            }
        }
        match object(program, "big", &["--depth", "0", "--items", "3"]) {
            Ok(seen)
                if seen["complete"] == false
                    && seen["repr"].as_str().is_some_and(|text| {
                        text.starts_with("array([[0, 1, 2, …, 997 more], [1000, ")
                            && text.ends_with("shape=(1000, 1000), dtype=int64)")
                    }) => {}
            seen => problems.push(format!("a large array: {seen:?}")),
        }
        println!("{}: numpy {}", python.name, extra["numpy"]);
        tested.set(tested.get() + 1);
        problems
    });
    println!("numpy on {} Pythons", tested.get());
    let in_ci = std::env::var_os("CI").is_some();
    assert!(tested.get() > 0 || !in_ci, "missing in CI: numpy (scripts/get-arrays)");
}

/// The path of the item `name` of `values`.
fn path_of(name: &str) -> String {
    format!("values['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
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
        if python.since(3, 0) {
            match object(program, "chained[0]", &["--depth=0"]) {
                Ok(seen) if seen["generator"]["await_chain"] == program.extra()["chain"] => {}
                seen => problems.push(format!("those that wait are {}: {seen:?}", program.extra()["chain"])),
            }
        }
        match object(program, "Base", &["--depth=0"]) {
            Ok(seen) if seen["class"]["subclasses"] == serde_json::json!(["__main__.Plain"]) => {}
            seen => problems.push(format!("the classes that derive from Base: {seen:?}")),
        }
        match object(program, "things[generator]", &[]) {
            Ok(seen) if seen["generator"]["state"] == "suspended" && seen["generator"]["line"].is_u64() => {}
            Ok(seen) => problems.push(format!("the generator: {}", seen["generator"])),
            Err(problem) => problems.push(problem),
        }
        problems
    });
}
