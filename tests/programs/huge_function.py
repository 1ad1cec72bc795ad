"""Functions whose line table is larger than 64 kB (54 kB for one on 2.7): 40,000 statements; 9,000 statements, 600 lines apart."""
import os

import truth


def define(name, statements, gap):
    """A function of that many statements, `gap` lines each, that blocks near its end."""
    lines = ["def %s(value):" % name]
    for number in range(statements):
        lines.append("    value = %d" % (number % 200) + "\n" * (gap - 1))
    lines += ["    os.read(truth.gate, 1)", "    value = 1", "    return value"]
    space = {"os": os, "truth": truth}
    exec(compile("\n".join(lines), "<%s>" % name, "exec"), space)
    return space[name]


def table_size(function):
    code = function.__code__
    return len(getattr(code, "co_linetable", None) or code.co_lnotab)


if __name__ == "__main__":
    many, apart = define("many", 40000, 1), define("apart", 9000, 600)
    for function in many, apart:
        truth.start(function.__name__, function, 0)
    truth.tell_and_wait(table_sizes={"many": table_size(many), "apart": table_size(apart)})
    os._exit(0)
