//! What places in a program and groups of stacks are called, in every format.

use crate::output::escape;
use crate::profile::{Aggregate, By, Group, Kind, Label, Process, Tables, Thread};

/// The name of a place, as one piece of text without control characters. What is no function stands
/// in angle brackets: `<gc>`.
pub fn name(label: &Label) -> String {
    match label.kind {
        Kind::Python | Kind::Native => escape(label.full_name()).into_owned(),
        _ => format!("<{}>", escape(label.full_name())),
    }
}

/// The line of a place: its own or, if lines are not told apart, the first one of the function.
pub fn line(label: &Label) -> Option<u32> {
    label.line.or(label.first_line)
}

/// A place as one piece of text without control characters: `Class.method (/app.py:12)`.
pub fn place(label: &Label) -> String {
    let name = name(label);
    let file = label.file.as_deref().map(escape);
    match (file, line(label)) {
        (Some(file), Some(line)) => format!("{name} ({file}:{line})"),
        (Some(file), None) => format!("{name} ({file})"),
        (None, _) => name,
    }
}

/// For each group, what stands above its stacks, the outermost first: nothing if all is one, else its
/// own name, and above that its process if there are several.
pub fn headings(by: By, aggregate: &Aggregate, tables: &Tables) -> Vec<Vec<String>> {
    let several = aggregate.groups.iter().any(|group| group.process != aggregate.groups[0].process);
    let heading = |group: &Group| {
        let process = group.process.map(|id| process(tables.process(id)));
        let own = match (by, group.thread) {
            (By::All, _) => return Vec::new(),
            (By::Process, _) => return Vec::from_iter(process),
            (_, Some(thread)) => self::thread(tables.thread(thread)),
            (_, None) => escape(&group.name).into_owned(),
        };
        process.filter(|_| several).into_iter().chain([own]).collect()
    };
    aggregate.groups.iter().map(heading).collect()
}

/// `process 7: python3 app.py`.
pub fn process(process: &Process) -> String {
    let command = process.command.join(" ");
    let text = if command.is_empty() { String::new() } else { format!(": {command}") };
    escape(&format!("process {}{text}", process.pid)).into_owned()
}

/// `MainThread (8)`: the kernel's number tells threads of one name apart.
pub fn thread(thread: &Thread) -> String {
    let text = match (&thread.name, thread.native_id) {
        (Some(name), Some(pid)) => format!("{name} ({pid})"),
        (Some(name), None) => name.clone(),
        (None, Some(pid)) => format!("thread {pid}"),
        (None, None) => format!("thread {:#x}", thread.ident),
    };
    escape(&text).into_owned()
}
