//! Every format, opened by what people open it with.

#![allow(clippy::unwrap_used, clippy::expect_used)]

// What is asked of interpreters elsewhere.
#[allow(dead_code)]
#[path = "support/interpreters.rs"]
mod interpreters;
#[path = "support/recording.rs"]
mod recording;

use pitviper::output::{Compared, FORMATS, Format, View};
use pitviper::profile::{By, Filter, Grain, Mode, Pattern, Run, State, Thread, ThreadChoice};
use recording::{HOSTILE, MS, Maker};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BEGIN: &str = "<!-- formats: generated from FORMATS, checked by tests/formats.rs -->\n";
const END: &str = "<!-- end of formats -->";

/// The bytes of a recording in a format.
fn bytes(format: &str, recording: &[u8], filter: Filter) -> Vec<u8> {
    let mut out = Vec::new();
    let view = View { filter, ..View::default() };
    (Format::named(format).unwrap().write)(&recording, &view, &mut out).unwrap();
    out
}

fn text(format: &str, recording: &[u8], filter: Filter) -> String {
    String::from_utf8(bytes(format, recording, filter)).unwrap()
}

/// A file that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a program prints, if it ends well.
fn output(program: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {talk}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_documents_list_every_format() {
    let mut table = String::from("| `--format` | names end with | what it is |\n|---|---|---|\n");
    for format in FORMATS {
        let ends = format.extensions.iter().map(|end| format!("`{end}`")).collect::<Vec<_>>().join(" ");
        table += &format!("| `{}` | {ends} | {} |\n", format.name, format.about);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark of the table");
    let (shown, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("PITVIPER_README").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "write it anew: PITVIPER_README=write cargo test --test formats");
    }
}

#[test]
fn every_format_takes_every_recording() {
    let plain = recording::plain();
    let rows = [
        ("plain", plain.clone()),
        ("hostile", recording::hostile()),
        ("empty", Maker::new().finish(0)),
        ("cut short", plain[..plain.len() - 30].to_vec()),
    ];
    for format in FORMATS {
        for (name, recording) in &rows {
            for by in [By::All, By::Process, By::Thread, By::Task] {
                for mode in [Mode::Wall, Mode::Cpu, Mode::Gil] {
                    let filter = Filter { by, mode, ..Filter::default() };
                    let first = bytes(format.name, recording, filter.clone());
                    assert!(
                        first == bytes(format.name, recording, filter),
                        "{}: {name}: not the same twice",
                        format.name
                    );
                }
            }
        }
    }
}

#[test]
fn a_full_disk_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recording = recording::plain();
    for format in FORMATS {
        let refused = (format.write)(&recording.as_slice(), &View::default(), &mut Full).expect_err(format.name);
        assert!(refused.to_string().contains("no storage space"), "{}: {refused}", format.name);
    }
}

#[test]
fn collapsed_stacks_are_weighted_in_microseconds() {
    let check = |filter: Filter, expected: &[&str]| {
        let text = text("folded", &recording::plain(), filter);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, expected);
    };
    let all = [
        "<empty> 10000",
        "<unreadable>;work (/app.py:20);crunch 10000",
        "main (/app.py:10) 10000",
        "main (/app.py:10);work (/app.py:20) 10000",
        "main (/app.py:10);work (/app.py:20);crunch 10000",
        "main (/app.py:10);work (/app.py:20);work (/app.py:20) 10000",
        "work (/app.py:20) 10000",
    ];
    check(Filter::default(), &all);
    let cpu = ["main (/app.py:11);work (/app.py:22) 9000", "main (/app.py:11);work (/app.py:22);crunch 9000"];
    let main = vec![ThreadChoice::Number(100)];
    let lines = Filter { mode: Mode::Cpu, grain: Grain::Lines, threads: main.clone(), ..Filter::default() };
    let lines = Filter { exclude: vec![Pattern::parse("sleep").unwrap()], time: Some(10 * MS..50 * MS), ..lines };
    check(Filter { time: Some(0..10 * MS), ..lines.clone() }, &cpu[..1]);
    check(Filter { time: Some(30 * MS..40 * MS), ..lines }, &cpu[1..]);
    let threads = [
        "process 7: python3 app.py;MainThread (100);main (/app.py:10);work (/app.py:20);crunch 10000",
        "process 8: child;MainThread (102);<empty> 10000",
        "process 8: child;MainThread (102);main (/app.py:10) 10000",
    ];
    let both = vec![ThreadChoice::Number(100), ThreadChoice::Number(102)];
    let late = Filter { by: By::Thread, threads: both, ..Filter::default() };
    let late = text("folded", &recording::plain(), Filter { include: Vec::new(), ..late });
    threads.iter().for_each(|line| assert!(late.lines().any(|other| other == *line), "{line}: {late}"));
    let alone = text("folded", &recording::plain(), Filter { by: By::Thread, threads: main, ..Filter::default() });
    assert!(alone.lines().all(|line| line.starts_with("MainThread (100);main")), "{alone}");
    let processes = text("folded", &recording::plain(), Filter { by: By::Process, ..Filter::default() });
    assert!(processes.contains("process 8: child;main (/app.py:10) 10000\n"), "{processes}");
}

