//! Which Python a module holds: each build that it may be is given a layout, and the structures in
//! memory have to agree with it.

use crate::address::{Addr, Pid, Version};
use crate::binary::{Machine, MappedImage};
use crate::error::{Error, Kind, Result};
use crate::layout::extract::{CHARACTER_WIDTHS, FINGERPRINTS};
use crate::layout::{self, Build, Flavour, Layout, Source};
use crate::memory::Pages;
use crate::target::anchors::{self, Anchors};
use crate::target::debug_info::DebugTables;
use crate::target::find::{self, Effort, Found, How, Root};
use crate::target::modules::Module;
use crate::target::validate::{self, Doubt};
use crate::target::{UserTable, version};

/// What was learned about the Python of one module.
pub struct Identified {
    /// What its bytes mean.
    pub layout: Layout,
    /// From where to read on.
    pub anchors: Anchors,
    /// The machine it runs on.
    pub machine: Machine,
    /// Whether it has an interpreter yet, or still.
    pub initialised: bool,
}

/// A module that may hold a Python.
struct Suspect<'a> {
    pid: Pid,
    pages: &'a Pages<'a>,
    module: &'a Module,
    image: MappedImage<'a>,
    /// Its runtime; `None` where only a scan can find it.
    found: Option<Found>,
    tables: &'a DebugTables,
}

/// How often a contradiction is read anew before it is believed.
const MAX_CONTRADICTIONS: usize = 5;

