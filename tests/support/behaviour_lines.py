"""One line of events through both engines: `rules eval`, and the one for conversations.

A line is as in `tests/unit/test_semantics.py`, in order of arrival: `second:letters`, each letter a
rule that the event fits, `@x` its group (`@` alone: it has none), `=5` its value, `#id` its id; one
without letters only moves time. In a conversation a letter is a word that is said, the group is the
room, and the value is who says it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from rules.ruleset import RuleSet
from tests.support.command_line import app
from tests.support.rule_files import engine, outputs, raws, ruleset
from tests.unit.test_semantics import documents, events

START = 1_772_589_600_000  # 2026-03-04 10:00 in Shanghai
WORDS = {"a": "转账", "b": "提醒", "c": "确认", "d": "报价"}
_FIELDS = {"h": "room", "v": "sender"}
Section = Mapping[str, Any]
Alerts = list[tuple[float, str]]  # (second, ids)


def evaluated(
    folder: Path,
    sections: Sequence[Section],
    line: str,
    *options: str,
    ours: Section | None = None,
) -> Alerts:
    """Alerts of `mingjian rules eval` of the last of these correlations."""
    rules, given = folder / "rules.yml", folder / "events.jsonl"
    found = documents(*sections)
    found[-1] |= {"mingjian": dict(ours)} if ours else {}
    rules.write_text(yaml.safe_dump_all(found), encoding="utf-8")
    given.write_text(
        "".join(
            json.dumps({"id": identity, "at": START + time, **fields}) + "\n"
            for identity, time, fields in events(line)
        ),
        encoding="utf-8",
    )
    return printed(rules, given, f"c{len(sections)}", *options)


def printed(rules: Path, given: Path, name: str, *options: str) -> Alerts:
    """Alerts of `mingjian rules eval` of the rule with this name."""
    words = ["rules", "eval", "--rules", str(rules), "--events", str(given), "--time-field", "at",
             "--id-field", "id", "--output", "json", *options]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (done.output, done.exception)
    alerts = [json.loads(one) for one in done.stdout.splitlines()]
    return [
        ((one["time"] - START) / 1000, " ".join(one["event_ids"]))
        for one in alerts
        if one["rule"] == name
    ]


def rules_of(folder: Path, sections: Sequence[Section], ours: Section | None = None) -> RuleSet:
    """The same correlations over conversations; those below the last are silent."""
    found: list[dict[str, Any]] = [
        {
            "name": f"t_{letter}",
            "detection": {"it": {"type": "text", "text|contains": word}, "condition": "it"},
            "mingjian": {"signal": True},
        }
        for letter, word in WORDS.items()
    ]
    for number, section in enumerate(sections, 1):
        whole = {"timespan": "5s", "group-by": ["h"], **section}
        if not whole["group-by"]:
            del whole["group-by"]
        found.append({"name": f"t_c{number}", "correlation": _translated(whole)})
        if number < len(sections):
            found[-1]["mingjian"] = {"signal": True}
    found[-1] |= {
        "title": "t", "id": "6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a", "level": "high",
        "mingjian": {"version": 1, "item": "A05-01", "response": 2, **_translated(ours or {})},
    }  # fmt: skip
    return ruleset(folder, yaml.safe_dump_all(found, allow_unicode=True))


def _translated(written: Any) -> Any:
    """Names of rules and fields as a conversation has them."""
    if isinstance(written, Mapping):
        return {_translated(name): _translated(value) for name, value in written.items()}
    if isinstance(written, list | tuple):
        return [_translated(one) for one in written]
    if not isinstance(written, str):
        return written
    return " ".join(map(_word, written.replace("(", "( ").replace(")", " )").split(" ")))


def _word(word: str) -> str:
    return f"t_{word}" if word in {*WORDS, "c1", "c2", "c3"} else _FIELDS.get(word, word)


def messages(line: str) -> list[dict[str, Any]]:
    """The line as what people say; the archive numbers nothing."""
    return [
        {
            "at": f"10:{time // 60_000:02d}:{time % 60_000 / 1000:06.3f}",
            "id": identity,
            "seq": 0,
            "from": fields.get("v", "zhangwei"),
            "to": "c1",
            "text": "".join(WORDS[letter] for letter in fields["k"]) or "在吗",
        }
        | ({"room": f"r{fields['h']}"} if "h" in fields else {})
        for identity, time, fields in events(line)
    ]


def judged(
    folder: Path,
    sections: Sequence[Section],
    line: str,
    *,
    ours: Section | None = None,
    lateness: int | None = None,
) -> Alerts:
    """Alerts of the engine for conversations; `lateness` in ms. No state is left behind."""
    running = engine(rules_of(folder, sections, ours), lateness=lateness)
    found = []
    times = [START + time for _, time, _ in events(line)]
    for offset, (raw, time) in enumerate(zip(raws(messages(line)), times, strict=True)):
        found += running.judge(raw, offset=offset, time=time - 1)  # exactly as late: in time
    found += running.finish()
    assert running.states == {}
    return [
        ((one["time"] - START) / 1000, " ".join(m["msgid"] for m in one["members"]))
        for one in outputs(found, "alerts")
    ]
