//! Puts the tables of `python_offsets/` into the program for `layout/select.rs`, so that adding a version
//! means adding a file; without their comments, which nobody reads there.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("python_offsets");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut code = String::from(
        "/// Every table of `python_offsets/`: its name and its text.\nconst TABLES: &[(&str, &str)] = &[\n",
    );
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        let uncommented = text.lines().map(|line| line.split("  # ").next().unwrap_or_default());
        let text: String = uncommented.filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        writeln!(code, "    ({name:?}, {text:?}),").map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("tables.rs"), code)
}