/// The Python in `module`: `None` if it holds none, an error if it holds one that cannot be read.
pub fn identify(
    effort: Effort,
    pid: Pid,
    pages: &Pages<'_>,
    module: &Module,
    table: Option<&UserTable>,
    tables: &DebugTables,
) -> Result<Option<Identified>> {
    let Some(image) = module.base().and_then(|base| MappedImage::at(pages, base)) else { return Ok(None) };
    let found = find::find(effort, pid, pages, module, &image);
    if found.is_none() && effort != Effort::Scan {
        return Ok(None);
    }
    let suspect = Suspect { pid, pages, module, image, found, tables };
    let builds = suspect.builds();
    // Debug info fits whatever version is asked for, so it may not choose among several.
    let certain = found.is_some() && builds.len() == 1;
    let (mut refused, mut starting) = (None, None);
    for build in &builds {
        let answer = match table {
            Some(table) => suspect.by_user_table(build, table),
            None if certain => suspect.by_any_source(build),
            None => suspect.by_known_table(build),
        };
        match answer {
            Ok(Some(python)) if python.initialised => return Ok(Some(python)),
            Ok(python) => starting = starting.or(python),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (starting, refused) {
        (Some(starting), _) => Ok(Some(starting)),
        // Without an anchor the versions were only candidates, and this is just no Python.
        (None, Some(error)) if found.is_some() => Err(error),
        (None, _) => Ok(None),
    }
}

impl Suspect<'_> {
    /// By the table of its build or, where there is none, or one that leaves doubts, by its debug
    /// info.
    fn by_any_source(&self, build: &Build) -> Result<Option<Identified>> {
        let by_table = self.by_known_table(build);
        if matches!(&by_table, Ok(Some(python)) if python.layout.warnings.is_empty()) {
            return by_table;
        }
        match self.by_debug_info(build) {
            Ok(Some(python)) => Ok(Some(python)),
            Ok(None) => by_table,
            Err(why) => by_table.map_err(|refusal| {
                let refusal = refusal.because(&why);
                why.hints().iter().fold(refusal, |refusal, hint| refusal.hint(hint.as_str()))
            }),
        }
    }

    fn by_user_table(&self, build: &Build, table: &UserTable) -> Result<Option<Identified>> {
        self.proven(layout::from_user_table(build, &table.name, &table.text)?)
    }

    fn by_known_table(&self, build: &Build) -> Result<Option<Identified>> {
        self.proven(layout::select_known(build)?)
    }

    fn by_debug_info(&self, build: &Build) -> Result<Option<Identified>> {
        self.proven(self.tables.layout(self.pid, self.module, build)?)
    }

    /// What speaks against the list of interpreters at `head`. Structures contradict each other for a
    /// moment while threads start and end: what is said against a Python must last.
    fn settled(&self, layout: &Layout, head: Addr) -> Option<Doubt> {
        let mut doubt = validate::interpreters(self.pages, layout, head).err();
        for _ in 1..MAX_CONTRADICTIONS {
            if matches!(doubt, None | Some(Doubt::NoInterpreter)) {
                break;
            }
            self.pages.forget();
            doubt = validate::interpreters(self.pages, layout, head).err();
        }
        doubt
    }

    /// The Python as `layout` shows it, an error where memory contradicts that, `None` where
    /// nothing of it is found.
    fn proven(&self, layout: Layout) -> Result<Option<Identified>> {
        let Some(found) = self.found.or_else(|| self.by_scan(&layout)) else { return Ok(None) };
        let Some(head) = anchors::head(&layout, found.root) else {
            let doubt = Doubt::Contradiction("it does not tell where the list of interpreters is");
            return Err(contradiction(self.pid, &layout, &doubt));
        };
        let initialised = match self.settled(&layout, head) {
            None => true,
            Some(Doubt::NoInterpreter) => false,
            Some(doubt) => return Err(contradiction(self.pid, &layout, &doubt)),
        };
        let anchors = Anchors::find(self.pages, self.module, &self.image, &layout, found);
        Ok(Some(Identified { layout, anchors, machine: self.image.machine(), initialised }))
    }

    /// The builds that it may be, the likeliest first.
    fn builds(&self) -> Vec<Build> {
        let Self { image, found, .. } = self;
        let size = |name: &str| Some((name.to_owned(), image.symbol(name)?.size));
        let known = FINGERPRINTS.iter().chain(CHARACTER_WIDTHS.iter().map(|(_, name)| name));
        let symbol_sizes: std::collections::BTreeMap<_, _> = known.filter_map(|name| size(name)).collect();
        let (debug, machine) = (is_debug(image), image.machine());
        let build = |version, flavour, debug_offsets| Build {
            version,
            flavour,
            machine,
            symbol_sizes: symbol_sizes.clone(),
            debug_offsets,
        };
        if let Some((head, bytes)) = found.and_then(|found| find::debug_offsets(self.pages, found.root)) {
            return vec![build(head.version, Flavour::of(head.free_threaded, debug), Some(bytes))];
        }
        if let Some(version) = version::by_image(image, self.pages) {
            return vec![build(version, Flavour::of(false, debug), None)];
        }
        let (first, last) = layout::supported_series();
        let known = |version: &Version| (first..=last).contains(&(version.major, version.minor));
        version::by_text(self.pages, self.module)
            .into_iter()
            .filter(known)
            .flat_map(|version| [Flavour::Gil, Flavour::Debug].map(|flavour| build(version, flavour, None)))
            .collect()
    }

    /// Looks through its data for a pointer that proves itself to be the head of the list
    /// of interpreters.
    fn by_scan(&self, layout: &Layout) -> Option<Found> {
        let behind = layout.runtime.interpreters_head.map(|field| u64::from(field.offset));
        find::scan(self.pages, self.module, |address, word| {
            if word % 8 != 0 || !(0x1000..=0x7fff_ffff_ffff).contains(&word) {
                return None;
            }
            let proof = validate::interpreters(self.pages, layout, address).ok()?;
            if proof.modules == 0 {
                return None;
            }
            let root = match behind {
                Some(behind) => Root::Runtime(address.before(behind)?),
                None => Root::InterpreterHead(address),
            };
            Some(Found { root, how: How::Scan })
        })
    }
}

#[cold]
fn contradiction(pid: Pid, layout: &Layout, doubt: &Doubt) -> Error {
    let what = match doubt {
        Doubt::Contradiction(what) => (*what).to_owned(),
        Doubt::Unreadable(error) => error.to_string(),
        Doubt::NoInterpreter => "there is no interpreter".to_owned(),
    };
    let Layout { version, source, .. } = layout;
    let message = format!("pid {pid}: the memory of CPython {version} contradicts {source}");
    match source {
        Source::User(_) => Error::new(Kind::Usage, message)
            .because(what)
            .hint("make a table from this very interpreter: `pitviper offsets BINARY > table.toml`"),
        _ => Error::new(Kind::Unsupported, message).because(what),
    }
}

/// Whether an image was built `--with-pydebug`: it exports what only Py_REF_DEBUG brings
/// (Include/object.h).
pub fn is_debug(image: &MappedImage<'_>) -> bool {
    image.symbol("_Py_NegativeRefcount").is_some()
}
