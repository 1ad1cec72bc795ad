"""The wait happens inside nested comprehensions at module and class level, in the main thread."""
import truth

name = "module"


class Body(object):
    values = {
        key: [
            [truth.tell_and_wait() for last in (1,)]
            for value in (key,)
        ]
        for key in "a"
    }
