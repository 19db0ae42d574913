"""What stands under `mingjian` and in the folders beside rules: scope, clock, lists, scenes,
filters. Each row is a rule as an officer writes it and messages it must tell apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rules.calendar import load_calendar
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import MingjianError, RuleError
from rules.ruleset import RuleTimeline, load_ruleset

HEAD = """title: 测试
id: 0b6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21
name: own_rule
detection:
  words: {words}
  condition: words
level: high
mingjian: {{version: 1, item: X-01, response: 2, {ours}}}
"""
SAID = "{text|contains: 内幕}"
STAFF = """name: staff
title: 员工
owner: 人力
kind: staff
entries:
  zhangwei: {department: 财富管理部/一组, role: adviser, scene: finance}
  lina: {department: 客服中心, role: agent}
"""
CUSTOMERS = """name: customers
title: 客户
owner: 客户部
kind: customers
entries:
  wmDemoCustomer000001: {segment: vip, owner: zhangwei}
"""
LISTS = {
    "staff": STAFF,
    "customers": CUSTOMERS,
    "links": "name: links\ntitle: 链接\nowner: 市场\nkind: url\nvalues: ['https://a.example/x?b=1']\n",
    "domains": "name: domains\ntitle: 域名\nowner: 市场\nkind: domain\nvalues: [good.example]\n",
    "cards": "name: cards\ntitle: 卡\nowner: 财务\nkind: number\nvalues: ['6228480402564890018']\n",
    "codenames": "name: codenames\ntitle: 代号\nowner: 投行\nvalues: [蓝鲸, 长城一号]\n",
    "quiet": "name: quiet\ntitle: 静默期\nowner: 董办\nkind: period\n"
    "values:\n  - {from: 2026-03-04, to: 2026-03-05}\n"
    "  - {from: 2026-04-01 09:30:00, to: 2026-04-01 15:00:00}\n",
}  # fmt: skip


def folder(tmp_path: Path, rule: str, **others: str) -> Path:
    root = tmp_path / "rules"
    for name, text in LISTS.items():
        (root / "lists").mkdir(parents=True, exist_ok=True)
        (root / "lists" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (root / "lexicons").mkdir(exist_ok=True)
    (root / "rule.yaml").write_text(rule, encoding="utf-8")
    for name, text in others.items():
        file = root / f"{name.replace('__', '/')}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def rule(words: str = SAID, ours: str = "legal: []") -> str:
    return HEAD.format(words=words, ours=ours)


def fires(root: Path, **message: Any) -> bool:
    """Does the rule fire on this one message?"""
    said = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "有内幕", **message}
    kept = {key: value for key, value in said.items() if value is not None}
    engine = Engine(RuleTimeline([(0, load_ruleset(root))]), Decoder("demo"), load_calendar())
    outputs = list(engine.run(records({"messages": [kept]})))
    assert not [body for kind, body in outputs if kind == "quarantine"]
    return any(kind == "alerts" for kind, _ in outputs)


def link(url: str) -> dict[str, Any]:
    payload = {"title": "t", "description": "d", "link_url": url, "image_url": ""}
    return {"type": "link", "text": None, "payload": payload}


SATURDAY_WORKED = "2026-02-14 10:00"  # 调休: the Saturday before the Spring Festival
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # ours, words, a message that fires, one that does not
    ("scope: {departments: [财富管理部]}", SAID, {}, {"from": "lina"}),
    ("scope: {departments: [财富管理]}", SAID, {"from": "nobody", "to": "x"}, {}),
    ("scope: {except_departments: [客服中心]}", SAID, {}, {"from": "lina"}),
    ("scope: {roles: [agent]}", SAID, {"from": "lina"}, {}),
    ("scope: {except_roles: [agent]}", SAID, {}, {"from": "lina"}),
    ("scope: {departments: [财富管理部]}", SAID, {"from": "c9", "to": "zhangwei"},
     {"from": "c9", "to": "lina"}),
    ("scope: {directions: [outbound]}", SAID, {}, {"to": "lina"}),
    ("scope: {rooms: single}", SAID, {}, {"room": "r1"}),
    ("scope: {rooms: group}", SAID, {"room": "r1"}, {}),
    ("scope: {rooms: [r1, r2]}", SAID, {"room": "r2"}, {"room": "r3"}),
    ("scope: {customer_segments: [vip]}", SAID, {}, {"to": "c2"}),
    ("scope: {types: [markdown]}", "{direction: outbound}",
     {"type": "markdown", "text": None, "payload": {"content": "x"}}, {}),
    ("scope: {sender_kinds: [customer]}", SAID, {"from": "c1", "to": "lina"}, {}),
    # fields of the directory
    ("legal: []", "{sender.department|startswith: 财富管理部}", {}, {"from": "lina"}),
    ("legal: []", "{sender.role: adviser}", {}, {"from": "nobody"}),
    ("legal: []", "{customer.segment: vip}", {}, {"to": "c2"}),
    ("legal: []", "{customer.owner|fieldref: sender}", {}, {"from": "lina"}),
    # clocks
    ("legal: []", '{time|timerange: "22:00-07:00"}', {"at": "22:00"}, {"at": "07:00"}),
    ("legal: []", '{time|timerange: ["09:00-10:00", "13:00-14:00"]}', {"at": "13:30"},
     {"at": "10:00"}),
    ("timezone: Europe/Berlin", '{time|timerange: "22:00-07:00"}', {"at": "06:00"},
     {"at": "22:00"}),
    ("timezone: Asia/Tokyo", "{time|day_of_week: thu}", {"at": "23:30"}, {"at": "22:30"}),
    ("legal: []", "{time|day_of_week: [saturday, 7]}", {"at": "2026-03-07 10:00"}, {}),
    ("legal: []", "{time|public_holiday_in: CN}", {"at": "2026-02-17 10:00"}, {}),
    ("legal: []", "{time|working_day: true}", {"at": SATURDAY_WORKED}, {"at": "2026-03-07 10:00"}),
    ("legal: []", "{time|in_period: quiet}", {"at": "2026-03-05 23:59"},
     {"at": "2026-03-06 00:00"}),
    ("legal: []", "{time|in_period: quiet}", {"at": "2026-04-01 09:30"},
     {"at": "2026-04-01 15:00"}),
    # lists
    ("legal: []", "{link.url|in_list: links}", link("HTTPS://A.example/x?utm_source=q&b=1"),
     link("https://a.example/x?b=2")),
    ("legal: []", "{link.url|in_list: domains}", link("https://www.good.example/x"),
     link("https://notgood.example/x")),
    ("legal: []", '{text|detect: "bank_card, except cards"}',
     {"text": "卡号 6222021001099550029"}, {"text": "卡号 6228 4804 0256 4890 018"}),
    ("legal: []", "{text|contains|expand: '%codenames%'}", {"text": "说说长城一号"},
     {"text": "长城"}),
    ("legal: []", "{file.name|contains|expand: '%codenames%'}",
     {"type": "file", "text": None, "payload": {"filename": "蓝鲸.xlsx", "fileext": "xlsx",
      "filesize": 1, "md5sum": "0" * 32, "sdkfileid": "x"}}, {}),
    # forms of Sigma
    ("legal: []", "[内幕, 消息]", {"text": "有消息"}, {"text": "无"}),
    ("legal: []", "{link.url|cased|contains: Ab}", link("https://e.example/Ab"),
     link("https://e.example/ab")),
    ("legal: []", "{event.ip|cidr: 10.0.0.0/8}",
     {"event": "login_new_device", "from": None, "to": None, "text": None,
      "payload": {"userid": "zhangwei", "ip": "10.2.3.4"}},
     {"event": "login_new_device", "from": None, "to": None, "text": None,
      "payload": {"userid": "zhangwei", "ip": "11.2.3.4"}}),
    ("legal: []", "{sender|neq: lina}", {}, {"from": "lina"}),
    ("legal: []", "{sender|re: '^zhang[a-z]+$'}", {}, {"from": "lina"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "words", "yes", "no"), CASES, ids=[f"{row[0]} {row[1]}" for row in CASES]
)
def test_a_rule_tells_messages_apart(
    tmp_path: Path, ours: str, words: str, yes: dict[str, Any], no: dict[str, Any]
) -> None:
    root = folder(tmp_path, rule(words, ours))
    if ours == "scope: {departments: [财富管理]}":  # a part of a name is not the department
        assert not fires(root)
        return
    assert fires(root, **yes)
    assert not fires(root, **no)


def test_office_hours_are_those_of_the_department(tmp_path: Path) -> None:
    own = (
        'timezone: Asia/Shanghai\nhours: ["09:00", "18:00"]\nweekdays: [1, 2, 3, 4, 5]\n'
        'departments: {客服中心: {hours: ["13:00", "22:00"]}}\nholidays: {2026-03-05: 店庆}\n'
    )
    root = folder(tmp_path, rule("{time|office_time: false}"), calendars__cn=own)
    assert not fires(root, at="10:00")
    assert fires(root, at="20:00")
    assert fires(root, at="10:00", **{"from": "lina"})
    assert not fires(root, at="20:00", **{"from": "lina"})
    assert fires(root, at="2026-03-05 10:00"), "the company's own holiday"


LEXICON = """name: topic
title: 话题
owner: 合规
words: [包赚]
allow: [不包赚]
synonyms: {微信: [绿泡泡, 薇信]}
scenes:
  finance: {words: [刚兑, 加微信], allow: [打破刚兑]}
  retail: {words: [包退]}
