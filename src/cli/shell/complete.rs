//! What a line of the shell may go on with: commands, options, and the names, keys and frames of the target.

use crate::cli::shell::words::split;
use crate::memory::Pages;
use crate::output::escape;
use crate::paths::{Key, Path, Place, Resolver};
use crate::python::CodeCache;
use crate::target::Target;
use std::collections::BTreeSet;

/// Words of the shell that are no commands of pitviper.
pub const OWN: [&str; 5] = ["exit", "freeze", "help", "quit", "thaw"];
/// How a path may begin, beside a name.
const PREFIXES: [&str; 6] = ["all:", "code:", "interp:", "t:", "task:", "type:"];

/// What fits at the end of a line: from which byte on it is replaced, and by what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choices {
    /// The first byte that is replaced.
    pub start: usize,
    /// What to put there.
    pub texts: Vec<String>,
}

/// What may follow `line`, which ends where the cursor stands.
pub fn complete(target: &Target, commands: &clap::Command, line: &str) -> Choices {
    let (mut words, _) = split(line);
    let at_word = words.last().is_some_and(|word| line.len() > word.start) && !ends_word(line);
    let last = if at_word { words.pop() } else { None };
    let (start, typed) = last.map_or((line.len(), ""), |word| (word.start, line.get(word.start..).unwrap_or("")));
    let command = words.first().and_then(|word| commands.find_subcommand(&word.text));
    if let Some(command) = command.filter(|_| typed.starts_with('-')) {
        let options = command.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?)));
        return fitting(start, typed, options.collect());
    }
    let positionals = command.into_iter().flat_map(clap::Command::get_positionals);
    let values: BTreeSet<String> = positionals
        .flat_map(|argument| argument.get_possible_values())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !values.is_empty() {
        return fitting(start, typed, values);
    }
    let mut found = path(target, typed, start);
    if words.is_empty() && !typed.contains(['.', '[', ':']) {
        let names = commands.get_subcommands().map(clap::Command::get_name).chain(OWN);
        let mut texts = fitting(start, typed, names.map(str::to_owned).collect()).texts;
        texts.append(&mut found.texts);
        found.texts = texts;
    }
    found
}

/// Whether a new word begins behind `line`.
fn ends_word(line: &str) -> bool {
    let (with, _) = split(&format!("{line}x"));
    let (without, _) = split(line);
    with.len() > without.len()
}

fn fitting(start: usize, typed: &str, texts: BTreeSet<String>) -> Choices {
    Choices { start, texts: texts.into_iter().filter(|text| text.starts_with(typed)).collect() }
}

/// What a path that begins with `typed` may go on with; it stands at byte `start` of the line.
fn path(target: &Target, typed: &str, start: usize) -> Choices {
    let (codes, pages) = (CodeCache::default(), Pages::new(&target.memory));
    let none = Choices { start, texts: Vec::new() };
    // Of these the rest is a path of its own.
    for prefix in ["code:", "type:", "all:"] {
        if let Some(rest) = typed.strip_prefix(prefix) {
            return path(target, rest, start + prefix.len());
        }
    }
    let (number, rest) = match typed.strip_prefix("interp:").map(|rest| rest.split_once('/')) {
        Some(Some((number, rest))) => (number.parse().ok(), rest),
        Some(None) => return none,
        None => (None, typed),
    };
    let start = start + typed.len() - rest.len();
    let Ok(resolver) = Resolver::new(target, &pages, &codes, number) else { return none };
    let Some((at, bracket)) = last_step(rest) else {
        return root(&resolver, rest, start);
    };
    let (base, partial) = (rest.get(..at).unwrap_or(""), rest.get(at + 1..).unwrap_or(""));
    let start = start + at + 1;
    let base = split(base).0.into_iter().next().map(|word| word.text).unwrap_or_default();
    // Frames of a thread are asked for by `.f[`.
    let thread = base.strip_suffix(".f").filter(|text| bracket && text.starts_with("t:") && !text.contains('['));
    let Ok(path) = thread.unwrap_or(&base).parse::<Path>() else { return none };
    let path = Path { interpreter: number, ..path };
    let Ok(place) = resolver.resolve(&path) else { return none };
    match (bracket, &place) {
        (true, place) => keys(&resolver.keys(place), matches!(place, Place::Thread(_)), partial, start),
        (false, Place::Thread(_)) => fitting(start, partial, BTreeSet::from(["f[".to_owned()])),
        (false, place) => names(resolver.attributes(place), partial, start),
    }
}

