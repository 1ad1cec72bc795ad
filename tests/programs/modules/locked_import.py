"""Waits, while it is imported, for a thread that imports it: the deadlock of imports."""
import threading

import truth


def imports():
    import locked_import  # noqa: F401


thread = truth.start("imported", imports)
ready = True
thread.join()
