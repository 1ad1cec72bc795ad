//! `pitviper inspect`: the object at a path.

use crate::address::{Addr, Pid};
use crate::cli::common::{Own, Reading, Shown, parse_target};
use crate::cli::shell::{self, Start};
use crate::cli::terminal::Talk;
use crate::cli::{Outcome, found, terminal};
use crate::error::{Error, Kind, Result};
use crate::inspection::{
    Child, ChildKind, Fact, Inspector, Limits, Link, Node, RawField, SyntaxTree, raw_fields, syntax_tree,
};
use crate::memory::Pages;
use crate::objects::OwnPrinters;
use crate::output::{dump_json, escape, inspect_json, inspect_text};
use crate::paths::{self, Path, Place, Resolver, Seen};
use crate::python::{CodeCache, Part, Python, RawFrame};
use crate::stacks::Read;
use crate::target::{Functions, Target};
use serde_json::json;

/// Print the object at a path: a name, an item, a variable; without one, ask in a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "Paths:
  module.name.attribute[key]       the longest prefix that is a module; bare names: __main__, builtins
  t:THREAD.f[0].variable           of a frame: by number (0 is the innermost) or function, of a thread by name or id
  0x7f…  type:module.Class  code:PATH  interp:N/PATH
  all:module.Class                 every object of the class that the garbage collector knows
  task:NAME                        a task of asyncio, by its name or its coroutine's
  .name  [key]  !chain             attributes, items, and all that follow (exceptions, tracebacks, awaits)

Examples:
  pitviper inspect 1234 app.config['db']              a value in a module
  pitviper inspect 1234 t:MainThread.f[0].request     a variable of the innermost frame
  pitviper inspect 1234 type:app.Pool --json          a class
  pitviper inspect 1234 app.pool --layout             its C fields
  pitviper inspect 1234                               a shell; `help` there tells what it can do

Exit codes: 0 complete, 1 failed, 2 usage, 3 not permitted, 4 part of it could not be read")]
pub struct Args {
    /// Process id
    #[arg(value_name = "TARGET", value_parser = parse_target)]
    pid: Pid,
    /// What to show; without it, a shell that asks again and again
    #[arg(value_name = "PATH", value_parser = str::parse::<Path>)]
    path: Option<Path>,
    /// Levels of objects below it
    #[arg(long, value_name = "LEVELS", default_value_t = 1, requires = "path")]
    depth: u32,
    /// Items of a container, attributes of an object
    #[arg(long, value_name = "NUMBER", default_value_t = 40, requires = "path")]
    items: usize,
    /// Characters of the text of one object
    #[arg(long, value_name = "CHARACTERS", default_value_t = 200, requires = "path")]
    width: usize,
    /// Show the C fields of the object
    #[arg(long, requires = "path")]
    layout: bool,
    /// Show the tree of an ast node, as ast.dump does
    #[arg(long, conflicts_with = "layout", requires = "path")]
    tree: bool,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    shown: Shown,
}

impl Args {
    /// Whether it is the shell that is asked for.
    pub fn is_shell(&self) -> bool {
        self.path.is_none()
    }
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
    let Some(path) = &args.path else {
        if args.shown.json {
            return Err(
                Error::new(Kind::Usage, "--json tells of an object").hint("name a path, or say --json in the shell")
            );
        }
        return shell::run(&Start { pid: args.pid, table: table.as_ref(), options: args.reading.given() }, talk);
    };
    let target = found::attach(talk, args.pid, table.as_ref())?;
    let Seen { value: answer, read } = look(args, path, &target, printers)?;
    let fault = answer.instances.as_ref().and_then(|(_, fault)| fault.clone());
    let mixed = (read == Some(Read::Undecided)).then(|| found::MIXED.to_owned());
    let whole = answer.tree.as_ref().is_none_or(SyntaxTree::is_complete) && fault.is_none() && mixed.is_none();
    let complete = whole && answer.nodes.iter().all(|(_, node, _)| node.fault.is_none());
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
            "path": path.to_string(),
            "complete": complete,
            "objects": objects,
            "plain": answer.plain.as_ref().map(plain),
            "tree": answer.tree.as_ref().map(SyntaxTree::dump),
            "instances": answer.instances.as_ref().map(|(count, _)| count),
            "problems": fault.iter().chain(&mixed).collect::<Vec<_>>(),
        }))?;
    } else {
        let style = args.shown.color.style();
        terminal::data(|out| {
            if let Some(tree) = &answer.tree {
                return tree.dump_indented(2).lines().try_for_each(|line| writeln!(out, "{}", escape(line)));
            }
            if let Some((count, fault)) = &answer.instances {
                let fault = fault.as_ref().map_or_else(String::new, |fault| format!(", or more: {}", escape(fault)));
                writeln!(out, "{path}: {count} objects{fault}")?;
            }
            for (name, node, fields) in &answer.nodes {
                match fields {
                    Some(fields) => inspect_text::write_fields(out, name, node, fields, style)?,
                    None => inspect_text::write(out, name, node, style)?,
                }
            }
            if let Some(part) = &answer.plain {
                writeln!(out, "{path} = {}", plain(part))?;
            }
            mixed.iter().try_for_each(|problem| writeln!(out, "problem: {problem}"))
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

fn look(args: &Args, path: &Path, target: &Target, printers: Option<&'static OwnPrinters>) -> Result<Seen<Answer>> {
    let codes = CodeCache::default();
    let pages = Pages::new(&target.memory);
    let resolver = Resolver::new(target, &pages, &codes, path.interpreter)?;
    let functions = Functions::of(target);
    let limits =
        Limits { depth: if args.tree { 0 } else { args.depth }, items: args.items, width: args.width, printers };
    paths::look(&resolver, path, args.reading.pausing(), &mut |place, _| {
        let inspector = Inspector::new(resolver.python, &codes, limits).naming(&functions);
        let mut inspector = inspector.with_collector(resolver.collector());
        let tree = if args.tree { Some(tree(path, &resolver.python, &place)?) } else { None };
        Ok(Answer { tree, ..describe(args, path, &codes, &resolver, &mut inspector, place) })
    })
}

/// The syntax tree that is asked for.
fn tree(path: &Path, python: &Python<'_>, place: &Place) -> Result<SyntaxTree> {
    let no_tree = |why: String| Error::failed(format!("{path}: {why}"));
    match place {
        Place::Object(at) => match syntax_tree(python, *at) {
            Ok(Some(tree)) => Ok(tree),
            Ok(None) => Err(no_tree("is no ast node".to_owned()).hint("--tree shows what ast.parse() makes")),
            Err(fault) => Err(no_tree(fault.to_string())),
        },
        _ => Err(no_tree("is no object".to_owned())),
    }
}

fn describe(
    args: &Args,
    path: &Path,
    codes: &CodeCache,
    resolver: &Resolver<'_>,
    inspector: &mut Inspector<'_>,
    place: Place,
) -> Answer {
    let python = &resolver.python;
    let name = path.to_string();
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
        Place::Frame(frame, _) => {
            answer.nodes.extend(frame_node(python, codes, inspector, &frame).map(|n| (name, n, None)))
        }
        Place::Thread(index) => {
            for (number, frame) in resolver.frames(index).iter().take(args.items).enumerate() {
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