#[test]
fn hostile_names_stay_within_their_place() {
    let text = text("folded", &recording::hostile(), Filter { by: By::Thread, ..Filter::default() });
    for line in text.lines() {
        let (stack, weight) = line.rsplit_once(' ').unwrap();
        assert!(weight.parse::<u64>().unwrap() >= 1000, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        for place in stack.split(';') {
            assert!(!place.is_empty() && place.trim() == place && !place.starts_with('#'), "{line}");
            let last = place.rsplit(' ').next().unwrap();
            assert!(last == place || last.parse::<f64>().is_err(), "{line}");
        }
    }
    assert_eq!(text.lines().count(), HOSTILE.len() * 4 - 1, "the first stack is recorded twice");
}

/// Reads an SVG and prints the title of every place.
const READ_SVG: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
name = '{http://www.w3.org/2000/svg}'
assert len(root.findall(name + 'script')) == 1, 'one script'
for text in root.iter(name + 'text'): print('text: ' + (text.text or ''))
for title in root.iter(name + 'title'): print(title.text)
";

#[test]
fn the_flame_graph_is_xml_and_has_the_figures() {
    let python = Path::new("python3");
    let read = |filter: Filter, recording: &[u8]| {
        let file = Scratch::new(&format!("{:?}.svg", filter.by), &bytes("svg", recording, filter));
        output(python, &["-c", READ_SVG, file.0.to_str().unwrap()], "")
    };
    let plain = read(Filter::default(), &recording::plain());
    let expected = [
        "text: process 7: python3 app.py, and 1 more process",
        "7 samples in 40.0 ms: 7 deduced, 0 stopped, 0 undecided, 0 late, 0 lost",
        "text: 70.0 ms of wall-clock time of threads that are not idle; ",
        "all (70,000 µs, 100%)",
        "main (/app.py:10) (40,000 µs, 57.14%)",
        "work (/app.py:20) (30,000 µs, 42.86%)",
        "crunch (10,000 µs, 14.29%)",
        "<empty> (10,000 µs, 14.29%)",
    ];
    expected.iter().for_each(|text| assert!(plain.contains(text), "{text}\n{plain}"));
    // Every thread is drawn once, whatever its name.
    let hostile = read(Filter { by: By::Thread, ..Filter::default() }, &recording::hostile());
    for index in 0..HOSTILE.len() {
        let end = format!("({})", 200 + index);
        let mine = hostile.lines().filter(|line| line.contains(&end) && line.contains("(4,000 µs, "));
        assert_eq!(mine.count(), 1, "{end} {hostile}");
    }
}

#[test]
fn small_stacks_are_drawn_with_their_callers() {
    let mut maker = Maker::new();
    let thread = maker.thread(maker.process, 1, "MainThread");
    maker.run(thread, 0, State::Running, "main:11 large:21");
    let stack = maker.stack("main:11 tiny:31 tinier:41");
    let run = maker.run(thread, 10, State::Running, "main:11 large:21");
    maker.writer.run(&Run { stack, wall: 900, ..run }).unwrap();
    let svg = text("svg", &maker.finish(20 * MS), Filter::default());
    assert!(svg.contains(MERGED));
    assert!(svg.contains("large (/app.py:20)") && !svg.contains("tiny"));
    assert!(svg.contains("all (20,001 µs, 100%)"), "{svg}");
}

const MERGED: &str = "stacks below 0.01 % or deeper than 1,000 are part of their callers";

#[test]
fn deep_recursion_can_be_drawn() {
    let mut maker = Maker::new();
    let thread = maker.thread(maker.process, 1, "MainThread");
    // Every depth is seen once: as texts, these stacks are a gigabyte.
    let frame = maker.place("recurse", "/app.py", 11);
    let frame = maker.writer.frame(frame);
    let mut stack = None;
    for depth in 0..10_000 {
        stack = Some(maker.writer.stack(stack, frame));
        let run = Run { state: State::Running, stack, wall: MS, ..Run::new(thread, depth * MS) };
        maker.writer.run(&run).unwrap();
    }
    let svg = text("svg", &maker.finish(10_000 * MS), Filter::default());
    assert!(svg.contains(MERGED) && svg.len() < 1 << 20, "{}", svg.len());
    assert_eq!(svg.matches("<title>recurse").count(), 1000);
}

/// Loads a file as users do, and prints it as JSON.
const LOAD: &str = "
import json, pstats, sys
try: from io import StringIO
except ImportError: pass
if sys.version_info < (3,): from StringIO import StringIO
out = StringIO()
stats = pstats.Stats(sys.argv[1], stream=out)
plain = dict(('%s|%d|%s' % k, [v[0], v[1], v[2], v[3], dict(('%s|%d|%s' % c, w) for c, w in v[4].items())]) for k, v in stats.stats.items())
stats.sort_stats('cumulative').print_stats()
stats.print_callers()
stats.print_callees()
sys.stdout.write(json.dumps({'stats': plain, 'total': stats.total_tt, 'calls': stats.total_calls, 'text': out.getvalue()}))
";

/// What every Python here loads from a `.pstats` file.
fn load(recording: &[u8], filter: &Filter) -> Vec<(String, Json)> {
    let file = Scratch::new(
        &format!("{:?}{}.pstats", filter.by, recording.len()),
        &bytes("pstats", recording, filter.clone()),
    );
    let pythons = interpreters::all().iter();
    let loaded = pythons.map(|python| {
        let text = output(&python.path, &["-c", LOAD, file.0.to_str().unwrap()], "");
        (python.name.clone(), serde_json::from_str(&text).unwrap())
    });
    loaded.collect()
}

#[test]
fn every_python_loads_the_statistics() {
    let unread = "~|0|<unreadable>";
    let (main, work, crunch) = ("/app.py|10|main", "/app.py|20|work", "~|0|<crunch>");
    // Own and total time in ms, and that of each caller.
    type Row<'a> = (u64, u64, BTreeMap<&'a str, (u64, u64)>);
    let expected: BTreeMap<&str, Row<'_>> = BTreeMap::from([
        (main, (10, 40, BTreeMap::new())),
        (work, (30, 50, BTreeMap::from([(main, (10, 30)), (work, (10, 10)), (unread, (0, 10))]))),
        (crunch, (20, 20, BTreeMap::from([(work, (20, 20))]))),
        (unread, (0, 10, BTreeMap::new())),
        ("~|0|<empty>", (10, 10, BTreeMap::new())),
    ]);
    for (python, loaded) in load(&recording::plain(), &Filter::default()) {
        let same = |value: &Json, ms: u64| (value.as_f64().unwrap() * 1000.0 - ms as f64).abs() < 1e-9;
        let stats = loaded["stats"].as_object().unwrap();
        assert_eq!(stats.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{python}");
        for (key, (own, total, callers)) in &expected {
            let row = &stats[*key];
            assert!(same(&row[2], *own) && same(&row[3], *total), "{python}: {key}: {row}");
            assert_eq!((&row[0], &row[1]), (&Json::from(0), &Json::from(0)), "{python}: calls are not known");
            let of = row[4].as_object().unwrap();
            assert_eq!(of.keys().collect::<Vec<_>>(), callers.keys().collect::<Vec<_>>(), "{python}: {key}");
            for (caller, (own, total)) in callers {
                assert!(same(&of[*caller][2], *own) && same(&of[*caller][3], *total), "{python}: {key}: {row}");
            }
        }
        assert!(same(&loaded["total"], 70), "{python}: {}", loaded["total"]);
        let text = loaded["text"].as_str().unwrap();
        assert!(text.contains("0 function calls in 0.070 seconds") && text.contains("{crunch}"), "{python}: {text}");
    }
}

