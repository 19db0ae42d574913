"""The rules as a page for people: what each finds, by which law, and what it cannot see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.rule_titles import CLASSES
from rules.expectations import wanted_alerts
from rules.feeds import feeds
from rules.filters import GlobalFilter
from rules.model import CorrelationRule, DetectionRule, RuleFile
from rules.rule_shape import LEVELS
from rules.spans import span_text
from rules.yaml_source import load_documents

TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = ("class", "count_rules", "levels", "waiting", "count_cases")
_OTHER = ("Other", "其他")
LABELS: Mapping[str, tuple[str, str]] = {
    "title": ("Rule catalogue", "规则目录"),
    "rules": ("rules", "条规则"),
    "cases": ("test cases", "个用例"),
    "waiting": ("waiting for data", "等待数据"),
    "count_rules": ("rules", "规则数"),
    "count_cases": ("test cases", "用例数"),
    "comma": (", ", "，"),
    "semicolon": ("; ", "；"),
    "class": ("class", "类别"),
    "levels": ("levels", "级别"),
    "item": ("item", "条目"),
    "rule": ("rule", "规则"),
    "level": ("level", "级别"),
    "response": ("response", "响应"),
    "owner": ("owner", "负责"),
    "law": ("legal basis", "法律依据"),
    "needs": ("needs", "需要"),
    "not_connected": ("not connected yet", "尚未接入"),
    "tests": ("tests", "测试"),
    "fires": ("that fire", "应报"),
    "quiet": ("that must not", "不应报"),
    "scope": ("only in", "适用范围"),
    "window": ("window", "时间窗"),
    "suppress": ("reported again after", "多久后再报"),
    "filters": ("exceptions", "例外"),
    "until": ("until", "至"),
    "by": ("for each", "按"),
    "falsepositives": ("may be hit wrongly", "可能误报"),
    "blind_spots": ("cannot see", "看不到"),
    "summary": ("Summary", "汇总"),
    "total": ("total", "合计"),
    "about": (
        "Made by `mingjian rules docs` from the rule files.",
        "由 `mingjian rules docs` 根据规则文件生成。",
    ),
}


@dataclass(frozen=True)
class Need:
    """A source of records that a rule needs."""

    name: str
    title: str
    connected: bool


@dataclass(frozen=True)
class Exempt:
    """A filter that touches a rule. `until` is its last day, "" where it has none."""

    name: str
    reason: str
    owner: str
    until: str


@dataclass(frozen=True)
class Entry:
    """One alerting rule. `fires` and `quiet` are numbers of its test cases.

    `window` is a length of time as rules write it, "" for a rule about single messages; `suppress`
    is one with the fields it goes by.
    """

    item: str
    name: str
    title: str
    description: str
    level: str
    response: int
    owner: str
    legal: tuple[str, ...]
    needs: tuple[Need, ...]
    fires: int
    quiet: int
    falsepositives: tuple[str, ...]
    blind_spots: tuple[str, ...]
    scope: tuple[str, ...]
    window: str
    suppress: tuple[str, tuple[str, ...]] | None
    filters: tuple[Exempt, ...]

    @property
    def waiting(self) -> bool:
        """Does it wait for data that nothing delivers yet?"""
        return any(not need.connected for need in self.needs)


@dataclass(frozen=True)
class Group:
    """The rules of one class, sorted by item."""

    key: str
    title: str
    entries: tuple[Entry, ...]

    @property
    def cases(self) -> int:
        """Test cases of all its rules."""
        return sum(one.fires + one.quiet for one in self.entries)

    @property
    def waiting(self) -> int:
        """Rules that wait for data."""
        return sum(one.waiting for one in self.entries)

    def levels(self) -> str:
        """How many of each level, the gravest first."""
        counts = {level: sum(one.level == level for one in self.entries) for level in LEVELS}
        return ", ".join(f"{level} {counts[level]}" for level in reversed(LEVELS) if counts[level])


def groups(files: Iterable[RuleFile], language: str) -> list[Group]:
    """The alerting rules of the files by class; titles in "zh" or "en"."""
    found: dict[str, list[Entry]] = {}
    every = tuple(files)
    filters = [one for file in every for one in file.filters]
    for file in every:
        if file.main is not None:
            entry = _entry(file, language, filters)
            match = re.match(r"([A-Z]\d\d)-", entry.item)
            key = match[1] if match and match[1] in CLASSES else ""
            found.setdefault(key, []).append(entry)
    order = sorted(found, key=lambda key: (not key, key))
    zh = language == "zh"
    return [
        Group(
            key or "-",
            CLASSES.get(key, _OTHER)[zh],
            tuple(sorted(found[key], key=lambda one: (one.item, one.name))),
        )
        for key in order
    ]


def _entry(file: RuleFile, language: str, filters: Sequence[GlobalFilter]) -> Entry:
    assert file.main is not None  # noqa: S101 (the caller looked)
    ref = file.main.ref
    value = next(
        document.value
        for document in load_documents(file.path, file.text)
        if document.value.get("name") == ref.name
    )
    ours = value.get("mingjian") or {}
    wanted = [wanted_alerts(case) for case in file.tests]
    return Entry(
        item=ref.item,
        name=ref.name,
        title=ref.title,
        description=str(value.get("description", "")),
        level=ref.level,
        response=ref.response,
        owner=str(ours.get("owner", "")),
        legal=file.legal,
        needs=tuple(_need(name, language) for name in file.requires),
        fires=sum(map(bool, wanted)),
        quiet=sum(not one for one in wanted),
        falsepositives=_texts(value.get("falsepositives")),
        blind_spots=_texts(ours.get("blind_spots")),
        scope=tuple(
            f"{key} {', '.join(_texts(value))}" for key, value in (ours.get("scope") or {}).items()
        ),
        window=span_text(file.main.timespan) if isinstance(file.main, CorrelationRule) else "",
        suppress=_suppress(file.main),
        filters=tuple(
            Exempt(one.name, one.reason, one.owner, str(one.expires or ""))
            for one in filters
            if one.rules is None or not file.called().isdisjoint(one.rules)
        ),
    )


def _suppress(main: DetectionRule | CorrelationRule) -> tuple[str, tuple[str, ...]] | None:
    if main.suppress is None:
        return None
    by = main.group_by if isinstance(main, CorrelationRule) else main.suppress.by
    return span_text(main.suppress.duration), by


def _need(name: str, language: str) -> Need:
    feed = feeds().get(name)
    if feed is None:
        return Need(name, name, connected=False)
    return Need(name, str(feed.title.get(language, name)), feed.connected)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value or ()))


# --- pages


def markdown(found: Sequence[Group], language: str) -> str:
    """The page as Markdown."""
    say = labels(language)
    lines = [f"# {say['title']}", "", say["about"], "", f"## {say['summary']}", ""]
    lines.append(_row(*(say[key] for key in COLUMNS)))
    lines.append(_row(*["---"] * 5))
    for group in found:
        name = f"{group.key} {group.title}"
        facts = (len(group.entries), group.levels(), group.waiting, group.cases)
        lines.append(_row(name, *facts))
    total = (sum(len(g.entries) for g in found), "", sum(g.waiting for g in found))
    lines.append(_row(say["total"], *total, sum(g.cases for g in found)))
    for group in found:
        lines += ["", f"## {group.key} {group.title}"]
        for one in group.entries:
            lines += ["", f"### {_plain(one.item)} {_plain(one.title)}", ""]
            lines += [f"`{one.name}`" + (f": {_plain(one.description)}" if one.description else "")]
            lines.append("")
            lines += [f"- {name}: {_plain(text)}" for name, text in facts_of(one, say)]
    return "\n".join(lines) + "\n"


def facts_of(one: Entry, say: Mapping[str, str]) -> list[tuple[str, str]]:
    """(label, text) of all that is known of a rule."""
    needs = (
        need.title + ("" if need.connected else f" ({say['not_connected']})") for need in one.needs
    )
    facts = [
        (say["level"], one.level),
        (say["response"], str(one.response)),
        (say["owner"], one.owner),
        (say["law"], say["semicolon"].join(one.legal)),
        (say["needs"], say["semicolon"].join(needs)),
        (say["scope"], say["semicolon"].join(one.scope)),
        (say["window"], one.window),
        (say["suppress"], _again(one, say)),
        (say["filters"], say["semicolon"].join(_exempt(each, say) for each in one.filters)),
        (say["tests"], f"{one.fires} {say['fires']}{say['comma']}{one.quiet} {say['quiet']}"),
        (say["falsepositives"], say["semicolon"].join(one.falsepositives)),
        (say["blind_spots"], say["semicolon"].join(one.blind_spots)),
    ]
    return [(name, text) for name, text in facts if text]


def _again(one: Entry, say: Mapping[str, str]) -> str:
    if one.suppress is None:
        return ""
    length, by = one.suppress
    return length + (f"{say['comma']}{say['by']} {', '.join(by)}" if by else "")


def _exempt(one: Exempt, say: Mapping[str, str]) -> str:
    end = f"{say['comma']}{say['until']} {one.until}" if one.until else ""
    return f"{one.name} ({one.reason}{say['comma']}{one.owner}{end})"


def html(found: Sequence[Group], language: str) -> str:
    """The page as one HTML file that needs nothing else; every value is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say = labels(language)
    return environment.get_template("rules.html.j2").render(
        groups=found, say=say, language="zh-CN" if language == "zh" else "en", facts=facts_of
    )


def labels(language: str) -> dict[str, str]:
    """Words of the page in "zh" or "en"."""
    return {key: both[language == "zh"] for key, both in LABELS.items()}


def _row(*cells: object) -> str:
    return "| " + " | ".join(_plain(str(cell)) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Without what Markdown would read as a mark, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", re.sub(r"\s+", " ", text)).strip()
