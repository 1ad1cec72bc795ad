//! From runs to weighted stacks.

use crate::profile::hash::Index;
use crate::profile::tree::{Aggregate, Branch, BranchId, Group, Label, LabelId, Weighted};
use crate::profile::{
    By, End, Filter, FunctionId, Grain, Kind, Process, ProcessId, Reader, Run, StackId, StringId, Tables, Thread,
    ThreadId,
};
use std::collections::HashMap;
use std::hash::Hash;
use std::io;

/// Sums up what is left of a recording.
pub fn aggregate<R: io::Read>(reader: &mut Reader<R>, filter: &Filter) -> Aggregate {
    let mut aggregator = Aggregator::new(filter.clone());
    while let Some(block) = reader.next_block() {
        block.runs.iter().for_each(|run| aggregator.add(run));
    }
    aggregator.sum(reader.tables())
}

/// Two recordings as one tree: the first group is all of `before`, the second all of `after`. Places
/// are the same if kind, names, file and line are; the first line of a function may have moved.
pub fn diff(before: &Aggregate, after: &Aggregate) -> Aggregate {
    let mut tree = Tree::default();
    let groups = [("before", before), ("after", after)].map(|(name, of)| {
        let labels: Vec<LabelId> = of.labels.iter().map(|label| tree.label_of(label)).collect();
        let mut branches: Vec<BranchId> = Vec::with_capacity(of.branches.len());
        for branch in &of.branches {
            let parent = branch.parent.map(|parent| branches[parent.index()]);
            branches.push(tree.branch(parent, labels[branch.label.index()]));
        }
        let mut sums = Sums::default();
        for stack in of.groups.iter().flat_map(|group| &group.stacks) {
            sums.add(branches[stack.branch.index()], stack.weight, stack.looks);
        }
        Group { name: name.to_owned(), stacks: sums.sorted(), ..Group::default() }
    });
    Aggregate { mode: before.mode, labels: tree.labels, branches: tree.branches, groups: groups.into() }
}

/// Sums up runs as they come. Grows with distinct stacks of each thread, not with runs.
///
/// Only time and state are judged on the way: the name of a thread may become known later.
#[derive(Clone, Debug)]
pub struct Aggregator {
    filter: Filter,
    cells: Index<Seen, Cell>,
}

/// What runs are summed up by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Seen {
    /// Only if threads are told apart: without, there are far fewer sums, and they stay in the cache.
    thread: Option<ThreadId>,
    /// Only if tasks are told apart.
    task: Option<StringId>,
    stack: Option<StackId>,
    end: End,
}

#[derive(Clone, Copy, Default, Debug)]
struct Cell {
    weight: u64,
    looks: u64,
}

impl Cell {
    fn add(&mut self, weight: u64, looks: u64) {
        self.weight = self.weight.saturating_add(weight);
        self.looks = self.looks.saturating_add(looks);
    }
}

impl Aggregator {
    /// Nothing yet.
    pub fn new(filter: Filter) -> Self {
        Self { filter, cells: Index::default() }
    }

    /// Adds a run.
    pub fn add(&mut self, run: &Run) {
        let weight = self.filter.weight(run);
        if weight == 0 {
            return;
        }
        let task = run.task.filter(|_| self.filter.by == By::Task);
        let whole = self.filter.by == By::All && self.filter.threads.is_empty();
        let thread = (!whole).then_some(run.thread);
        let seen = Seen { thread, task, stack: run.stack, end: run.end };
        self.cells.entry(seen).or_default().add(weight, u64::from(run.looks));
    }