"""


@pytest.mark.parametrize(
    ("name", "text", "sender", "held"),
    [
        ("topic", "包赚", "nobody", True),
        ("topic", "刚兑", "zhangwei", True),  # the scene of the employee
        ("topic", "刚兑", "lina", False),
        ("topic", "要打破刚兑", "zhangwei", False),
        ("topic", "包退", "zhangwei", False),
        ("topic, scene retail", "包退", "nobody", True),
        ("topic, scene retail", "刚兑", "zhangwei", False),
        ("topic, scene retail", "包赚", "nobody", True),
        ("topic", "加绿泡泡", "zhangwei", True),
        ("topic", "加薇信", "zhangwei", True),
        ("topic", "绿泡泡", "zhangwei", False),
    ],
)
def test_a_lexicon_has_words_of_its_own_for_each_scene(
    tmp_path: Path, name: str, text: str, sender: str, held: bool
) -> None:
    words = f'{{text|lexicon: "{name}"}}'
    root = folder(tmp_path, rule(words), lexicons__topic=LEXICON)
    assert fires(root, text=text, **{"from": sender}) is held


def test_a_synonym_is_told_as_the_word_it_stands_for(tmp_path: Path) -> None:
    root = folder(tmp_path, rule("{text|lexicon: topic}"), lexicons__topic=LEXICON)
    engine = Engine(RuleTimeline([(0, load_ruleset(root))]), Decoder("demo"), load_calendar())
    said = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "加绿泡泡聊"}
    outputs = list(engine.run(records({"messages": [said]})))
    (alert,) = [json.loads(body) for kind, body in outputs if kind == "alerts"]
    (hit,) = alert["hits"]
    assert (hit["pattern"], hit["start"], hit["end"]) == ("加微信", 0, 4)
    assert hit["variant"] == ["synonym"]


FILTER = """title: 客服除外
name: filter_service
filter:
  rules: {rules}
  service: {{sender.department: 客服中心}}
  condition: not service
