# -*- coding: utf-8 -*-
"""Syntax trees in `trees`, by name. extra.trees: {name: [ast.dump(tree), and ast.dump(tree, indent=2) from 3.9 on]}."""
import ast
import os
import sys

import truth

SMALL = {
    "module": "x = -1\ndef f(a, b=2, *c, **d):\n    '''doc'''\n    return [n for n in a[1:2] if n > 0.5]\n",
    "empty": "", "text": "s = 'it\\'s', b'\\xff', u'caf\\xe9', None, True, ..., 10 ** 40, 1j" if not truth.PY2
    else "s = 'x', 1L, u'caf\\xe9', None",
    "class": "class C(object):\n    @property\n    def a(self): return {1: 2, 'x': {3}}\n",
    "try": "try:\n    pass\nexcept (ValueError, KeyError):\n    raise\nelse:\n    del x\nfinally:\n    y = lambda: (yield)\n",
    "deep": "x = " + "-" * 60 + "1",
}
NEW = {
    "async": "async def f():\n    async for x in y:\n        await x\n    return {**a, 'b': 1}\n",
    "hints": "x: int = 3\ndef f(a, /, *, b: 'str' = None) -> None: pass\n", "format": "f'{a!r:>{b}} c {d}'",
    "match": "match x:\n    case {'a': 1, **r}: pass\n    case None | [_, *_]: pass\n", "generic": "def f[T: int](x: T): pass",
}
trees = {}
for name in SMALL:
    trees[name] = ast.parse(SMALL[name])
for name in NEW:
    try:
        trees[name] = ast.parse(NEW[name])
    except SyntaxError:
        pass
with open(os.path.join(os.path.dirname(ast.__file__), "ast.py"), "rb") as source:
    trees["itself"] = ast.parse(source.read())
trees["unset"] = ast.Name("x", ast.Load())
trees["unset"].id = None
del trees["unset"].ctx
trees["made"] = ast.Expression(ast.List([ast.Num(1) if sys.version_info < (3, 8) else ast.Constant(1)], ast.Load()))
own = ast.List([], ast.Load())
own.elts.append(own)


def told(tree):
    return [truth.readable(ast.dump(tree)), truth.readable(ast.dump(tree, indent=2)) if sys.version_info >= (3, 9) else None]


if __name__ == "__main__":
    truth.tell_and_wait(with_locals_=False, trees=dict((name, told(trees[name])) for name in trees))
