//! The shell: all commands of pitviper for one target, which need not be named again.
//!
//! A line that begins with no command is a path to inspect. On a terminal lines can be edited, recalled and
//! completed; otherwise they are read one by one, and the exit code is that of the first that failed.

mod complete;
mod editor;
mod words;

use crate::address::Pid;
use crate::cli::terminal::{self, Talk};
use crate::cli::{Arguments, Command, Outcome, code_of, found};
use crate::error::{Error, Kind, Result};
use crate::memory::Pages;
use crate::os::{Freezer, Frozen};
use crate::python::{InterpreterState, Python, ThreadState};
use crate::stacks::{GilPlace, NativeId, NativeIds};
use crate::target::{Target, UserTable};
use clap::{CommandFactory, Parser};
use editor::Lines;
use std::io::{self, BufRead, IsTerminal};
use std::rc::Rc;

/// What the shell was started with.
pub struct Start<'s> {
    /// The target.
    pub pid: Pid,
    /// Its offset table, if the user gave one.
    pub table: Option<&'s UserTable>,
    /// Options that all commands get which have them: name and value.
    pub options: Vec<(&'static str, Option<String>)>,
}

/// A longer line is no command.
const MAX_LINE: u64 = 1 << 20;

/// Runs the shell until its input ends.
pub fn run(start: &Start<'_>, talk: Talk) -> Result<Outcome> {
    let target = Rc::new(found::attach(talk, start.pid, start.table)?);
    let mut shell = Shell { start, talk, commands: Arguments::command(), frozen: None, failed: 0 };
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        talk.tell(format!("pid {}: CPython {}; `help` tells what can be asked", start.pid, target.layout.version));
        let mut lines = Lines::new(target, shell.commands.clone())?;
        while let Some(line) = lines.next(shell.prompt())? {
            if shell.line(&line) == Flow::End {
                break;
            }
        }
        return Ok(Outcome::Complete);
    }
    let mut input = io::stdin().lock();
    while let Some(line) = next_line(&mut input)? {
        if shell.line(&line) == Flow::End {
            break;
        }
    }
    Ok(Outcome::Exit(shell.failed))
}

fn next_line(input: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let unreadable = |error: io::Error| Error::failed("cannot read standard input").because(error);
    let read = io::Read::take(&mut *input, MAX_LINE).read_until(b'\n', &mut line).map_err(unreadable)?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// Whether the shell goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    On,
    End,
}

struct Shell<'s> {
    start: &'s Start<'s>,
    talk: Talk,
    commands: clap::Command,
    /// While it lives, the threads of the target stand.
    frozen: Option<Freezer>,
    /// The exit code of the first line that failed.
    failed: u8,
}