    /// What it comes to so far. `tables` belong to the runs.
    pub fn sum(&self, tables: &Tables) -> Aggregate {
        let chosen: Vec<bool> = tables.threads().map(|(_, thread)| self.filter.chooses(thread)).collect();
        let counts = |seen: &Seen| seen.thread.is_none_or(|thread| chosen[thread.index()]);
        // In an order that is the same every time.
        let mut cells: Vec<_> = self.cells.iter().filter(|(seen, _)| counts(seen)).collect();
        cells.sort_unstable_by_key(|(seen, _)| (seen.thread, seen.task, seen.stack, seen.end));
        let mut projection = Projection::new(tables, &self.filter);
        let mut groups: Vec<(Group, Sums)> = Vec::new();
        let mut places: HashMap<Place, usize> = HashMap::new();
        for (seen, cell) in cells {
            let Some(branch) = projection.branch(seen.stack, seen.end) else { continue };
            let place = Place::of(self.filter.by, seen, tables);
            let index = *places.entry(place).or_insert_with(|| {
                groups.push((place.group(tables), Sums::default()));
                groups.len() - 1
            });
            groups[index].1.add(branch, cell.weight, cell.looks);
        }
        let finish = |(group, sums): (Group, Sums)| Group { stacks: sums.sorted(), ..group };
        let Tree { labels, branches, .. } = projection.tree;
        Aggregate { mode: self.filter.mode, labels, branches, groups: groups.into_iter().map(finish).collect() }
    }
}

/// What a group is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    All,
    Process(ProcessId),
    Thread(ThreadId),
    Task(ProcessId, Option<StringId>),
}

impl Place {
    fn of(by: By, seen: &Seen, tables: &Tables) -> Self {
        let Some(thread) = seen.thread else { return Self::All };
        let process = tables.thread(thread).process;
        match by {
            By::All => Self::All,
            By::Process => Self::Process(process),
            By::Thread => Self::Thread(thread),
            By::Task => Self::Task(process, seen.task),
        }
    }

    fn group(self, tables: &Tables) -> Group {
        let (name, process, thread) = match self {
            Self::All => ("all".to_owned(), None, None),
            Self::Process(id) => (process_name(tables.process(id)), Some(id), None),
            Self::Thread(id) => {
                let thread = tables.thread(id);
                (thread_name(thread), Some(thread.process), Some(id))
            }
            Self::Task(id, task) => (task.map_or("no task", |task| tables.text(task)).to_owned(), Some(id), None),
        };
        Group { name, process, thread, stacks: Vec::new() }
    }
}

fn process_name(process: &Process) -> String {
    match process.command.join(" ") {
        command if command.is_empty() => format!("process {}", process.pid),
        command => format!("process {}: {command}", process.pid),
    }
}

fn thread_name(thread: &Thread) -> String {
    thread.name.clone().unwrap_or_else(|| match thread.native_id {
        Some(pid) => format!("thread {pid}"),
        None => format!("thread {:#x}", thread.ident),
    })
}

/// Stacks and what they count.
#[derive(Default)]
struct Sums(Index<BranchId, Cell>);

impl Sums {
    fn add(&mut self, branch: BranchId, weight: u64, looks: u64) {
        self.0.entry(branch).or_default().add(weight, looks);
    }

    fn sorted(self) -> Vec<Weighted> {
        let weighted = |(branch, cell): (BranchId, Cell)| Weighted { branch, weight: cell.weight, looks: cell.looks };
        let mut stacks: Vec<Weighted> = self.0.into_iter().map(weighted).collect();
        stacks.sort_unstable_by_key(|stack| stack.branch);
        stacks
    }
}

/// A tree as it grows.
#[derive(Default)]
struct Tree {
    labels: Vec<Label>,
    branches: Vec<Branch>,
    known_labels: HashMap<Label, LabelId>,
    known_branches: Index<Branch, BranchId>,
}

impl Tree {
    fn branch(&mut self, parent: Option<BranchId>, label: LabelId) -> BranchId {
        let branch = Branch { parent, label };
        *self.known_branches.entry(branch).or_insert_with(|| {
            self.branches.push(branch);
            BranchId(self.branches.len() as u32 - 1)
        })
    }

    fn add_label(&mut self, label: Label) -> LabelId {
        self.labels.push(label);
        LabelId(self.labels.len() as u32 - 1)
    }

    /// The place that is the same wherever the function begins.
    fn label_of(&mut self, label: &Label) -> LabelId {
        let key = Label { first_line: None, ..label.clone() };
        match self.known_labels.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.add_label(label.clone());
                self.known_labels.insert(key, id);
                id
            }
        }
    }
}

