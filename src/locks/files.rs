//! What is at the other end of the pipes and sockets that threads wait for.

use crate::address::Pid;
use crate::os::{self, Activity, PipeEnds, Socket, ThreadFiles, inode};
use crate::stacks::{self, BlockedOn};
use std::collections::{HashMap, HashSet};

/// The other ends of all pipes and sockets that threads wait for.
#[derive(Debug, Default)]
pub struct Ends {
    sockets: HashMap<u64, Socket>,
    pipes: HashMap<(u64, bool), PipeEnds>,
}

/// A pipe or socket that a thread waits for.
enum File {
    Socket(u64),
    /// Its inode, and whether it is read.
    Pipe(u64, bool),
}

fn file(blocked_on: &BlockedOn) -> Option<File> {
    let link = blocked_on.target.as_ref()?.file.as_ref()?;
    let writes = blocked_on.call.name().is_some_and(|name| name.contains("write"));
    let socket = inode(link, "socket").map(File::Socket);
    socket.or_else(|| inode(link, "pipe").map(|pipe| File::Pipe(pipe, !writes)))
}

impl Ends {
    /// Of what `threads` of `pid` wait for.
    pub fn of<'t>(pid: Pid, threads: impl Iterator<Item = &'t stacks::Thread>) -> Self {
        let (mut sockets, mut pipes) = (HashSet::new(), HashSet::new());
        for file in threads.filter_map(|thread| file(thread.blocked_on.as_ref()?)) {
            match file {
                File::Socket(inode) => sockets.insert(inode),
                File::Pipe(inode, reads) => pipes.insert((inode, reads)),
            };
        }
        Self { sockets: os::sockets(pid, &sockets), pipes: os::pipe_ends(&pipes) }
    }

    /// What the process `child` of `pid` does, if it has one thread, which waits in a system call.
    pub fn of_child(pid: Pid, child: Pid) -> Option<String> {
        if os::thread_ids(child).ok()?.len() != 1 {
            return None;
        }
        let Activity::Blocked(call) = ThreadFiles::open(child, child).activity() else { return None };
        let blocked_on = BlockedOn { call, target: call.target(child) };
        let name = call.name()?;
        let Some(target) = &blocked_on.target else { return Some(name.to_owned()) };
        let Some(File::Pipe(inode, reads)) = file(&blocked_on) else {
            return Some(format!("{name} on fd {}", target.fd));
        };
        let ends = Self { pipes: os::pipe_ends(&HashSet::from([(inode, reads)])), sockets: HashMap::new() };
        let other = ends.describe_file(pid, &blocked_on);
        Some(format!("{name} on fd {}, a pipe which {}", target.fd, other?))
    }

    /// What there is at the other end of the file that `thread` of `pid` waits for.
    pub fn describe(&self, pid: Pid, thread: &stacks::Thread) -> Option<String> {
        self.describe_file(pid, thread.blocked_on.as_ref()?)
    }

    fn describe_file(&self, pid: Pid, blocked_on: &BlockedOn) -> Option<String> {
        match file(blocked_on)? {
            File::Socket(inode) => {
                let Socket { protocol, local, peer } = self.sockets.get(&inode)?;
                Some(match peer {
                    Some(peer) => format!("{protocol} {local}, peer {peer}"),
                    None if local.is_empty() => format!("{protocol}, without a name"),
                    None => format!("{protocol} {local}"),
                })
            }
            File::Pipe(inode, reads) => {
                let PipeEnds { processes, more } = self.pipes.get(&(inode, reads))?;
                let does = if reads { "written" } else { "read" };
                let name = |(process, name): &(Pid, String)| {
                    if *process == pid {
                        "this process itself".to_owned()
                    } else {
                        format!("process {process} ({name})")
                    }
                };
                let names: Vec<String> = processes.iter().map(name).collect();
                match (names.is_empty(), more) {
                    (false, _) => Some(format!("can be {does} by {}", names.join(", "))),
                    (true, false) => Some(format!("can be {does} by no process")),
                    (true, true) => None,
                }
            }
        }
    }
}
