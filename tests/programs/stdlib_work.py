"""Real code that runs for ever: pure-Python pickle and json, the compiler of re, difflib, ast."""
import ast
import difflib
import io
import json
import os
import pickle
import re
import select
import sys
import warnings

import truth

DATA = [{"name": "n%d" % n, "list": list(range(n % 7)), "tuple": (n, None, 1.5, True)} for n in range(12)]
PATTERNS = [r"(a|b)*c{2,5}[^x-z]+?", r"(?P<year>\d{4})-(?P<month>\d\d)(?:T\d+)?", r"^\s*(\w+)\s*=\s*(['\"])(.*?)\2\s*$"]
OLD = [u"line %d of a text" % (n * n % 17) for n in range(14)]
NEW = [u"line %d of the text" % (n * n % 13) for n in range(14)]
SOURCE = '''
def f(a, b=2, *c, **d):
    for i in range(a):
        if i > b and not c or d:
            yield [x + y for x in c for y in d.items() if x]
    return
'''
Pickler = getattr(pickle, "_Pickler", pickle.Pickler)
Unpickler = getattr(pickle, "_Unpickler", pickle.Unpickler)
compiler = sys.modules.get("re._compiler") or __import__("sre_compile")


def pickles():
    out = io.BytesIO()
    Pickler(out, 2).dump(DATA)
    Unpickler(io.BytesIO(out.getvalue())).load()


def jsons():
    text = json.dumps(DATA, indent=1)
    decoder.decode(text)


def patterns():
    for pattern in PATTERNS:
        compiler.compile(pattern, 0)


def differences():
    list(difflib.unified_diff(OLD, NEW))
    difflib.SequenceMatcher(None, OLD[0], NEW[3]).ratio()


class Counter(ast.NodeVisitor):
    def __init__(self):
        self.count = 0

    def generic_visit(self, node):
        self.count += 1
        ast.NodeVisitor.generic_visit(self, node)


def trees():
    tree = ast.parse(SOURCE)
    Counter().visit(tree)
    ast.dump(tree)


def turn():
    pickles()
    jsons()
    patterns()
    differences()
    trees()


def run_until_told():
    while not select.select([0], [], [], 0)[0]:
        turn()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import json.decoder
    import json.scanner
    json.encoder.c_make_encoder = None
    decoder = json.decoder.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    turn()
    truth.tell({})
    run_until_told()
    os._exit(0)
