"""Code objects are made, executed and forgotten all the time, so that their memory is used again.

`made_K_N` is called by `call_K` only, for K below extra.sites, and N never goes down.
"""
import os
import select

import truth

SITES = 16
for k in range(SITES):
    exec("def call_%d(code):\n    exec(code)\n" % k)
CALLS = [globals()["call_%d" % k] for k in range(SITES)]


def run_until_told():
    number = 0
    while not select.select([0], [], [], 0)[0]:
        for k in range(SITES):
            number += 1
            name = "made_%d_%d" % (k, number)
            # The body is a function of its own, so that the frame has a name.
            source = "def %s():\n    for _ in range(200): pass\n%s()\n" % (name, name)
            CALLS[k](compile(source, "<%s>" % name, "exec"))


if __name__ == "__main__":
    truth.tell({"sites": SITES})
    run_until_told()
    os._exit(0)
