//! The terminal of the shell: a line editor with history and completion.

use crate::cli::shell::complete::complete;
use crate::error::{Error, Result};
use crate::os;
use crate::target::Target;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::path::PathBuf;
use std::rc::Rc;

/// So many lines are remembered.
const MAX_LINES: usize = 1000;
/// A greater file is no history.
const MAX_FILE: u64 = 1 << 20;

/// Reads lines from the terminal.
pub struct Lines {
    editor: Editor<Names, MemHistory>,
    file: Option<PathBuf>,
}

/// Completes what is in the target.
struct Names {
    target: Rc<Target>,
    commands: clap::Command,
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = complete(&self.target, &self.commands, line.get(..at).unwrap_or(line));
        let pair = |text: String| Pair { display: text.clone(), replacement: text };
        Ok((found.start, found.texts.into_iter().map(pair).collect()))
    }
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Validator for Names {}
impl Hinter for Names {
    type Hint = String;
}

impl Lines {
    /// For the names of `target`, and `commands`.
    pub fn new(target: Rc<Target>, commands: clap::Command) -> Result<Self> {
        let config = Config::builder().completion_type(CompletionType::List).max_history_size(MAX_LINES);
        let config = config.and_then(|config| config.history_ignore_dups(true)).map_err(unusable)?;
        let config = config.auto_add_history(false).build();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config)).map_err(unusable)?;
        editor.set_helper(Some(Names { target, commands }));
        let mut lines = Self { editor, file: file() };
        lines.recall();
        Ok(lines)
    }

    /// The next line; `None` at the end. Ctrl-C gives up a line.
    pub fn next(&mut self, prompt: &str) -> Result<Option<String>> {
        loop {
            return match self.editor.readline(prompt) {
                Ok(line) => {
                    self.remember(&line);
                    Ok(Some(line))
                }
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => Ok(None),
                Err(error) => Err(unusable(error)),
            };
        }
    }

    /// Lines of earlier sessions. Without them there is nothing worth a word.
    fn recall(&mut self) {
        let Some(file) = self.file.as_ref().filter(|file| file.metadata().is_ok_and(|meta| meta.len() <= MAX_FILE))
        else {
            return;
        };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(MAX_LINES)..).unwrap_or_default();
        for line in last {
            let _ = self.editor.add_history_entry(*line);
        }
        // It grows by a line at a time, and is cut once it is twice as long as need be.
        if lines.len() > 2 * MAX_LINES {
            let _ = std::fs::write(file, last.join("\n") + "\n");
        }
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || !matches!(self.editor.add_history_entry(line), Ok(true)) {
            return;
        }
        let Some(file) = &self.file else { return };
        // What a line names is nobody else's business. That it is not kept is no reason to stop.
        let _ = os::append(file, &format!("{line}\n"));
    }
}

fn unusable(error: ReadlineError) -> Error {
    Error::failed("the terminal cannot be used").because(error)
}

/// Where lines are kept, by the XDG base directories.
fn file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("pitviper/history"))
}
