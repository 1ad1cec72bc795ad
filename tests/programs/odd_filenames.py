# -*- coding: utf-8 -*-
"""exec'd and eval'd code whose file and function names are odd: escapes, newlines, empty, long, relative."""
import os

import truth

FILES = ["<string>", "<stdin>", "", " ", "\x1b[31mred\x1b[0m.py", "\x1b]0;title\x07.py", "two\nlines.py", "tab\t\r\x7f\x01.py",
         "relative/../path.py", "/no/such/file.py", "<frozen nothing>", "x" * 3000 + ".py", "quote'\"\\.py", "semi;colon:12.py",
         "<a b=\"c\">&amp;</script>", "%s%n{0}${HOME}", "\xc3\xa9.py" if truth.PY2 else "\udcff\udcfe.py"]


def run(code):
    exec(code, {"os": os, "truth": truth})


def evaluate(code):
    return eval(code, {"os": os, "truth": truth})


def renamed(name):
    """A function whose code says another name (3.8+)."""
    code = block.__code__
    if hasattr(code, "replace"):
        code = code.replace(co_name=name)
    return type(block)(code, globals())


def block():
    os.read(truth.gate, 1)


if __name__ == "__main__":
    for number, name in enumerate(FILES):
        source = "\n" * number + "def inner():\n    os.read(truth.gate, 1)\n\ninner()\n"
        truth.start("exec-%d" % number, run, compile(source, name, "exec"))
    truth.start("eval", evaluate, compile("(lambda: os.read(truth.gate, 1))()", "\x1b[1meval", "eval"))
    truth.start("eval of text", evaluate, "[os.read(truth.gate, 1) for x in (1,)]")
    truth.start("exec of text", run, "\n\nos.read(truth.gate, 1)")
    truth.start("single", run, compile("os.read(truth.gate, 1)", "<console>", "single"))
    for name in "\x1b[2Jname", "two\nlines", "", "<lambda>", "x" * 2000, "a;b c":
        truth.start("named", renamed(name))
    truth.tell_and_wait()
    os._exit(0)
