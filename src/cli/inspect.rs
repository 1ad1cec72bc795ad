//! `pitviper inspect`: the object at a path.

use crate::address::{Addr, Pid};
use crate::cli::common::{Own, Reading, Shown, parse_target};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::{Error, Result};
use crate::inspection::{
    Child, ChildKind, Fact, Inspector, Limits, Link, Node, RawField, SyntaxTree, raw_fields, syntax_tree,
};
use crate::memory::Pages;
use crate::objects::OwnPrinters;
use crate::os::{self, StopError, Tracer};
use crate::output::{dump_json, escape, inspect_json, inspect_text};
use crate::paths::{Path, Place, Resolver, Root};
use crate::python::{CodeCache, Part, Python, RawFrame};
use crate::stacks::Pausing;
use crate::target::Target;
use serde_json::json;

/// Print the object at a path: a name, an item, a variable of a frame
#[derive(clap::Args, Debug)]
#[command(after_help = "Paths:
  module.name.attribute[key]       the longest prefix that is a module; bare names: __main__, builtins
  t:THREAD.f[0].variable           of a frame: by number (0 is the innermost) or function, of a thread by name or id
  0x7f…  type:module.Class  code:PATH  interp:N/PATH
  all:module.Class                 every object of the class that the garbage collector knows
  .name  [key]  !chain             attributes, items, and all that follow (exceptions, tracebacks, awaits)

Examples:
  pitviper inspect 1234 app.config['db']              a value in a module
  pitviper inspect 1234 t:MainThread.f[0].request     a variable of the innermost frame
  pitviper inspect 1234 type:app.Pool --json          a class
  pitviper inspect 1234 app.pool --layout             its C fields

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    /// What to show
    #[arg(value_name = "PATH", value_parser = str::parse::<Path>)]
    path: Path,
    /// Levels of objects below it
    #[arg(long, value_name = "LEVELS", default_value_t = 1)]
    depth: u32,
    /// Items of a container, attributes of an object
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    items: usize,
    /// Characters of the text of one object
    #[arg(long, value_name = "CHARACTERS", default_value_t = 200)]
    width: usize,
    /// Show the C fields of the object
    #[arg(long)]
    layout: bool,
    /// Show the tree of an ast node, as ast.dump does
    #[arg(long, conflicts_with = "layout")]
    tree: bool,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

/// What is shown of a path: its objects, each under a name.
struct Answer {
    nodes: Vec<(String, Node, Option<Vec<RawField>>)>,
    /// A value that is no object.
    plain: Option<Part>,
    /// The syntax tree below the object.
    tree: Option<SyntaxTree>,
    /// How many objects there are of a class, and why there may be more.
    instances: Option<(usize, Option<String>)>,
}

/// Inspects the target.
pub fn run(args: &Args, talk: Talk) -> Result<Outcome> {
    let table = args.reading.table()?;
    let printers = args.own.printers()?;
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let answer = look(args, &target, printers)?;
    let fault = answer.instances.as_ref().and_then(|(_, fault)| fault.clone());
    let whole = answer.tree.as_ref().is_none_or(SyntaxTree::is_complete);
    let complete = whole && fault.is_none() && answer.nodes.iter().all(|(_, node, _)| node.fault.is_none());
    if args.shown.json {
        let objects: Vec<_> = answer
            .nodes
            .iter()
            .map(|(name, node, fields)| inspect_json::object(name, node, fields.as_deref()))
            .collect();
        terminal::document(&json!({
            "pitviper": env!("CARGO_PKG_VERSION"),
            "target": dump_json::process(&target),
            "python": dump_json::python(&target),
            "path": args.path.to_string(),
            "complete": complete,
            "objects": objects,
            "plain": answer.plain.as_ref().map(plain),
            "tree": answer.tree.as_ref().map(SyntaxTree::dump),
            "instances": answer.instances.as_ref().map(|(count, _)| count),
            "problems": fault.iter().collect::<Vec<_>>(),
        }))?;
    } else {
        let style = args.shown.color.style();
        terminal::data(|out| {
            if let Some(tree) = &answer.tree {
                return tree.dump_indented(2).lines().try_for_each(|line| writeln!(out, "{}", escape(line)));
            }
            if let Some((count, fault)) = &answer.instances {
                let fault = fault.as_ref().map_or_else(String::new, |fault| format!(", or more: {}", escape(fault)));
                writeln!(out, "{}: {count} objects{fault}", args.path)?;
            }
            for (name, node, fields) in &answer.nodes {
                match fields {
                    Some(fields) => inspect_text::write_fields(out, name, node, fields, style)?,
                    None => inspect_text::write(out, name, node, style)?,
                }
            }
            match &answer.plain {
                Some(part) => writeln!(out, "{} = {}", args.path, plain(part)),
                None => Ok(()),
            }
        })?;
    }
    Ok(if complete { Outcome::Complete } else { Outcome::Partial })
}

/// A value that is no object, as text.
fn plain(part: &Part) -> String {
    match part {
        Part::Object(at) | Part::Pointer(at) => at.to_string(),
        Part::Null => "not set".to_owned(),
        Part::Int(value) => value.to_string(),
        Part::Float(value) => value.to_string(),
        Part::Bool(value) => value.to_string(),
        Part::Text(text) => format!("{text:?}"),
    }
}