#[test]
fn statistics_have_threads_as_callers() {
    for (python, loaded) in load(&recording::plain(), &Filter { by: By::Thread, ..Filter::default() }) {
        let stats = loaded["stats"].as_object().unwrap();
        let thread = &stats["~|0|<MainThread (100)>"];
        assert_eq!(thread[3].as_f64(), Some(0.03), "{python}: {thread}");
        assert_eq!(thread[4]["~|0|<process 7: python3 app.py>"][3].as_f64(), Some(0.03), "{python}: {thread}");
        let main = &stats["/app.py|10|main"][4];
        assert_eq!(main["~|0|<MainThread (102)>"][3].as_f64(), Some(0.01), "{python}: {main}");
    }
    for (python, loaded) in load(&recording::hostile(), &Filter { by: By::Thread, ..Filter::default() }) {
        let text = loaded["text"].as_str().unwrap();
        assert!(!text.contains(['\x1b', '\r', '\0', '\u{202e}']), "{python}");
    }
}

fn json_lines(recording: &[u8], filter: Filter) -> Vec<Json> {
    text("jsonl", recording, filter).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type<'a>(lines: &'a [Json], name: &'a str) -> impl Iterator<Item = &'a Json> {
    lines.iter().filter(move |line| line["type"] == name)
}

#[test]
fn json_lines_hold_everything() {
    let lines = json_lines(&recording::plain(), Filter::default());
    assert_eq!((&lines[0]["type"], &lines[0]["interval"]), (&"header".into(), &(10 * MS).into()));
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["ending"]), (&"end".into(), &"complete".into()));
    assert_eq!(last["accounting"]["deduced"], 7);
    let runs: Vec<&Json> = of_type(&lines, "run").collect();
    assert_eq!(runs.len(), 8, "idle ones too");
    // Names come before what refers to them.
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &lines {
        for (member, kind) in [
            ("function", "function"),
            ("frame", "frame"),
            ("caller", "stack"),
            ("stack", "stack"),
            ("process", "process"),
            ("thread", "thread"),
        ] {
            if let Some(number) = line.get(member).and_then(Json::as_u64) {
                assert!(known.get(kind).is_some_and(|count| number < *count as u64), "{line}");
            }
        }
        if let Some(id) = line.get("id").and_then(Json::as_u64) {
            let count = known.entry(line["type"].as_str().unwrap()).or_default();
            assert_eq!(id, *count as u64, "{line}");
            *count += 1;
        }
    }
    let states: Vec<&str> = runs.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "running").count(), 5, "{states:?}");
    assert_eq!(runs.iter().map(|run| run["cpu"].as_u64().unwrap()).sum::<u64>(), 36 * MS);
    let event = of_type(&lines, "event").next().unwrap();
    assert_eq!((&event["kind"], &event["duration"], &event["value"]), (&"gc".into(), &(3 * MS).into(), &2.into()));
}

