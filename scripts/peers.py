"""The tools that scripts/compare compares, and the processes that they look at."""

import os, re, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pitviper"
PYTHONS = Path(os.environ.get("PITVIPER_PYTHONS") or CACHE / "pythons")
WHEELS = {"py-spy": "py-spy==0.4.3", "pystack": "pystack==1.7.2", "austin": "austin-dist==4.0.0"}
# No dump may take more seconds.
TOO_LONG = 20


class Failure(Exception):
    """Why there is no figure."""


def output_of(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


def plain(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def complaint(text):
    lines = [line.strip() for line in text.splitlines() if re.search("error|fail|cannot|not ", line, re.I)]
    return lines[0][:80].rstrip(" .") if lines else "says nothing"


class Tool:
    """A program that dumps stacks: how it is started, by default and in its other mode."""

    def __init__(self, name, version, *argv, other=None, last=(), path=None):
        self.name, self.version, self.argv, self.last = name, version, [str(word) for word in argv], last
        self.modes = ["", other] if other else [""]
        self.env = {**os.environ, "PYTHONPATH": str(path)} if path else None

    def command(self, pid, mode=""):
        return [*self.argv, *([mode] if mode else []), *self.last, str(pid)]

    def suits(self, python):
        return self.name != "profiling.sampling" or series(python) == "3.15"


def find_tools(newest):
    """The tools that run here, pitviper first, and {name: why not}."""
    own, sid, missing, home = ROOT / "target/release/pitviper", PYTHONS / "sid", {}, {}
    if not own.exists():
        sys.exit("there is no target/release/pitviper: run cargo build --release")
    python = output_of("python3", "-c", "import sys; print(sys.executable)").stdout.strip()
    version = {name: wheel.split("==")[1] for name, wheel in WHEELS.items()}
    for name, wheel in WHEELS.items():
        home[name] = CACHE / "peers" / wheel
        if not (home[name] / "bin" / name).exists():
            done = output_of(python, "-m", "pip", "install", "-q", "--target", home[name], wheel)
            if done.returncode:
                missing[name] = complaint(done.stderr)
                shutil.rmtree(home[name], ignore_errors=True)
    austin = [home["austin"] / "bin/austin"]
    if "austin" not in missing and output_of(*austin, "--version").returncode:
        # Built for a newer C library than this machine's.
        austin = [sid / "lib64/ld-linux-x86-64.so.2", "--library-path", sid / "usr/lib/x86_64-linux-gnu", *austin]
        if not sid.exists() or output_of(*austin, "--version").returncode:
            missing["austin"] = "its wheel needs a newer C library"
    if series(newest) != "3.15":
        missing["profiling.sampling"] = "there is no Python 3.15"
    sampling = [newest["path"], "-m", "profiling.sampling", "dump", "-a"]
    pystack = [python, home["pystack"] / "bin/pystack", "remote"]
    tools = [
        Tool("pitviper", output_of(own, "--version").stdout.split()[-1], own, "dump", other="--no-pause"),
        Tool("py-spy", version["py-spy"], home["py-spy"] / "bin/py-spy", "dump", other="--nonblocking", last=["--pid"]),
        Tool("pystack", version["pystack"], *pystack, other="--no-block", path=home["pystack"]),
        Tool("austin", version["austin"], *austin, "-w"),
        Tool("profiling.sampling", newest["version"], *sampling, other="--blocking"),
    ]
    return [tool for tool in tools if tool.name not in missing], missing


class Target:
    """A process under one Python. py-spy and austin cannot read one that was started by another loader
    than the machine's: for them it is started once more, in a chroot."""

    def __init__(self, python, source, *arguments, fd=None):
        self.python, self.argv, self.keep = python, ["-c", source, *map(str, arguments)], [fd] if fd else []
        self.children = {}

    def pid(self, tool):
        root = self.python.get("root")
        chrooted = bool(root) and tool.name in ("py-spy", "austin")
        if chrooted and os.geteuid():
            raise Failure("cannot read a Python started by another loader")
        if chrooted not in self.children:
            path = "/usr/bin/python" + series(self.python) if chrooted else self.python["path"]
            enter = (lambda: os.chroot(root)) if chrooted else None
            self.children[chrooted] = child = subprocess.Popen(
                [path, *self.argv], stdin=-1, stdout=-1, cwd="/", pass_fds=self.keep, preexec_fn=enter)
            self.told = child.stdout.readline().decode()
        return self.children[chrooted].pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children.values():
            child.kill()
            child.communicate()


def series(python):
    return ".".join(python["version"].split(".")[:2])


def run(tool, pid, mode=""):
    """Runs it once: wall seconds, processor seconds, text."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(tool.command(pid, mode), stdout=out, stderr=out, env=tool.env)
        timer = threading.Timer(TOO_LONG, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = plain(out.read().decode(errors="replace"))
    if child.returncode < 0:
        raise Failure(f"not done after {TOO_LONG} s" if wall >= TOO_LONG else f"ends by signal {-child.returncode}")
    # 4: pitviper's way to say that it marked something as uncertain.
    if child.returncode not in (0, 4):
        raise Failure(complaint(text))
    return wall, usage.ru_utime + usage.ru_stime, text
