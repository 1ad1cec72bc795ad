"""A gc callback (gc.callbacks, 3.3+) blocks: the collector is at work, and calls Python."""
import gc

import truth


def callback(phase, info):
    gc.callbacks.remove(callback)
    truth.tell_and_wait(phase=phase, generation=info["generation"])


def collect():
    garbage = []
    garbage.append(garbage)
    return gc.collect(1)


if __name__ == "__main__":
    if not hasattr(gc, "callbacks"):
        truth.skip("no gc.callbacks before 3.3")
    gc.callbacks.append(callback)
    collect()