impl Shell<'_> {
    fn prompt(&self) -> &'static str {
        if self.frozen.is_some() { "pitviper (frozen)> " } else { "pitviper> " }
    }

    /// Carries out a line.
    fn line(&mut self, line: &str) -> Flow {
        let words = words::words(line).map(|words| words.into_iter().map(|word| word.text).collect::<Vec<_>>());
        let done = match words {
            Err(problem) => Err(Error::new(Kind::Usage, format!("cannot read the line: {problem}"))),
            Ok(words) => match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] => return Flow::On,
                ["exit" | "quit"] => return Flow::End,
                ["help" | "?"] => self.help().map(|()| Outcome::Complete),
                ["freeze"] => self.freeze(),
                ["thaw"] => self.thaw(),
                words => self.command(words),
            },
        };
        let code = code_of(done, self.talk);
        if self.failed == 0 {
            self.failed = code;
        }
        Flow::On
    }

    fn command(&self, words: &[&str]) -> Result<Outcome> {
        let [first, rest @ ..] = words else { return Ok(Outcome::Complete) };
        let (name, rest) = match self.commands.find_subcommand(first) {
            Some(_) => (*first, rest),
            // `help COMMAND` is clap's own.
            None if *first == "help" => (*first, rest),
            None => ("inspect", words),
        };
        let command = self.commands.find_subcommand(name);
        let arguments = || command.into_iter().flat_map(clap::Command::get_arguments);
        let mut line = vec!["pitviper".to_owned()];
        line.extend(match self.talk {
            Talk::Quiet => Some("-q".to_owned()),
            Talk::Verbose => Some("-v".to_owned()),
            Talk::Normal => None,
        });
        line.push(name.to_owned());
        let has_target = arguments().any(|argument| {
            argument.is_positional() && argument.get_value_names().is_some_and(|names| names == ["TARGET"])
        });
        line.extend(has_target.then(|| self.start.pid.to_string()));
        for (option, value) in &self.start.options {
            let is_given = rest.iter().any(|word| word.strip_prefix("--").is_some_and(|word| word.starts_with(option)));
            if !is_given && arguments().any(|argument| argument.get_long() == Some(option)) {
                line.push(value.as_ref().map_or_else(|| format!("--{option}"), |value| format!("--{option}={value}")));
            }
        }
        line.extend(rest.iter().map(|word| (*word).to_owned()));
        match Arguments::try_parse_from(line) {
            Ok(Arguments { command: Command::Inspect(args), .. }) if args.is_shell() => {
                Err(Error::new(Kind::Usage, "this is the shell already").hint("name a path to inspect"))
            }
            Ok(arguments) => super::carry_out(&arguments.command, arguments.talk()),
            Err(error) => {
                // If even that fails there is no one left to tell.
                let _ = error.print();
                Ok(Outcome::Exit(u8::try_from(error.exit_code()).unwrap_or(2)))
            }
        }
    }

    fn freeze(&mut self) -> Result<Outcome> {
        if self.frozen.is_none() {
            let pid = self.start.pid;
            let stopper = Freezer::start(pid, stands_well(pid, self.start.table.cloned()));
            let cannot =
                |error: io::Error| Error::failed(format!("the threads of pid {pid} cannot be stopped")).because(error);
            self.frozen = Some(stopper.map_err(cannot)?);
        }
        let now = self.frozen.as_ref().map(Freezer::first).unwrap_or_default();
        let Frozen { stopped, asleep, running } = now;
        terminal::data(|out| {
            write!(out, "{stopped} threads stopped, {asleep} asleep in system calls")?;
            writeln!(
                out,
                "{}",
                if running > 0 { format!(", {running} run on: they may not be stopped") } else { String::new() }
            )
        })?;
        Ok(if running > 0 { Outcome::Partial } else { Outcome::Complete })
    }

    fn thaw(&mut self) -> Result<Outcome> {
        self.frozen = None;
        terminal::data(|out| writeln!(out, "all threads go on"))?;
        Ok(Outcome::Complete)
    }

    fn help(&self) -> Result<()> {
        terminal::data(|out| {
            writeln!(out, "{HELP}")?;
            for command in self.commands.get_subcommands() {
                let about = command.get_about().map(ToString::to_string).unwrap_or_default();
                writeln!(out, "  {:<12} {about}", command.get_name())?;
            }
            Ok(())
        })
    }
}

/// What is said of the shell's own words.
const HELP: &str = "\
  PATH         The object at a path, as by inspect PATH: app.config['db'], t:MainThread.f[0].x, task:NAME, type:CLASS;
               inspect --help tells all that a path may be. A name that is a command's needs the word inspect
  freeze       Stop all threads of the target, until thaw, or the end of the shell, however it comes. Threads that
               are asleep in a system call stay there, since stopping them would make some calls fail: they are
               stopped within a millisecond or two once they come out, unless they sleep again before that
  thaw         Let them go on
  help         This; help COMMAND or COMMAND --help tells more
  exit         End (so does Ctrl-D)
Commands, without naming the target again:";

/// Whether a thread stands well: its stack is whole, and it holds the GIL, if there is one. While that is free,
/// threads that come out of system calls could take it before they are caught. A thread that runs without it does so
/// for a moment, or is in C code for long.
fn stands_well(pid: Pid, table: Option<UserTable>) -> impl Fn(Pid) -> bool + Send + 'static {
    let target = Target::attach(pid, table.as_ref()).ok();
    move |tid| {
        // Of a thread that cannot be found nothing is known to be wrong.
        let Some(target) = &target else { return true };
        let pages = Pages::new(&target.memory);
        let python = Python::new(&pages, &target.layout);
        let interpreters = target.interpreters_head().map(|head| python.interpreters(head).items).unwrap_or_default();
        let of = |one: InterpreterState| python.threads(one).items.into_iter().map(move |thread| (one, thread));
        let known: Vec<(InterpreterState, ThreadState)> = interpreters.into_iter().flat_map(of).collect();
        let threads: Vec<ThreadState> = known.iter().map(|(_, thread)| *thread).collect();
        let ids = NativeIds::read(pid, &python, &threads);
        let found = known.iter().find(|(_, thread)| ids.of(thread) == NativeId::Known(tid));
        found.is_none_or(|(interpreter, thread)| {
            let gil = GilPlace::find(target, &python, *interpreter).read(&python);
            !python.stack(thread.address).torn && (!gil.known || gil.holder == Some(thread.address))
        })
    }
}
