//! The files of a recording: the raw one that grows, and what is made of it at the end.

use crate::cli::terminal::Talk;
use crate::error::{Error, Kind, Result};
use crate::output::formats::{Format, Source, View};
use crate::profile::Reader;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How the names of raw recordings end.
const RAW: &str = ".pv";

/// Where a recording goes.
#[derive(Clone, Debug)]
pub struct Output {
    path: PathBuf,
    /// `None` for the raw recording itself.
    format: Option<&'static Format>,
}

impl Output {
    /// What `path` and `--format` ask for.
    pub fn new(path: &Path, format: Option<&str>) -> Result<Self> {
        let raw = match format {
            Some(name) => name == "pv",
            None => path.to_string_lossy().to_lowercase().ends_with(RAW),
        };
        let format = match (raw, format) {
            (true, _) => None,
            (false, Some(name)) => Some(Format::named(name)?),
            (false, None) => Some(Format::of_file(path)?),
        };
        Ok(Self { path: path.to_owned(), format })
    }

    /// As this, for part `number` of a series: `profile.svg` becomes `profile.0001.svg`.
    pub fn part(&self, number: u32) -> Self {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stem, ends) = name.split_once('.').unwrap_or((&name, ""));
        let dot = if ends.is_empty() { "" } else { "." };
        Self { path: self.path.with_file_name(format!("{stem}.{number:04}{dot}{ends}")), format: self.format }
    }

    /// Where the result goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the raw recording goes.
    pub fn raw(&self) -> PathBuf {
        match self.format {
            None => self.path.clone(),
            Some(_) => beside(&self.path, RAW),
        }
    }

    /// Creates the file for the raw recording.
    pub fn create(&self) -> Result<File> {
        let path = self.raw();
        File::create(&path).map_err(|error| {
            Error::new(Kind::Usage, format!("cannot write {}", path.display()))
                .because(error)
                .hint("name a file in a folder you may write to with -o")
        })
    }

    /// Makes the result of the raw recording as it is now.
    pub fn convert(&self, view: &View) -> Result<()> {
        match self.format {
            None => Ok(()),
            Some(format) => convert(&self.raw(), format, view, &self.path),
        }
    }

    /// Makes the result, and deletes the raw recording that it is made of.
    pub fn finish(&self, view: &View, talk: Talk) -> Result<()> {
        let raw = self.raw();
        self.convert(view).map_err(|error| error.hint(format!("the recording is safe in {}", raw.display())))?;
        if self.format.is_some()
            && let Err(error) = std::fs::remove_file(&raw)
        {
            talk.note(format!("{} remains: {error}", raw.display()));
        }
        Ok(())
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Writes the recording in `raw` as `format` to `path`.
pub fn convert(raw: &Path, format: &Format, view: &View, path: &Path) -> Result<()> {
    write_whole(path, |out| (format.write)(&Recording(raw.to_owned()), view, out))
}

/// Writes to `path` what `write` does. A file that is there already is kept until the new one is whole.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let unwritten = |error: io::Error| Error::failed(format!("cannot write {}", path.display())).because(error);
    let partial = beside(path, ".partial");
    let attempt = || {
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&partial).map_err(unwritten)?);
        write(&mut out)?;
        out.flush().map_err(unwritten)?;
        std::fs::rename(&partial, path).map_err(unwritten)
    };
    let written = attempt();
    if written.is_err() {
        // What is left of a failed attempt is of no use to anyone.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// A recording in a file.
#[derive(Debug)]
pub struct Recording(pub PathBuf);

impl Source for Recording {
    fn open(&self) -> Result<Reader<Box<dyn io::Read + '_>>> {
        let path = self.0.display();
        let file = File::open(&self.0).map_err(|error| {
            Error::new(Kind::Usage, format!("cannot read {path}"))
                .because(error)
                .hint("make one with `pitviper record`")
        })?;
        let reader: Box<dyn io::Read> = Box::new(BufReader::with_capacity(1 << 18, file));
        Reader::open(reader).map_err(|error| Error::failed(format!("{path} cannot be read")).because(error))
    }
}
