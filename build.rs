//! Puts the tables of `python_offsets/` into the program for `layout/select.rs`, and those of `python_opcodes/`
//! for `layout/opcodes.rs`, so that adding a version means adding files; without their comments, which nobody
//! reads there.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    write_tables("python_offsets", "TABLES", "tables.rs")?;
    write_tables("python_opcodes", "OPCODES", "opcodes.rs")
}

/// Writes all tables of `folder` as the constant `name` into `file`: the name and the text of each.
fn write_tables(folder: &str, name: &str, file: &str) -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let path = Path::new(&root).join(folder);
    println!("cargo:rerun-if-changed={}", path.display());
    let mut files: Vec<_> = fs::read_dir(&path)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut code =
        format!("/// Every table of `{folder}/`: its name and its text.\nconst {name}: &[(&str, &str)] = &[\n",);
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        let uncommented = text.lines().map(|line| line.split("  # ").next().unwrap_or_default());
        let text: String = uncommented.filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        writeln!(code, "    ({name:?}, {text:?}),").map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join(file), code)
}