/// What a place is known by: a function, its line if lines are told apart, or what stands for frames
/// that are not there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Function(FunctionId, Option<u32>),
    Missing(End),
    Empty,
}

/// From stacks of a recording to those of a tree, which tells apart no more than a [`Filter`] does.
pub struct Projection<'a> {
    tables: &'a Tables,
    grain: Grain,
    /// For each stack, by its number, whether it counts.
    counts: Vec<bool>,
    empty_counts: bool,
    tree: Tree,
    known: Known,
}

#[derive(Default)]
struct Known {
    labels: Index<Key, LabelId>,
    branches: Index<(End, StackId), BranchId>,
}

impl<'a> Projection<'a> {
    /// An empty tree for stacks of `tables`.
    pub fn new(tables: &'a Tables, filter: &Filter) -> Self {
        Self {
            tables,
            grain: filter.grain,
            counts: filter.stacks(tables),
            empty_counts: filter.include.is_empty(),
            tree: Tree::default(),
            known: Known::default(),
        }
    }

    /// The places so far.
    pub fn labels(&self) -> &[Label] {
        &self.tree.labels
    }

    /// The stacks so far: callers come before what they call.
    pub fn branches(&self) -> &[Branch] {
        &self.tree.branches
    }

    /// The stack in the tree for one of the recording, with why that has no more frames; `None` if it
    /// does not count because of what is on it.
    pub fn branch(&mut self, stack: Option<StackId>, end: End) -> Option<BranchId> {
        let counts = stack.map_or(self.empty_counts, |stack| self.counts[stack.index()]);
        counts.then(|| self.place(stack, end))
    }

    fn place(&mut self, stack: Option<StackId>, end: End) -> BranchId {
        // Up to where the way is known, then down again.
        let mut way = Vec::new();
        let (mut next, mut branch) = (stack, None);
        while let Some(id) = next {
            branch = self.known.branches.get(&(end, id)).copied();
            if branch.is_some() {
                break;
            }
            way.push(id);
            next = self.tables.stack(id).parent;
        }
        let mut branch = match branch {
            Some(branch) => Some(branch),
            None if end != End::Root => Some(self.stand_in(Key::Missing(end))),
            None => None,
        };
        while let Some(id) = way.pop() {
            let frame = self.tables.frame(self.tables.stack(id).frame);
            let line = frame.line.filter(|_| self.grain == Grain::Lines);
            let label = self.label(Key::Function(frame.function, line));
            let own = self.tree.branch(branch, label);
            self.known.branches.insert((end, id), own);
            branch = Some(own);
        }
        match branch {
            Some(branch) => branch,
            None => self.stand_in(Key::Empty),
        }
    }

    /// What stands, outermost, for frames that are not there.
    fn stand_in(&mut self, key: Key) -> BranchId {
        let label = self.label(key);
        self.tree.branch(None, label)
    }

    fn label(&mut self, key: Key) -> LabelId {
        if let Some(id) = self.known.labels.get(&key) {
            return *id;
        }
        let nameless = |kind, name: &str| Label {
            kind,
            name: name.to_owned(),
            qualname: None,
            file: None,
            first_line: None,
            line: None,
        };
        let label = match key {
            Key::Function(id, line) => self.label_of(id, line),
            Key::Missing(end) => nameless(Kind::Truncated, end.word()),
            Key::Empty => nameless(Kind::Empty, Kind::Empty.word()),
        };
        let id = self.tree.add_label(label);
        self.known.labels.insert(key, id);
        id
    }

