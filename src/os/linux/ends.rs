//! What is at the other end of a pipe or socket.

use crate::address::Pid;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket as the kernel lists it (/proc/PID/net).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Socket {
    /// `tcp`, `udp` or `unix`.
    pub protocol: &'static str,
    /// Its own address: of a socket of the file system its path.
    pub local: String,
    /// The address of its peer, if it is connected to one that has an address.
    pub peer: Option<String>,
}

/// The other ends of a pipe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PipeEnds {
    /// The processes that have the other end open, with their names.
    pub processes: Vec<(Pid, String)>,
    /// Whether processes were left out whose files we may not see.
    pub more: bool,
}

/// A longer list of sockets is not read to its end: so many bytes of it.
const MAX_LIST: u64 = 64 << 20;
/// Files of one process that are looked at.
const MAX_FILES: usize = 100_000;
/// Of those who have a pipe open so many are told.
const MAX_PROCESSES: usize = 100;

/// The number in what /proc/PID/fd shows of a pipe or socket: `pipe:[1234]`.
pub fn inode(link: &std::path::Path, kind: &str) -> Option<u64> {
    link.to_str()?.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}

/// The sockets of the network namespace of `pid` that have one of the `inodes`.
pub fn sockets(pid: Pid, inodes: &HashSet<u64>) -> HashMap<u64, Socket> {
    let mut found = HashMap::new();
    if inodes.is_empty() {
        return found;
    }
    for (file, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"), ("unix", "unix")] {
        for line in list(pid, file).lines().skip(1) {
            let parsed = if protocol == "unix" { parse_unix(line) } else { parse_inet(line, protocol) };
            if let Some((inode, socket)) = parsed.filter(|(inode, _)| inodes.contains(inode)) {
                found.insert(inode, socket);
            }
        }
    }
    found
}

fn list(pid: Pid, file: &str) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(super::folder(pid).join("net").join(file)) {
        // What was read before an error is worth its while.
        let _ = file.take(MAX_LIST).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line of /proc/net/tcp: `0: 0100007F:1F90 00000000:0000 0A … inode`.
fn parse_inet(line: &str, protocol: &'static str) -> Option<(u64, Socket)> {
    let mut words = line.split_ascii_whitespace();
    let (local, peer) = (parse_address(words.nth(1)?)?, parse_address(words.next()?)?);
    let inode = words.nth(6)?.parse().ok()?;
    let peer = (peer.port() != 0).then(|| peer.to_string());
    Some((inode, Socket { protocol, local: local.to_string(), peer }))
}

/// An address as the kernel writes it: words of four bytes as numbers of this machine, in hexadecimal.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok();
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (index, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(index)?.to_ne_bytes());
            }
            let address = Ipv6Addr::from(bytes);
            address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// A line of /proc/net/unix: `ffff…: 00000003 00000000 00000000 0001 03 1234 /path`.
fn parse_unix(line: &str) -> Option<(u64, Socket)> {
    let mut words = line.split_ascii_whitespace();
    let inode = words.nth(6)?.parse().ok()?;
    Some((inode, Socket { protocol: "unix", local: words.next().unwrap_or_default().to_owned(), peer: None }))
}

/// Who has the other ends of `pipes` open: each is an inode, and whether the end that is known is one to read.
pub fn pipe_ends(pipes: &HashSet<(u64, bool)>) -> HashMap<(u64, bool), PipeEnds> {
    let mut found: HashMap<(u64, bool), PipeEnds> = pipes.iter().map(|pipe| (*pipe, PipeEnds::default())).collect();
    if found.is_empty() {
        return found;
    }
    for pid in super::processes().unwrap_or_default() {
        let Ok(files) = std::fs::read_dir(super::folder(pid).join("fd")) else {
            found.values_mut().for_each(|ends| ends.more = true);
            continue;
        };
        for file in files.flatten().take(MAX_FILES) {
            let Some(inode) = std::fs::read_link(file.path()).ok().and_then(|link| inode(&link, "pipe")) else {
                continue;
            };
            for reads in [true, false] {
                let Some(ends) = found.get_mut(&(inode, reads)) else { continue };
                let fd = file.file_name().to_string_lossy().parse().ok();
                let other = fd.is_some_and(|fd| access(pid, fd).is_some_and(|mode| mode != u32::from(!reads)));
                let new = ends.processes.iter().all(|(known, _)| *known != pid);
                if other && new && ends.processes.len() < MAX_PROCESSES {
                    let name = super::process(pid).map_or_else(|_| String::new(), |process| process.name);
                    ends.processes.push((pid, name));
                }
            }
        }
    }
    found
}

/// How file `fd` of `pid` is open: 0 to read, 1 to write, 2 for both.
fn access(pid: Pid, fd: u32) -> Option<u32> {
    let text = super::small_file(&super::folder(pid).join(format!("fdinfo/{fd}"))).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(u32::from_str_radix(flags.trim(), 8).ok()? & 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let line = "   0: 0100007F:1F90 0200007F:A2C4 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
        let (inode, socket) = parse_inet(line, "tcp").unwrap();
        let peer = Some("127.0.0.2:41668".to_owned());
        assert_eq!((inode, socket), (4711, Socket { protocol: "tcp", local: "127.0.0.1:8080".to_owned(), peer }));
        let line =
            "   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 12 1";
        let (_, socket) = parse_inet(line, "tcp").unwrap();
        assert_eq!((socket.local.as_str(), socket.peer), ("[::1]:22", None));
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 16163 /run/x";
        assert_eq!(parse_unix(line).map(|(inode, socket)| (inode, socket.local)), Some((16163, "/run/x".to_owned())));
        for bad in ["", "x", "0: 1 2", "0: 0100007F:1F90 02:0 01"] {
            assert_eq!(parse_inet(bad, "tcp"), None, "{bad}");
            assert_eq!(parse_unix(bad), None, "{bad}");
        }
    }
}
