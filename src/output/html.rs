//! A page that shows a profile: one file without a network. What it shows lies in it as JSON in
//! columns; `html/page.html` is the rest.

use crate::error::Result;
use crate::output::compared::Compared;
use crate::output::escape;
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::places::{line, name};
use crate::output::summary::Summary;
use crate::profile::{Aggregate, Kind};
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

/// A page with a flame graph and a table.
pub const FORMAT: Format = Format {
    name: "html",
    extensions: &[".html", ".htm"],
    about: "page with flame graph, table, search and quality figures, in one file",
    write: |recording, view, out| write(recording, view, out),
    compare: Some(|compared, out| compare(compared, out)),
};

const PAGE: &str = include_str!("html/page.html");

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let summary = Summary::of(recording, view)?;
    let figures = summary.figures().into_iter();
    let page = Page {
        title: &summary.title,
        measure: &summary.measure,
        problem: summary.problem(),
        figures: figures.map(|(name, figure)| (name.to_owned(), figure)).collect(),
        aggregate: &summary.aggregate,
        headings: &summary.headings,
        compared: false,
    };
    let mut out = BufWriter::new(out);
    page.write(&mut out).and_then(|()| out.flush()).map_err(unwritten)
}

/// Each recording as a graph, coloured by what has become of the share of time, and one table.
fn compare(compared: &Compared, out: &mut dyn Write) -> Result<()> {
    let page = Page {
        title: &compared.title(),
        measure: &compared.measure(),
        problem: compared.problem(),
        figures: vec![("before".to_owned(), compared.before.line()), ("after".to_owned(), compared.after.line())],
        aggregate: &compared.both,
        headings: &[vec!["before".to_owned()], vec!["after".to_owned()]],
        compared: true,
    };
    let mut out = BufWriter::new(out);
    page.write(&mut out).and_then(|()| out.flush()).map_err(unwritten)
}

/// What a page shows.
struct Page<'a> {
    title: &'a str,
    measure: &'a str,
    problem: Option<String>,
    figures: Vec<(String, String)>,
    aggregate: &'a Aggregate,
    headings: &'a [Vec<String>],
    /// Whether the second group is to be compared with the first.
    compared: bool,
}

impl Page<'_> {
    /// The page, with each `{{name}}` in it replaced.
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rest = PAGE;
        while let Some((before, behind)) = rest.split_once("{{") {
            out.write_all(before.as_bytes())?;
            let Some((what, behind)) = behind.split_once("}}") else { break };
            rest = behind;
            match what {
                "title" => out.write_all(harmless(self.title).as_bytes())?,
                "measure" => out.write_all(harmless(self.measure).as_bytes())?,
                "problem" => {
                    if let Some(problem) = &self.problem {
                        write!(out, "<p class=problem>{}</p>", harmless(problem))?;
                    }
                }
                "figures" => {
                    for (name, figure) in &self.figures {
                        write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", harmless(name), harmless(figure))?;
                    }
                }
                "version" => out.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
                _ => data(self, out)?,
            }
        }
        out.write_all(rest.as_bytes())
    }
}

/// Text as HTML shows it.
fn harmless(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// The profile as JSON. Labels and branches are numbered by their places in the columns.
fn data(page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
    let aggregate = page.aggregate;
    let labels = &aggregate.labels;
    let mut texts = Texts::default();
    let names: Vec<usize> = labels.iter().map(|label| texts.number(&name(label))).collect();
    let files: Vec<usize> =
        labels.iter().map(|label| texts.number(&escape(label.file.as_deref().unwrap_or_default()))).collect();
    out.write_all(br#"{"texts":["#)?;
    for (index, text) in texts.texts.iter().enumerate() {
        out.write_all(if index == 0 { b"" } else { b"," })?;
        string(out, text)?;
    }
    out.write_all(b"]")?;
    column(out, "name", names)?;
    column(out, "file", files)?;
    column(out, "line", labels.iter().map(|label| line(label).unwrap_or(0) as usize))?;
    let is_plain = |kind| matches!(kind, Kind::Python | Kind::Native);
    column(out, "plain", labels.iter().map(|label| usize::from(is_plain(label.kind))))?;
    // How many branches earlier the caller is: small numbers, which pack well.
    let parent = |(index, of): (usize, &crate::profile::Branch)| of.parent.map_or(0, |parent| index - parent.index());
    column(out, "parent", aggregate.branches.iter().enumerate().map(parent))?;
    column(out, "label", aggregate.branches.iter().map(|branch| branch.label.index()))?;
    write!(out, ",\"compared\":{}", page.compared)?;
    groups(aggregate, page.headings, out)
}

fn groups(aggregate: &Aggregate, headings: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(br#","groups":["#)?;
    for (index, (group, heading)) in aggregate.groups.iter().zip(headings).enumerate() {
        out.write_all(if index == 0 { b"{\"title\":" } else { b",{\"title\":" })?;
        string(out, &heading.join(" / "))?;
        column(out, "branch", group.stacks.iter().map(|stack| stack.branch.index()))?;
        column(out, "weight", group.stacks.iter().map(|stack| stack.weight))?;
        out.write_all(b"}")?;
    }
    out.write_all(b"]}")
}

fn column<T: std::fmt::Display>(
    out: &mut dyn Write,
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    write!(out, ",\"{name}\":[")?;
    for (index, value) in values.into_iter().enumerate() {
        write!(out, "{}{value}", if index == 0 { "" } else { "," })?;
    }
    out.write_all(b"]")
}

/// A JSON string that HTML takes for text too: `</script>` ends a script wherever it stands, and
/// `<!--` changes what does.
fn string(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = serde_json::to_string(text)?;
    out.write_all(text.replace('<', "\\u003c").as_bytes())
}

/// Numbers texts: each is written once.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    known: HashMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), self.texts.len() - 1);
        self.texts.len() - 1
    }
}
