//! Which builds there are tables for, as the README shows it.

use crate::address::Version;
use crate::binary::Machine;
use crate::layout::select::all_tables;
use crate::layout::table::Flavour;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The machines of each flavour, for each range of releases.
type Rows = BTreeMap<(Version, Version), BTreeMap<Flavour, BTreeSet<Machine>>>;

/// All compiled-in tables as a Markdown table: a row for each range of releases, a column for each
/// flavour, the machines in the cells.
pub fn support_table() -> String {
    let mut text = String::from("| CPython |");
    // Writing to a String cannot fail.
    for flavour in Flavour::ALL {
        let _ = write!(text, " {flavour} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(Flavour::ALL.len()));
    text.push('\n');
    for ((first, last), machines) in rows() {
        let _ = write!(text, "| {first} – {last} |");
        for flavour in Flavour::ALL {
            let _ = write!(text, " {} |", cell(machines.get(&flavour)));
        }
        text.push('\n');
    }
    text
}

fn rows() -> Rows {
    let mut rows = Rows::new();
    for table in all_tables().filter_map(|(_, table)| table.ok()) {
        let Some(range) = table.versions else { continue };
        let row = rows.entry(range).or_default();
        for flavour in table.flavours {
            row.entry(flavour).or_default().extend(&table.machines);
        }
    }
    rows
}

fn cell(machines: Option<&BTreeSet<Machine>>) -> String {
    let names: Vec<&str> = machines.into_iter().flatten().map(|machine| machine.name()).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}
