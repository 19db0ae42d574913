"""What a report says of why a rule hit: the words that were found and the condition, no pattern;
and what rules, devices and acts are called in English."""

from __future__ import annotations

import re

import pytest

from reports.case import Finding
from reports.devices import detail
from reports.matches import Matches, found_words
from reports.pages import page
from reports.rule_text import rule_text
from reports.rule_titles import called
from reports.view import view
from reports.words import Words
from rules.decode import Decoder
from rules.ruleset import load_ruleset
from rules.variant_names import VARIANT_NAMES
from tests.support import sample_case

HAN = re.compile("[一-鿿]")
EXPRESSION = "(打|转)到?我(个人)?(账户|卡上)"
RULE = """\
title: 样例
name: a02_03_x
level: high
logsource: {product: wecom, category: message}
detection:
  words: {text|contains: [转我卡上, 打到我个人账户]}
  said:
    - text|re: ['(打|转)到?我(个人)?(账户|卡上)', '第二个.*']
  numbers: {text|detect: bank_card}
  listed: {text|lexicon: private-payment}
  condition: 1 of them
mingjian: {item: A02-03}
"""
SIGNER = dict.fromkeys(("signer_id", "key_sm3", "statement_en", "statement_zh"), "x")


def hit(pattern, **more):
    return {"msgid": "m05", "field": "text", "start": 0, "end": 2, "pattern": pattern,
            "excerpt": "x", **more}  # fmt: skip


def matches(language, *patterns, text=RULE):
    rule = rule_text(text)
    alert = {"rule": {"digest": rule.digest}, "hits": [hit(one) for one in patterns]}
    return Matches([Finding(alert, (), rule)], Words(language)), rule.digest


@pytest.mark.parametrize(
    ("pattern", "en", "zh"),
    [
        ("转我卡上", 'words listed by the condition "words"', "条件“words”所列词语"),
        (EXPRESSION, 'expression P1 of the condition "said"', "条件“said”的表达式 P1"),
        ("bank_card", 'bank card number (condition "numbers")', "银行卡号（条件“numbers”）"),
        ("打我支付宝", 'word list private-payment (condition "listed")',
         "词库 private-payment（条件“listed”）"),
    ],
    ids=["word", "expression", "detector", "list"],
)  # fmt: skip
def test_a_condition_is_told_in_words(pattern, en, zh):
    for language, said in (("en", en), ("zh", zh)):
        found, digest = matches(language, pattern)
        assert found.condition(digest, pattern) == said
        assert "(打|转)" not in found.short(pattern)


def test_expressions_are_numbered_and_listed_with_the_rule_they_are_of():
    found, digest = matches("en", "第二个.*", "转我卡上", EXPRESSION, "第二个.*")
    assert found.expressions(digest) == [("P1", "said", "第二个.*"), ("P2", "said", EXPRESSION)]
    assert found.short(EXPRESSION) == "expression P2"
    assert found.short("转我卡上") == '"转我卡上"'
    assert found.expressions("another") == []


def test_an_expression_that_no_condition_of_the_rule_has_is_one_all_the_same():
    found, digest = matches("zh", "x{2,}y", text=RULE.replace("  listed: {text|lexicon: private-payment}\n", ""))  # noqa: E501  # fmt: skip
    assert found.condition(digest, "x{2,}y") == "规则的表达式 P1"


def test_what_was_found_is_shown_as_it_was_said_and_masked(tmp_path):
    bundle = sample_case.bundle(tmp_path)
    item = next(one for one in bundle.items if one.message.msgid == "m06")
    text = item.message.text
    at = text.index(sample_case.CARD)
    number = hit("bank_card", start=at, end=at + len(sample_case.CARD))
    assert said(found_words(item, number, unmask=False)) == "622************0128"
    assert said(found_words(item, number, unmask=True)) == sample_case.CARD
    word = bundle.alerts[0]["hits"][1]
    shown = found_words(item, word, unmask=False)
    assert [(one.text, one.code) for one in shown] == [
        ("转我卡", False), ("U+200B", True), ("上", False)
    ]  # fmt: skip
    assert said(found_words(item, hit("x", start=3, end=900), unmask=False)) == ""
    assert said(found_words(item, hit("x", field="file.name"), unmask=False)) == ""


