//! What is written is what is read, whatever befalls the file; what is summed up is what was meant.

use super::*;
use crate::address::Pid;

/// Numbers that are the same every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % sides
    }

    fn flip(&mut self) -> bool {
        self.roll(2) == 0
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.roll(among.len() as u64) as usize]
    }

    /// Small, great, and everything between.
    fn number(&mut self) -> u64 {
        let bits = self.roll(65);
        let number = self.roll(1 << 32) << 32 | self.roll(1 << 32);
        if bits == 0 { 0 } else { number >> (64 - bits) }
    }

    fn optional(&mut self) -> Option<u32> {
        self.flip().then(|| self.number() as u32)
    }
}

fn header() -> Header {
    Header {
        started: 1_700_000_000_000_000_000,
        interval: 1_000_000,
        mode: Mode::Cpu,
        command: vec!["pitviper".into(), "record".into(), "1".into()],
        processors: Some(2),
        kernel: Some("Linux 6.18".into()),
        ..Header::default()
    }
}

/// Everything that was written, to compare with what is read.
#[derive(Default)]
struct Written {
    runs: Vec<Run>,
    events: Vec<Event>,
    tables: Tables,
    accounting: Accounting,
}

/// A recording of `runs` runs, of everything there is; a block is written every `every` runs.
fn random(seed: u64, runs: u64, every: u64) -> (Vec<u8>, Written) {
    let dice = &mut Dice(seed);
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    let mut written = Written::default();
    let mut stacks = vec![None];
    let process = writer.add_process(Process::new(Pid(1)));
    let mut threads = vec![writer.add_thread(Thread::new(process, 1))];
    for index in 0..runs {
        add_names(&mut writer, dice, &mut stacks, &mut threads);
        let run = random_run(&mut writer, dice, dice_of(&threads, index), &stacks);
        writer.run(&run).unwrap();
        written.runs.push(run);
        if dice.roll(8) == 0 {
            let event = Event {
                duration: dice.number(),
                process: dice.flip().then_some(process),
                thread: dice.flip().then_some(threads[0]),
                value: dice.flip().then(|| dice.number().cast_signed()),
                text: "über\n".repeat(dice.roll(3) as usize),
                ..Event::new(dice.number(), dice.of(EventKind::ALL))
            };
            writer.event(&event).unwrap();
            written.events.push(event);
        }
        writer.accounting.taken += 1;
        writer.accounting.stopped_longest = dice.number();
        if index % every == every - 1 {
            writer.flush().unwrap();
        }
    }
    (written.tables, written.accounting) = (writer.tables().clone(), writer.accounting);
    (writer.finish().unwrap(), written)
}

fn dice_of(threads: &[ThreadId], index: u64) -> ThreadId {
    threads[index as usize * 7 % threads.len()]
}

fn add_names(
    writer: &mut Writer<Vec<u8>>,
    dice: &mut Dice,
    stacks: &mut Vec<Option<StackId>>,
    threads: &mut Vec<ThreadId>,
) {
    let name = writer.string(&format!("f{}", dice.roll(30)));
    let qualname = dice.flip().then(|| writer.string("A.f"));
    let file = dice.flip().then(|| writer.string(["/a.py", "", "/ü.py"][dice.roll(3) as usize]));
    let function = Function { kind: dice.of(Kind::ALL), name, qualname, file, first_line: dice.optional() };
    let function = writer.function(function);
    let frame = Frame {
        function,
        line: dice.optional(),
        end_line: dice.optional(),
        column: dice.optional(),
        end_column: dice.optional(),
        lasti: dice.optional(),
    };
    let frame = writer.frame(frame);
    let parent = dice.of(stacks);
    stacks.push(Some(writer.stack(parent, frame)));
    if dice.roll(5) == 0 {
        let parent = writer.tables().processes().last().map(|(id, _)| id);
        let process = Process {
            parent,
            command: vec!["python".into(), String::new()],
            executable: Some("/usr/bin/python".into()),
            version: Some("3.11.7".into()),
            flavour: Some("gil".into()),
            ..Process::new(Pid(dice.number() as u32))
        };
        let id = writer.add_process(process.clone());
        threads.push(writer.add_thread(Thread { native_id: Some(Pid(9)), ..Thread::new(id, dice.number()) }));
        writer.set_process(id, Process { version: None, ..process });
        let renamed = Thread { name: Some("worker".into()), interpreter: -1, ..Thread::new(id, 4) };
        writer.set_thread(dice.of(threads), renamed);
    }
}

