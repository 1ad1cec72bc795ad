"""Told so, it starts children that run `in_child` for 10 ms, in the way that its first argument says.

One after the other, as many as the second argument says; they end with status 7 and by SIGKILL in turns. It tells
extra.children = [[pid, start, end]] of `in_child` by CLOCK_MONOTONIC in ns, extra.ends = [[how one was to end, how it
did]], as the module subprocess has it, and ends.
"""
import os
import signal
import subprocess
import sys

import truth

LIFE = 10 * 10 ** 6  # ns
ENDS = 7, -signal.SIGKILL
if sys.argv[1] == "forkserver" and sys.version_info < (3, 7):
    ENDS = 255, 255  # It tells no better, but for a child that returns to it.


def end(number):
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)


def in_child(report):
    start = truth.clock(1)
    while truth.clock(1) < start + LIFE:
        pass
    report([os.getpid(), start, truth.clock(1)])


def to_pipe(writer):
    return lambda row: os.write(writer, " ".join(map(str, row)).encode() + b"\n")


def wait(child):
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def forked(number):
    child = os.fork()
    if child == 0:
        in_child(to_pipe(pipe[1]))
        end(number)
    return wait(child)


def again(number):
    return [truth.PYTHON, os.path.abspath(__file__), "child", str(number)]


def started(number):
    process = subprocess.Popen(again(number), stdout=subprocess.PIPE)
    os.write(pipe[1], process.communicate()[0])
    return process.returncode


def executed(number):
    child = os.fork()
    if child == 0:
        os.dup2(pipe[1], 1)
        os.execv(truth.PYTHON, again(number))
    return wait(child)


def worker(number, connection):
    in_child(connection.send)
    end(number)


def by_multiprocessing(context):
    def start(number):
        here, there = context.Pipe()
        process = context.Process(target=worker, args=(number, there))
        process.start()
        to_pipe(pipe[1])(here.recv())
        process.join()
        return process.exitcode
    return start


def main(way, count):
    start = {"fork": forked, "subprocess": started, "exec": executed}.get(way)
    if start is None:
        import multiprocessing
        if not hasattr(multiprocessing, "get_context"):
            truth.skip("multiprocessing can only fork")
        start = by_multiprocessing(multiprocessing.get_context(way))
    truth.tell({})
    truth.wait()
    ends = [[ENDS[number % 2], start(number)] for number in range(count)]
    os.close(pipe[1])
    with os.fdopen(pipe[0]) as told:
        truth.tell({"children": [[int(word) for word in line.split()] for line in told], "ends": ends})


if __name__ == "__main__":
    if sys.argv[1] == "child":
        in_child(to_pipe(1))
        end(int(sys.argv[2]))
    else:
        pipe = os.pipe()
        main(sys.argv[1], int(sys.argv[2]))