mingjian: {{owner: 客服部, reason: 话术已备案, expires: {expires}}}
"""


@pytest.mark.parametrize(
    ("rules", "expires", "at", "fired"),
    [
        ("[own_rule]", "2026-03-04", "2026-03-04 23:59", False),
        ("[own_rule]", "2026-03-04", "2026-03-05 00:00", True),
        ("[own_rule]", "null", "2026-03-05 00:00", False),
        ("any", "null", "10:00", False),
        ("[0b6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21]", "null", "10:00", False),
    ],
)
def test_a_filter_takes_alerts_away_until_it_expires(
    tmp_path: Path, rules: str, expires: str, at: str, fired: bool
) -> None:
    text = FILTER.format(rules=rules, expires=expires)
    root = folder(tmp_path, rule(), filter=text)
    assert fires(root, at=at, **{"from": "lina"}) is fired
    assert fires(root, at=at), "others are not concerned"


ANY = FILTER.format(rules="any", expires="null")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FILTER.format(rules="[own_rul]", expires="null"), "no rule 'own_rul'"),
        (FILTER.format(rules="[]", expires="null"), "list of rule names"),
        (FILTER.format(rules="any", expires="soon"), "date"),
        (ANY.replace("owner: 客服部, ", ""), "mingjian.owner"),
        (ANY.replace("reason", "reson"), "'reson'"),
        (ANY.replace("not service", "not servic"), "servic"),
        (ANY.replace("department:", "departmnt:"), "departmnt"),
    ],
)
def test_a_broken_filter_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RuleError, match=says) as caught:
        load_ruleset(folder(tmp_path, rule(), filter=text))
    assert caught.value.en.startswith("filter.yaml:")
    assert caught.value.code


@pytest.mark.parametrize(
    ("ours", "says", "hint"),
    [
        ("scope: {department: [a]}", "'department'", "departments"),
        ("scope: {departments: a}", "list of texts", ""),
        ("scope: {departments: []}", "not empty", ""),
        ("scope: {departments: ['']}", "an empty text", "remove it"),
        ("scope: {roles: ['  ']}", "an empty text", "remove it"),
        ("scope: {types: ['']}", "an empty text", "remove it"),
        ("scope: {departments: [财富管理部/]}", "matches no department", "write 财富管理部"),
        ("scope: {except_departments: [/甲//乙]}", "matches no department", "write 甲/乙"),
        ("scope: {rooms: [group]}", "a room of that id", "rooms: group"),
        ("scope: {rooms: [r1, single]}", "a room of that id", "rooms: single"),
        ("scope: {directions: [outbond]}", "outbond", "outbound"),
        ("timezone: Asia/Peking", "Asia/Peking", "Asia/Shanghai"),
        ("requires: [ocrr]", "ocrr", "ocr"),
        ("suppress: {for: 24}", "24h", ""),
        ("suppress: {for: 1h, by: [sendr]}", "sendr", "sender"),
        ("suppress: {for: 1h, within: x}", "within", ""),
        ("intercept: {by: us, rule: x}", "wecom", ""),
        ("language: 2", "version 2", "newer"),
        ("tests: [{name: a, alerts: 0, messages: [], lists: {staf: {}}}]", "staf", "staff"),
        ("tests: [{name: a, alerts: 0, messages: [], lists: {links: 5}}]", "list", ""),
        ("tests: [{name: a, alerts: 0, messages: [], lists: {staff: {x: {dep: y}}}}]", "'dep'",
         "known"),
    ],
)  # fmt: skip
def test_what_is_wrong_under_mingjian_is_told(
    tmp_path: Path, ours: str, says: str, hint: str
) -> None:
    with pytest.raises(RuleError) as caught:
        load_ruleset(folder(tmp_path, rule(ours=ours)))
    error = caught.value
    assert says in error.en
    assert hint in error.fix_en
    assert error.line == 8
    assert error.code


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("bad", "name: good\ntitle: t\nowner: o\nvalues: []\n", "not the file's"),
        ("bad", "name: bad\nowner: o\nvalues: []\n", "'title'"),
        ("bad", "name: bad\ntitle: t\nowner: o\nkind: urls\nvalues: []\n", "'urls'"),
        ("bad", "name: bad\ntitle: t\nowner: o\nvalues: [5]\n", "'5'"),
        ("bad", "name: bad\ntitle: t\nowner: o\nkind: staff\nvalues: []\n", "entries"),
        ("bad", "name: bad\ntitle: t\nowner: o\nkind: staff\nentries: {x: {age: '5'}}\n", "'age'"),
        ("bad", "name: bad\ntitle: t\nowner: o\nkind: period\nvalues: [2026-01-01]\n", "from"),
        ("bad", "name: bad\ntitle: t\nowner: o\nkind: period\n"
         "values: [{from: 2026-02-01, to: 2026-01-01}]\n", "ends before"),
        ("bad", "name: bad\ntitle: t\nowner: o\nexpires: soon\nvalues: []\n", "date"),
    ],
)  # fmt: skip
def test_a_broken_list_is_told_with_its_place(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    root = folder(tmp_path, rule(), **{f"lists__{name}": text})
    with pytest.raises(RuleError, match=says) as caught:
        load_ruleset(root)
    assert caught.value.line
    assert caught.value.code


def test_lists_filters_and_calendars_are_a_part_of_what_the_digest_names(tmp_path: Path) -> None:
    root = folder(tmp_path, rule())
    first = load_ruleset(root).digest
    (root / "lists" / "links.yaml").write_text(LISTS["links"].replace("b=1", "b=2"))
    second = load_ruleset(root).digest
    folder(tmp_path, rule(), filter=FILTER.format(rules="any", expires="null"))
    assert len({first, second, load_ruleset(root).digest}) == 3


PACK = "name: mine\ntitle: {en: mine, zh: 我的}\nlaw: []\nrules: [own_*]\n"


def test_a_pack_switches_its_rules_on_and_filters_stay(tmp_path: Path) -> None:
    other = rule().replace("own_rule", "other_rule").replace("0b6f", "1b6f")
    text = FILTER.format(rules="any", expires="null")
    root = folder(tmp_path, rule(), other=other, filter=text, packs__mine=PACK)
    assert set(load_ruleset(root).detections) == {"own_rule", "other_rule"}
    some = load_ruleset(root, packs=["mine"])
    assert set(some.detections) == {"own_rule"}
    assert any(file.filters for file in some.files)
    assert some.digest != load_ruleset(root).digest
    with pytest.raises(MingjianError, match="no pack 'min'") as caught:
        load_ruleset(root, packs=["min"])
    assert "mine" in caught.value.fix_en
