//! The state of a Python for people: section by section, what there is none of left out.

use crate::error::{MAX_COMMAND, brief};
use crate::objects::{Scalar, Value};
use crate::output::dump_text::{describe_call, describe_state};
use crate::output::{Style, escape, state_json};
use crate::state::{
    Alloc, Allocator, Allocators, Exception, Gc, Gil, Hooks, Imports, Interpreter, InterpreterHooks, Kind, Member,
    Origin, Runtime, State, Thread, ThreadName, Threads,
};
use crate::target::Target;
use std::io::{self, Write};

/// Writes `state` of `target` to `out`.
pub fn write(out: &mut dyn Write, target: &Target, state: &State, style: Style) -> io::Result<()> {
    let process = &target.process;
    writeln!(out, "{}", style.heading(format!("Process {}: {}", process.pid, escape(&process.command_brief()))))?;
    let path = target.module.path();
    let layout = &target.layout;
    writeln!(out, "CPython {} ({}, {})", layout.version, layout.flavour, escape(&path.to_string_lossy()))?;
    for problem in &state.problems {
        writeln!(out, "{}", style.bad(format!("note: {}", escape(problem))))?;
    }
    let mut rows = Rows { out, style };
    state.runtime.iter().try_for_each(|runtime| rows.runtime(runtime))?;
    state.interpreters.iter().try_for_each(|all| rows.interpreters(all))?;
    state.threads.iter().try_for_each(|threads| rows.threads(threads))?;
    state.gil.iter().try_for_each(|all| rows.gil(all))?;
    state.gc.iter().try_for_each(|all| rows.gc(all))?;
    state.imports.iter().try_for_each(|all| rows.imports(all))?;
    state.hooks.iter().try_for_each(|hooks| rows.hooks(hooks))?;
    state.alloc.iter().try_for_each(|all| rows.alloc(all))
}

/// Where rows of a name and a text go.
struct Rows<'w> {
    out: &'w mut dyn Write,
    style: Style,
}

