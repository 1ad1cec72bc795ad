//! `pitviper state` against what programs say of themselves, under every Python.
//!
//! `PITVIPER_ONLY=3.14,3.13t cargo test --test state` tests only Pythons whose name starts so.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(dead_code)] // Every file of tests uses a part of it.
mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use support::interpreters::Interpreter;
use support::programs::Program;
use support::run::{Problems, everywhere};

/// What `pitviper state PID --json` with `options` prints, if it exits with 0.
fn state(program: &Program, options: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
        .args(["state", &program.pid().to_string(), "--json"])
        .args(options)
        .output()
        .map_err(|error| format!("cannot run pitviper: {error}"))?;
    let talk = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
    match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(document) if output.status.success() => Ok(document),
        Ok(document) => Err(format!("pitviper: {}: {talk} {}", output.status, document["problems"])),
        Err(_) => Err(format!("pitviper: {}: {talk}", output.status)),
    }
}

/// A list of what differs.
#[derive(Default)]
struct Differences(Problems);

impl Differences {
    fn same(&mut self, what: &str, told: &Value, seen: &Value) {
        if told != seen {
            self.0.push(format!("{what}: is {told}, pitviper says {seen}"));
        }
    }

    /// Like `same`, where null is no statement.
    fn told(&mut self, what: &str, told: &Value, seen: &Value) {
        if !told.is_null() {
            self.same(what, told, seen);
        }
    }

