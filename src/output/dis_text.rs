//! A disassembly for people, laid out as Python's own `dis` does.

use crate::disassembly::{BlockKind, Depth, Handler, Instruction, Looked, Original, Slot, Source, Stand};
use crate::output::dis_json::scope_word;
use crate::output::{Style, escape, read};
use std::io::{self, Write};

/// What is shown beyond the instructions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// What stands in memory rather than what the compiler made.
    pub adaptive: bool,
    /// Inline caches.
    pub caches: bool,
    /// The value stack, blocks and handlers of the frame.
    pub stack: bool,
    /// What each name is.
    pub scopes: bool,
}

/// Writes what was `looked` at; `source` are the lines to show beside.
pub fn write(
    out: &mut dyn Write,
    looked: &Looked,
    source: Option<&Source>,
    problems: &[String],
    wanted: Wanted,
    style: Style,
) -> io::Result<()> {
    let code = &looked.code;
    let name = code.qualname.as_ref().unwrap_or(&code.name);
    let place = format!("({}:{})", escape(&code.filename), code.first_line);
    writeln!(out, "{} {}", style.heading(format!("Code {}", escape(name))), style.quiet(place))?;
    if let Some(stand) = &looked.stand {
        let how = looked.read.map_or_else(String::new, |how| format!(" [{}]", read(how)));
        writeln!(out, "frame at lasti {}{}", stand.lasti, style.quiet(how))?;
    }
    for problem in problems {
        writeln!(out, "{}", style.bad(format!("note: {}", escape(problem))))?;
    }
    let current = looked.stand.as_ref().and_then(|stand| stand.current);
    for (index, one) in looked.listing.instructions.iter().enumerate() {
        if one.starts_line && index > 0 {
            writeln!(out)?;
        }
        write_source(out, one, source, style)?;
        write_instruction(out, looked, one, current, wanted, style)?;
    }
    write_table(out, looked)?;
    if let (Some(stand), true) = (&looked.stand, wanted.stack) {
        write_stand(out, looked, stand, style)?;
    }
    if wanted.scopes {
        write_scopes(out, looked, style)?;
    }
    Ok(())
}

fn write_source(out: &mut dyn Write, one: &Instruction, source: Option<&Source>, style: Style) -> io::Result<()> {
    let line = one.position.line.filter(|_| one.starts_line);
    match line.and_then(|line| Some((line, source?.line(line)?))) {
        Some((line, text)) => writeln!(out, "{line:>4}  {}", style.quiet(escape(text))),
        None => Ok(()),
    }
}

fn write_instruction(
    out: &mut dyn Write,
    looked: &Looked,
    one: &Instruction,
    current: Option<u32>,
    wanted: Wanted,
    style: Style,
) -> io::Result<()> {
    let line = match (one.starts_line, one.position.line) {
        (true, Some(line)) => line.to_string(),
        (true, None) => "--".to_owned(),
        (false, _) => String::new(),
    };
    let label = match one.label {
        Some(label) => format!("L{label}:"),
        None if one.is_target && looked.listing.labels.is_empty() => ">>".to_owned(),
        None => String::new(),
    };
    let arrow = if current == Some(one.offset) { "-->" } else { "" };
    let name = if wanted.adaptive { &one.adaptive } else { &one.name };
    let argument = one.argument.map_or_else(String::new, |argument| argument.to_string());
    let text = match &one.text {
        Some(text) if text.is_empty() => String::new(),
        Some(text) => format!("({})", escape(text)),
        None => style.bad("(unreadable)"),
    };
    let mark = match one.original {
        Original::Unknown => style.bad(" [has replaced another]"),
        _ => String::new(),
    };
    let row =
        format!("{line:>4} {label:>6} {arrow:>3} {:>6} {:<28} {argument:>6} {text}{mark}", one.offset, name.as_ref());
    writeln!(out, "{}", if arrow.is_empty() { row.trim_end().to_owned() } else { style.name(row.trim_end()) })?;
    for cache in one.caches.iter().filter(|_| wanted.caches) {
        let value = cache.value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        writeln!(out, "{:>22} {:<28} {:>6} ({}: {value})", cache.offset, "CACHE", 0, cache.name)?;
    }
    Ok(())
}