#[test]
fn json_lines_are_chosen_and_told_anew() {
    let recording = recording::plain();
    let count = |filter| of_type(&json_lines(&recording, filter), "run").count();
    let threads = |text| vec![ThreadChoice::parse(text).unwrap()];
    assert_eq!(count(Filter { threads: threads("worker"), ..Filter::default() }), 2);
    assert_eq!(count(Filter { time: Some(0..10 * MS), ..Filter::default() }), 3);
    assert_eq!(count(Filter { include: vec![Pattern::parse("crunch").unwrap()], ..Filter::default() }), 2);
    assert_eq!(count(Filter { exclude: vec![Pattern::parse("crunch").unwrap()], ..Filter::default() }), 6);
    // A name that is learned late is told again.
    let mut maker = Maker::new();
    let thread = maker.thread(maker.process, 1, "old");
    maker.run(thread, 0, State::Running, "main:1");
    maker.writer.flush_if_due(2000 * MS).unwrap();
    let named = Thread { name: Some("new".into()), ..Thread::new(maker.process, 1) };
    maker.writer.set_thread(thread, named);
    let other = maker.thread(maker.process, 2, "other");
    maker.run(other, 2000, State::Running, "main:1");
    let lines = json_lines(&maker.finish(2010 * MS), Filter::default());
    let told: Vec<(u64, &str)> =
        of_type(&lines, "thread").map(|of| (of["id"].as_u64().unwrap(), of["name"].as_str().unwrap())).collect();
    assert_eq!(told, [(0, "old"), (0, "new"), (1, "other")]);
    let hostile = json_lines(&recording::hostile(), Filter::default());
    let names: Vec<&str> = of_type(&hostile, "event").map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(names, HOSTILE);
}

