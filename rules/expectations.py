"""What a test case expects of the alerts of its rule, and whether they are so.

    alerts: 1                                   # how many
    alerts:                                     # or each of them, in any order, and no other
      - {group: {sender: zhangwei}, evidence: [m1, m3], time: "10:10", level: high}
    never:                                      # none of the alerts is like one of these
      - {evidence: [m2]}

An expectation says only what it names. `evidence`, `matched` and `variant` are complete lists in
any order: the ids of all messages of the alert, the different texts that were hit as they stand in
the original, the disguises taken off them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.cases import DAY, customer, identities, later, moment
from rules.mask import mask_id
from rules.refused import Refused
from rules.zone import SHANGHAI

EXPECTATION_KEYS = (
    "group", "evidence", "matched", "variant", "count", "time", "level", "response", "state",
    "summary",
)  # fmt: skip
SHUFFLED = "shuffled"
_Path = tuple[str, ...]


class WrongCase(Refused):
    """A test case that expects what cannot be; `at` is the path of keys inside the case."""

    def __init__(
        self, at: _Path, en: str, zh: str, fix_en: str = "", fix_zh: str = "", *, code: str
    ) -> None:
        super().__init__(en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code)
        self.at = at


@dataclass(frozen=True)
class Found:
    """One alert of a case, in the words of expectations.

    `group` is masked, as alerts are; `time` in UTC milliseconds.
    """

    group: Mapping[str, str]
    evidence: tuple[str, ...]
    matched: tuple[str, ...]
    variant: tuple[str, ...]
    count: int
    time: int
    level: str
    response: int
    state: str
    summary: str


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected: the key, what was expected, what there was."""

    key: str
    expected: str
    got: str

    def as_json(self) -> dict[str, str]:
        """For machines."""
        return {"key": self.key, "expected": self.expected, "got": self.got}


@dataclass(frozen=True)
class Unmet:
    """Why the alerts are not the expected ones. `at` is the path of keys inside the case.

    `index` is the alert (by its place in those found) that fits least badly; None when there is
    no alert for the expectation.
    """

    at: _Path
    en: str
    zh: str
    differences: tuple[Difference, ...] = ()
    index: int | None = None


def wanted_alerts(case: Mapping[str, Any]) -> int:
    """How many alerts a case expects."""
    alerts = case["alerts"]
    return len(alerts) if isinstance(alerts, list) else int(alerts)


# --- what may be written


def check_expectations(case: Mapping[str, Any]) -> None:
    """Raises WrongCase for what no alert of the case's messages could be."""
    ids = identities(case["messages"])
    _check_order(case.get("arrival"), ids)
    for key in ("alerts", "never"):
        items = case.get(key, [])
        for index, one in enumerate(items if isinstance(items, list) else []):
            at = (key, str(index))
            for name, value in one.items():
                _check_one((*at, str(name)), name, value, ids)
            if not one:
                raise WrongCase(
                    at,
                    "an empty expectation says nothing",
                    "空的期望什么也没有说",
                    f"name one of: {', '.join(EXPECTATION_KEYS)}",
                    f"请至少写一个：{'、'.join(EXPECTATION_KEYS)}",
                    code="MJ521",
                )


def _check_one(at: _Path, name: str, value: Any, ids: Sequence[str]) -> None:
    if name not in EXPECTATION_KEYS:
        raise WrongCase(
            at,
            f"unknown key '{name}'",
            f"未知的键“{name}”",
            f"known: {', '.join(EXPECTATION_KEYS)}",
            f"可用：{'、'.join(EXPECTATION_KEYS)}",
            code="MJ522",
        )
    fits, en, zh = _KINDS[name]
    if not fits(value):
        raise WrongCase(at, f"'{name}' must be {en}", f"“{name}”必须是{zh}", code="MJ523")
    if name == "evidence":
        for one in value:
            _known_id(at, one, ids)
    if name == "time":
        try:
            wrong = later(value) is not None or moment(value) is None
        except ValueError:
            wrong = True
        if wrong:
            raise WrongCase(
                at,
                f"'{value}' is no time of an alert",
                f"“{value}”不是告警的时间",
                'write it as "10:10" or "2026-03-07 10:10"',
                '请写成 "10:10" 或 "2026-03-07 10:10"',
                code="MJ524",
            )


def _check_order(arrival: Any, ids: Sequence[str]) -> None:
    if arrival is None or arrival == SHUFFLED:
        return
    at = ("arrival",)
    if not _texts(arrival):
        raise WrongCase(
            at,
            f"'arrival' must be {SHUFFLED} or a list of ids",
            f"arrival 必须是 {SHUFFLED} 或编号的列表",
            f"write arrival: {SHUFFLED}, or arrival: [{', '.join(reversed(ids))}]",
            f"请写 arrival: {SHUFFLED}，或 arrival: [{', '.join(reversed(ids))}]",
            code="MJ525",
        )
    for one in arrival:
        _known_id(at, one, ids)
    if sorted(arrival) != sorted(ids):
        raise WrongCase(
            at,
            "'arrival' must name every message once",
            "arrival 必须把每条消息各写一次",
            f"the messages are: {', '.join(ids)}",
            f"消息有：{'、'.join(ids)}",
            code="MJ526",
        )


