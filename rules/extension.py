"""What stands under `mingjian` and changes how a rule judges: scope, clock, feeds, suppression.

mingjian:
  language: 1
  scope: {departments: [财富管理部], directions: [outbound], customer_segments: [vip]}
  timezone: Asia/Shanghai
  requires: [crm]
  suppress: {for: 24h, by: [sender, customer]}
  intercept: {by: wecom, rule: 敏感词规则 3, mode: block}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from rules import feeds
from rules.alert import FINAL, SPECULATIVE
from rules.conditions import And, Compare, Concerns, Node, Not, Or
from rules.correlation.model import Correlation
from rules.field_hints import unknown_field
from rules.fields import CLOSED, FIELDS
from rules.model import Intercept, Suppress
from rules.refused import UnknownName
from rules.spans import UNITS, parse_span
from rules.spoken_times import meant
from rules.value_hints import word_meant
from rules.yaml_source import Document
from rules.zone import Zone

LANGUAGE = 1  # version of the keys under `mingjian`; a file may say which one it was written for
MAX_SUPPRESS = 366 * UNITS["d"]
MODES = ("block", "warn")
ROOMS = ("single", "group")
ALERTS = (FINAL, SPECULATIVE)
_AT = ("mingjian",)

SCOPE_KEYS = (
    "departments", "except_departments", "roles", "except_roles", "directions", "rooms",
    "customer_segments", "types", "sender_kinds",
)  # fmt: skip


def check_language(document: Document, ours: Mapping[str, Any]) -> None:
    """Raises for a file that was written for a later version of the language."""
    if ours.get("language", LANGUAGE) > LANGUAGE:
        raise document.error(
            (*_AT, "language"),
            f"written for version {ours['language']} of the rule language, this is {LANGUAGE}",
            f"这条规则按规则语言第 {ours['language']} 版编写，本程序支持到第 {LANGUAGE} 版",
            fix_en="use a newer Mingjian",
            fix_zh="请使用更新的明鉴",
            code="MJ728",
            offset=0,
        )


def zone(document: Document, ours: Mapping[str, Any]) -> Zone | None:
    """The clock of the rule; None when it names none."""
    name = ours.get("timezone")
    if name is None:
        return None
    try:
        return Zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise document.error(
            (*_AT, "timezone"),
            f"no time zone '{name}'",
            f"没有时区“{name}”",
            fix_en="use an IANA name such as Asia/Shanghai",
            fix_zh="请用 IANA 名称，例如 Asia/Shanghai",
            code="MJ729",
            offset=0,
        ) from None


def requires(document: Document, ours: Mapping[str, Any]) -> tuple[str, ...]:
    """The feeds the rule needs."""
    known = feeds.feeds()
    for index, name in enumerate(ours.get("requires", ())):
        if name not in known:
            at = (*_AT, "requires", str(index))
            raise document.explained(at, UnknownName("feed", name, sorted(known)))
    return tuple(ours.get("requires", ()))


def suppress(document: Document, ours: Mapping[str, Any]) -> Suppress | None:
    """For how long one group is not reported again."""
    written = ours.get("suppress")
    if written is None:
        return None
    at = (*_AT, "suppress")
    document.only(at, ("for", "by"))
    length = parse_span(written.get("for"), longest="w")
    if length is None or length > MAX_SUPPRESS:
        right = meant(written.get("for"))
        raise document.error(
            (*at, "for"),
            "'for' is like 30m, 24h, 7d, at most 366d",
            "for 写成 30m、24h、7d 这样，最长 366d",
            fix_en=f"write {right}" if right else "",
            fix_zh=f"请写 {right}" if right else "",
            code="MJ730",
            offset=0,
        )
    by = written.get("by", ["sender"])
    if "by" in written and "correlation" in document.value:
        raise document.error(
            (*at, "by"),
            "a correlation is suppressed by its own group",
            "关联规则按自己的分组抑制，不能写 by",
            fix_en="remove 'by'",
            fix_zh="请删去 by",
            code="MJ731",
        )
    _texts(document, (*at, "by"), by)
    for index, name in enumerate(by):
        if name not in FIELDS:
            raise document.explained((*at, "by", str(index)), unknown_field(name, groups=True))
    return Suppress(length, tuple(by))


def told_ahead(document: Document, ours: Mapping[str, Any], how: Correlation) -> bool:
    """Whether alerts of a correlation are told before event time has settled them."""
    written = ours.get("alerts", ALERTS[0])
    at = (*_AT, "alerts")
    if written not in ALERTS:
        near = word_meant(written, ALERTS)
        raise document.error(
            at,
            f"'alerts' is final or speculative, not '{written}'",
            f"alerts 只能是 final 或 speculative，不能是“{written}”",
            fix_en=f"did you mean '{near}'?" if near else "leave it out for final alerts",
            fix_zh=f"是不是“{near}”？" if near else "要已定的告警请删去",
            code="MJ348",
            offset=0,
        )
    if written == ALERTS[0]:
        return False
    en = zh = fix_en = fix_zh = ""
    if how.upper:
        en = "a condition with an upper bound cannot be told ahead: one more message undoes it"
        zh = "带上限的条件不能提前告警：再来一条消息就不成立了"
        fix_en = "write a lower bound (gte, gt), or leave 'alerts' out"
        fix_zh = "请改用下限（gte、gt），或删去 alerts"
    elif ours.get("signal"):
        en, zh = (
            "a signal raises no alert that could be told ahead",
            "signal 规则不产生告警，无从提前",
        )
        fix_en, fix_zh = "remove 'alerts'", "请删去 alerts"
    if en:
        raise document.error(at, en, zh, fix_en=fix_en, fix_zh=fix_zh, code="MJ348", offset=0)
    return True


def intercept(document: Document, ours: Mapping[str, Any]) -> Intercept | None:
    """Which rule of WeCom's own is asked to intercept, so that an alert may say `delegated`."""
    written = ours.get("intercept")
    if written is None:
        return None
    at = (*_AT, "intercept")
    document.only(at, ("by", "rule", "mode"))
    wrong = {
        "by": written.get("by") != "wecom",
        "rule": not isinstance(written.get("rule"), str) or not written["rule"].strip(),
        "mode": written.get("mode", "block") not in MODES,
    }
    for key, bad in wrong.items():
        if bad:
            raise document.error(
                (*at, key),
                "'intercept' is {by: wecom, rule: name of WeCom's own rule, mode: block or warn}",
                "intercept 写成 {by: wecom, rule: 企业微信里的规则名, mode: block 或 warn}",
                code="MJ732",
                offset=0,
            )
    return Intercept(written["rule"], written.get("mode", "block"))


