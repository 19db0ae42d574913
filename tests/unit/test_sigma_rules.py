"""Plain Sigma rules on JSON events: forms, modifiers, conditions, filters, refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.sigma.collection import Collection, load_collection
from rules.sigma.event import Event
from rules.sigma.modifiers import MODIFIERS
from rules.sigma.questions import as_millis
from rules.sigma.refusal import REASONS
from tests.unit.test_docs import ROOT


def load(*texts: str, placeholders: dict[str, list[str]] | None = None) -> Collection:
    return load_collection([(f"{n}.yml", text) for n, text in enumerate(texts)], placeholders)


def detects(detection: dict[str, Any], event: dict[str, Any], **placeholders: list[str]) -> bool:
    text = yaml.safe_dump({"title": "t", "detection": detection}, allow_unicode=True)
    found = load(text, placeholders=placeholders)
    assert not found.problems, found.problems[0].error.en
    return found.rules[0].matches(Event(event))


def selects(selection: Any, event: dict[str, Any], **placeholders: list[str]) -> bool:
    return detects({"s": selection, "condition": "s"}, event, **placeholders)


def b64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize(
    ("selection", "event", "expected"),
    [
        # equality, case, numbers
        ({"a": "Foo"}, {"a": "fOO"}, True),
        ({"a": "foo"}, {"a": "food"}, False),
        ({"a": "STRASSE"}, {"a": "straße"}, True),
        ({"a|cased": "Foo"}, {"a": "foo"}, False),
        ({"a": 42}, {"a": "42"}, True),
        ({"a": "42"}, {"a": 42}, True),
        ({"a": 42}, {"a": 42.0}, True),
        ({"a": "42"}, {"a": 42.0}, True),
        ({"a": 42}, {"a": "042"}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": True}, True),
        ({"a": True}, {"a": "True"}, True),
        ({"a|contains": 23}, {"a": 1234}, True),
        # wildcards and escapes
        ({"a": "f*o"}, {"a": "f\nooo"}, True),
        ({"a": "f?o"}, {"a": "fo"}, False),
        ({"a": "*"}, {"a": ""}, True),
        ({"a": "*"}, {}, False),
        ({"a": r"f\*o"}, {"a": "f*o"}, True),
        ({"a": r"f\*o"}, {"a": "fxo"}, False),
        ({"a": r"c:\x\*"}, {"a": r"c:\x*"}, True),
        ({"a": r"c:\\*"}, {"a": r"c:\any"}, True),
        ({"a": r"c:\w"}, {"a": r"C:\W"}, True),
        ({"a": r"c:\\w"}, {"a": r"c:\w"}, True),
        ({"a": r"x\\\\y"}, {"a": r"x\\y"}, True),
        ({"a": "a.b(c"}, {"a": "axb(c"}, False),
        # lists, maps, nesting
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, False),
        ([{"a": "x"}, {"b": "y"}], {"b": "y"}, True),
        ({"a": "x"}, {"a": ["w", "x"]}, True),
        ({"a|contains|all": ["x", "y"]}, {"a": "yx"}, True),
        ({"a|contains|all": ["x", "y"]}, {"a": "x"}, False),
        ({"a.b": "x"}, {"a": {"b": "x"}}, True),
        ({"a.b": "x"}, {"a.b": "x", "a": {"b": "y"}}, True),
        ({"a.b.c": "x"}, {"a.b": {"c": "x"}}, True),
        ({"a.b": "x"}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a.1.b": "x"}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a.0.b": "x"}, {"a": [{"b": "y"}, {"b": "x"}]}, False),
        # null, empty, exists
        ({"a": None}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {"a": ""}, False),
        ({"a": ""}, {"a": ""}, True),
        ({"a": ""}, {"a": None}, False),
        ({"a|exists": True}, {"a": None}, True),
        ({"a|exists": True}, {}, False),
        ({"a|exists": False}, {"a": ""}, False),
        ({"a|exists": True}, {"a": []}, True),
        # keywords look at every value, not at names
        (["EVIL", "bad"], {"x": {"y": ["so evil!"]}}, True),
        (["x"], {"x": "y"}, False),
        ("ev*l", {"m": "an evil thing"}, True),
        ({"|all": ["one", "two"]}, {"a": "one", "b": "two"}, True),
        ({"|all": ["one", "two"]}, {"a": "one"}, False),
        ([4625], {"EventID": 4625}, True),
        ({"|re": "^e.il$"}, {"m": "evil"}, True),
        # text modifiers
        ({"a|startswith": "ab"}, {"a": "ABC"}, True),
        ({"a|endswith": "bc"}, {"a": "ABC"}, True),
        ({"a|endswith": "ab"}, {"a": "ABC"}, False),
        ({"a|contains": "b?d"}, {"a": "abcde"}, True),
        ({"a|re": "b.d"}, {"a": "abcde"}, True),
        ({"a|re": "B.D"}, {"a": "abcde"}, False),
        ({"a|re|i": "B.D"}, {"a": "abcde"}, True),
        ({"a|re": "^b$"}, {"a": "a\nb"}, False),
        ({"a|re|m": "^b$"}, {"a": "a\nb"}, True),
        ({"a|re": "a.b"}, {"a": "a\nb"}, False),
        ({"a|re|s": "a.b"}, {"a": "a\nb"}, True),
        ({"a|re": 12}, {"a": 4123}, True),
        ({"a|windash|contains": " -f"}, {"a": "x /f"}, True),
        ({"a|windash|contains": " /f"}, {"a": "x \u2014f"}, True),
        ({"a|windash|contains": "-a -b -c -d"}, {"a": "/a -b \u2013c \u2015d"}, True),
        ({"a|windash|contains": "a-b"}, {"a": "a/b"}, False),
        ({"a|contains|windash": " -f*g"}, {"a": "x /f..g"}, True),
        ({"a|base64": "foo"}, {"a": b64(b"foo")}, True),
        *(
            ({"a|base64offset|contains": "foobar"}, {"a": b64(b"x" * n + b"foobar" + b"y")}, True)
            for n in range(4)
        ),
        ({"a|base64offset|contains": "foobar"}, {"a": b64(b"foobaz")}, False),
        *(
            (
                {f"a|{name}|base64offset|contains": "转账 ok"},
                {"a": b64(b"z" * n + "转账 ok".encode(codec))},
                True,
            )
            for n in range(3)
            for name, codec in [
                ("wide", "utf-16-le"),
                ("utf16le", "utf-16-le"),
                ("utf16be", "utf-16-be"),
            ]
        ),
        ({"a|utf16|base64": "cmd"}, {"a": b64(b"\xff\xfec\0m\0d\0")}, True),
        ({"a|wide": "cmd"}, {"a": "c\0m\0d\0"}, True),
        # numbers
        *(
            ({f"a|{how}": 3}, {"a": value}, expected)
            for how, row in {
                "lt": (1, 0, 0),
                "lte": (1, 1, 0),
                "gt": (0, 0, 1),
                "gte": (0, 1, 1),
            }.items()
            for value, expected in zip((2, "3", 3.5), map(bool, row), strict=True)
        ),
        ({"a|gt": 0.5}, {"a": 0.6}, True),
        ({"a|gt": 0.5}, {"a": 0.4}, False),
        ({"a|gte": 1}, {"a": True}, False),
        ({"a|gte": 1}, {"a": "1_0"}, False),
        ({"a|gt": 9007199254740992}, {"a": "9007199254740993"}, True),
        ({"a|gt": 1, "a|lte": 3}, {"a": 4}, False),
        ({"a|neq": "x"}, {"a": "y"}, True),
        ({"a|neq": ["x", "y"]}, {"a": "y"}, False),
        ({"a|contains|neq": "x"}, {"a": "axa"}, False),
        ({"a|neq": 4}, {"a": "4"}, False),
        ({"a|neq": 4}, {}, True),
        # networks
        ({"a|cidr": "10.0.0.0/8"}, {"a": "10.255.0.1"}, True),
        ({"a|cidr": "10.0.0.0/8"}, {"a": "11.0.0.1"}, False),
        ({"a|cidr": "10.0.0.0/8"}, {"a": "::ffff:10.0.0.1"}, True),
        ({"a|cidr": "fe80::/10"}, {"a": "FE80::1"}, True),
        ({"a|cidr": ["10.0.0.0/8", "::1/128"]}, {"a": "::1"}, True),
        ({"a|cidr": "10.0.0.0/8"}, {"a": "10.0.0"}, False),
        # other fields
        ({"a|fieldref": "b.c"}, {"a": "X", "b": {"c": "x"}}, True),
        ({"a|fieldref": "b"}, {"a": "x"}, False),
        ({"a|fieldref|neq": "b"}, {"a": "x", "b": "y"}, True),
        ({"a|fieldref|startswith": "b"}, {"a": "xyz", "b": "xy"}, True),
        ({"a|fieldref|cased": "b"}, {"a": "X", "b": "x"}, False),
        # dates
        ({"a|minute": 7}, {"a": "2026-11-22T23:07:09+08:00"}, True),
        ({"a|hour": 23}, {"a": "2026-11-22 23:07:09.123"}, True),
        ({"a|hour|gte": 18}, {"a": "2026-11-22T17:59:59Z"}, False),
        ({"a|day": 22}, {"a": "2026-11-22"}, True),
        ({"a|week": 47}, {"a": "2026-11-22"}, True),
        ({"a|month": 11}, {"a": 1795331229}, True),
        ({"a|year": 2026}, {"a": 1795331229000}, True),
        ({"a|year": 2026}, {"a": "2026"}, False),
        ({"a|hour": 1}, {"a": "yesterday"}, False),
        # half a surrogate pair does not stop the search
        ({"a|re": "b$"}, {"a": "\ud800b"}, True),
    ],
)
def test_a_selection(selection: Any, event: dict[str, Any], expected: bool) -> None:
    assert selects(selection, event) is expected


@pytest.mark.parametrize(
    ("selection", "event", "expected"),
    [
        ({"a|expand": "%servers%"}, {"a": "SRV-1"}, True),
        ({"a|expand": "%servers%"}, {"a": "%servers%"}, False),
        ({"a|contains|expand": "-%n%."}, {"a": "x-2.y"}, True),
        ({"a|contains|expand": "-%n%."}, {"a": "x-3.y"}, False),
        ({"a": "%servers%"}, {"a": "%servers%"}, True),
        ({"a|expand": r"\%n%n%"}, {"a": "%n2"}, True),
        ({"a|re|expand": "^%n%$"}, {"a": "1"}, True),
    ],
)
def test_placeholders(selection: Any, event: dict[str, Any], expected: bool) -> None:
    assert selects(selection, event, servers=["srv*", "db1"], n=["1", "2"]) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("t1 or f1 and f2", True),
        ("(t1 or f1) and f2", False),
        ("not f1 and t1", True),
        ("not (f1 or t1)", False),
        ("not not t1", True),
        ("NOT f1 AND t1", True),
        ("1 of them", True),
        ("all of them", False),
        ("all of t*", True),
        ("any of f*", False),
        ("2 of t*", True),
        ("2 of *1", False),
        ("3 of *1 or 2 of t*", True),
        ("t1 and not 1 of f*", True),
        ("_hidden", False),
        ("all of _h*", False),
        (["f1", "t2"], True),
        (["f1", "f2"], False),
    ],
)
def test_a_condition(condition: Any, expected: bool) -> None:
    section = {name: {"a": int(name[0] == "t")} for name in ("t1", "t2", "f1", "f2", "_hidden")}
    assert detects({**section, "x1": {"a": 0}, "condition": condition}, {"a": 1}) is expected


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ({"s": {"a": "x"}, "condition": "s | count() > 3"}, "aggregation"),
        ({"s": {"a": "x"}, "condition": "s", "timeframe": "5m"}, "timeframe"),
        ({"s": {"a": "x"}, "condition": "s and"}, "condition"),
        ({"s": {"a": "x"}, "condition": "s s"}, "condition"),
        ({"s": {"a": "x"}, "condition": "(s"}, "condition"),
        ({"s": {"a": "x"}, "condition": "s)"}, "condition"),
        ({"s": {"a": "x"}, "condition": "z"}, "condition"),
        ({"s": {"a": "x"}, "condition": "1 of z*"}, "condition"),
        ({"s": {"a": "x"}, "condition": "2 of s*"}, "condition"),
        ({"s": {"a": "x"}, "condition": "0 of s*"}, "condition"),
        ({"s": {"a": "x"}, "condition": ""}, "condition"),
        ({"s": {"a": "x"}, "condition": "(" * 500 + "s" + ")" * 500}, "condition"),
        ({"s": {"a": "x"}}, "condition"),
        ({"s": {"a|contians": "x"}, "condition": "s"}, "modifier"),
        ({"s": {"a|gt|contains": 1}, "condition": "s"}, "modifier"),
        ({"s": {"a|i": "x"}, "condition": "s"}, "modifier"),
        ({"s": {"a|re": "(?=x)"}, "condition": "s"}, "regex"),
        ({"s": {"a|re": r"(x)\1"}, "condition": "s"}, "regex"),
        ({"s": {"a|expand": "%x%"}, "condition": "s"}, "placeholder"),
        ({"s": {"a|gt": "x"}, "condition": "s"}, "value"),
        ({"s": {"a|cidr": "10.0.0.1/8"}, "condition": "s"}, "value"),
        ({"s": {"a|base64": "x*"}, "condition": "s"}, "value"),
        ({"s": {"a|exists": "true"}, "condition": "s"}, "value"),
        ({"s": {"a|contains": None}, "condition": "s"}, "value"),
        ({"s": {"a": []}, "condition": "s"}, "empty"),
        ({"s": {}, "condition": "s"}, "empty"),
        ({"s": None, "condition": "s"}, "empty"),
        ({"s": [["x"]], "condition": "s"}, "selection"),
        ({"s": {"a": {"b": 1}}, "condition": "s"}, "selection"),
        ("s", "selection"),
    ],
)
def test_what_is_refused_says_why(detection: Any, reason: str) -> None:
    found = load(yaml.safe_dump({"title": "t", "detection": detection}))
    assert [one.reason for one in found.problems] == [reason]
    assert found.rules == ()
    error = found.problems[0].error
    assert error.line > 0
    assert re.search(r"[\u4e00-\u9fff]", error.zh)


def test_other_documents_and_broken_yaml_are_named_and_the_rest_is_kept() -> None:
    good = "title: good\ndetection: {s: {a: x}, condition: s}\n"
    found = load("correlation: {type: event_count}", "title: x", "a: [", f"title: y\n---\n{good}")
    assert [one.reason for one in found.problems] == [
        "correlation", "not_a_rule", "yaml", "not_a_rule",
    ]  # fmt: skip
    assert [rule.label for rule in found.rules] == ["good"]


def test_lists_in_lists_are_gone_through_however_deep() -> None:
    deep: Any = [{"b": "x"}]
    for _ in range(100_000):
        deep = [deep]
    assert selects({"a.b": "x"}, {"a": deep})
    assert selects(["x"], {"a": deep})
    while isinstance(deep, list):  # or taking it apart would overflow the stack
        deep = deep.pop()


# ---- collections and filters ----

GLOBAL = """
action: global
title: base
detection: {f: {u: adm}, condition: s and not f}
---
logsource: {service: one}
detection: {s: {id: 1}}
---
action: repeat
name: second
detection: {s: {id: 2}}
---
action: reset
---
title: alone
detection: {s: {id: 3}, condition: s}
"""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"id": 1}, ["base"]),
        ({"id": 1, "u": "adm"}, []),
        ({"id": 2}, ["second"]),
        ({"id": 3, "u": "adm"}, ["alone"]),
    ],
)
def test_a_collection_with_actions(event: dict[str, Any], expected: list[str]) -> None:
    found = load(GLOBAL)
    assert found.problems == ()
    assert [rule.label for rule in found.rules if rule.matches(Event(event))] == expected


RULE = (
    "{title: t, id: r1, logsource: {product: w, service: s}, detection: {s: {a: x}, condition: s}}"
)


@pytest.mark.parametrize(
    ("rules", "logsource", "time", "expected"),
    [
        ("[r1]", "{product: w}", "2026-12-31T23:59:59Z", False),
        ("[t]", "{}", "2026-12-31T23:59:59Z", False),
        ("any", "{product: w, service: s}", "2026-12-31T23:59:59Z", False),
        ("[other]", "{product: w}", "2026-12-31T23:59:59Z", True),
        ("any", "{product: l}", "2026-12-31T23:59:59Z", True),
        ("any", "{product: w, category: c}", "2026-12-31T23:59:59Z", True),
        ("[r1]", "{product: w}", "2027-01-01T00:00:00Z", True),
    ],
)
def test_a_global_filter_is_joined_with_and_until_it_expires(
    rules: str, logsource: str, time: str, expected: bool
) -> None:
    text = (
        f"title: f\nlogsource: {logsource}\nmingjian: {{expires: 2026-12-31}}\n"
        f"filter:\n  rules: {rules}\n  ours: {{u|startswith: adm_}}\n  condition: not ours\n"
    )
    found = load(text, RULE)
    assert found.problems == ()
    event = {"a": "x", "u": "adm_1"}
    assert found.rules[0].matches(Event(event, as_millis(time))) is expected
    assert found.rules[0].matches(Event({"a": "x", "u": "joe"}, as_millis(time)))


def test_a_filter_without_rules_or_with_a_wrong_date_is_refused() -> None:
    found = load(
        "{filter: {s: {a: x}, condition: s}}",
        "{mingjian: {expires: soon}, filter: {rules: any, s: {a: x}, condition: s}}",
    )
    assert [one.reason for one in found.problems] == ["selection", "value"]


# ---- the page ----


def test_the_page_lists_every_modifier_and_every_reason() -> None:
    text = (ROOT / "docs/sigma.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([a-z0-9_]+)` \|", text, re.M))
    assert rows == {*MODIFIERS, *REASONS}


@pytest.mark.parametrize("row", re.findall(
    r"^\| `[a-z0-9]+` \| `(.+?)` \| `(.+?)` \| `(.+?)` \|",
    (ROOT / "docs/sigma.md").read_text(encoding="utf-8"), re.M,
))  # fmt: skip
def test_the_examples_of_the_page_hold(row: tuple[str, str, str]) -> None:
    selection, yes, no = row
    written = yaml.safe_load(selection.replace("\\|", "|"))  # a table's cell escapes the bar
    assert selects(written, json.loads(yes), servers=["srv*"])
    assert not selects(written, json.loads(no), servers=["srv*"])


# ---- the command ----


def test_the_command_prints_a_line_an_alert(tmp_path: Path, capsys: Any) -> None:
    from jobs.cli.app import Output  # noqa: PLC0415
    from jobs.cli.rules_eval import evaluate  # noqa: PLC0415

    (tmp_path / "r.yml").write_text(RULE)
    (tmp_path / "e.jsonl").write_text(
        '{"id": 7, "a": "X", "t": "2026-11-22T00:00:00.5Z"}\n\n{"id": 8, "a": "y", "t": 1}\n'
    )
    evaluate(
        tmp_path / "r.yml", tmp_path / "e.jsonl", time_field="t", id_field="id", output=Output.json
    )
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"rule": "r1", "group": {}, "time": 1795305600500, "event_ids": ["7"], "value": None}
    ]


@pytest.mark.parametrize(
    ("rule", "line", "keep_going", "alerts", "said"),
    [
        (RULE, "nope", False, 1, "e.jsonl:2"),
        (RULE, "nope", True, 2, "e.jsonl:2"),
        (RULE, '{"a": "x"}', False, 1, "e.jsonl:2"),  # without the time that was asked for
        (RULE + "\n---\n{title: no}", '{"a": "y", "t": 1}', False, 0, "r.yml:3"),
        (RULE + "\n---\n{title: no}", '{"a": "y", "t": 1}', True, 2, "r.yml:3"),
    ],
)
def test_what_the_command_cannot_use_is_said_and_ends_with_1(
    rule: str, line: str, keep_going: bool, alerts: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "r.yml").write_text(rule)
    (tmp_path / "e.jsonl").write_text(f'{{"a": "x", "t": 1}}\n{line}\n{{"a": "x", "t": 2}}\n')
    words = ["rules", "eval", "--rules", "r.yml", "--events", "e.jsonl", "--time-field", "t"]
    result = subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", *words, *(["--keep-going"] if keep_going else [])],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "MINGJIAN_LANG": "en", "PATH": ""},
    )  # fmt: skip
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == alerts
    assert said in result.stderr