def said(found):
    return "".join(one.text for one in found)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_pattern_stands_in_the_table_of_matches(tmp_path, language):
    bundle = sample_case.bundle(tmp_path, language=language)
    (finding,) = bundle.findings
    text = sample_case.RULE.replace("      - 打到我个人账户\n", "").replace(
        "  staff:", f"  said: {{text|re: ['{EXPRESSION}']}}\n  staff:"
    )
    hits = [{**one, "pattern": EXPRESSION} if number == 0 else one
            for number, one in enumerate(finding.alert["hits"])]  # fmt: skip
    alert = {**finding.alert, "hits": hits}
    changed = type(bundle)(**{
        **vars(bundle), "findings": (finding._replace(alert=alert, rule=rule_text(text)),)
    })  # fmt: skip
    shown = view(changed, SIGNER)
    html = page(
        "report.html.j2", {**shown, "inner_sm3": "", "case": "", "name": "", "created_iso": ""}
    )
    before, after = html.split('<section id="s4">')
    assert EXPRESSION not in before
    assert after.count(EXPRESSION) == 2  # in the list of expressions, and in the rule's own text
    assert "<mark>打到我个人账户</mark>" in before
    assert ("expression P1" if language == "en" else "表达式 P1") in before
    assert "P1" in after


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_disguise_has_words(language):
    assert (
        set(Words(language).disguises(VARIANT_NAMES).split(Words(language)(", ", "、")))
        & set(VARIANT_NAMES)
        == set()
    )


@pytest.mark.parametrize(
    ("rule", "en"),
    [
        ({"title": "要求付款", "item": "A02-03"},
         'Private collection of payments: "要求付款"'),
        ({"title": "要求付款", "item": "B7"}, '"要求付款"'),
        ({"title": "Payments asked for", "item": "A02-03"}, "Payments asked for"),
    ],
)  # fmt: skip
def test_a_rule_is_called_by_its_class_where_its_title_is_chinese(rule, en):
    assert called(rule, Words("en")) == en
    assert called(rule, Words("zh")) == rule["title"]


def test_every_rule_that_is_shipped_has_an_english_name():
    for file in load_ruleset().files:
        if file.main is not None:
            ref = file.main.ref
            rule = {"title": ref.title, "item": ref.item}
            assert re.match("[A-Z][a-z]", called(rule, Words("en"))), file.path


@pytest.mark.parametrize(
    ("kind", "source", "payload", "en", "zh"),
    [
        ("login_new_device", "member_oper_log", {"oper_type": 4, "detail_info": "新设备登录"},
         "", "新设备登录"),
        ("login_new_device", "member_oper_log",
         {"oper_type": 4, "detail_info": "设备：HUAWEI Mate 60"},
         "device: HUAWEI Mate 60", "设备：HUAWEI Mate 60"),
        ("member_operation", "member_oper_log", {"oper_type": 8, "detail_info": "邀请成员"},
         "invited a member", "邀请成员"),
        ("member_operation", "member_oper_log",
         {"oper_type": 1, "detail_info": "姓名：shel；手机号：15622244106"},
         "added an external contact; name: shel; mobile number: 15622244106",
         "姓名：shel；手机号：15622244106"),
        ("member_operation", "member_oper_log", {"oper_type": 99, "detail_info": "做了什么"},
         '"做了什么"', "做了什么"),
        ("admin_operation", "admin_oper_log", {"oper_type": 3, "detail_info": "部门：财富部"},
         "members and departments; department: 财富部", "部门：财富部"),
        ("screen_operation", "screen_oper_record",
         {"screen_shot_type": 1, "screen_shot_content": "聊天", "system": "iOS"}, "chat", "聊天"),
        ("screen_operation", "screen_oper_record",
         {"screen_shot_type": 4, "screen_shot_content": "文件（防泄露文件：test.pdf）"},
         'file: "文件（防泄露文件：test.pdf）"', "文件（防泄露文件：test.pdf）"),
    ],
    ids=["login", "device", "invited", "parts", "unknown", "admin", "screen", "screen file"],
)  # fmt: skip
def test_what_a_side_log_says_is_told_in_english_too(kind, source, payload, en, zh):
    raw = sample_case.done(1, "cb", kind, source, {"userid": "zhangwei", **payload})
    event = Decoder(sample_case.TENANT).decode(raw)
    assert (detail(event, chinese=False), detail(event)) == (en, zh)
