//! The list of Python processes.

use crate::address::Pid;
use crate::error::{MAX_COMMAND, brief};
use crate::output::{Style, escape};
use serde_json::{Value as Json, json};
use std::io::{self, Write};

/// A Python process as `ps` shows it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub pid: Pid,
    /// Its version; `None` where we may not look.
    pub version: Option<String>,
    /// Its flavour.
    pub flavour: Option<&'static str>,
    /// How many kernel threads it has.
    pub threads: usize,
    /// Why it cannot be read; `None` if it can.
    pub obstacle: Option<String>,
    /// Its command line.
    pub command: String,
}

/// Writes `rows` as a table.
pub fn write(out: &mut dyn Write, rows: &[Row], style: Style) -> io::Result<()> {
    let heading =
        format!("{:>8}  {:<10} {:<14} {:>7}  {:<7} {}", "PID", "PYTHON", "FLAVOUR", "THREADS", "ATTACH", "COMMAND");
    writeln!(out, "{}", style.heading(heading))?;
    for row in rows {
        writeln!(
            out,
            "{:>8}  {:<10} {:<14} {:>7}  {:<7} {}",
            row.pid.0,
            row.version.as_deref().unwrap_or("?"),
            row.flavour.unwrap_or("?"),
            row.threads,
            if row.obstacle.is_none() { "yes" } else { "no" },
            escape(&brief(&row.command, MAX_COMMAND))
        )?;
        if let Some(obstacle) = &row.obstacle {
            writeln!(out, "{:>10}{}", "", style.quiet(escape(obstacle)))?;
        }
    }
    Ok(())
}

/// The document for `rows`.
pub fn document(rows: &[Row]) -> Json {
    let processes: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "pid": row.pid.0,
                "version": row.version,
                "flavour": row.flavour,
                "threads": row.threads,
                "attach": row.obstacle.is_none(),
                "obstacle": row.obstacle,
                "command": row.command,
            })
        })
        .collect();
    json!({"pitviper": env!("CARGO_PKG_VERSION"), "processes": processes})
}