fn random_run(writer: &mut Writer<Vec<u8>>, dice: &mut Dice, thread: ThreadId, stacks: &[Option<StackId>]) -> Run {
    let wall = dice.number();
    let other = dice.number();
    Run {
        thread,
        start: dice.number(),
        wall,
        cpu: dice.of(&[0, wall, other]),
        looks: dice.of(&[1, 0, u32::MAX]),
        stack: dice.of(stacks),
        state: dice.of(State::ALL),
        gil: dice.of(&[None, Some(false), Some(true)]),
        read: dice.of(Read::ALL),
        end: dice.of(End::ALL),
        waits: dice.flip().then(|| writer.string("epoll_wait")),
        task: dice.flip().then(|| writer.string("Task-1")),
    }
}

/// All runs and events that can be read, and how it ended. `None` if there is no header.
fn read(bytes: &[u8]) -> Option<(Vec<Run>, Vec<Event>, Ending)> {
    let mut reader = Reader::open(bytes).ok()?;
    let (mut runs, mut events) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        runs.extend_from_slice(block.runs);
        events.extend_from_slice(block.events);
        // What a run refers to is there.
        for run in block.runs {
            assert!(block.tables.thread(run.thread).process.index() < block.tables.processes().len());
            assert!(block.tables.frames(run.stack).count() <= block.tables.stacks().len());
            let _ = (run.waits.map(|id| block.tables.text(id)), run.task.map(|id| block.tables.text(id)));
        }
    }
    Some((runs, events, reader.ending().clone()))
}

#[test]
fn what_is_read_is_what_was_written() {
    for seed in 1..40 {
        let (bytes, written) = random(seed, 200, 1 + seed % 50);
        let mut reader = Reader::open(bytes.as_slice()).unwrap();
        assert_eq!(reader.header(), &header());
        while reader.next_block().is_some() {}
        let tables = reader.tables();
        assert_eq!(tables.strings, written.tables.strings);
        assert_eq!(tables.functions, written.tables.functions);
        assert_eq!(tables.frames, written.tables.frames);
        assert_eq!(tables.stacks, written.tables.stacks);
        assert_eq!(tables.processes, written.tables.processes);
        assert_eq!(tables.threads, written.tables.threads);
        assert_eq!(tables.weight(), written.tables.weight());
        assert_eq!(reader.accounting(), &written.accounting);
        let (runs, events, ending) = read(&bytes).unwrap();
        assert_eq!((runs, events, ending), (written.runs, written.events, Ending::Complete));
    }
}

#[test]
fn a_recording_cut_anywhere_gives_all_blocks_before() {
    let (bytes, written) = random(3, 40, 10);
    let mut most = 0;
    for length in 0..bytes.len() {
        let Some((runs, events, ending)) = read(&bytes[..length]) else {
            assert!(length < 200, "{length}");
            continue;
        };
        assert!(written.runs.starts_with(&runs) && written.events.starts_with(&events), "{length}");
        assert!(runs.len() % 10 == 0 && runs.len() >= most, "{length}");
        most = runs.len();
        let Ending::CutShort { lost } = ending else { panic!("{length}: {ending:?}") };
        assert!(lost < length as u64);
    }
    assert_eq!(most, 40, "only the last block is missing");
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let (bytes, written) = random(4, 40, 10);
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let Some((runs, events, ending)) = read(&damaged) else { continue };
            assert!(written.runs.starts_with(&runs) && written.events.starts_with(&events), "{at}");
            let Ending::Damaged { at: block, .. } = ending else { panic!("{at}: {ending:?}") };
            assert!(block <= at as u64);
        }
    }
}

#[test]
fn garbage_behind_right_checksums_is_survived() {
    let (bytes, _) = random(5, 60, 60);
    let mut source = &bytes[10..];
    let (mut unpacker, mut packer) = (block::Unpacker::new(), block::Packer::new());
    let (_, header) = unpacker.read(&mut source).unwrap();
    let start = &bytes[..10 + header as usize];
    unpacker.read(&mut source).unwrap();
    let (raw, plain) = (unpacker.raw().to_vec(), unpacker.plain().to_vec());
    let mut dice = Dice(6);
    let mut damaged = 0;
    for _ in 0..20_000 {
        let (mut raw, mut plain) = (raw.clone(), plain.clone());
        for _ in 0..=dice.roll(3) {
            let part = if dice.roll(4) == 0 { &mut plain } else { &mut raw };
            let at = dice.roll(part.len() as u64) as usize;
            match dice.roll(3) {
                0 => part[at] = dice.number() as u8,
                1 => part[at] ^= 1 << dice.roll(8),
                _ => part.truncate(at.max(1)),
            }
        }
        let file = [start, packer.pack(block::BlockKind::Last, &raw, &plain)].concat();
        let (_, _, ending) = read(&file).unwrap();
        damaged += u32::from(ending != Ending::Complete);
    }
    assert!(damaged > 5_000, "{damaged}");
}

