# A thread in blocked(), called by damaged(), whose frame's pointer to its caller is bent; the main
# thread is whole. argv[1]: "loop" back to itself, "wild" to where nothing is, "code" to no frame.
#
# Where that pointer lies is written here anew, from CPython's headers, and not taken from pitviper.
import ctypes
import os
import sys
import threading

gate, _ = os.pipe()
WORD = ctypes.sizeof(ctypes.c_void_p)


def word(address):
    return ctypes.c_void_p.from_address(address)


def place():
    """The frame of the caller as its callee points at it, and where its own pointer to its caller is."""
    frame = id(sys._getframe(1))
    if sys.version_info < (3, 11):
        # PyFrameObject: ob_refcnt, ob_type, ob_size, f_back.
        return frame, frame + 3 * WORD
    # PyFrameObject: ob_refcnt, ob_type, f_back, f_frame; then in _PyInterpreterFrame, `previous`:
    # 3.11 behind func, globals, builtins, locals, code, frame_obj; 3.12 and newer behind the code.
    inner = word(frame + 3 * WORD).value
    return inner, inner + (6 if sys.version_info < (3, 12) else 1) * WORD


def blocked():
    os.read(gate, 1)


def damaged():
    frame, previous = place()
    word(previous).value = {"loop": frame, "wild": 0x1230, "code": id(damaged.__code__)}[sys.argv[1]]
    blocked()


def main():
    os.read(0, 1)


worker = threading.Thread(target=damaged)
worker.daemon = True
worker.start()
sys.stdout.write("ready\n")
sys.stdout.flush()
main()
os._exit(0)
