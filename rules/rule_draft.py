"""A first draft of a rule with its test cases, made of a few answers.

The draft passes `rules check` without warnings and its own cases; its author makes it better.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from rules.detectors import DETECTORS
from rules.fold import fold
from rules.layout import formatted
from rules.lexicon import Lexicon
from rules.negation import negated

KINDS = ("words", "lexicon", "detector", "count", "sequence", "absence")
# Text that a detector finds, and one that only looks alike. None is anybody's.
_SAMPLES = {
    "bank_card": ("卡号 6228480402564890018", "卡号 6228480402564890017"),
    "cn_mobile": ("电话 13800138000", "订单号 13800138000"),
    "cn_passport": ("护照号 E12345678", "订单号 E12345678"),
    "cn_plate": ("车牌号京A12345", "型号A12345"),
    "cn_travel_permit": ("港澳通行证号 C12345678", "合同号 C12345678"),
    "cn_resident_id": ("身份证号 11010519491231002X", "身份证号 110105194912310021"),
    "credential": ("后台密码：Xk9#mP2w7Q", "请问密码是多少位的"),
    "hk_id": ("香港身份证 A123456(3)", "香港身份证 A123456(4)"),
    "tw_id": ("台湾身份证 A123456789", "台湾身份证 A123456788"),
    "uscc": ("统一社会信用代码 91350100M000100Y43", "统一社会信用代码 91350100M000100Y44"),
    "wallet_address": (
        "收款地址 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "收款地址 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
    ),
    "wechat_id": ("加我微信 zhang_wei88", "您可以在企业微信上联系我"),
}

_LEAST = {"bank_card": 75}  # below it, numbers count whose check digit is wrong


@dataclass(frozen=True)
class Answers:
    """What a draft is made of. `words` are those to find; of a lexicon, one that its list finds.

    `count` and `timespan` are for kinds over time, `lexicon` and `detector` for theirs; `chinese`
    chooses the language of what is written for people. `who` says the words in a draft of kind
    absence: the customer, whom the employee does not answer, or the employee.
    """

    kind: str
    name: str
    title: str
    id: str
    date: date
    item: str
    level: str
    response: int
    owner: str
    legal: tuple[str, ...]
    chinese: bool
    words: tuple[str, ...] = ()
    lexicon: str = ""
    detector: str = ""
    count: int = 3
    timespan: str = "10m"
    who: str = "employee"


def placed_words(lexicon: Lexicon) -> tuple[str, ...]:
    """A word that the list finds when it stands alone."""
    for word in lexicon.words:
        text = fold(word).text
        if any(not negated(text, start, end) for start, end, _ in lexicon.find(text)):
            return (word,)
    return lexicon.words[:1]


def detectors() -> tuple[str, ...]:
    """Detectors for which a draft has texts to test with."""
    return tuple(sorted(set(_SAMPLES) & set(DETECTORS)))


def draft(answers: Answers) -> str:
    """The text of the rule file, in its canonical form."""
    over_time = answers.kind in ("count", "sequence", "absence")
    parts = list(_signals(answers)) if over_time else []
    parts.append(_main(answers, over_time=over_time))
    return formatted(f"{answers.name}.yaml", "---\n".join(parts))


def _speaker(answers: Answers) -> str:
    """Who says the words: only where an answer is missing it may be the customer."""
    return answers.who if answers.kind == "absence" else "employee"


def _say(answers: Answers, en: str, zh: str) -> str:
    return zh if answers.chinese else en


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _question(answers: Answers) -> str:
    if answers.kind == "lexicon":
        return f"text|lexicon: {answers.lexicon}"
    if answers.kind == "detector":
        sure = _LEAST.get(answers.detector, 0)
        option = f"{answers.detector}, confidence {sure}" if sure else answers.detector
        return f"text|detect: {_text(option)}"
    return f"text|contains: {_list(answers.words)}"


def _selections(question: str, who: str = "employee") -> str:
    direction = "inbound" if who == "customer" else "outbound"
    return f"""\
detection:
  {who}: {{direction: {direction}, sender_kind: {who}}}
  words: {{{question}}}
  condition: {who} and words
"""


def _signals(answers: Answers) -> Iterator[str]:
    """The base rules: what was said, and what follows it."""
    signal = "mingjian: {signal: true}\n"
    yield f"name: {answers.name}_said\n{_selections(_question(answers), _speaker(answers))}{signal}"
    if answers.kind == "sequence":
        recall = "recall: {type: revoke, sender_kind: employee}"
        yield (
            f"name: {answers.name}_recalled\ndetection:\n  {recall}\n  condition: recall\n{signal}"
        )
    if answers.kind == "absence":
        back = "outbound" if _speaker(answers) == "customer" else "inbound"
        reply = f"reply: {{type: text, direction: {back}}}"
        yield f"name: {answers.name}_answered\ndetection:\n  {reply}\n  condition: reply\n{signal}"


def _main(answers: Answers, *, over_time: bool) -> str:
    judged = _correlation(answers) if over_time else _selections(_question(answers))
    legal = _list(answers.legal)
    runbook = _say(
        answers, "Read the conversation and ask the employee.", "查看会话原文，询问当事人。"
    )
    blind = _say(answers, "what is said in voice messages and calls", "语音消息与通话里说的话")
    return f"""\