fn place(looked: &Looked, offset: u32) -> String {
    looked.listing.labels.get(&offset).map_or_else(|| offset.to_string(), |label| format!("L{label}"))
}

fn handler_row(looked: &Looked, handler: &Handler) -> String {
    let lasti = if handler.lasti { " lasti" } else { "" };
    // Before labels, the last instruction is named and not the one behind it.
    let end = if looked.listing.labels.is_empty() { handler.end.saturating_sub(2) } else { handler.end };
    let [start, end, target] = [handler.start, end, handler.target].map(|offset| place(looked, offset));
    format!("  {start} to {end} -> {target} [{}]{lasti}", handler.depth)
}

fn write_table(out: &mut dyn Write, looked: &Looked) -> io::Result<()> {
    let Some(handlers) = looked.listing.handlers.as_ref().filter(|handlers| !handlers.is_empty()) else {
        return Ok(());
    };
    writeln!(out, "ExceptionTable:")?;
    handlers.iter().try_for_each(|handler| writeln!(out, "{}", handler_row(looked, handler)))
}

fn write_stand(out: &mut dyn Write, looked: &Looked, stand: &Stand, style: Style) -> io::Result<()> {
    let stack = &stand.stack;
    let heading = match stack.depth {
        Depth::Exact(depth) => format!("Value stack: {depth}, the top last"),
        Depth::Inferred(depth) => format!("Value stack: {depth}, the top last (depth inferred)"),
        Depth::Unknown => "Value stack: its depth cannot be known".to_owned(),
    };
    writeln!(out, "\n{}", style.heading(heading))?;
    for (index, slot) in stack.slots.iter().enumerate() {
        writeln!(out, "{index:>4}  {}", slot_text(slot))?;
    }
    if !stack.complete && stack.depth != Depth::Unknown {
        writeln!(out, "      {}", style.bad("<the rest is not shown>"))?;
    }
    if let Some(blocks) = &stand.blocks {
        writeln!(out, "{}", style.heading(format!("Block stack: {}, the innermost last", blocks.len())))?;
        for block in blocks {
            let kind = match &block.kind {
                BlockKind::SetUp(name) => name.as_ref(),
                BlockKind::Handling => "EXCEPT_HANDLER",
            };
            let handler = block.handler.filter(|_| block.kind != BlockKind::Handling);
            let handler = handler.map_or_else(String::new, |handler| format!(" -> {handler}"));
            writeln!(out, "      {kind}{handler} [{}]", block.level)?;
        }
    }
    if let Some(handlers) = &stand.covering {
        writeln!(out, "{}", style.heading(format!("Handlers: {}, the innermost first", handlers.len())))?;
        handlers.iter().try_for_each(|handler| writeln!(out, "    {}", handler_row(looked, handler)))?;
    }
    Ok(())
}

fn slot_text(slot: &Slot) -> String {
    match (&slot.value, slot.tagged) {
        (Some(value), _) => escape(&value.text).into_owned(),
        (None, Some(number)) => format!("{number} (without an object)"),
        (None, None) => "NULL".to_owned(),
    }
}

fn write_scopes(out: &mut dyn Write, looked: &Looked, style: Style) -> io::Result<()> {
    writeln!(out, "\n{}", style.heading("Scopes"))?;
    let scopes = match &looked.scopes {
        Ok(scopes) => scopes,
        Err(fault) => return writeln!(out, "      {}", style.bad(format!("<unreadable: {}>", escape(fault)))),
    };
    for scope in scopes {
        let cell = if scope.in_cell && scope_word(scope.kind) == "argument" { ", in a cell" } else { "" };
        let unbound = if scope.bound == Some(false) { ", unbound" } else { "" };
        writeln!(out, "      {}: {}{cell}{unbound}", escape(&scope.name), scope_word(scope.kind))?;
    }
    Ok(())
}