    fn near(&mut self, what: &str, told: &Value, seen: &Value, most: i64) {
        match (told.as_i64(), seen.as_i64()) {
            (Some(told), Some(seen)) if (told - seen).abs() <= most => {}
            _ => self.0.push(format!("{what}: is {told}, pitviper says {seen}")),
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The thread of `seen` with this identity.
fn thread<'s>(seen: &'s Value, ident: &Value) -> &'s Value {
    items(&seen["threads"]).iter().find(|thread| thread["id"] == *ident).unwrap_or(&Value::Null)
}

#[test]
fn stateful() {
    everywhere("stateful", &[], |python, program| {
        let seen = match state(program, &["--all", "--layout"]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let told = program.extra();
        let mut found = Differences::default();
        runtime(&mut found, told, &seen);
        threads(&mut found, python, told, &seen);
        gil(&mut found, told, &seen);
        collector(&mut found, told, &seen);
        imports(&mut found, python, told, &seen);
        hooks(&mut found, python, told, &seen);
        allocator(&mut found, told, &seen);
        let main = &seen["interpreters"][0];
        found.same("main", &json!(true), &main["main"]);
        found.same("modules", &told["modules"], &main["modules"]);
        found.same("threads", &json!(items(&program.truth["threads"]).len()), &main["threads"]);
        found.0
    });
}

fn runtime(found: &mut Differences, told: &Value, seen: &Value) {
    let (told_runtime, seen) = (&told["runtime"], &seen["runtime"]);
    for (name, text) in told_runtime["texts"].as_object().expect("texts") {
        found.same(name, text, &seen[name]);
    }
    for name in ["cache_tag", "argv", "orig_argv", "xoptions", "warnoptions", "path", "flags"] {
        found.same(name, &told_runtime[name], &seen[name]);
    }
    if !seen["finalizing"].is_null() {
        found.same("finalizing", &json!(false), &seen["finalizing"]);
    }
    if !seen["allocator"].is_null() {
        found.same("own allocator", &json!(true), &seen["allocator"]["own_objects"]);
        if !seen["allocator"]["debug"].is_null() {
            found.same("debug hooks", &told["debug"], &seen["allocator"]["debug"]);
        }
    }
}

fn threads(found: &mut Differences, python: &Interpreter, told: &Value, seen: &Value) {
    let of = |name: &str| thread(seen, &told["idents"][name]);
    for (name, ident) in told["idents"].as_object().expect("idents") {
        found.same(&format!("name of {ident}"), &json!(name), &of(name)["name"]);
        found.same(&format!("limit of {name}"), &told["recursion_limit"], &of(name)["recursion_limit"]);
    }
    let depth = |name| of(name)["recursion_depth"].as_i64().unwrap_or(-1);
    found.same("difference of depth", &json!(50), &json!(depth("deep-60") - depth("deep-10")));
    let handling = &of("handling")["handling"];
    found.same(
        "handled",
        &json!(["ValueError", "outer \u{1b}[31m"]),
        &json!([handling[0]["type"], handling[0]["text"]]),
    );
    if python.since(3, 0) {
        let chain = &handling[0]["chain"][0];
        found.same("handled before", &json!(["KeyError", "inner"]), &json!([chain["type"], chain["text"]]));
    }
    for thread in items(&seen["threads"]) {
        let ident = &thread["id"];
        let is = |name: &str| *ident == told["idents"][name];
        found.same(
            &format!("{ident} handles"),
            &json!(usize::from(is("handling"))),
            &json!(items(&thread["handling"]).len()),
        );
        found.same(&format!("{ident} traces"), &json!(is("traced")), &json!(!thread["trace"].is_null()));
        found.same(&format!("{ident} profiles"), &json!(is("profiled")), &json!(!thread["profile"].is_null()));
        found.same(&format!("{ident} raises"), &Value::Null, &thread["pending"]);
        let ids: Vec<&Value> = items(&thread["layout"])
            .iter()
            .filter(|member| member["name"] == "thread_id")
            .map(|member| &member["value"])
            .collect();
        let hexadecimal = ident.as_u64().map(|ident| format!("{ident:#x}"));
        found.same(&format!("member thread_id of {ident}"), &json!([hexadecimal]), &json!(ids));
        let sent = told["sent"] == true && is("keeping");
        let seen = thread["sent"]["repr"].as_str().is_some_and(|repr| repr.contains("OverflowError"));
        found.same(&format!("{ident} was sent an exception"), &json!(sent), &json!(seen));
    }
    // From 3.13 on threading.local keeps its values elsewhere.
    if !python.since(3, 13) && of("keeping")["locals"].as_i64().unwrap_or(0) < 1 {
        found.0.push(format!("keeping has thread-local data, pitviper says {}", of("keeping")["locals"]));
    }
    let strangers: Vec<Value> = items(&seen["os_threads"])
        .iter()
        .map(|thread| json!([thread["native_id"], thread["blocked_on"]["name"]]))
        .collect();
    let made: Vec<Value> = items(&told["strangers"]).iter().map(|tid| json!([tid, "pause"])).collect();
    found.same("unknown threads", &json!(made), &json!(strangers));
}

fn gil(found: &mut Differences, told: &Value, seen: &Value) {
    let seen = &seen["gil"];
    found.same("GILs", &json!(1), &json!(items(seen).len()));
    let seen = &seen[0];
    found.same("check interval", &told["check_interval"], &seen["check_interval"]);
    found.same("holder", &Value::Null, &seen["holder"]);
    if told["free_threaded"] == true {
        found.same("enabled", &told["gil"], &seen["enabled"]);
    } else {
        found.same("locked", &json!(false), &seen["locked"]);
    }
    match (told["interval"].as_f64(), seen["switch_interval"].as_f64()) {
        (None, None) => {}
        (Some(is), Some(says)) if (is - says).abs() < 1e-6 => {}
        (is, says) => found.0.push(format!("switch interval: is {is:?}, pitviper says {says:?}")),
    }
}

/// Telling takes objects, and lets them go again.
const NOISE: i64 = 3000;

fn collector(found: &mut Differences, told: &Value, seen: &Value) {
    let seen = &seen["gc"];
    found.same("collectors", &json!(1), &json!(items(seen).len()));
    let (told_gc, seen) = (&told["gc"], &seen[0]);
    for name in ["enabled", "debug"] {
        // Before 3.7 only a file with its symbol table tells.
        if !seen[name].is_null() || !told_gc["frozen"].is_null() {
            found.same(name, &told_gc[name], &seen[name]);
        }
    }
    found.same("gc.garbage", &told_gc["garbage"], &seen["garbage"]);
    found.same("gc.callbacks", &told_gc["callbacks"], &json!(items(&seen["callbacks"]).len()));
    if !seen["collecting"].is_null() {
        found.same("collecting", &json!(false), &seen["collecting"]);
    }
    let generations = items(&seen["generations"]);
    // 3.13's free-threaded builds have no pointer to them; builds of 3.6 do not agree on their size, and nothing
    // tells these builds apart.
    let unknown = told["free_threaded"] == true || told_gc["frozen"].is_null();
    if unknown && generations.is_empty() {
        return;
    }
    let column = |name: &str| generations.iter().map(|generation| generation[name].clone()).collect::<Vec<_>>();
    found.same("thresholds", &told_gc["threshold"], &json!(column("threshold")));
    for (index, count) in items(&told_gc["count"]).iter().enumerate() {
        let noise = if index == 0 { NOISE } else { 0 };
        found.near(&format!("count {index}"), count, &column("count")[index], noise);
    }
    if told["free_threaded"] == true {
        found.same("populations", &json!([null, null, null]), &json!(column("population")));
        return;
    }
    let population = column("population");
    for (index, count) in items(&told_gc["generations"]).iter().enumerate() {
        found.near(&format!("generation {index}"), count, &population[index], if index == 0 { NOISE } else { 100 });
    }
    let all: i64 = population.iter().filter_map(Value::as_i64).sum();
    found.near("objects", &told_gc["objects"], &json!(all), NOISE);
    if !told_gc["frozen"].is_null() {
        found.near("frozen", &told_gc["frozen"], &seen["permanent"], 100);
    }
}

fn imports(found: &mut Differences, python: &Interpreter, told: &Value, seen: &Value) {
    let seen = &seen["imports"][0];
    found.same("modules", &told["modules"], &seen["modules"]);
    let count = |name: &str| items(&seen[name]).len();
    found.same("finders", &told["finders"], &json!([count("meta_path"), count("path_hooks")]));
    if python.since(3, 0) {
        let (importer, waiter) = (&told["idents"]["importer"], &told["idents"]["waiter"]);
        let progress: Vec<Value> =
            items(&seen["in_progress"]).iter().map(|module| json!([module["name"], module["thread"]["id"]])).collect();
        found.same("in progress", &json!([["stateful", importer]]), &json!(progress));
        let locks: Vec<Value> = items(&seen["locks"])
            .iter()
            .map(|lock| {
                json!([lock["module"], lock["owner"]["id"], lock["waiting"][0]["name"], lock["waiting"][0]["id"]])
            })
            .collect();
        found.same("locks", &json!([["stateful", importer, "waiter", waiter]]), &json!(locks));
    } else if !seen["lock_holder"].is_null() {
        found.same("import lock", &told["idents"]["importer"], &seen["lock_holder"]["id"]);
        found.same("import lock's waiter", &json!("waiter"), &seen["lock_waiting"][0]["name"]);
    }
    let origin = |name: &str| items(&seen["origins"]).iter().find(|origin| origin["name"] == name);
    for (name, kind) in told["origins"].as_object().expect("origins") {
        match origin(name) {
            Some(origin) => found.told(&format!("origin of {name}"), kind, &origin["kind"]),
            None if python.since(3, 0) => found.0.push(format!("module {name} is missing")),
            None => {}
        }
    }
}

fn hooks(found: &mut Differences, python: &Interpreter, told: &Value, seen: &Value) {
    let (told_hooks, seen) = (&told["hooks"], &seen["hooks"]);
    let ids = |name: &str| json!(items(&seen[name]).iter().map(|one| one["thread"]["id"].clone()).collect::<Vec<_>>());
    found.same("trace", &told["traced"], &ids("trace"));
    found.same("profile", &told["profiled"], &ids("profile"));
    let own = &seen["interpreters"][0];
    found.same("audit hooks", &told_hooks["audit"], &json!(items(&own["audit_hooks"]).len()));
    let mut tools: Vec<Value> =
        items(&own["monitoring"]).iter().map(|tool| json!([tool["id"], tool["name"]])).collect();
    // The last two are Python's own: of sys.setprofile() and sys.settrace().
    tools.retain(|tool| tool[0].as_u64() < Some(6));
    found.same(
        "monitoring",
        told_hooks["monitoring"].as_array().map_or(&json!([]), |_| &told_hooks["monitoring"]),
        &json!(tools),
    );
    for (kind, id) in told_hooks["watchers"].as_object().expect("watchers") {
        let set = items(&own["watchers"][kind.as_str()]);
        if !set.iter().any(|watcher| watcher["id"] == *id) {
            found.0.push(format!("{kind} watcher {id} is set, pitviper says {set:?}"));
        }
    }
    found.same("eval frame", &told_hooks["eval_frame"], &json!(!own["eval_frame"].is_null()));
    if !own["atexit"].is_null() || python.since(3, 10) {
        found.same("atexit", &told_hooks["atexit"], &own["atexit"]);
    }
    let replaced: Vec<&String> = own["replaced"].as_object().expect("replaced").keys().collect();
    found.same("replaced", &told_hooks["replaced"], &json!(replaced));
    // Before 3.12 only a file with its symbol table tells.
    if !seen["signals"].is_null() || python.since(3, 12) {
        let numbers: Vec<&Value> = items(&seen["signals"]).iter().map(|signal| &signal["number"]).collect();
        found.same("signals", &told_hooks["signals"], &json!(numbers));
    }
}

fn allocator(found: &mut Differences, told: &Value, seen: &Value) {
    let seen = &seen["alloc"];
    found.same("allocators", &json!(1), &json!(items(seen).len()));
    let (told_alloc, seen) = (&told["allocated"], &seen[0]);
    if told["free_threaded"] == true {
        found.same("allocator", &json!("mimalloc"), &seen["allocator"]);
        return;
    }
    if told_alloc.is_null() || seen["allocator"].is_null() {
        return;
    }
    found.near("arenas", &told_alloc["arenas"], &seen["arenas"], 2);
    for (size, row) in told_alloc["classes"].as_object().expect("classes") {
        let class = items(&seen["classes"]).iter().find(|class| class["size"].as_u64() == size.parse().ok());
        let class = class.unwrap_or(&Value::Null);
        found.near(&format!("pools of {size} bytes"), &row[0], &class["pools"], 30);
        found.near(&format!("blocks of {size} bytes"), &row[1], &class["used"], 2 * NOISE);
    }
}

/// How often a program that does not stand still is looked at.
const LOOKS: usize = 50;

#[test]
fn gil_held() {
    everywhere("gil_held", &[], |_, program| {
        let seen = match state(program, &["gil"]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let (told, seen) = (program.extra(), &seen["gil"][0]);
        let mut found = Differences::default();
        if told["gil"] == false {
            found.same("enabled", &json!(false), &seen["enabled"]);
            return found.0;
        }
        found.same("holder", &told["holder"]["native_id"], &seen["holder"]["native_id"]);
        found.same("is blocked in", &told["holder"]["syscall"], &seen["holder_blocked_on"]["name"]);
        found.same("is blocked on", &told["holder"]["fd"], &seen["holder_blocked_on"]["fd"]);
        // Each wakes up every few milliseconds to ask for it: for a moment it does not wait.
        let mut waiting = BTreeSet::new();
        let wanters: BTreeSet<u64> =
            items(&told["wanters"]).iter().filter_map(|thread| thread["ident"].as_u64()).collect();
        for _ in 0..LOOKS {
            match state(program, &["gil"]) {
                Ok(seen) => {
                    waiting.extend(items(&seen["gil"][0]["waiting"]).iter().filter_map(|thread| thread["id"].as_u64()))
                }
                Err(problem) => found.0.push(problem),
            }
            if waiting == wanters {
                break;
            }
        }
        found.same("waiting", &json!(wanters), &json!(waiting));
        found.0
    });
}

#[test]
fn gc_running() {
    everywhere("gc_running", &[], |python, program| {
        // It collects again and again, with a moment between: one of some looks sees it at work.
        let (mut collecting, mut collector) = (false, false);
        for _ in 0..LOOKS {
            let output = Command::new(env!("CARGO_BIN_EXE_pitviper"))
                .args(["state", &program.pid().to_string(), "--json", "gc", "gil"])
                .output()
                .expect("pitviper runs");
            // A list that is changed while it is followed is marked, and the answer is not complete.
            if !matches!(output.status.code(), Some(0 | 4)) {
                return vec![format!("pitviper: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))];
            }
            let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let seen = &seen["gc"][0];
            collecting |= seen["collecting"] == true || seen["collecting"].is_null();
            collector |= seen["collector"]["id"] == program.extra()["collector"]["ident"];
            if collecting && (collector || !python.since(3, 7)) {
                break;
            }
        }
        let mut problems = Problems::new();
        if !collecting {
            problems.push("never seen collecting".to_owned());
        }
        // Before 3.7 nobody can tell that a thread collects.
        if !collector && python.since(3, 7) {
            problems.push("never seen with its collector".to_owned());
        }
        problems
    });
}

#[test]
fn subinterpreters() {
    everywhere("subinterpreters", &[], |python, program| {
        let seen = match state(program, &[]) {
            Ok(seen) => seen,
            Err(problem) => return vec![problem],
        };
        let mut found = Differences::default();
        let count = items(&seen["interpreters"]).len();
        found.same("interpreters", &json!(3), &json!(count));
        let mut sections = vec!["imports"];
        sections.extend(python.since(3, 9).then_some("gc"));
        for section in sections {
            found.same(section, &json!(count), &json!(items(&seen[section]).len()));
        }
        found.0
    });
}
