"""`python -i` at its prompt: the main thread reads stdin and (up to 3.12) has no Python frames.

A thread tells the truth when the main thread blocks. stdin belongs to the prompt: the second prompt ends the program.
"""
import os
import sys


class Prompt(object):
    """The prompt is asked for before every line."""
    asked = 0

    def __str__(self):
        Prompt.asked += 1
        if Prompt.asked > 1:
            os._exit(0)
        return "pitviper> "


def teller(main):
    import truth
    truth.wait_blocked(main, 0, fd=0)
    threads = truth.threads_truth(sys._getframe())
    for thread in threads:
        if thread["telling"]:  # it goes on from here
            thread["frames"][0].update(helper=True, locals=None)
    truth.emit(truth.fact(threads, {"state": "prompt"}))
    os.read(truth.gate, 1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        python = os.environ.get("PITVIPER_TEST_PYTHON", sys.executable)  # truth.PYTHON
        os.execv(python, [python, "-i", os.path.abspath(__file__), "again"])
    import truth
    sys.ps1 = Prompt()
    sys.stderr = open(os.devnull, "w")
    truth.start("teller", teller, os.getpid())
