"""Test cases written in rule files: short notations -> records, exactly as a source would give.

    tests:
      - name: five recalls in ten minutes
        messages:
          - {at: "10:00", from: zhangwei, to: c1, text: 您好}
          - {at: "10:01", from: zhangwei, to: c1, recall: m1}
        alerts: 1

`at` is a time of Wednesday 2026-03-04 (a working day) or "YYYY-MM-DD HH:MM[:SS]", Asia/Shanghai;
or, as +90s, +5m, +1h30m, so much later than the message before it in the list.
`c1`, `c2`, ... stand for customers, `r1`, ... for rooms. `id` defaults to m1, m2, ... in order.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from rules.refused import Refused
from rules.spoken_times import moment_meant
from rules.zone import SHANGHAI

DAY = "2026-03-04"
MESSAGE_KEYS = (
    "at", "id", "seq", "from", "to", "room", "text", "recall", "type", "key", "payload", "event",
    "source",
)  # fmt: skip
# what a message is, by the key that says so -> the keys that mean something beside it
_FORMS = {
    "text": ("from", "to", "room"),
    "recall": ("from", "to", "room"),
    "type": ("from", "to", "room", "key", "payload"),
    "event": ("source", "payload"),
}
_ALWAYS = ("at", "id", "seq")
_N = "([0-9]{1,9})"
_LATER = re.compile(rf"\+(?=[0-9])(?:{_N}d)?(?:{_N}h)?(?:{_N}m)?(?:{_N}s)?(?:{_N}ms)?")
_TIMES_EN = 'write "10:00", "10:00:30" or "2026-03-07 10:00"; or +90s, +5m after the one before'
_TIMES_ZH = '请写成 "10:00"、"10:00:30" 或 "2026-03-07 10:00"；或写比上一条晚多久：+90s、+5m'
_MOMENT = re.compile(
    r"(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-].*)?", re.A
)
_UNITS = (86_400_000, 3_600_000, 60_000, 1_000, 1)  # of the groups of _LATER, in ms


class WrongMessage(Refused):
    """A message of a test case that no source could give; `key` is the key that is wrong."""

    def __init__(
        self, key: str, en: str, zh: str, fix_en: str = "", fix_zh: str = "", *, code: str = ""
    ) -> None:
        super().__init__(en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code)
        self.key = key


def customer(name: str) -> str:
    """The external id a short customer name stands for."""
    return f"wmDemoCustomer{int(name[1:]):06d}" if re.fullmatch(r"c\d+", name) else name


def later(text: Any) -> int | None:
    """Milliseconds of a time like +90s or +1h30m; None for another form of time."""
    found = _LATER.fullmatch(str(text))
    if found is None:
        return None
    return sum(int(n) * unit for n, unit in zip(found.groups("0"), _UNITS, strict=True))


def times(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """UTC milliseconds of each message of a case. Raises ValueError."""
    found: list[int] = []
    for message in messages:
        after = later(message["at"])
        if after is None:
            found.append(moment(message["at"]))
        elif found:
            found.append(found[-1] + after)
        else:
            text = "the first message has none before it"
            raise ValueError(text)
    return found


def identities(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The id of each message of a case: its own, else m1, m2, ... by its place."""
    return [str(message.get("id", f"m{n}")) for n, message in enumerate(messages, start=1)]


def moment(text: Any) -> int:
    """UTC milliseconds of an `at`. Raises ValueError."""
    text = str(text)
    if not _MOMENT.fullmatch(text):  # Python reads 10.30 as three tenths of a second past ten
        message = f"{text} is no time"
        raise ValueError(message)
    full = text if re.match(r"\d{4}-", text) else f"{DAY} {text}"
    time = dt.datetime.fromisoformat(full)
    if time.tzinfo is not None:
        message = "a time of a test case has no time zone: it is Shanghai's"
        raise ValueError(message)
    return int(time.replace(tzinfo=SHANGHAI).timestamp() * 1000)


def check_message(message: Mapping[str, Any], *, first: bool = False) -> None:
    """Raises WrongMessage for what the short notation does not know. `first`: of its case."""
    if unknown := [str(key) for key in message if key not in MESSAGE_KEYS]:
        raise WrongMessage(
            unknown[0],
            f"unknown key '{unknown[0]}'",
            f"未知的键“{unknown[0]}”",
            f"known: {', '.join(MESSAGE_KEYS)}",
            f"可用：{'、'.join(MESSAGE_KEYS)}",
            code="MJ502",
        )
    _check_time(message, first=first)
    forms = [key for key in _FORMS if key in message]
    if len(forms) != 1:
        raise WrongMessage(
            forms[1] if forms else "",
            f"'{forms[0]}' and '{forms[1]}' in one message" if forms else "a message without words",
            f"一条消息里同时有 {forms[0]} 和 {forms[1]}" if forms else "这条消息没有内容",
            f"give exactly one of: {', '.join(_FORMS)}",
            f"请只写其中之一：{'、'.join(_FORMS)}",
            code="MJ503",
        )
    form = forms[0]
    for key in message:
        if key not in (form, *_FORMS[form], *_ALWAYS):
            raise WrongMessage(
                key,
                f"'{key}' means nothing beside '{form}'",
                f"有 {form} 时不能写 {key}",
                f"beside '{form}' there are: {', '.join((*_ALWAYS, *_FORMS[form]))}",
                f"有 {form} 时可用：{'、'.join((*_ALWAYS, *_FORMS[form]))}",
                code="MJ504",
            )
    if form != "event" and "from" not in message:
        raise WrongMessage(
            "",
            "'from' is missing",
            "缺少 from",
            "say who wrote: from: zhangwei",
            "请写明发送人，如 from: zhangwei",
            code="MJ505",
        )
    _check_types(message)