title: {_text(answers.title)}
id: {answers.id}
name: {answers.name}
status: experimental
date: {answers.date.isoformat()}
description: {_text(_say(answers, f"Draft: {answers.title}", f"草稿：{answers.title}"))}
{judged}level: {answers.level}
falsepositives:
  - {_text(_say(answers, "not known yet", "尚待观察"))}
mingjian:
  version: 1
  item: {_text(answers.item)}
  response: {answers.response}
  owner: {_text(answers.owner)}
  legal: {legal}
  summary: {_text(_summary(answers))}
  runbook: {_text(runbook)}
  blind_spots:
    - {_text(blind)}
  tests:
{_cases(answers)}"""


def _summary(answers: Answers) -> str:
    if answers.kind in ("count", "sequence", "absence"):
        return f"{{actor}}：{answers.title}（{{minutes}} 分钟内 {{count}} 条）"
    return f"{{actor}} → {{customers}}：{answers.title}：{{excerpt}}"


def _correlation(answers: Answers) -> str:
    said = f"{answers.name}_said"
    if answers.kind == "count":
        return f"""\
correlation:
  type: event_count
  rules: [{said}]
  group-by: [sender]
  timespan: {answers.timespan}
  condition: {{gte: {answers.count}}}
"""
    if answers.kind == "sequence":
        recalled = f"{answers.name}_recalled"
        return f"""\
correlation:
  type: temporal_ordered
  rules: [{said}, {recalled}]
  aliases:
    message: {{{said}: msgid, {recalled}: revoke.pre_msgid}}
  group-by: [sender, message]
  timespan: {answers.timespan}
"""
    answered = f"{answers.name}_answered"
    return f"""\
correlation:
  type: temporal_ordered
  rules: [{said}, {answered}]
  group-by: [conversation]
  timespan: {answers.timespan}
  condition: {said} and not {answered}
"""


# --- cases


def _message(text: str, at: str = '"10:00"', to: str = "c1", extra: str = "") -> str:
    return f"{{at: {at}, {extra}from: zhangwei, to: {to}, text: {_text(text)}}}"


def _case(name: str, messages: list[str], alerts: int) -> str:
    lines = "".join(f"        - {message}\n" for message in messages)
    return f"    - name: {_text(name)}\n      messages:\n{lines}      alerts: {alerts}\n"


def _cases(answers: Answers) -> str:
    hit, alike = _texts(answers)
    colleague = _say(answers, "among colleagues", "同事之间不报")
    fires = _say(answers, "said to a customer", "对客户说")
    if answers.kind == "count":
        times = ['"10:00"', *["+0s"] * (answers.count - 1)]
        said = [_message(hit, at) for at in times]
        inside = [_message(hit, at, "lina") for at in times]
        return (
            _case(_say(answers, "often enough", "次数够了"), said, 1)
            + _case(_say(answers, "once less", "少一次不报"), said[:-1], 0)
            + _case(colleague, inside, 0)
        )
    if answers.kind == "sequence":
        first = _message(hit, extra="id: h1, ")
        recall = "{at: +1s, from: zhangwei, to: c1, recall: h1}"
        other = "{at: +1s, from: zhangwei, to: c1, recall: h2}"
        return _case(
            _say(answers, "said, then recalled", "说了又撤回"), [first, recall], 1
        ) + _case(_say(answers, "another message recalled", "撤回别的消息不报"), [first, other], 0)
    if answers.kind == "absence":
        ends = ("zhangwei", "c1")
        sender, other = reversed(ends) if _speaker(answers) == "customer" else ends
        asked = f'{{at: "10:00", from: {sender}, to: {other}, text: {_text(hit)}}}'
        reply = f"{{at: +1s, from: {other}, to: {sender}, text: 好的}}"
        late = f"{{at: +400d, from: {other}, to: {sender}, text: 好的}}"
        return _case(_say(answers, "no answer in time", "到时没有回复"), [asked, late], 1) + _case(
            _say(answers, "an answer in time", "及时回复不报"), [asked, reply], 0
        )
    cases = _case(fires, [_message(hit)], 1) + _case(colleague, [_message(hit, to="lina")], 0)
    if alike:
        cases += _case(_say(answers, "only looks alike", "形近不报"), [_message(alike)], 0)
    return cases


def _texts(answers: Answers) -> tuple[str, str]:
    """A text that the rule finds, and one that only looks alike ("" where none is known)."""
    if answers.kind == "detector":
        return _SAMPLES[answers.detector]
    return answers.words[0], ""
