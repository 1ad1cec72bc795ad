# -*- coding: utf-8 -*-
"""Names beyond ASCII: identifiers, files, threads; Latin-1, CJK, astral; controls, quotes, lone surrogates."""
from __future__ import unicode_literals

import os

import truth

PYTHON3 = '''
class Größe:
    naïve = "ü"

    def größer_als(self, straße, *argumente, **schlüssel):
        длина = "Кириллица"
        def вложенная():
            名前 = straße
            return 読む(名前, длина)
        return вложенная()

def 読む(文字, 𝐱):
    мир = {"ключ": "значение", "鍵": "値", "😀": ["é", "漢", "𝔘"]}
    os.read(truth.gate, 1)

def run():
    """Identifiers are normalised (NFKC): 𝐱 is x."""
    Größe().größer_als("Straße", 1, ключ=2)
'''
ASCII = '''
def run():
    os.read(truth.gate, 1)
'''
NAMES = ["latin-é-ÿ", "Кириллица", "线程-漢字", "emoji-😀🇫🇷", "mixed aé漢😀", "quote'\"`", "tab\tnewline\n", "esc\x1b[31mred",
         "rtl\u202e\u200b", " ", "x" * 300, "nul\x00in"]
FILES = ["/tmp/datei-é.py", "/tmp/файл.py", "/tmp/漢字/文件.py", "/tmp/😀.py"]


def block(number):
    value = NAMES[number]
    os.read(truth.gate, 1)
    return value


def strings():
    latin, cjk, astral = "é", "漢字", "😀"
    octets = b"caf\xc3\xa9 \xff"
    high, low, swapped = "\ud83d", "\ude00", "\ude00\ud83d"
    nothing = "\u0000"
    os.read(truth.gate, 1)


def thread_name(name):
    return name.encode("utf-8") if truth.PY2 else name


def run_in(source, name):
    """The source compiled with this file name; where the locale has no such name, another."""
    space = {"os": os, "truth": truth}
    try:
        code = compile(source, name.encode("utf-8") if truth.PY2 else name, "exec")
    except UnicodeEncodeError:
        code = compile(source, "<%s>" % len(name), "exec")
    exec(code, space)
    return space["run"]


if __name__ == "__main__":
    for number, name in enumerate(NAMES):
        truth.start(thread_name(name), block, number)
    if not truth.PY2:
        truth.start("lone \udc80 surrogate", block, 0)
        truth.start("\ud83d", block, 0)
    truth.start("", block, 0)
    truth.start("strings", strings)
    for name in FILES:
        truth.start(thread_name(name), run_in(ASCII if truth.PY2 else PYTHON3, name))
    truth.tell_and_wait()
    os._exit(0)
