"""N threads (first argument, default 5000) with small stacks; the truth lists some, and counts all."""
import os
import sys
import threading

import truth


def waiter():
    os.read(truth.gate, 1)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    threading.stack_size(256 << 10)
    threads = [truth.start("waiter-%d" % n, waiter) for n in range(count)]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0, timeout=600)
    some = [threads[0], threads[count // 2], threads[-1]]
    me = threading.current_thread().ident
    truth.tell_and_wait(
        idents_=[me] + [t.ident for t in some], count=count + 1, waiters=count)
    os._exit(0)