    fn label_of(&self, id: FunctionId, line: Option<u32>) -> Label {
        let function = self.tables.function(id);
        let text = |id: StringId| self.tables.text(id).to_owned();
        Label {
            kind: function.kind,
            name: text(function.name),
            qualname: function.qualname.map(text),
            file: function.file.map(text),
            first_line: function.first_line,
            line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Pid;
    use crate::profile::{
        Frame, Function, Header, Mode, Pattern, Process, ProcessId, Read, State, ThreadChoice, Writer,
    };

    const MS: u64 = 1_000_000;

    struct Maker {
        writer: Writer<Vec<u8>>,
        process: ProcessId,
    }

    impl Maker {
        fn new() -> Self {
            let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
            let process = writer.add_process(Process { command: vec!["app".into()], ..Process::new(Pid(7)) });
            Self { writer, process }
        }

        fn thread(&mut self, ident: u64) -> ThreadId {
            self.writer.add_thread(Thread { native_id: Some(Pid(100)), ..Thread::new(self.process, ident) })
        }

        /// A stack of functions and lines, the outermost first, as in `main:3 work:4`.
        fn stack(&mut self, text: &str) -> Option<StackId> {
            text.split_whitespace().fold(None, |parent, place| {
                let (name, line) = place.split_once(':').unwrap();
                let (name, file) = (self.writer.string(name), self.writer.string("/app.py"));
                let function = Function { file: Some(file), ..Function::new(Kind::Python, name) };
                let function = self.writer.function(function);
                let frame = self.writer.frame(Frame { line: line.parse().ok(), ..Frame::new(function) });
                Some(self.writer.stack(parent, frame))
            })
        }

        fn run(&mut self, thread: ThreadId, start: u64, state: State, stack: &str) -> Run {
            let stack = self.stack(stack);
            let cpu = if state == State::Running { 9 * MS } else { 0 };
            Run { state, stack, cpu, wall: 10 * MS, read: Read::Deduced, ..Run::new(thread, start * MS) }
        }

        /// Two threads, all states, one run every 10 ms of each.
        fn recording() -> Vec<u8> {
            let mut maker = Self::new();
            let (main, worker) = (maker.thread(1), maker.thread(2));
            let task = Some(maker.writer.string("Task-1"));
            let named = Thread { name: Some("worker-1".into()), ..Thread::new(maker.process, 2) };
            let runs = [
                Run { gil: Some(true), ..maker.run(main, 0, State::Running, "main:1 work:2 work:3") },
                Run { task, ..maker.run(main, 10, State::Running, "main:1 work:2 work:4") },
                maker.run(main, 20, State::Idle, "main:5 sleep:6"),
                maker.run(worker, 0, State::WaitingGil, "main:1 work:2"),
                maker.run(worker, 10, State::Stopped, "main:1 work:2"),
                Run { end: End::Unreadable, ..maker.run(worker, 20, State::Running, "work:3") },
                Run { end: End::Unreadable, ..maker.run(worker, 30, State::Running, "") },
                maker.run(worker, 40, State::Gc, ""),
            ];
            runs.iter().for_each(|run| maker.writer.run(run).unwrap());
            maker.writer.set_thread(worker, named);
            maker.writer.finish().unwrap()
        }
    }

    /// Group by group: each stack, the outermost first, with its time in ms.
    fn folded(aggregate: &Aggregate) -> Vec<String> {
        let mut lines = Vec::new();
        for group in &aggregate.groups {
            for stack in &group.stacks {
                let place = |label: &Label| match label.line {
                    Some(line) => format!("{}:{line}", label.name),
                    None => label.name.clone(),
                };
                let mut path: Vec<String> = aggregate.path(stack.branch).map(place).collect();
                path.reverse();
                lines.push(format!("{} {} {}", group.name, path.join(";"), stack.weight / MS));
            }
        }
        lines
    }

    fn of(filter: &Filter) -> Aggregate {
        aggregate(&mut Reader::open(Maker::recording().as_slice()).unwrap(), filter)
    }

    #[track_caller]
    fn check(filter: Filter, expected: &[&str]) {
        let mut lines = folded(&of(&filter));
        lines.sort();
        assert_eq!(lines, expected, "{filter:?}");
    }

    fn patterns(text: &str) -> Vec<Pattern> {
        vec![Pattern::parse(text).unwrap()]
    }

    #[test]
    fn what_time_counts_depends_on_mode_and_idle() {
        let all = Filter::default;
        let busy = [
            "all empty 10",
            "all main;work 10",
            "all main;work;work 20",
            "all unreadable 10",
            "all unreadable;work 10",
        ];
        check(all(), &busy);
        let mut idle = busy.to_vec();
        idle[1] = "all main;work 20";
        idle.insert(1, "all main;sleep 10");
        check(Filter { idle: true, ..all() }, &idle);
        let cpu = ["all main;work;work 18", "all unreadable 9", "all unreadable;work 9"];
        check(Filter { mode: Mode::Cpu, ..all() }, &cpu);
        check(Filter { mode: Mode::Gil, idle: true, ..all() }, &["all main;work;work 10"]);
    }

    #[test]
    fn part_of_a_run_counts_in_part() {
        let part =
            |mode, time| Filter { mode, time: Some(time), threads: vec![ThreadChoice::Number(1)], ..Filter::default() };
        check(part(Mode::Wall, 5 * MS..12 * MS), &["all main;work;work 7"]);
        check(part(Mode::Cpu, 5 * MS..10 * MS), &["all main;work;work 4"]);
        check(part(Mode::Wall, 20 * MS..900 * MS), &[]);
    }

    #[test]
    fn stacks_are_chosen_by_what_is_on_them() {
        let all = Filter::default;
        check(Filter { include: patterns("^mai.$"), ..all() }, &["all main;work 10", "all main;work;work 20"]);
        check(
            Filter { include: patterns(r"/app\.py"), exclude: patterns("main"), ..all() },
            &["all unreadable;work 10"],
        );
        check(Filter { include: patterns("nothing"), ..all() }, &[]);
        let worker = |text| Filter { threads: vec![ThreadChoice::parse(text).unwrap()], idle: true, ..all() };
        let expected = ["all empty 10", "all main;work 20", "all unreadable 10", "all unreadable;work 10"];
        // The name became known at the end.
        check(worker("^work"), &expected);
        check(worker("2"), &expected);
        check(worker("100"), &["all main;sleep 10", "all main;work;work 20"]);
        assert!(Pattern::parse("(").unwrap_err().to_string().starts_with("\"(\" is no regular expression: "));
    }

    #[test]
    fn groups_and_lines_are_told_apart() {
        let main = |by| Filter { by, threads: vec![ThreadChoice::Number(1)], ..Filter::default() };
        check(main(By::Process), &["process 7: app main;work;work 20"]);
        check(main(By::Thread), &["thread 100 main;work;work 20"]);
        check(main(By::Task), &["Task-1 main;work;work 10", "no task main;work;work 10"]);
        let lines = ["all main:1;work:2;work:3 10", "all main:1;work:2;work:4 10"];
        check(Filter { grain: Grain::Lines, ..main(By::All) }, &lines);
    }

    #[test]
    fn the_table_counts_recursion_once() {
        let aggregate = of(&Filter::default());
        let group = &aggregate.groups[0];
        assert_eq!((group.weight(), group.looks()), (60 * MS, 6));
        let rows = aggregate.table(group);
        let row = |name: &str| rows[aggregate.labels.iter().position(|label| label.name == name).unwrap()];
        assert_eq!((row("work").own, row("work").total), (40 * MS, 40 * MS));
        assert_eq!((row("main").own, row("main").total), (0, 30 * MS));
        assert_eq!((row("unreadable").own, row("unreadable").total), (10 * MS, 20 * MS));
        let totals = aggregate.totals(group);
        let roots = &aggregate.children()[aggregate.branches.len()];
        assert_eq!(roots.iter().map(|root| totals[root.index()]).sum::<u64>(), 60 * MS);
    }

    #[test]
    fn a_difference_has_both_sides_in_one_tree() {
        let before = of(&Filter { threads: vec![ThreadChoice::Number(1)], ..Filter::default() });
        let after = of(&Filter { by: By::Thread, ..Filter::default() });
        let both = diff(&before, &after);
        let expected = [
            "before main;work;work 20",
            "after main;work;work 20",
            "after empty 10",
            "after main;work 10",
            "after unreadable 10",
            "after unreadable;work 10",
        ];
        let mut lines = folded(&both);
        lines[1..].sort_by_key(|line| expected.iter().position(|other| other == line));
        assert_eq!(lines, expected);
        assert_eq!(both.branches.len(), after.branches.len());
    }
}