/// The browser. In CI there must be one.
fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join("chromium")).find(|path| path.exists());
    assert!(found.is_some() || std::env::var("CI").as_deref() != Ok("true"), "missing in CI: chromium");
    if found.is_none() {
        eprintln!("not tested, because not here: chromium");
    }
    found
}

/// What a page looks like once its scripts ran.
///
/// # Panics
/// If it says anything on the console.
fn opened(file: &Scratch, fragment: &str) -> Option<String> {
    let profile = file.0.with_extension("profile");
    let output = Command::new(browser()?)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000", "--window-size=1000,900", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}{fragment}", file.0.display()))
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(profile);
    let talk = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = talk.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(output.status.success() && console.is_empty(), "{console:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_page_shows_figures_and_table() {
    let file = Scratch::new("plain.html", &bytes("html", &recording::plain(), Filter::default()));
    let Some(page) = opened(&file, "") else { return };
    let expected = [
        "<title>process 7: python3 app.py, and 1 more process</title>",
        "<p>wall-clock time of threads that are not idle</p>",
        "<dt>duration</dt><dd>40.0 ms</dd>",
        "<dt>samples</dt><dd>7 of 7 wanted</dd>",
        "<dt>deduced</dt><dd>7</dd>",
        "<tr><td>30.0 ms</td><td>42.86 %</td><td>50.0 ms</td><td>71.43 %</td><td><button>work <small>/app.py:20</small></button></td></tr>\
         <tr><td>20.0 ms</td><td>28.57 %</td><td>20.0 ms</td><td>28.57 %</td><td><button>crunch <small></small></button></td></tr>",
        "<div id=\"detail\">all · 70.0 ms, 100.00 % of all</div>",
    ];
    expected.iter().for_each(|text| assert!(page.contains(text), "{text}\n{page}"));
    assert_eq!(page.matches("<tr><td>").count(), 5, "{page}");
    let page = opened(&file, "#WORK").unwrap();
    assert!(page.contains("found in 50.0 ms, 71.43 %</span>"), "{page}");
    assert_eq!(page.matches("<tr><td>").count(), 1, "{page}");
}

/// What a user does: clicks on the first place above all, moves over what it calls, and goes back.
const CLICK: &str = "<script>
const box = canvas.getBoundingClientRect(), told = [];
const point = (x, row) => ({clientX: box.left + x, clientY: box.top + (row + 0.5) * ROW});
const then = () => told.push($('detail').textContent + ($('back').hidden ? '' : ' (zoomed)'));
canvas.onclick(point(5, 1)); then();
canvas.onmousemove(point(view.clientWidth - 5, 1)); then();
canvas.onmousemove(point(5, 2)); then();
onkeydown({key: 'Escape'}); then();
$('total').click(); told.push($('rows').rows[0].innerText);
document.body.append(document.createElement('pre'));
document.body.lastChild.textContent = told.join('\\n');
</script>";