/// Where the last step of `path` begins, and whether that is a bracket that is open still.
fn last_step(path: &str) -> Option<(usize, bool)> {
    let (mut dot, mut open, mut quote) = (None, Vec::new(), None);
    for (at, character) in path.char_indices() {
        match (character, quote) {
            (_, Some(end)) if character == end => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(character),
            ('[', None) => open.push(at),
            (']', None) => {
                open.pop();
                dot = None;
            }
            ('.', None) if open.is_empty() => dot = Some(at),
            _ => {}
        }
    }
    open.first().map(|at| (*at, true)).or(dot.map(|at| (at, false)))
}

fn root(resolver: &Resolver<'_>, typed: &str, start: usize) -> Choices {
    let of = |prefix: &str, names: BTreeSet<String>| {
        let rest = typed.strip_prefix(prefix).unwrap_or("");
        let rest = rest.trim_start_matches(['\'', '"']);
        let names = names.into_iter().filter(|name| name.starts_with(rest) && is_plain(name));
        // A space would end the word.
        let quoted = |name: String| if name.contains(char::is_whitespace) { format!("'{name}'") } else { name };
        Choices { start: start + prefix.len(), texts: names.map(quoted).collect() }
    };
    if typed.starts_with("t:") {
        let names = resolver.threads.iter().enumerate();
        return of("t:", names.map(|(at, known)| known.name.clone().unwrap_or_else(|| at.to_string())).collect());
    }
    if typed.starts_with("task:") {
        return of("task:", resolver.tasks());
    }
    let mut found = names(resolver.roots().into_iter().filter(|name| !name.contains('.')).collect(), typed, start);
    found.texts.extend(PREFIXES.iter().filter(|prefix| prefix.starts_with(typed)).map(|prefix| (*prefix).to_owned()));
    found
}

/// The names that fit; those with an underscore only for who has typed it.
fn names(names: BTreeSet<String>, typed: &str, start: usize) -> Choices {
    let is_wanted = |name: &String| name.starts_with(typed) && (typed.starts_with('_') || !name.starts_with('_'));
    Choices { start, texts: names.into_iter().filter(|name| is_wanted(name) && is_plain(name)).collect() }
}

fn keys(keys: &[Key], are_frames: bool, typed: &str, start: usize) -> Choices {
    let bare = typed.trim_start_matches(['\'', '"']);
    let text = |key: &Key| match key {
        // The name of a function is not quoted there.
        Key::Text(name) if are_frames => Some((name.clone(), name.clone())),
        Key::Text(name) => Some((name.clone(), format!("{name:?}"))),
        key => Some((key.to_string(), key.to_string())),
    };
    let fits = |(plain, written): (String, String)| {
        let fits = plain.starts_with(bare) || written.starts_with(typed);
        (fits && is_plain(&plain)).then(|| format!("{written}]"))
    };
    Choices { start, texts: keys.iter().filter_map(text).filter_map(fits).collect() }
}

/// Whether the terminal can show `text`, and a path can be written with it.
fn is_plain(text: &str) -> bool {
    !text.contains(['\n', '\t']) && escape(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_is_what_is_being_written() {
        let rows = [
            ("app", None),
            ("app.po", Some((3, false))),
            ("app.pool[", Some((8, true))),
            ("app.pool['a.b", Some((8, true))),
            ("app.pool['a'].x", Some((13, false))),
            ("app.pool['a']", None),
            ("t:Main.f[0].x", Some((11, false))),
            ("d[(1, x", Some((1, true))),
        ];
        for (path, expected) in rows {
            assert_eq!(last_step(path), expected, "{path}");
        }
    }
}
