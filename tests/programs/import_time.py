"""Threads and main thread inside the import of modules written to a temporary folder."""
import os
import shutil
import sys
import tempfile

import truth

folder = tempfile.mkdtemp(prefix="pitviper-")
sys.path.insert(0, folder)
sys.dont_write_bytecode = True


def write(path, source):
    path = os.path.join(folder, path)
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with open(path, "w") as f:
        f.write(source)


def import_blocking():
    import blocking_module
    return blocking_module


if __name__ == "__main__":
    write("blocking_module.py", "import os, truth\nos.read(truth.gate, 1)\n")
    write("package/__init__.py", "from package import middle\n")
    write("package/middle.py", "\n\nfrom package.inner import *\n")
    write("package/inner/__init__.py", "import truth\n\n\ndef tell():\n    truth.tell_and_wait()\n\n\ntell()\n")
    try:
        thread = truth.start("importer", import_blocking)
        truth.wait_blocked(truth.native_id(thread.ident), 0)
        if truth.PY2:  # the import lock is one for all: the thread has it
            truth.tell_and_wait(folder=folder)
        else:
            import package  # noqa: F401
    finally:
        shutil.rmtree(folder)
    truth.release()
    thread.join()