#[test]
fn the_page_answers() {
    let mut html = bytes("html", &recording::plain(), Filter::default());
    html.extend_from_slice(CLICK.as_bytes());
    let Some(page) = opened(&Scratch::new("click.html", &html), "") else { return };
    let told = page.rsplit("<pre>").next().unwrap().split("</pre>").next().unwrap();
    let expected = [
        "main /app.py:10 · 40.0 ms, 57.14 % of all · own 10.0 ms (zoomed)",
        "main /app.py:10 · 40.0 ms, 57.14 % of all · own 10.0 ms (zoomed)",
        "work /app.py:20 · 30.0 ms, 42.86 % of all · own 10.0 ms (zoomed)",
        "all · 70.0 ms, 100.00 % of all",
        "30.0 ms\t42.86 %\t50.0 ms\t71.43 %\twork /app.py:20",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn no_name_gets_out_of_the_page() {
    for by in [By::All, By::Thread, By::Task] {
        let filter = Filter { by, ..Filter::default() };
        let html = bytes("html", &recording::hostile(), filter);
        let text = String::from_utf8(html.clone()).unwrap();
        assert_eq!((text.matches("<script").count(), text.matches("</script").count()), (2, 2));
        assert!(!text.contains("<img") && !text.contains("<!--"), "{text}");
        let file = Scratch::new(&format!("{by:?}.html"), &html);
        let Some(page) = opened(&file, "#%zz") else { return };
        assert!(page.contains("· 48.0 ms, 100.00 % of all"), "{page}");
        assert!(!page.contains("<title>owned"), "{page}");
        assert_eq!(page.matches("<option").count(), if by == By::All { 0 } else { HOSTILE.len() + 1 }, "{page}");
    }
}

#[test]
fn a_browser_opens_the_flame_graph() {
    for (name, recording) in [("plain", recording::plain()), ("hostile", recording::hostile())] {
        let file = Scratch::new(&format!("{name}.svg"), &bytes("svg", &recording, Filter::default()));
        let Some(page) = opened(&file, "") else { return };
        assert!(page.contains("id=\"frames\"") && !page.contains("parsererror"), "{page}");
    }
}

// --- what differs between two recordings ----------------------------------------------------------

/// `work` takes half of 40 ms before and three quarters of 40 ms after; `old` is gone, `fresh` is new.
fn two() -> [Vec<u8>; 2] {
    let made = |stacks: [&str; 4]| {
        let mut maker = Maker::new();
        let thread = maker.thread(maker.process, 100, "MainThread");
        for (index, stack) in stacks.into_iter().enumerate() {
            maker.run(thread, 10 * index as u64, State::Running, stack);
        }
        maker.finish(40 * MS)
    };
    let (work, old, fresh) = ("main:11 work:22", "main:11 old:32", "main:11 fresh:42");
    [made([work, work, old, old]), made([work, fresh, work, work])]
}

/// What differs between two recordings, in a format.
fn difference(format: &str, [before, after]: &[Vec<u8>; 2]) -> String {
    let mut out = Vec::new();
    let compared = Compared::of(&before.as_slice(), &after.as_slice(), &View::default()).unwrap();
    (Format::named(format).unwrap().comparing().unwrap())(&compared, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_documents_list_the_formats_that_compare() {
    let names = |able: bool| FORMATS.iter().filter(move |format| format.compare.is_some() == able);
    let listed: Vec<String> = names(true).map(|format| format!("`{}`", format.name)).collect();
    let document = std::fs::read_to_string("docs/formats.md").unwrap();
    let line = format!("Formats that can: {}.", listed.join(", "));
    assert!(document.contains(&line), "docs/formats.md lacks {line:?}");
    for format in names(false) {
        let error = format.comparing().unwrap_err();
        assert!(error.hints()[0].contains("svg"), "{error:?}");
    }
}

#[test]
fn every_format_that_compares_takes_every_recording() {
    let all = [recording::plain(), recording::hostile(), Maker::new().finish(0), two()[0].clone()];
    for format in FORMATS.iter().filter(|format| format.compare.is_some()) {
        for before in &all {
            for after in &all {
                let text = difference(format.name, &[before.clone(), after.clone()]);
                let name = format.name;
                assert!(!text.is_empty() || name == "folded", "{name}");
                assert!(!text.contains('\x1b'), "{name}: {text}");
            }
        }
    }
}

#[test]
fn collapsed_stacks_have_both_weights() {
    let mut lines: Vec<String> = difference("folded", &two()).lines().map(str::to_owned).collect();
    lines.sort();
    let main = "main (/app.py:10)";
    let expected = [
        format!("{main};fresh (/app.py:40) 0 10000"),
        format!("{main};old (/app.py:30) 20000 0"),
        format!("{main};work (/app.py:20) 20000 30000"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_line_of_json_tells_of_each_function_before_and_after() {
    let text = difference("jsonl", &two());
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["before"]["time"]), (&"difference".into(), &(40 * MS).into()));
    let times = |name: &str| {
        let line = lines.iter().find(|line| line["name"] == name).unwrap();
        [&line["before"]["own"], &line["before"]["total"], &line["after"]["own"], &line["after"]["total"]]
            .map(|time| time.as_u64().unwrap() / MS)
    };
    assert_eq!(times("main"), [0, 40, 0, 40]);
    assert_eq!(times("work"), [20, 20, 30, 30]);
    assert_eq!((times("old"), times("fresh")), ([20, 20, 0, 0], [0, 0, 10, 10]));
}

/// Each frame of a flame graph with its colour.
const READ_COLOURS: &str = "
import re, sys
from xml.etree import ElementTree
name = '{http://www.w3.org/2000/svg}'
for group in ElementTree.parse(sys.argv[1]).getroot().iter(name + 'g'):
    title, box = group.find(name + 'title'), group.find(name + 'rect')
    if title is not None: print(title.text, box.get('fill'))
";

#[test]
fn the_flame_graph_of_a_difference_is_red_and_blue() {
    let read = |pair: &[Vec<u8>; 2]| {
        let file = Scratch::new("difference.svg", difference("svg", pair).as_bytes());
        output(Path::new("python3"), &["-c", READ_COLOURS, file.0.to_str().unwrap()], "")
    };
    let colours = |text: &str, name: &str| -> Vec<u8> {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        let numbers = line.rsplit("rgb(").next().unwrap().trim_end_matches(')');
        numbers.split(',').map(|number| number.parse().unwrap()).collect()
    };
    let [before, after] = two();
    let text = read(&[before.clone(), after.clone()]);
    let work = colours(&text, "work (/app.py:20) (30,000 µs, 75.00%; +25.00%)");
    assert!(work[0] > work[2], "{text}");
    let main = colours(&text, "main (/app.py:10) (40,000 µs, 100.00%; 0.00%)");
    assert!(main[0] == main[2] && !text.contains("old ("), "{text}");
    let text = read(&[after, before]);
    let work = colours(&text, "work (/app.py:20) (20,000 µs, 50.00%; -25.00%)");
    assert!(work[0] < work[2], "{text}");
}

#[test]
fn the_page_of_a_difference_shows_both() {
    let html = difference("html", &two()) + CLICK_BOTH;
    let Some(page) = opened(&Scratch::new("difference.html", html.as_bytes()), "") else { return };
    let told = page.rsplit("<pre>").next().unwrap().split("</pre>").next().unwrap();
    let expected = [
        "0 ns,0.00 %,0 ns,0.00 %,-50.00 points,old /app.py:30",
        "30.0 ms,75.00 %,30.0 ms,75.00 %,+25.00 points,work /app.py:20",
        "10.0 ms,25.00 %,10.0 ms,25.00 %,+25.00 points,fresh /app.py:40",
        "work /app.py:20 · 30.0 ms, 75.00 % of all · own 30.0 ms · +25.00 points",
        "work /app.py:20 · 20.0 ms, 50.00 % of all · own 20.0 ms · +25.00 points",
    ];
    let lines: Vec<&str> = told.lines().collect();
    for line in expected {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    assert!(page.contains("<dt>before</dt><dd>4 samples in 40.0 ms"), "{page}");
}

#[test]
fn the_command_line_compares() {
    let [before, after] = two();
    let (before, after) = (Scratch::new("before.pv", &before), Scratch::new("after.pv", &after));
    let report = |to: &Scratch| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pitviper"));
        command.args(["report", "diff"]).args([&before.0, &after.0]).arg("-o").arg(&to.0).output().unwrap()
    };
    let folded = Scratch::new("difference.folded", b"");
    let ended = report(&folded);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(std::fs::read_to_string(&folded.0).unwrap(), difference("folded", &two()));
    let pprof = Scratch::new("difference.pprof", b"kept");
    let ended = report(&pprof);
    let talk = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{talk}");
    assert!(talk.contains("the format pprof cannot show what differs") && talk.contains("html, svg"), "{talk}");
    assert_eq!(std::fs::read(&pprof.0).unwrap(), b"kept");
}

/// What a user does: reads the table, points at what `main` calls first, chooses the recording before.
const CLICK_BOTH: &str = "<script>
const box = canvas.getBoundingClientRect(), told = [];
const point = (x, row) => ({clientX: box.left + x, clientY: box.top + (row + 0.5) * ROW});
for (const row of $('rows').rows) told.push([...row.cells].map(cell => cell.innerText.trim()).join());
const look = () => { hovered = -1; canvas.onmousemove(point(5, 2)); told.push($('detail').textContent); };
look();
$('group').value = 0; $('group').onchange(); look();
document.body.append(document.createElement('pre'));
document.body.lastChild.textContent = told.join('\\n');
</script>";
