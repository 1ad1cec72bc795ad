//! Recordings made by hand, for the tests of formats.

use pitviper::address::Pid;
use pitviper::profile::{
    End, Event, EventKind, Frame, Function, Header, Kind, Process, ProcessId, Read, Run, StackId, State, Thread,
    ThreadId, Writer,
};

/// A millisecond, in ns.
pub const MS: u64 = 1_000_000;

/// What a target may call its functions, files, threads and tasks to harm whoever shows them.
pub const HOSTILE: &[&str] = &[
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    "<img src=x onerror=document.title='owned'>",
    "a;b;c 12",
    "plain 12 34",
    "# comment",
    "\"quotes' \\ & &lt; ]]> {{data}} ${1} `",
    "\x1b[31mred\r\n\0\u{7f}\u{9b}",
    "\u{202e}reversed\u{2028}\u{feff}\u{fffe}\u{ffff}",
    "  around  ",
    "",
    "ünïcode 日本語 😀",
];

/// Makes a recording.
pub struct Maker {
    /// What writes it.
    pub writer: Writer<Vec<u8>>,
    /// The first process.
    pub process: ProcessId,
}

impl Maker {
    /// One process, nothing else.
    pub fn new() -> Self {
        let header = Header { started: 1_700_000_000 * 1000 * MS, interval: 10 * MS, ..Header::default() };
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        let command = vec!["python3".into(), "app.py".into()];
        let process = writer.add_process(Process { command, ..Process::new(Pid(7)) });
        Self { writer, process }
    }

    /// A thread, known by its kernel number.
    pub fn thread(&mut self, process: ProcessId, native_id: u32, name: &str) -> ThreadId {
        let thread = Thread::new(process, u64::from(native_id) << 12);
        self.writer.add_thread(Thread { native_id: Some(Pid(native_id)), name: Some(name.to_owned()), ..thread })
    }

    /// A stack of functions and lines, the outermost first, as in `main:3 work:4`; a function begins
    /// on the ten before its line. One without a line is a C function of which only the name is known.
    pub fn stack(&mut self, text: &str) -> Option<StackId> {
        let mut stack = None;
        for place in text.split_whitespace() {
            let (name, line) = place.split_once(':').map_or((place, None), |(name, line)| (name, line.parse().ok()));
            let frame = match line {
                Some(line) => self.place(name, "/app.py", line),
                None => {
                    let name = self.writer.string(name);
                    Frame::new(self.writer.function(Function::new(Kind::Native, name)))
                }
            };
            let frame = self.writer.frame(frame);
            stack = Some(self.writer.stack(stack, frame));
        }
        stack
    }

    /// A place in a Python function.
    pub fn place(&mut self, name: &str, file: &str, line: u32) -> Frame {
        let (name, file) = (self.writer.string(name), self.writer.string(file));
        let first_line = Some(line / 10 * 10);
        let function = Function { file: Some(file), first_line, ..Function::new(Kind::Python, name) };
        Frame { line: Some(line), ..Frame::new(self.writer.function(function)) }
    }

    /// Records 10 ms of a thread.
    pub fn run(&mut self, thread: ThreadId, start: u64, state: State, stack: &str) -> Run {
        let stack = self.stack(stack);
        let cpu = if state == State::Running { 9 * MS } else { 0 };
        let run = Run { state, stack, cpu, wall: 10 * MS, read: Read::Deduced, ..Run::new(thread, start * MS) };
        self.writer.run(&run).unwrap();
        self.writer.accounting.wanted += 1;
        self.writer.accounting.taken += 1;
        self.writer.accounting.deduced += 1;
        run
    }

    /// The bytes.
    pub fn finish(mut self, duration: u64) -> Vec<u8> {
        self.writer.accounting.duration = duration;
        self.writer.finish().unwrap()
    }
}

/// Two processes and three threads, 80 ms in all of which 70 ms are not idle; recursion, a C function,
/// a stack without its root, and events.
pub fn plain() -> Vec<u8> {
    let mut maker = Maker::new();
    let main = maker.thread(maker.process, 100, "MainThread");
    let worker = maker.thread(maker.process, 101, "worker");
    let child = Process { parent: Some(maker.process), command: vec!["child".into()], ..Process::new(Pid(8)) };
    let child = maker.writer.add_process(child);
    let other = maker.thread(child, 102, "MainThread");
    maker.run(main, 0, State::Running, "main:11 work:22");
    maker.run(main, 10, State::Running, "main:11 work:23 work:22");
    maker.run(main, 20, State::Idle, "main:12 sleep:31");
    maker.run(main, 30, State::Running, "main:11 work:22 crunch");
    maker.run(worker, 0, State::WaitingGil, "work:22");
    let stack = maker.stack("work:22 crunch");
    let broken = Run { end: End::Unreadable, stack, state: State::Running, wall: 10 * MS, ..Run::new(worker, 10 * MS) };
    maker.writer.run(&broken).unwrap();
    maker.run(other, 0, State::Running, "main:11");
    maker.run(other, 10, State::Gc, "");
    let mut event = Event::new(15 * MS, EventKind::Gc);
    (event.duration, event.process, event.value) = (3 * MS, Some(child), Some(2));
    maker.writer.event(&event).unwrap();
    maker.finish(40 * MS)
}

/// A recording in which everything has a hostile name.
pub fn hostile() -> Vec<u8> {
    let mut maker = Maker::new();
    let command = HOSTILE.iter().map(|name| (*name).to_owned()).collect();
    let process = maker.writer.add_process(Process { command, ..Process::new(Pid(9)) });
    let mut stack = None;
    for (index, name) in HOSTILE.iter().enumerate() {
        let thread = maker.thread(process, 200 + index as u32, name);
        let place = maker.place(name, name, 10 * index as u32);
        let nameless = maker.writer.string(name);
        let native = Frame::new(maker.writer.function(Function::new(Kind::Native, nameless)));
        for frame in [place, native] {
            let frame = maker.writer.frame(frame);
            for parent in [None, stack] {
                let top = maker.writer.stack(parent, frame);
                let run = Run { state: State::Running, stack: Some(top), wall: MS, ..Run::new(thread, 0) };
                let task = Some(nameless);
                maker.writer.run(&Run { task, ..run }).unwrap();
                stack = Some(top);
            }
        }
        let event = Event { text: (*name).to_owned(), ..Event::new(MS, EventKind::Note) };
        maker.writer.event(&event).unwrap();
    }
    maker.finish(MS)
}
