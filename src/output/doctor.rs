//! What `doctor` found, line by line.

use crate::error::brief;
use crate::output::{Style, escape};
use serde_json::{Value as Json, json};
use std::io::{self, Write};

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What: `version`.
    pub subject: &'static str,
    /// What was found: `3.11.7`.
    pub answer: String,
    /// Whether that is as it should be.
    pub good: bool,
    /// What to do about it.
    pub hints: Vec<String>,
}

/// An answer is shown in at most this many characters: errors with all their causes are shorter.
const MAX_ANSWER: usize = 1000;

/// Writes the findings for `pid`.
pub fn write(out: &mut dyn Write, findings: &[Finding], style: Style) -> io::Result<()> {
    for finding in findings {
        let mark = if finding.good { "ok  " } else { "FAIL" };
        let mark = if finding.good { style.name(mark) } else { style.bad(mark) };
        let answer = brief(&finding.answer, MAX_ANSWER);
        writeln!(out, "{mark} {:<12} {}", finding.subject, escape(&answer))?;
        for hint in &finding.hints {
            writeln!(out, "     {:<12} hint: {}", "", escape(hint))?;
        }
    }
    Ok(())
}

/// The document for the findings for `pid`.
pub fn document(pid: u32, findings: &[Finding]) -> Json {
    let rows: Vec<Json> = findings
        .iter()
        .map(|finding| {
            json!({
                "subject": finding.subject,
                "answer": finding.answer,
                "good": finding.good,
                "hints": finding.hints,
            })
        })
        .collect();
    json!({"pitviper": env!("CARGO_PKG_VERSION"), "pid": pid, "good": findings.iter().all(|f| f.good), "findings": rows})
}
