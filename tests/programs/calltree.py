# -*- coding: utf-8 -*-
"""Not a program: which function may call which, on which line, read from marks `# -> name` in a source."""
import re


def edges_of(source, edges=None):
    """{child: [[parent, line], …]}; the parent is the `def` above the mark."""
    edges, parent = {} if edges is None else edges, None
    for number, line in enumerate(source.splitlines(), 1):
        head = re.match(r"\s*(?:async )?def (\w+)", line)
        parent = head.group(1) if head else parent
        for child in re.findall(r"# -> (.*)", line):
            for name in child.split():
                edges.setdefault(name, []).append([parent, number])
    return edges


def source_of(path):
    with open(path, "rb") as f:
        return f.read().decode("utf-8")