def scope(document: Document, ours: Mapping[str, Any]) -> Node | None:
    """The condition that the scope adds; None without one."""
    written = ours.get("scope")
    if written is None:
        return None
    at = (*_AT, "scope")
    document.only(at, SCOPE_KEYS)
    found: list[Node] = []
    for key, value in written.items():
        if key == "rooms" and value in ROOMS:
            found.append(Compare("room", "exists", value == "group"))
            continue
        _texts(document, (*at, key), value)
        for index, one in enumerate(value):
            _can_match(document, key, index, one)
            allowed = CLOSED.get(_CLOSED.get(key, ""))
            if allowed and one not in allowed:
                here = (*at, key, str(index))
                raise document.explained(here, UnknownName(_CLOSED[key], one, allowed))
        found.append(_SCOPE[key](tuple(value)))
    return And(tuple(found)) if len(found) > 1 else found[0] if found else None


def _can_match(document: Document, key: str, index: int, one: str) -> None:
    """Raises for a value that nothing ever equals."""
    en = zh = fix_en = fix_zh = ""
    if not one.strip():
        en, zh = f"an empty text in '{key}' matches nothing", f"{key} 里的空文本匹配不到任何东西"
        fix_en, fix_zh = "remove it", "请删去"
    elif key.endswith("departments") and "" in one.split("/"):
        en = f"'{one}' matches no department: a slash parts two names"
        zh = f"“{one}”匹配不到部门：斜杠只用来隔开两级名称"
        right = "/".join(part for part in one.split("/") if part)
        fix_en = f"write {right}" if right else "remove it"
        fix_zh = f"请写 {right}" if right else "请删去"
    elif key == "rooms" and one in ROOMS:
        en, zh = f"'[{one}]' means a room of that id", f"“[{one}]”指的是编号为 {one} 的群"
        fix_en, fix_zh = f"write rooms: {one}", f"请写 rooms: {one}"
    if en:
        at = (*_AT, "scope", key, str(index))
        raise document.error(at, en, zh, fix_en=fix_en, fix_zh=fix_zh, code="MJ741")


def _texts(document: Document, at: tuple[str, ...], value: Any) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise document.error(
            at,
            f"'{at[-1]}' must be a list of texts, not empty",
            f"“{at[-1]}”必须是非空的文本列表",
            fix_en=f"write [{value}]" if isinstance(value, str) and value else "",
            fix_zh=f"请写 [{value}]" if isinstance(value, str) and value else "",
            code="MJ733",
            offset=0,
        )


def _equals(field: str) -> Callable[[tuple[str, ...]], Node]:
    def made(values: tuple[str, ...]) -> Node:
        nodes = tuple(Compare(field, "equals", one) for one in values)
        return nodes[0] if len(nodes) == 1 else Or(nodes)

    return made


_CLOSED = {"directions": "direction", "sender_kinds": "sender_kind"}
_SCOPE: Mapping[str, Callable[[tuple[str, ...]], Node]] = {
    "departments": lambda values: Concerns("department", values),
    "except_departments": lambda values: Not(Concerns("department", values)),
    "roles": lambda values: Concerns("role", values),
    "except_roles": lambda values: Not(Concerns("role", values)),
    "directions": _equals("direction"),
    "rooms": _equals("room"),
    "customer_segments": _equals("customer.segment"),
    "types": _equals("type"),
    "sender_kinds": _equals("sender_kind"),
}
