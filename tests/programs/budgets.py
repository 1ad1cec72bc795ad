"""Values too large to print: the truth's text is null, the reader must only not fail. And cycles."""
import sys

import truth


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


class Node(object):
    pass


def large():
    text = "x" * 10000000
    data = b"y" * 10000000
    wide = u"\u6f22" * 1000000
    array = bytearray(10000000)
    integers = list(range(1000000))
    pair = (1,) * 1000000
    mapping = dict.fromkeys(range(100000))
    many = set(range(100000))
    number = 1 << 1000000
    deep = nested(100000)
    deep_tuple = ()
    for _ in range(10000):
        deep_tuple = (deep_tuple,)
    ends = True
    cycles(integers, mapping, deep, deep_tuple)
    return text, data, wide, array, pair, many, number, ends


def cycles(*large_ones):
    own_list = [1]
    own_list.append(own_list)
    own_dict = {"a": 1}
    own_dict["own"] = own_dict
    own_tuple = ([],)
    own_tuple[0].append(own_tuple)
    first, second = [], []
    first.append(second)
    second.append({"first": first})
    shared = [1]
    twice = [shared, shared]
    node = Node()
    node.me = [node]
    truth.tell_and_wait()
    return own_dict, twice


if __name__ == "__main__":
    large()
    sys.exit(0)