#[test]
fn lengths_that_lie_allocate_nothing() {
    let (bytes, _) = random(7, 5, 5);
    let open = |bytes: &[u8]| Reader::open(bytes).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(open(b"").contains("no recording"));
    assert!(open(b"PITVIPER").contains("no recording"));
    assert!(open(&[b"PITVIPER\x02\0", &bytes[10..]].concat()).contains("has format 2"));
    assert!(open(&bytes[..40]).contains("ends within it"));
    // A block that claims 16 MB and has ten bytes, its head being right.
    let mut file = bytes.clone();
    let block = block::Packer::new().pack(block::BlockKind::Data, &vec![7; 16 << 20], &[]).to_vec();
    assert!(block.len() < 200_000);
    let end = file.len() - last_block(&file);
    file.truncate(end);
    file.extend_from_slice(&block[..34]);
    assert_eq!(read(&file).unwrap().2, Ending::CutShort { lost: 34 });
}

/// How long the last block is.
fn last_block(bytes: &[u8]) -> usize {
    let (mut source, mut unpacker, mut last) = (&bytes[10..], block::Unpacker::new(), 0);
    while let Ok((_, length)) = unpacker.read(&mut source) {
        last = length as usize;
    }
    last
}

#[test]
fn neither_side_grows_with_runs() {
    /// Counts, and gives to nobody.
    #[derive(Default)]
    struct Counted(u64, u64);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            (self.0, self.1) = (self.0 + bytes.len() as u64, self.1.max(bytes.len() as u64));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Counted::default(), &header()).unwrap();
    let process = writer.add_process(Process::new(Pid(1)));
    let thread = writer.add_thread(Thread::new(process, 1));
    let mut dice = Dice(8);
    for index in 0..1_000_000_u64 {
        let name = writer.string(&format!("f{}", dice.roll(100)));
        let function = writer.function(Function::new(Kind::Python, name));
        let frame = writer.frame(Frame::new(function));
        let stack = Some(writer.stack(None, frame));
        writer.run(&Run { stack, wall: 900_000 + dice.roll(200_000), ..Run::new(thread, index * 1_000_000) }).unwrap();
    }
    assert_eq!(writer.tables().stacks().len(), 100);
    assert!(writer.tables().weight() < 20_000);
    let Counted(bytes, greatest) = writer.finish().unwrap();
    assert!(greatest < 100_000, "a block of {greatest} bytes");
    assert!(bytes < 12_000_000, "{bytes} bytes for a million runs");
}

#[test]
fn what_waits_is_written_by_the_second_and_by_size() {
    let (mut writer, thread) = small();
    writer.run(&Run::new(thread, 1)).unwrap();
    writer.flush_if_due(999_999_999).unwrap();
    assert!(!writer.is_due(999_999_999) && writer.is_due(1_000_000_000));
    writer.flush_if_due(1_000_000_000).unwrap();
    writer.run(&Run::new(thread, 2)).unwrap();
    writer.flush_if_due(1_999_999_999).unwrap();
    // Killed: no last block.
    let bytes = writer.sink.clone();
    let (runs, _, ending) = read(&bytes).unwrap();
    assert_eq!((runs.len(), ending), (1, Ending::CutShort { lost: 0 }));
    // Names alone, more than any block may hold.
    let (mut writer, _) = small();
    for index in 0..1000 {
        writer.string(&format!("{index}{}", "x".repeat(70_000)));
    }
    let bytes = writer.finish().unwrap();
    let mut reader = Reader::open(bytes.as_slice()).unwrap();
    while reader.next_block().is_some() {}
    assert_eq!((reader.tables().strings.len(), reader.ending()), (1000, &Ending::Complete));
    assert!(reader.tables().strings.iter().all(|text| text.len() == 64 << 10));
}

fn small() -> (Writer<Vec<u8>>, ThreadId) {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    let process = writer.add_process(Process::new(Pid(1)));
    let thread = writer.add_thread(Thread { name: Some("main".into()), ..Thread::new(process, 77) });
    (writer, thread)
}

#[test]
fn a_full_disk_is_told_every_time() {
    let (room, mut refused) = (200, 0);
    let mut writer = Writer::new(Full(room), &header()).unwrap();
    let process = writer.add_process(Process::new(Pid(1)));
    let thread = writer.add_thread(Thread::new(process, 1));
    for index in 0..10 {
        refused += u32::from(writer.run(&Run::new(thread, index)).is_err() || writer.flush().is_err());
    }
    assert!(refused > 5, "{refused}");
    let error = writer.finish().err().unwrap().to_string();
    assert!(error.starts_with("the recording cannot be written: "), "{error}");
}

/// Takes so many bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
