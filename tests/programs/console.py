"""code.interact: Python's own console in Python; the line typed into it tells."""
import code

import truth

if __name__ == "__main__":
    lines = iter(["import truth", "for n in (1,): truth.tell_and_wait(state='console')", ""])
    console = code.InteractiveConsole({"name": "value"})

    def read(prompt):
        try:
            return next(lines)
        except StopIteration:
            raise EOFError
    console.raw_input = read
    console.write = lambda text: None
    console.interact("")
    truth.release()
