"""The events that `mingjian rules eval` reads: what is simply read, what is told, and where."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobs.cli import event_json
from rules.errors import EXIT_FINDINGS, EXIT_OK, EXIT_USAGE, MingjianError
from rules.sigma.questions import as_millis
from tests.support.command_line import app

RULE = "title: one\nname: one\ndetection: {s: {a: 1}, condition: s}\n"
LINE = b'{"id": "e1", "a": 1}'


@pytest.fixture(autouse=True)
def rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    (tmp_path / "rule.yml").write_text(RULE)


def run(folder: Path, events: str, *words: str, stdin: bytes = b"") -> tuple[int, list[str], str]:
    """(exit code, ids in alerts, what was said)."""
    given = ["--rules", str(folder / "rule.yml"), "--events", events, "--output", "json"]
    done = CliRunner().invoke(app, ["rules", "eval", *given, *words], input=stdin)
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, [], " ".join(done.exception.text("en"))
    assert done.exception is None or isinstance(done.exception, SystemExit)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, [one for alert in alerts for one in alert["event_ids"]], done.stderr


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        b"\xef\xbb\xbf" + LINE,
        b"\n\n" + LINE + b"\r\n\n",
        gzip.compress(LINE, mtime=0),
        gzip.compress(b"\xef\xbb\xbf" + LINE, mtime=0),
        b'{"id": "e1", "a": 1, "b": ' + b"[" * 150 + b"]" * 150 + b"}",
        b'{"id": "e1", "a": 1, "b": "' + b"[{" * 500 + b'"}',  # brackets in a text
        b'{"id": "e1", "a": 1, "b": ' + b"9" * 300 + b"}",
    ],
)
def test_what_is_simply_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "events").write_bytes(content)
    assert run(tmp_path, str(tmp_path / "events"), "--id-field", "id") == (EXIT_OK, ["e1"], "")
    assert run(tmp_path, "-", "--id-field", "id", stdin=content) == (EXIT_OK, ["e1"], "")


def test_an_id_that_no_file_can_write_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(b'{"id": "\\ud83d", "a": 1}')
    assert run(tmp_path, str(tmp_path / "e.jsonl"), "--id-field", "id")[:2] == (0, ["\ud83d"])


@pytest.mark.parametrize(
    ("line", "said", "to_do"),
    [
        (b'{"a": ' + b"9" * 100_000 + b"}", "99… (100000 characters) is too large", "as a text"),
        (b'{"a": 1e999}', "1e999 (5 characters) is too large", "as a text"),
        (b'{"a": ' + b"[" * 100_000, "more than 200 deep, at column 206", "flatten"),
        (b'{"a": NaN}', "NaN is no JSON", "null"),
        (b'{"a": -Infinity}', "-Infinity is no JSON", "null"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' stands there twice", "keep one"),
        (b'{"a": 1, "b": 2, "a" : 3}', "the key 'a' stands there twice", "keep one"),
        (b'{"a": 1, "b": "c:d", "a": 3}', "the key 'a' stands there twice", "keep one"),
        (b'{"a": 1, "b": [{"c": ' + b"9" * 301 + b"}]}", "(301 characters) is too large", "as a"),
        (b'[{"a": 1}]', "an array", "jq -c '.[]'"),
        (b"[", "does not end in this line", "jq -c '.[]'"),
        (b"{", "does not end in this line", "jq -c ."),
        (b"12", "a single value", "one object a line"),
        (b"{'a': 1}", "not JSON: expecting property name", "double quotation marks"),
        ('{"a": "内幕"}'.encode("gbk"), "not UTF-8, at byte 8 of the line", "iconv"),
    ],
)
def test_a_line_that_cannot_be_judged_is_told(
    tmp_path: Path, line: bytes, said: str, to_do: str
) -> None:
    place = tmp_path / "e.jsonl"
    place.write_bytes(LINE + b"\n" + line + b"\n" + LINE.replace(b"e1", b"e3"))
    code, ids, words = run(tmp_path, str(place), "--id-field", "id")
    assert (code, ids) == (EXIT_FINDINGS, ["e1"])  # and nothing behind the line
    assert f"{place}:2: " in words
    assert said in words
    assert to_do in words
    code, ids, _ = run(tmp_path, str(place), "--id-field", "id", "--keep-going")
    assert (code, ids) == (EXIT_FINDINGS, ["e1", "e3"])


def test_files_that_are_not_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "wide").write_bytes(LINE.decode().encode("utf-16"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LINE * 1000)[:-20])
    (tmp_path / "empty").write_bytes(b"\n")
    for name, code, said in (
        (".", EXIT_USAGE, "is a directory"),
        ("absent", EXIT_USAGE, "no file"),
        ("wide", EXIT_FINDINGS, "wide:1: the file is UTF-16"),
        ("cut.gz", EXIT_FINDINGS, "cut.gz:1: the .gz file is cut off"),
        ("empty", EXIT_OK, "no event in"),
    ):
        found = run(tmp_path, str(tmp_path / name))
        assert found[:2] == (code, []), name
        assert said in found[2], name


COUNT = """\
title: three
name: three
correlation: {type: event_count, rules: [one], timespan: 1h, condition: {gte: 3}}
"""


def test_no_id_is_like_one_made_up_from_a_line(tmp_path: Path) -> None:
    """The record without an id in line 2 must not be taken for the one whose id is 2."""
    (tmp_path / "rule.yml").write_text(f"{RULE}---\n{COUNT}")
    place = tmp_path / "e.jsonl"
    lines = [{"id": "2"}, {}, {"id": "line 4"}, {}, {"id": "\x00line 4"}]
    records = [{**one, "a": 1, "t": number} for number, one in enumerate(lines)]
    place.write_text("".join(json.dumps(one) + "\n" for one in records))
    words = ["--time-field", "t", "--emit", "every"]
    code, ids, said = run(tmp_path, str(place), "--id-field", "id", *words)
    assert (code, said) == (EXIT_OK, "")
    assert ids[-5:] == ["2", "line 2", "line 4", "line 4", "\x00\x00line 4"[1:]]
    # where no field was named the lines are the ids
    assert run(tmp_path, str(place), *words)[1][-5:] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        (1795331229, 1795331229000),
        (1795331229.5, 1795331229500),
        ("1795331229", 1795331229000),
        (1795331229123, 1795331229123),
        (1795331229123456, 1795331229123),
        (1795331229123456789, 1795331229123),
        (0, 0),
        (10**11 - 1, 99999999999000),
        (10**11, 10**11),
        (10**14 - 1, 10**14 - 1),
        (-1.5, -1500),
        ("1e9", 10**12),
        ("2026-11-22T07:07:09Z", 1795331229000),
        (" 2026-11-22T07:07:09 ", 1795331229000),
        ("2026-11-22T15:07:09.250+08:00", 1795331229250),
        ("2026-11-22 07:07:09", 1795331229000),
        ("2026-11-22", 1795305600000),
        (10**20, None),
        ("Sun, 22 Nov 2026 07:07:09 +0000", None),
        ("yesterday", None),
        (True, None),
        (None, None),
    ],
)
def test_times(written: object, ms: int | None) -> None:
    assert as_millis(written) == ms


TALK = """\
title: 内幕
name: talk
detection: {s: {text|lexicon: insider}, condition: s}
mingjian: {version: 1, item: X-01, response: 1}
"""


def test_rules_for_conversations_are_sent_to_their_own_command(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(LINE)
    (tmp_path / "rule.yml").write_text(TALK)
    code, ids, said = run(tmp_path, str(tmp_path / "e.jsonl"))
    assert (code, ids) == (EXIT_FINDINGS, [])
    assert "no modifier 'lexicon'" in said
    assert "these are rules for conversations" in said
    assert "mingjian rules test" in said
    # what Sigma knows too is judged, and the hint is given all the same
    (tmp_path / "rule.yml").write_text(TALK.replace("text|lexicon: insider", "a: 1"))
    code, ids, said = run(tmp_path, str(tmp_path / "e.jsonl"))
    assert (code, ids) == (EXIT_OK, ["1"])
    assert "! these are rules for conversations" in said


NAMES = st.sampled_from(["a", "b", "\\u0061", "c:", '\\":', ""])
NUMBERS = st.one_of(
    st.integers(), st.floats(allow_nan=False), st.just(10**300), st.just(-(10**299))
)
SOUND = st.recursive(
    st.one_of(st.text(max_size=3), NUMBERS, st.booleans(), st.none()).map(json.dumps)
    | st.sampled_from(['"\\ud800"', "1E400", "NaN", "-0", '" :"', '"\\":"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(
            st.tuples(NAMES, st.sampled_from([":", " :", ": ", "\t:"]), inner), max_size=3
        ).map(lambda rows: "{" + ", ".join(f'"{a}"{b}{c}' for a, b, c in rows) + "}"),
    ),
    max_leaves=6,
)


@settings(max_examples=500, deadline=None)
@given(text=SOUND)
def test_the_quick_parser_says_nothing_that_the_careful_one_does_not(text: str) -> None:
    try:
        careful = event_json.careful(text)
    except event_json.WrongLine as wrong:
        with pytest.raises(event_json.WrongLine, match=re.escape(str(wrong))):
            event_json.read(text.encode())
    else:
        # as written down: 1, 1.0 and true are equal to Python
        assert json.dumps(event_json.read(text.encode())) == json.dumps(careful)