impl Rows<'_> {
    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.style.heading(text))
    }

    /// `text` is safe for a terminal already.
    fn row(&mut self, name: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {} {text}", self.style.quiet(format!("{name:<16}")))
    }

    fn some(&mut self, name: &str, text: Option<String>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.row(name, &text))
    }

    fn runtime(&mut self, runtime: &Runtime) -> io::Result<()> {
        self.heading("Runtime")?;
        let text = |text: &Option<String>| text.as_deref().map(safe);
        self.some("version", text(&runtime.version))?;
        self.some("cache tag", text(&runtime.cache_tag))?;
        self.some("platform", text(&runtime.platform))?;
        self.some("executable", text(&runtime.executable))?;
        for (name, prefix) in &runtime.prefixes {
            self.row(name, &safe(prefix))?;
        }
        self.some("argv", runtime.argv.as_deref().map(list))?;
        self.some("orig_argv", runtime.orig_argv.as_deref().map(list))?;
        self.some("flags", Some(pairs(&runtime.flags)).filter(|flags| !flags.is_empty()))?;
        self.some("-X options", runtime.xoptions.as_deref().map(pairs).filter(|options| !options.is_empty()))?;
        self.some("-W options", runtime.warnoptions.as_deref().filter(|options| !options.is_empty()).map(list))?;
        self.some("path", runtime.path.as_deref().map(list))?;
        self.some("allocator", runtime.allocators.map(allocators))?;
        self.some("finalizing", runtime.finalizing.filter(|ending| *ending).map(|_| "yes: Python is ending".to_owned()))
    }

    fn interpreters(&mut self, all: &[Interpreter]) -> io::Result<()> {
        self.heading("Interpreters")?;
        for interpreter in all {
            let main = if interpreter.main { " (main)" } else { "" };
            let modules =
                interpreter.modules.map_or_else(String::new, |count| format!(", {}", counted(count, "module")));
            let ending = if interpreter.finalizing == Some(true) { ", ending" } else { "" };
            let threads = counted(interpreter.threads as u64, "thread");
            let text = format!("{threads}{modules}{ending}, at {}", interpreter.address);
            self.row(&format!("{}{main}", interpreter.id), &text)?;
            interpreter.members.iter().flatten().try_for_each(|member| self.member(member))?;
        }
        Ok(())
    }

    fn threads(&mut self, threads: &Threads) -> io::Result<()> {
        self.heading("Threads")?;
        for thread in &threads.known {
            self.thread(thread)?;
        }
        for stranger in &threads.strangers {
            let name = stranger.comm.as_deref().map_or_else(String::new, |comm| format!(" \"{}\"", escape(comm)));
            let doing = stranger.blocked_on.as_ref().map(describe_call);
            let doing = doing.map_or_else(String::new, |call| format!(", in {call}"));
            writeln!(self.out, "  thread {}{name}: Python does not know it{doing}", stranger.native_id)?;
        }
        Ok(())
    }

    fn thread(&mut self, thread: &Thread) -> io::Result<()> {
        let known = &thread.thread;
        let name = who(&ThreadName::of(known));
        writeln!(self.out, "  [{}] {}: {}", thread.index, self.style.name(name), describe_state(known))?;
        let number = thread.number.map_or_else(String::new, |number| format!(", number {number}"));
        let interpreter = thread.interpreter;
        self.row("  ident", &format!("{:#x}{number} of interpreter {interpreter}, at {}", known.id, known.address))?;
        let depth = thread.recursion.map(|recursion| {
            let limit = recursion.limit.map_or_else(String::new, |limit| format!(" of {limit}"));
            format!("{}{limit}", recursion.depth)
        });
        self.some("  depth", depth)?;
        for exception in &thread.handling {
            self.exception("  handling", exception)?;
        }
        thread.pending.iter().try_for_each(|pending| self.exception("  raising", pending))?;
        self.some("  was sent", thread.sent.as_ref().map(value))?;
        self.some("  trace", thread.trace.as_ref().map(value))?;
        self.some("  profile", thread.profile.as_ref().map(value))?;
        self.some("  thread-local", thread.locals.map(|count| counted(count, "value")))?;
        let requests = thread.requests.as_ref().filter(|requests| !requests.is_empty());
        self.some("  is asked for", requests.map(|requests| requests.join(", ")))?;
        thread.members.iter().flatten().try_for_each(|member| self.member(member))
    }

    fn member(&mut self, member: &Member) -> io::Result<()> {
        let Member { name, offset, size, value } = member;
        writeln!(self.out, "    +{offset:<7} {size} {name:<26} {value:#x}")
    }

    fn exception(&mut self, name: &str, exception: &Exception) -> io::Result<()> {
        self.row(name, &exception_text(exception))?;
        exception.chain.iter().try_for_each(|cause| self.row("    after", &exception_text(cause)))
    }

    fn gil(&mut self, all: &[Gil]) -> io::Result<()> {
        for gil in all {
            self.heading(&of_interpreters("GIL", &gil.interpreters, all.len()))?;
            self.row("state", &holder(gil))?;
            let waiting: Vec<String> = gil.waiting.iter().map(who).collect();
            self.some("waited for by", Some(waiting.join(", ")).filter(|waiting| !waiting.is_empty()))?;
            self.some("switch interval", gil.interval.map(|interval| format!("{:.3} ms", interval as f64 / 1e3)))?;
            self.some("check interval", gil.check_interval.map(|interval| format!("{interval} instructions")))?;
            self.some("switches", gil.switches.map(|switches| switches.to_string()))?;
            self.some("requested", gil.requested.map(|requested| yes(requested).to_owned()))?;
            self.some("pending calls", gil.pending_calls.map(|calls| calls.to_string()))?;
        }
        Ok(())
    }

    fn gc(&mut self, all: &[Gc]) -> io::Result<()> {
        for gc in all {
            self.heading(&of_interpreters("Garbage collector", &gc.interpreters, all.len()))?;
            self.some("enabled", gc.enabled.map(|enabled| yes(enabled).to_owned()))?;
            self.some("debug", gc.debug.filter(|debug| *debug != 0).map(|debug| format!("{debug:#x}")))?;
            for (index, generation) in gc.generations.iter().enumerate() {
                let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
                let population = generation.population.map_or_else(String::new, |count| {
                    let more = if generation.complete { "" } else { " and more" };
                    format!(", {}{more}", counted(count, "object"))
                });
                let text =
                    format!("count {} of {}{population}", number(generation.count), number(generation.threshold));
                self.row(&format!("generation {index}"), &text)?;
            }
            self.some("permanent", gc.permanent.map(|count| counted(count, "object")))?;
            let collecting = gc.collecting.map(|collecting| match &gc.collector {
                Some(thread) if collecting => format!("yes: {}", who(thread)),
                _ => yes(collecting).to_owned(),
            });
            self.some("collecting", collecting)?;
            self.some("gc.garbage", gc.garbage.map(|count| counted(count, "object")))?;
            self.some("callbacks", gc.callbacks.as_deref().filter(|all| !all.is_empty()).map(list))?;
        }
        Ok(())
    }

    fn imports(&mut self, all: &[Imports]) -> io::Result<()> {
        for imports in all {
            self.heading(&of_interpreters("Imports", &[imports.interpreter], all.len()))?;
            self.some("modules", imports.modules.map(|count| count.to_string()))?;
            for module in imports.in_progress.iter().flatten() {
                let thread = module.thread.as_ref().map_or_else(String::new, |thread| format!(" by {}", who(thread)));
                self.row("in progress", &format!("{}{thread}", safe(&module.name)))?;
            }
            for lock in imports.locks.iter().flatten() {
                let owner = match (&lock.owner, lock.owner_id) {
                    (Some(owner), _) => format!("held by {}", who(owner)),
                    (None, Some(id)) => format!("held by {id:#x}, a thread that Python does not know any more"),
                    (None, None) => "free".to_owned(),
                };
                let waiting: Vec<String> = lock.waiting.iter().map(who).collect();
                let waiting =
                    if waiting.is_empty() { String::new() } else { format!("; {} waits for it", waiting.join(", ")) };
                self.row("lock", &format!("{}: {owner}{waiting}", safe(&lock.name)))?;
            }
            if let Some(holder) = &imports.lock_holder {
                let waiting: Vec<String> = imports.lock_waiting.iter().map(who).collect();
                let waiting =
                    if waiting.is_empty() { String::new() } else { format!("; {} waits for it", waiting.join(", ")) };
                self.row("import lock", &format!("held by {}{waiting}", who(holder)))?;
            }
            self.some("meta_path", imports.meta_path.as_deref().map(list))?;
            self.some("path_hooks", imports.path_hooks.as_deref().map(list))?;
            self.some("importer cache", imports.importer_cache.map(|count| counted(count, "path")))?;
            imports.origins.iter().flatten().try_for_each(|origin| self.origin(origin))?;
        }
        Ok(())
    }

    fn origin(&mut self, origin: &Origin) -> io::Result<()> {
        let kind = match &origin.kind {
            Kind::Loader(class) => safe(class),
            kind => state_json::kind(kind).to_owned(),
        };
        let shown = origin.origin.as_deref().filter(|_| !matches!(origin.kind, Kind::Builtin | Kind::Frozen));
        let file = shown.map_or_else(String::new, |file| format!(" {}", safe(file)));
        writeln!(self.out, "  {kind:<16} {}{}", safe(&origin.name), self.style.quiet(file))
    }

    fn hooks(&mut self, hooks: &Hooks) -> io::Result<()> {
        self.heading("Hooks")?;
        for (name, set) in [("trace", &hooks.trace), ("profile", &hooks.profile)] {
            for (thread, function) in set {
                self.row(name, &format!("{} in {}", value(function), who(thread)))?;
            }
        }
        self.some("C audit hooks", hooks.c_audit_hooks.filter(|count| *count > 0).map(|count| count.to_string()))?;
        for signal in hooks.signals.iter().flatten() {
            let name = signal.name.map_or_else(|| format!("signal {}", signal.number), str::to_owned);
            let ignored = signal.handler.scalar == Some(Scalar::Int(1)) || signal.handler.text.contains("SIG_IGN");
            self.row(&name, &if ignored { "ignored".to_owned() } else { value(&signal.handler) })?;
        }
        hooks.interpreters.iter().try_for_each(|own| self.interpreter_hooks(own, hooks.interpreters.len()))
    }

    fn interpreter_hooks(&mut self, hooks: &InterpreterHooks, all: usize) -> io::Result<()> {
        if all > 1 {
            self.row("interpreter", &hooks.interpreter.to_string())?;
        }
        self.some("audit hooks", hooks.audit_hooks.as_deref().filter(|hooks| !hooks.is_empty()).map(list))?;
        for watchers in hooks.watchers.iter().filter(|watchers| !watchers.set.is_empty()) {
            let set: Vec<String> =
                watchers.set.iter().map(|watcher| format!("{}: {}", watcher.id, watcher.function)).collect();
            self.row(&format!("{} watchers", watchers.kind), &set.join(", "))?;
        }
        for (id, name) in hooks.monitoring.iter().flatten() {
            self.row("monitoring", &format!("tool {id}: {}", value(name)))?;
        }
        self.some("eval frame", hooks.eval_frame.map(|function| format!("replaced by the function at {function}")))?;
        self.some("atexit", hooks.atexit.map(|count| counted(count, "function")))?;
        hooks.replaced.iter().try_for_each(|(name, hook)| self.row(name, &value(hook)))
    }

    fn alloc(&mut self, all: &[Alloc]) -> io::Result<()> {
        for alloc in all {
            self.heading(&of_interpreters("Object allocator", &alloc.interpreters, all.len()))?;
            match &alloc.allocator {
                Allocator::Mimalloc => self.row("mimalloc", "each thread has heaps of its own")?,
                Allocator::Unknown(why) => self.row("unknown", why)?,
                Allocator::Pymalloc { arenas, bytes, free_pools, pool_size, classes, .. } => {
                    let megabytes = *bytes as f64 / f64::from(1 << 20);
                    let size = pool_size.map_or_else(String::new, |size| format!(", pools of {} kB", size / 1024));
                    let text = format!("{}, {megabytes:.1} MB{size}", counted(*arenas, "arena"));
                    self.row("pymalloc", &text)?;
                    self.row("free pools", &free_pools.to_string())?;
                    for class in classes {
                        let text = format!(
                            "{} in use, {} free, in {}",
                            class.used,
                            class.capacity.saturating_sub(class.used),
                            counted(class.pools, "pool")
                        );
                        self.row(&format!("{} bytes", class.size), &text)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Who holds a GIL, and what that means for the others.
fn holder(gil: &Gil) -> String {
    match (&gil.holder, &gil.holder_blocked_on) {
        _ if gil.enabled == Some(false) => "not in use: threads run at once".to_owned(),
        (Some(holder), Some(call)) => {
            format!("held by {}, which is blocked in {}: everything else stands", who(holder), describe_call(call))
        }
        (Some(holder), None) => format!("held by {}", who(holder)),
        (None, _) => match gil.locked {
            Some(true) => "held, by a thread that was on the move".to_owned(),
            Some(false) => "free".to_owned(),
            None => "cannot be told".to_owned(),
        },
    }
}

fn allocators(allocators: Allocators) -> String {
    let own = if allocators.own_objects { "one of Python's own for objects" } else { "that of the system for all" };
    let debug = if allocators.debug == Some(true) { ", within debug hooks" } else { "" };
    format!("{own}{debug}")
}

fn of_interpreters(what: &str, interpreters: &[i64], all: usize) -> String {
    if all <= 1 {
        return what.to_owned();
    }
    let numbers: Vec<String> = interpreters.iter().map(i64::to_string).collect();
    format!("{what} of interpreter {}", numbers.join(", "))
}

fn who(thread: &ThreadName) -> String {
    let id = thread.native_id.map_or_else(|| format!("{:#x}", thread.id), |id| id.to_string());
    let name = thread.name.as_deref().map_or_else(String::new, |name| format!(" \"{}\"", escape(name)));
    format!("thread {id}{name}")
}

fn exception_text(exception: &Exception) -> String {
    let text = exception.text.as_deref().filter(|text| !text.is_empty());
    let text = text.map_or_else(String::new, |text| format!(": {}", safe(text)));
    format!("{}{text}", escape(&exception.type_name))
}

fn value(value: &Value) -> String {
    safe(&value.text)
}

/// Texts in one line each, as long as people want to read.
fn safe(text: &str) -> String {
    brief(&escape(text), MAX_COMMAND).into_owned()
}

fn list(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(value).collect();
    if texts.is_empty() { "(none)".to_owned() } else { texts.join(", ") }
}

fn pairs(values: &[(String, Value)]) -> String {
    let texts: Vec<String> = values.iter().map(|(name, of)| format!("{}={}", escape(name), value(of))).collect();
    texts.join(" ")
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
