//! What the README says of versions is what the tables hold. `PITVIPER_README=write` puts it there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- support table: generated from python_offsets/, checked by tests/readme.rs -->\n";
const END: &str = "<!-- end of support table -->";

#[test]
fn the_support_table_is_that_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the README has the mark of the support table");
    let (shown, after) = rest.split_once(END).expect("the README has the end of the support table");
    let table = pitviper::layout::support::support_table();
    if std::env::var_os("PITVIPER_README").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "write it anew: PITVIPER_README=write cargo test --test readme");
    }
}
