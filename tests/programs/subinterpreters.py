"""Two sub-interpreters, each in a thread that blocks inside it; each tells its own truth ("interpreter": id).

The thread of a sub-interpreter appears twice: with its frames in the main interpreter (interpreter 0), and with
those in its own. Where the version gives no id (before 3.8) they are numbered from 1.
"""
import json
import os
import sys
import threading

import truth

CODE = """
import json, os, sys
sys.path.insert(0, %(here)r)
import truth

class Inside(object):
    def block(self, argument):
        local = [argument, %(number)d]
        tell()
        return local

def tell():
    threads = truth.threads_truth(sys._getframe(), {}, [truth._ident()], interpreter=%(id)d)
    threads[0].update(%(known)s)
    threads[0]["frames"][0].update(helper=True, locals=None)  # it goes on from here
    os.write(%(write)d, json.dumps(threads).encode() + b"\\n")
    os.read(%(gate)d, 1)

def outer():
    for number in range(1):
        Inside().block("argument")

outer()
"""


def maker():
    """(create() -> id, kept alive by who holds it; run(id, code)) of this version, or None."""
    try:
        import _interpreters as interpreters  # 3.13+
    except ImportError:
        try:
            import _xxsubinterpreters as interpreters  # 3.8 to 3.12
        except ImportError:
            interpreters = None
    if interpreters is not None:
        def run(number, code, frames):
            frames[truth._ident()] = sys._getframe()
            problem = interpreters.run_string(number, code)
            if problem is not None:
                sys.stderr.write("%s\n" % (problem,))
        return interpreters.create, run
    try:
        import _testcapi
    except ImportError:
        return None
    if not hasattr(_testcapi, "run_in_subinterp"):
        return None
    count = iter(range(1, 10))

    def run_in_new(number, code, frames):
        frames[truth._ident()] = sys._getframe()
        _testcapi.run_in_subinterp(code)
    return (lambda: next(count)), run_in_new


def main():
    made = maker()
    if made is None:
        truth.skip("no way to make a sub-interpreter here")
    create, run = made
    frames, more, threads = {}, [], []
    for number in range(2):
        read, write = os.pipe()
        tid_read, tid_write = os.pipe()
        interpreter = create()
        # From 3.8 to 3.12 code runs on with the thread state that create() made, which keeps the ident of the thread
        # that called it: so CPython itself lists this thread.
        inherited = (3, 8) <= sys.version_info < (3, 13)
        known = "ident=%d, native_id=None, name=None" % truth._ident() if inherited else "native_id=tid"
        code = CODE.replace("%(known)s", known)
        values = {"here": truth.HERE, "number": number, "id": int(interpreter), "write": write, "gate": truth.gate}
        code = "import os\ntid = int(os.read(%d, 20))\n" % tid_read + code % values
        thread = truth.start("sub-%d" % number, run, interpreter, code, frames)
        os.write(tid_write, b"%d" % truth.native_id(thread.ident))
        with os.fdopen(read, "rb") as f:
            line = f.readline()
        more += json.loads(line.decode("ascii"))
        threads.append(thread)
    me = threading.current_thread().ident
    truth.tell_and_wait(stacks_=frames, idents_=[me] + [t.ident for t in threads], more_=more,
                        interpreters=sorted(set(t["interpreter"] for t in more)))
    os._exit(0)  # the end of sub-interpreters in threads hangs on several versions


if __name__ == "__main__":
    main()
