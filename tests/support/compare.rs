//! Compares what a program says of itself with what pitviper says of it.

use serde_json::Value;
use std::collections::BTreeSet;

/// Of one thread or one whole dump at most so many differences are shown.
const MOST: usize = 12;

/// The thread of a dump with this identity in this interpreter.
pub fn thread_of<'d>(dump: &'d Value, interpreter: &Value, ident: &Value) -> Option<&'d Value> {
    threads(dump).find(|(id, thread)| *id == interpreter && thread["id"] == *ident).map(|(_, thread)| thread)
}

/// All threads of a dump, each with the number of its interpreter.
pub fn threads(dump: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let interpreters = dump["interpreters"].as_array().into_iter().flatten();
    interpreters.flat_map(|interpreter| {
        interpreter["threads"].as_array().into_iter().flatten().map(|thread| (&interpreter["id"], thread))
    })
}

/// Every difference between the truth of a program and a dump of it, one text each.
pub fn differences(truth: &Value, dump: &Value) -> Vec<String> {
    let mut found = Differences::default();
    found.field("", "pid", &truth["pid"], &dump["target"]["pid"]);
    let version: Vec<String> = items(&truth["version"]).iter().map(Value::to_string).collect();
    found.field("", "python.version", &version.join(".").into(), &dump["python"]["version"]);
    found.field("", "complete", &true.into(), &dump["complete"]);
    found.field("", "problems", &Value::Array(Vec::new()), &dump["problems"]);
    for told in items(&truth["threads"]) {
        let place = format!("thread {} {}", told["ident"], told["name"]);
        match thread_of(dump, &told["interpreter"], &told["ident"]) {
            Some(seen) => found.thread(&place, told, seen),
            None => found.0.push(format!("{place} of interpreter {} is missing", told["interpreter"])),
        }
    }
    found.strangers(truth, dump);
    found.0
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn field(&mut self, place: &str, what: &str, told: &Value, seen: &Value) {
        if told != seen {
            self.0.push(format!("{place} {what}: is {}, pitviper says {}", short(told), short(seen)));
        }
    }

    /// Like `field`, where null is no statement.
    fn known(&mut self, place: &str, what: &str, told: &Value, seen: &Value) {
        if !told.is_null() {
            self.field(place, what, told, seen);
        }
    }

    fn thread(&mut self, place: &str, told: &Value, seen: &Value) {
        self.known(place, "native_id", &told["native_id"], &seen["native_id"]);
        self.known(place, "name", &told["name"], &seen["name"]);
        self.field(place, "state", &"idle".into(), &seen["state"]);
        self.field(place, "read", &"blocked".into(), &seen["read"]);
        self.field(place, "end", &"root".into(), &seen["end"]);
        let (told, seen) = (items(&told["frames"]), items(&seen["frames"]));
        if told.len() != seen.len() {
            let (told, seen) = (names(told), names(seen));
            self.0.push(format!("{place} frames: are {told}, pitviper says {seen}"));
            return;
        }
        let mut frames = Self::default();
        for (index, (told, seen)) in told.iter().zip(seen).enumerate() {
            frames.frame(&format!("{place} frame {index} {}", told["name"]), told, seen);
        }
        let more = frames.0.len().saturating_sub(MOST);
        self.0.extend(frames.0.into_iter().take(MOST));
        if more > 0 {
            self.0.push(format!("{place} … and {more} more in this thread"));
        }
    }

    fn frame(&mut self, place: &str, told: &Value, seen: &Value) {
        self.field(place, "kind", &"python".into(), &seen["kind"]);
        self.field(place, "name", &told["name"], &seen["name"]);
        self.field(place, "file", &told["file"], &seen["file"]);
        if told["helper"] == true {
            return;
        }
        for what in ["qualname", "line", "lasti", "first_line", "end_line", "column", "end_column"] {
            self.field(place, what, &told[what], &seen[what]);
        }
        if told["locals"].is_null() {
            return;
        }
        self.locals(place, items(&told["locals"]), items(&seen["locals"]));
    }

    fn locals(&mut self, place: &str, told: &[Value], seen: &[Value]) {
        let listed = |locals: &[Value], name: &dyn Fn(&Value) -> (Value, Value)| -> Vec<String> {
            locals.iter().map(name).map(|(name, kind)| format!("{} {}", text(&kind), text(&name))).collect()
        };
        let are = listed(told, &|local| (local[0].clone(), local[1].clone()));
        let says = listed(seen, &|local| (local["name"].clone(), local["kind"].clone()));
        if are != says {
            self.0.push(format!("{place} locals: are [{}], pitviper says [{}]", are.join(", "), says.join(", ")));
            return;
        }
        for (told, seen) in told.iter().zip(seen) {
            self.known(&format!("{place} local {}", text(&told[0])), "text", &told[2], &seen["repr"]);
        }
    }

    /// Threads that pitviper invents. Where only some are told of, the others are not compared; a
    /// child of fork on 2.7 lists threads that are gone.
    fn strangers(&mut self, truth: &Value, dump: &Value) {
        if !truth["extra"]["count"].is_null() || items(&truth["threads"]).is_empty() {
            return;
        }
        let stale: BTreeSet<String> = items(&truth["extra"]["stale"]).iter().map(Value::to_string).collect();
        let key = |interpreter: &Value, ident: &Value| (interpreter.to_string(), ident.to_string());
        let told: BTreeSet<_> =
            items(&truth["threads"]).iter().map(|thread| key(&thread["interpreter"], &thread["ident"])).collect();
        for (interpreter, thread) in threads(dump) {
            let gone = stale.contains(&thread["id"].to_string());
            if !gone && !told.contains(&key(interpreter, &thread["id"])) {
                let (id, name) = (&thread["id"], &thread["name"]);
                self.0.push(format!("thread {id} {name} of interpreter {interpreter} does not exist"));
            }
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn names(frames: &[Value]) -> String {
    let name = |frame: &Value| format!("{}:{}", text(&frame["name"]), frame["line"]);
    let shown: Vec<String> = frames.iter().take(MOST).map(name).collect();
    let more = if frames.len() > MOST { " < …" } else { "" };
    format!("{} [{}{more}]", frames.len(), shown.join(" < "))
}

fn short(value: &Value) -> String {
    const WIDTH: usize = 160;
    let text = value.to_string();
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}