def _known_id(at: _Path, one: str, ids: Sequence[str]) -> None:
    if one not in ids:
        raise WrongCase(
            at,
            f"no message of this case has the id '{one}'",
            f"这个用例里没有编号为“{one}”的消息",
            f"there are: {', '.join(ids)} (m1, m2, ... by their place, or their own id)",
            f"现有：{'、'.join(ids)}（没有写 id 的依次是 m1、m2…）",
            code="MJ527",
        )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


_Kind = tuple[Callable[[Any], bool], str, str]
_LIST: _Kind = (_texts, "a list of texts", "文本列表")
_TEXT: _Kind = (
    lambda value: isinstance(value, str),
    "a text (in quotation marks)",
    "文本（请加引号）",
)
_NUMBER: _Kind = (_whole, "a whole number", "整数")
_KINDS: Mapping[str, _Kind] = {
    "group": (lambda value: isinstance(value, dict), "a mapping", "映射"),
    "evidence": _LIST,
    "matched": _LIST,
    "variant": _LIST,
    "count": _NUMBER,
    "time": _TEXT,
    "level": _TEXT,
    "response": _NUMBER,
    "state": _TEXT,
    "summary": _TEXT,
}


# --- whether it is so


def unmet(case: Mapping[str, Any], found: Sequence[Found]) -> Unmet | None:
    """The first expectation that the alerts do not meet; None when all is as expected."""
    wanted = wanted_alerts(case)
    expectations = case["alerts"] if isinstance(case["alerts"], list) else []
    if len(found) == wanted or not expectations:
        pairs = _pair(expectations, found)
        wrong = [
            (index, pairs[index], differences)
            for index, one in enumerate(expectations)
            if pairs and (differences := _differences(one, found[pairs[index]]))
        ]
        if wrong:
            index, alert, differences = wrong[0]
            return Unmet(
                ("alerts", str(index), differences[0].key),
                f"no alert is as expectation {index + 1} says",
                f"没有一条告警符合第 {index + 1} 个期望",
                differences,
                alert,
            )
    if len(found) != wanted:
        return Unmet(
            ("alerts",) if expectations else (),
            f"expected {wanted} alert{'' if wanted == 1 else 's'}, got {len(found)}",
            f"应有 {wanted} 条告警，实际 {len(found)} 条",
        )
    for index, one in enumerate(case.get("never", ())):
        for place, each in enumerate(found):
            if not _differences(one, each):
                return Unmet(
                    ("never", str(index)),
                    f"there is an alert like number {index + 1} of 'never'",
                    f"出现了 never 第 {index + 1} 项所说的告警",
                    index=place,
                )
    return None


def _pair(expectations: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> list[int]:
    """For each expectation an alert of its own: those that fit as many as can be, then the nearest.

    Both are of one length.
    """
    fits = [
        [place for place, alert in enumerate(found) if not _differences(one, alert)]
        for one in expectations
    ]
    owner: dict[int, int] = {}

    def settle(index: int, tried: set[int]) -> bool:
        for place in fits[index]:
            if place not in tried:
                tried.add(place)
                if place not in owner or settle(owner[place], tried):
                    owner[place] = index
                    return True
        return False

    for index in range(len(expectations)):
        settle(index, set())
    chosen = {index: place for place, index in owner.items()}
    free = [place for place in range(len(found)) if place not in owner]
    for index, one in enumerate(expectations):
        if index not in chosen:
            nearest = min(free, key=lambda place: len(_differences(one, found[place])))
            free.remove(nearest)
            chosen[index] = nearest
    return [chosen[index] for index in range(len(expectations))]


def _differences(expected: Mapping[str, Any], alert: Found) -> tuple[Difference, ...]:
    return tuple(
        Difference(key, _shown(key, value), _shown(key, getattr(alert, key)))
        for key, value in expected.items()
        if not _as_expected(key, value, alert)
    )


def _as_expected(key: str, value: Any, alert: Found) -> bool:
    got = getattr(alert, key)
    if key == "group":
        return all(got.get(name) == _masked(one) for name, one in value.items())
    if key == "time":
        return bool(moment(value) == got)
    if key in ("evidence", "matched", "variant"):
        return set(value) == set(got)
    return bool(value == got)


def _masked(value: Any) -> str:
    return mask_id(customer(str(value)))


def _shown(key: str, value: Any) -> str:
    if key == "time":
        return clock(value) if isinstance(value, int) else str(value)
    if key == "group":
        return "{" + ", ".join(f"{name}: {one}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def clock(time: int) -> str:
    """A time (UTC ms) as test cases write it: "10:00", "10:00:30", "2026-03-07 10:00"."""
    moment_ = datetime.fromtimestamp(time / 1000, SHANGHAI)
    text = moment_.strftime("%H:%M:%S") if time % 60_000 else moment_.strftime("%H:%M")
    if time % 1000:
        text += f".{time % 1000:03d}"
    day = moment_.strftime("%Y-%m-%d")
    return text if day == DAY else f"{day} {text}"


# --- orders of arrival


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, in order of appearance."""
    return tuple(dict.fromkeys(values))
