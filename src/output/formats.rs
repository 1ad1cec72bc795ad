//! The formats a recording can be turned into. `--format`, the choice by a file's name, help and
//! documents derive from [`FORMATS`].

use crate::error::{Error, Kind, Result};
use crate::output::compared::Compared;
use crate::output::{firefox, folded, html, jsonl, otlp, pprof, pstats, speedscope, svg};
use crate::profile::{Filter, Reader};
use std::io::{self, Write};
use std::path::Path;

/// Every format.
pub const FORMATS: &[Format] = &[
    html::FORMAT,
    svg::FORMAT,
    folded::FORMAT,
    speedscope::FORMAT,
    pprof::FORMAT,
    firefox::FORMAT,
    otlp::FORMAT,
    pstats::FORMAT,
    jsonl::FORMAT,
];

/// A format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// How the names of its files end, the usual one first, with the dot.
    pub extensions: &'static [&'static str],
    /// What it is, in one line.
    pub about: &'static str,
    /// Writes a recording as this format, in memory that does not grow with the number of its runs.
    pub write: fn(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()>,
    /// Writes what differs between two recordings; `None` where the format has no way to say it.
    pub compare: Option<Compare>,
}

/// How a format writes what differs between two recordings.
pub type Compare = fn(compared: &Compared, out: &mut dyn Write) -> Result<()>;

/// A recording that a format may read from its beginning, more than once if it must.
pub trait Source {
    /// Opens it at its beginning.
    fn open(&self) -> Result<Reader<Box<dyn io::Read + '_>>>;
}

impl Source for &[u8] {
    fn open(&self) -> Result<Reader<Box<dyn io::Read + '_>>> {
        Reader::open(Box::new(*self))
    }
}

/// What of a recording is shown, and how.
#[derive(Clone, Default, Debug)]
pub struct View {
    /// What counts, and what is told apart.
    pub filter: Filter,
    /// What to call it; by default its command line.
    pub title: Option<String>,
}

impl Format {
    /// The format with this name.
    pub fn named(name: &str) -> Result<&'static Self> {
        let known = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        let unknown = || Error::new(Kind::Usage, format!("there is no format {name:?}"));
        FORMATS
            .iter()
            .find(|format| format.name == name)
            .ok_or_else(|| unknown().hint(format!("the formats are {}", known())))
    }

    /// How it writes what differs between two recordings; an error, which names those that can, if it cannot.
    pub fn comparing(&self) -> Result<Compare> {
        let able = || FORMATS.iter().filter(|format| format.compare.is_some()).map(|format| format.name);
        let unable = || Error::new(Kind::Usage, format!("the format {} cannot show what differs", self.name));
        self.compare
            .ok_or_else(|| unable().hint(format!("those that can are {}", able().collect::<Vec<_>>().join(", "))))
    }

    /// The format for a file of this name: of the extensions that fit, the longest decides.
    pub fn of_file(path: &Path) -> Result<&'static Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let fits = |format: &'static Self| {
            let lengths = format.extensions.iter().filter(|end| name.ends_with(**end)).map(|end| end.len());
            lengths.max().map(|length| (length, format))
        };
        let best = FORMATS.iter().filter_map(fits).max_by_key(|(length, _)| *length);
        best.map(|(_, format)| format).ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().flat_map(|format| format.extensions.iter().copied()).collect();
            Error::new(Kind::Usage, format!("the name {} does not tell the format", path.display()))
                .hint(format!("name a format with --format, or end the name with one of {}", known.join(" ")))
        })
    }
}

/// What `write` returns if `out` fails.
pub(super) fn unwritten(cause: io::Error) -> Error {
    Error::failed("the profile cannot be written").because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format() {
        for format in FORMATS {
            assert!(std::ptr::eq(Format::named(format.name).unwrap(), format), "{}", format.name);
            assert!(format.about.len() < 80 && !format.about.ends_with('.'), "{}", format.about);
            for end in format.extensions {
                let path = format!("/tmp/A.b{}", end.to_uppercase());
                assert_eq!(Format::of_file(Path::new(&path)).unwrap().name, format.name, "{path}");
            }
        }
        let ends: Vec<&str> = FORMATS.iter().flat_map(|format| format.extensions.iter().copied()).collect();
        for (index, end) in ends.iter().enumerate() {
            assert!(end.starts_with('.') && !ends[..index].contains(end), "{end}");
        }
        let refused = Format::of_file(Path::new("/tmp/folded")).unwrap_err();
        assert_eq!((refused.kind(), refused.hints().len()), (Kind::Usage, 1));
        assert_eq!(Format::named("exe").unwrap_err().kind(), Kind::Usage);
    }
}
