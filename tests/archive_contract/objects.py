"""What holds of every place where segments are, whatever it is made of."""

from __future__ import annotations

import random

import pytest

from sinks.archive.objects import NoObject, Objects


def what_was_put_is_got_whole_and_in_part(objects: Objects) -> None:
    data = bytes(range(256)) * 40
    objects.put("0000001-a", data)
    assert objects.get("0000001-a") == data
    for offset, length in ((0, 10), (300, 1), (10_000, 240), (10_000, 999), (10_240, 5), (7, 0)):
        assert objects.get("0000001-a", offset, length) == data[offset : offset + length]
    assert objects.get("0000001-a", 10_230) == data[10_230:]
    assert objects.get("0000001-a", 20_000) == b""


def a_large_one_and_an_empty_one_come_back(objects: Objects) -> None:
    large = random.Random(1).randbytes(9_000_001)
    objects.put("0000002-large", large)
    objects.put("0000002-empty", b"")
    assert objects.get("0000002-large") == large
    assert objects.get("0000002-large", 9_000_000) == large[-1:]
    assert objects.get("0000002-empty") == objects.get("0000002-empty", 0, 4_096) == b""


def a_name_that_is_put_again_has_the_new_content(objects: Objects) -> None:
    objects.put("0000003-a", b"a longer one")
    objects.put("0000003-a", b"short")
    assert objects.get("0000003-a") == b"short"
    assert list(objects.names()) == ["0000003-a"]


def what_is_not_there_is_named(objects: Objects) -> None:
    objects.put("0000004-a", b"x")
    for asked in ((), (0, 5), (3,), (0, 0)):
        with pytest.raises(NoObject, match="segment 0000004-b of the archive is not in"):
            objects.get("0000004-b", *asked)


def what_is_deleted_is_gone_and_may_be_deleted_again(objects: Objects) -> None:
    objects.delete("0000005-never")
    objects.put("0000005-a", b"x")
    objects.put("0000005-b", b"y")
    for _ in range(2):
        objects.delete("0000005-a")
    assert list(objects.names()) == ["0000005-b"]
    with pytest.raises(NoObject):
        objects.get("0000005-a")


def all_names_are_told_once(objects: Objects) -> None:
    assert list(objects.names()) == []
    names = [f"{1_700_000_000_000 + 977 * number:013}-{number:08x}" for number in range(25)]
    for name in names:
        objects.put(name, name.encode())
    assert sorted(objects.names()) == names


CASES = (
    what_was_put_is_got_whole_and_in_part,
    a_large_one_and_an_empty_one_come_back,
    a_name_that_is_put_again_has_the_new_content,
    what_is_not_there_is_named,
    what_is_deleted_is_gone_and_may_be_deleted_again,
    all_names_are_told_once,
)
