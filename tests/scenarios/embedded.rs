//! Pythons inside other programs.

use crate::scenario::{
    Folder, STANDING, Target, assert_standing, children, dump, has_program, names, these, thread_in, threads_of, until,
};
use std::fs;
use std::io::BufRead;
use std::process::Command;

/// Prints its readiness to a file, for programs that use their own stdout.
const TELL: &str = "
import os
def embedded(gate):
    os.read(gate, 1)
def tell(path):
    with open(path, 'w') as fifo:
        fifo.write('%d\\n' % os.getpid())
";

fn fifo(folder: &Folder) -> std::path::PathBuf {
    let path = folder.join("ready");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    path
}

fn read_pid(path: &std::path::Path) -> u32 {
    let mut line = String::new();
    std::io::BufReader::new(fs::File::open(path).expect("the FIFO")).read_line(&mut line).expect("a line");
    line.trim().parse().expect("a pid")
}

/// gdb runs its own Python; other threads of it run none.
#[test]
fn gdb() {
    if !has_program("gdb") {
        return;
    }
    let folder = Folder::new();
    let ready = fifo(&folder);
    let script = folder.join("script.py");
    let text = format!("{TELL}\ntell({ready:?})\nembedded(os.pipe()[0])\n");
    fs::write(&script, text).expect("a script");
    let target = Target::start(Command::new("gdb").args(["-nx", "-batch", "-x"]).arg(&script));
    assert_eq!(read_pid(&ready), target.pid);
    blocked_in_read(target.pid);
    let document = dump(target.pid).ended(0).json();
    let thread = thread_in(&document, "embedded");
    assert_eq!(&names(thread)[..2], ["embedded", "<module>"]);
    assert_eq!(thread["native_id"], target.pid);
}

#[test]
fn uwsgi() {
    let name = ["uwsgi", "uwsgi-core"].into_iter().find(|name| crate::scenario::has_program(name));
    let Some(name) = name else { return };
    let folder = Folder::new();
    let ready = fifo(&folder);
    let module = format!("{TELL}\ntell({ready:?})\nembedded(os.pipe()[0])\n");
    fs::write(folder.join("app.py"), module).expect("a module");
    let mut command = Command::new(name);
    command.args(["--plugin", "python3", "--http-socket", "127.0.0.1:0", "--master", "--wsgi-file"]);
    let target = Target::start(command.arg(folder.join("app.py")).stderr(std::process::Stdio::null()));
    let pid = read_pid(&ready);
    blocked_in_read(pid);
    let document = dump(pid).ended(0).json();
    assert_eq!(names(thread_in(&document, "embedded"))[0], "embedded");
    drop(target);
}

fn blocked_in_read(pid: u32) {
    until("the main thread is in read()", || {
        fs::read_to_string(format!("/proc/{pid}/syscall"))
            .is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_read)))
    });
}

/// A C program with a thread that Python knows nothing of, before and after Python.
const EMBEDDING: &str = r#"
#include <Python.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *sleeper(void *gate) { char c; return read(*(int *)gate, &c, 1) ? gate : 0; }
static void at(const char *what) { char c; printf("%s\n", what); fflush(stdout); if (read(0, &c, 1)) return; }
int main(int argc, char **argv) {
    int gate[2];
    pthread_t thread;
    if (argc != 2 || pipe(gate)) return 2;
    pthread_create(&thread, 0, sleeper, &gate[0]);
    at("before");
    Py_InitializeEx(0);
    PyRun_SimpleString(argv[1]);
    Py_Finalize();
    at("after");
    return 0;
}
"#;

#[test]
fn c_program() {
    if !has_program("gcc") {
        return;
    }
    for python in these(&["2.7-pyenv", "3.6-pyenv", "3.8-pyenv", "3.11-pyenv", "3.12-pyenv", "3.13-pyenv"]) {
        let folder = Folder::new();
        let program = compile(&folder, &python);
        let mut command = Command::new(&program);
        let script = STANDING.replace("os._exit(0)", "os.close(_)\nworker.join()");
        let mut target = Target::start(command.arg(&script).env("PYTHONHOME", python.prefix()));
        target.wait_for("before");
        let answer = dump(target.pid);
        assert!(matches!(answer.code, Some(1 | 4)), "no interpreter yet: {answer:?}");
        answer.check_talk();
        target.tell("");
        target.wait_for("ready");
        target.settle(3);
        assert_standing(target.pid, &python.version);
        target.tell("");
        target.wait_for("after");
        target.settle(2);
        let answer = dump(target.pid).ended(4);
        assert_eq!(threads_of(&answer.json()).len(), 0, "finalised: {answer:?}");
        assert!(children(target.pid).is_empty());
    }
}

fn compile(folder: &Folder, python: &crate::scenario::Python) -> std::path::PathBuf {
    let (source, program) = (folder.join("embed.c"), folder.join("embed"));
    fs::write(&source, EMBEDDING).expect("a source");
    let library = python.binary.parent().expect("a folder");
    let suffix = if matches!(python.series(), "3.6" | "3.7") { "m" } else { "" };
    let done = Command::new("gcc")
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .arg("-w")
        .arg(format!("-I{}/include/python{}{suffix}", python.prefix().display(), python.series()))
        .arg(&python.binary)
        .arg(format!("-Wl,-rpath,{}", library.display()))
        .arg("-lpthread")
        .status();
    assert!(done.expect("gcc").success(), "{}", python.name);
    program
}