def _check_time(message: Mapping[str, Any], *, first: bool) -> None:
    if "at" not in message:
        raise WrongMessage(
            "",
            "'at' is missing",
            "缺少 at",
            'say when: at: "10:00"',
            '请写明时间，如 at: "10:00"',
            code="MJ506",
        )
    at = message["at"]
    if type(at) in (int, float):  # YAML reads 10:00 as the number 600
        raise WrongMessage(
            "at",
            f"'at' was read as the number {at}",
            f"at 被读成了数字 {at}",
            'put the time in quotation marks: at: "10:00"; say the unit: at: +90s',
            '请给时间加引号：at: "10:00"；相对时间要写单位：at: +90s',
            code="MJ507",
        )
    if later(at) is not None:
        if first:
            raise WrongMessage(
                "at",
                f"'{at}' counts from the message before, and there is none",
                f"“{at}”是从上一条消息算起的，但这是第一条",
                'give the first message a time of its own: at: "10:00"',
                '第一条消息请写具体时间：at: "10:00"',
                code="MJ520",
            )
        return
    try:
        moment(at)
    except ValueError:
        right = moment_meant(at)
        right = right if right.startswith("+") or not right else f'"{right}"'
        raise WrongMessage(
            "at",
            f"'{at}' is no time",
            f"“{at}”不是有效的时间",
            f"write at: {right}" if right else _TIMES_EN,
            f"请写 at: {right}" if right else _TIMES_ZH,
            code="MJ508",
        ) from None


def _check_types(message: Mapping[str, Any]) -> None:
    for key, value in message.items():
        fits, en, zh = _TYPES.get(key, _A_TEXT)
        if not fits(value):
            raise WrongMessage(key, f"'{key}' must be {en}", f"“{key}”必须是{zh}", code="MJ509")


_Kind = tuple[Callable[[Any], bool], str, str]
_A_TEXT: _Kind = (
    lambda value: isinstance(value, str),
    "a text (in quotation marks)",
    "文本（请加引号）",
)
_TYPES: Mapping[str, _Kind] = {
    "at": (lambda value: value is not None, "a time", "时间"),
    "seq": (lambda value: type(value) is int and value >= 0, "a whole number", "整数"),
    "to": (
        lambda value: (
            isinstance(value, str)
            or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        ),
        "a text or a list of texts",
        "文本或文本列表",
    ),
    "payload": (lambda value: isinstance(value, dict), "a mapping", "映射"),
}


def records(case: Mapping[str, Any], tenant: str = "demo") -> list[bytes]:
    """Raw records of a case, in the order written.

    Raises:
        WrongMessage: see `check_message`.
    """
    messages = case["messages"]
    for index, message in enumerate(messages):
        check_message(message, first=index == 0)
    return [
        record(message, f"m{index}", index, tenant, time=time)
        for index, (message, time) in enumerate(zip(messages, times(messages), strict=True), 1)
    ]


def record(
    message: Mapping[str, Any],
    msgid: str,
    seq: int,
    tenant: str = "demo",
    *,
    time: int | None = None,
) -> bytes:
    """One raw record of the short notation, of `time` (ms) where its `at` is a relative one."""
    time = moment(message["at"]) if time is None else time
    msgid = str(message.get("id", msgid))
    head = {"v": 1, "kind": "archive", "time": time, "received_at": time + 1000, "tenant": tenant}
    if "event" in message:
        payload = {k: _ids(v) for k, v in message.get("payload", {}).items()}
        return msgspec.json.encode(
            head
            | {"kind": "event", "seq": int(message.get("seq", 0)), "id": msgid}
            | {"source": message.get("source", "callback"), "type": message["event"]}
            | {"payload": payload}
        )
    to = message.get("to", [])
    body: dict[str, Any] = {
        "msgid": msgid,
        "action": "send",
        "from": customer(str(message["from"])),
        "tolist": [customer(str(one)) for one in (to if isinstance(to, list) else [to])],
        "roomid": message.get("room", ""),
        "msgtime": time,
    }
    if "recall" in message:
        body |= {
            "action": "recall",
            "msgtype": "revoke",
            "revoke": {"pre_msgid": message["recall"]},
        }
    elif "text" in message:
        body |= {"msgtype": "text", "text": {"content": message["text"]}}
    else:
        kind = message["type"]
        body |= {"msgtype": kind, message.get("key", kind): message.get("payload", {})}
    return msgspec.json.encode(head | {"seq": int(message.get("seq", seq)), "payload": body})


def _ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_ids(one) for one in value]
    return customer(value) if isinstance(value, str) else value