fn look(args: &Args, target: &Target, printers: Option<&'static OwnPrinters>) -> Result<Answer> {
    let codes = CodeCache::default();
    let pages = Pages::new(&target.memory);
    let python = Python::new(&pages, &target.layout);
    let resolver = Resolver::new(target, python, &codes, args.path.interpreter)?;
    // A thread that runs would change under our eyes: it stands until it is described.
    let tracer = Tracer::default();
    let _stopped = match thread_of(&args.path) {
        Some(name) if args.reading.pausing() != Pausing::Never => {
            let thread = resolver.threads.get(resolver.thread(name)?).and_then(|thread| thread.tid);
            let stopped = thread.map(|tid| stop(&tracer, args.pid, tid));
            // What was read before it stood is of another moment.
            pages.forget();
            stopped.transpose()?.flatten()
        }
        _ => None,
    };
    let place = resolver.resolve(&args.path)?;
    let limits =
        Limits { depth: if args.tree { 0 } else { args.depth }, items: args.items, width: args.width, printers };
    let mut inspector = Inspector::new(python, &codes, limits).with_collector(resolver.collector());
    let tree = if args.tree { Some(tree(args, &python, &place)?) } else { None };
    Ok(Answer { tree, ..describe(args, &python, &codes, &resolver, &mut inspector, place) })
}

/// The syntax tree that is asked for.
fn tree(args: &Args, python: &Python<'_>, place: &Place) -> Result<SyntaxTree> {
    let no_tree = |why: String| Error::failed(format!("{}: {why}", args.path));
    match place {
        Place::Object(at) => match syntax_tree(python, *at) {
            Ok(Some(tree)) => Ok(tree),
            Ok(None) => Err(no_tree("is no ast node".to_owned()).hint("--tree shows what ast.parse() makes")),
            Err(fault) => Err(no_tree(fault.to_string())),
        },
        _ => Err(no_tree("is no object".to_owned())),
    }
}

/// The thread that a path begins with.
fn thread_of(path: &Path) -> Option<&str> {
    match &path.root {
        Root::Thread(name) => Some(name),
        Root::Code(inner) => thread_of(inner),
        _ => None,
    }
}

/// Stops a thread that runs; one that sleeps stands still by itself.
fn stop(tracer: &Tracer, pid: Pid, tid: Pid) -> Result<Option<os::StoppedThread>> {
    let files = os::ThreadFiles::open(pid, tid);
    if files.activity() != os::Activity::Running {
        return Ok(None);
    }
    match tracer.stop(tid, || files.activity() == os::Activity::Running) {
        Ok(stopped) => Ok(Some(stopped)),
        Err(StopError::Blocked | StopError::Gone) => Ok(None),
        Err(error) => Err(Error::failed(format!("thread {tid} of pid {pid} runs and cannot be stopped"))
            .because(error)
            .hint("with --no-pause it is read while it runs: what is shown may mix two moments")),
    }
}

fn describe(
    args: &Args,
    python: &Python<'_>,
    codes: &CodeCache,
    resolver: &Resolver<'_>,
    inspector: &mut Inspector<'_>,
    place: Place,
) -> Answer {
    let name = args.path.to_string();
    let mut answer = Answer { nodes: Vec::new(), plain: None, tree: None, instances: None };
    let fields = |at: Addr| if args.layout { raw_fields(python, at).ok() } else { None };
    match place {
        Place::Object(at) => answer.nodes.push((name, inspector.node(at), fields(at))),
        Place::Plain(part) => answer.plain = Some(part),
        Place::Instances(instances, fault) => {
            answer.instances = Some((instances.len(), fault));
            for (number, at) in instances.into_iter().take(args.items).enumerate() {
                answer.nodes.push((format!("{name}[{number}]"), inspector.node(at), fields(at)));
            }
        }
        Place::Chain(chain) => {
            for (at, link) in chain {
                let name = if link.is_empty() { name.clone() } else { format!("  {link}") };
                answer.nodes.push((name, inspector.node(at), fields(at)));
            }
        }
        Place::Frame(frame) => {
            answer.nodes.extend(frame_node(python, codes, inspector, &frame).map(|n| (name, n, None)))
        }
        Place::Thread(index) => {
            let frames = resolver.threads.get(index).map(|thread| python.stack(thread.state.address).walk.frames);
            let calls = frames.unwrap_or_default();
            let calls = calls.iter().filter(|frame| matches!(python.call(codes, frame), Ok(Some(_))));
            for (number, frame) in calls.take(args.items).enumerate() {
                let node = frame_node(python, codes, inspector, frame);
                answer.nodes.extend(node.map(|node| (format!("{name}.f[{number}]"), node, None)));
            }
        }
    }
    answer
}

/// A frame: its code, with its variables.
fn frame_node(python: &Python<'_>, codes: &CodeCache, inspector: &mut Inspector<'_>, frame: &RawFrame) -> Option<Node> {
    let call = python.call(codes, frame).ok()??;
    let mut node = inspector.node(call.code.address);
    node.facts.clear();
    let line = call.code.position(call.lasti).line;
    node.facts.extend(line.map(|line| ("line".to_owned(), Fact::Int(line))));
    node.facts.push(("lasti".to_owned(), Fact::Int(call.lasti)));
    let variables = python.variables(frame, &call.code);
    let variable = |(name, at): (String, Addr)| Child {
        label: name,
        kind: ChildKind::Variable,
        link: Link::Brief(inspector.brief(at)),
    };
    node.children = match variables {
        Ok(Some(variables)) => variables.into_iter().map(|v| variable((v.name, v.value))).collect(),
        Ok(None) => Vec::new(),
        Err(fault) => {
            node.fault = Some(fault.to_string());
            Vec::new()
        }
    };
    node.hidden = 0;
    Some(node)
}
