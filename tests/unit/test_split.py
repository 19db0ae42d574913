"""Numbers sent in pieces within a minute: found whatever the order of arrival, masked, bounded."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.cases import record
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.items import FRAGMENT, unpack
from rules.mask import mask
from rules.matcher import Matcher
from rules.rulecases import run_case
from rules.ruleset import RuleTimeline
from rules.split import MAX_KEPT, SPAN, fragment, is_fragment, join
from rules.variants_digits import CHINESE
from tests.support.rule_files import CALENDAR, TENANT, outputs, raws, ruleset

RULE = """\
title: 手机号与卡号
id: 5cf0a1d4-0c1f-5d0b-8f57-0b1d2c3e4f50
name: t_number
detection:
  employee: {direction: outbound, sender_kind: employee}
  mobile: {text|detect: cn_mobile}
  card: {text|detect: "bank_card, confidence 75"}
  identity: {text|detect: cn_resident_id}
  condition: employee and (mobile or card or identity)
level: medium
mingjian: {version: 1, item: X-01, response: 1, summary: "{actor}：{excerpt}"}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory):
    """(timeline, compiled): compiled once."""
    timeline = RuleTimeline([(0, ruleset(tmp_path_factory.mktemp("rules"), RULE))])
    return timeline, compile_timeline(timeline)


def engine(rules, **options):
    timeline, compiled = rules
    return Engine(timeline, Decoder(TENANT), CALENDAR, compiled=compiled, **options)


def judge(rules, messages):
    """All outputs of these records."""
    return list(engine(rules).run(messages))


def said(*texts, step=10, to="c1", sender="zhangwei", start=0):
    """One message a text, `step` seconds apart from 10:00 on."""
    return [
        {"at": f"10:{(start + n * step) // 60:02d}:{(start + n * step) % 60:02d}", "from": sender,
         "to": to, "text": text, "id": f"{sender}-{to}-{start + n * step}"}
        for n, text in enumerate(texts)
    ]  # fmt: skip


def found(rules, messages):
    """Messages of each alert, by their text, in event order."""
    text = {m["id"]: m.get("text", "") for m in messages}
    alerts = outputs(judge(rules, raws(messages)), "alerts")
    return [[text[member["msgid"]] for member in alert["members"]] for alert in alerts]


PIECES = [
    ("138", "0013", "8000"),
    ("1380013", "8000"),
    ("1", "3", "8", "0", "0", "1", "3", "8", "0", "0", "0"),
    ("我的号码138", "0013", "8000，加我"),
    ("138-", "0013-", "8000"),
    ("138……", "……0013", "……8000。"),
    ("138 00", "13 8000"),
    (" 138 ", "0013 ", " 8000"),
    ("１３８", "００１３", "８０００"),
    ("①③⑧", "⓪⓪①③", "➇⓪⓪⓪"),
    ("一三八", "零零一三", "八零零零"),
    ("一三八", "0013", "捌零零零"),
    ("1️⃣3️⃣8️⃣", "0013", "8000"),
    ("6228480402", "564890018"),
    ("卡号6228", "4804", "0256", "4890018"),
    ("身份证110105", "19491231", "002X"),
]


@pytest.mark.parametrize("texts", PIECES)
def test_a_number_in_pieces_is_one_finding(rules, texts):
    step = 60 // (len(texts) - 1)
    assert found(rules, said(*texts, step=step)) == [list(texts)]


def test_every_message_is_evidence_and_says_so_without_showing_the_number(rules):
    out = judge(rules, raws(said("我的号码138", "0013", "8000，加我")))
    (alert,) = outputs(out, "alerts")
    evidence = outputs(out, "evidence")
    assert [e["msgid"] for e in evidence] == [m["msgid"] for m in alert["members"]]
    assert alert["count"] == 3
    assert [(h["pattern"], h["variant"], h["start"], h["end"]) for h in alert["hits"]] == [
        ("cn_mobile", ["split_msg"], 4, 7),
        ("cn_mobile", ["split_msg"], 0, 4),
        ("cn_mobile", ["split_msg"], 0, 4),
    ]
    assert [h["excerpt"] for h in alert["hits"]] == ["我的号码***", "****", "****，加我"]
    assert [e["text"] for e in evidence] == ["我的号码***", "****", "****，加我"]
    shown = json.dumps([alert, *evidence], ensure_ascii=False)
    assert "0013" not in shown
    assert "8000" not in alert["summary"]


@pytest.mark.parametrize(
    ("texts", "step"),
    [
        (("138", "0013", "8000"), 31),  # 62 seconds
        (("138", "好的", "13", "8000"), 5),  # too short
        (("13800138000",), 1),  # one message says it by itself, once
        (("138", "0013", "80001"), 5),  # twelve digits
        (("2026", "0013", "8000"), 5),
        (("订单号138", "0013", "8000"), 5),
        (("138个", "0013", "8000"), 5),
        (("138", "有0013个", "8000"), 5),
        (("6228480402", "564890017"), 5),  # check digit
        (("¥13800", "138000"), 5),  # money
        (("余额13800", "138000元"), 5),
    ],
)
def test_other_messages_with_digits_are_no_number(rules, texts, step):
    assert [one for one in found(rules, said(*texts, step=step)) if len(one) > 1] == []


def test_exactly_sixty_seconds_still_count(rules):
    assert found(rules, said("138", "0013", "8000", step=30)) == [["138", "0013", "8000"]]


def test_words_between_do_not_matter_and_other_digits_before_are_left_out(rules):
    messages = said("2000", "138", "稍等", "0013", "哈哈", "8000", step=8)
    assert found(rules, messages) == [["138", "0013", "8000"]]


def test_senders_and_conversations_are_kept_apart(rules):
    mixed = [
        *said("138", to="c1"), *said("0013", to="c2", start=5), *said("8000", to="c1", start=9),
        *said("0013", sender="lina", to="c1", start=7),
    ]  # fmt: skip
    assert found(rules, mixed) == []


def test_customers_pieces_are_not_looked_at_when_every_rule_asks_for_employees(rules):
    timeline, compiled = rules
    matcher = Matcher(timeline, Decoder(TENANT), CALENDAR, compiled=compiled)
    theirs = said("138", sender="c1", to="zhangwei") + said("在的", "1点见", sender="lina")
    assert [matcher.match(raw, "t") for raw in raws(theirs)] == [None, None, None]
    (item,) = matcher.match(raws(said("138"))[0], "t")
    assert unpack(item).kind == FRAGMENT
    assert matcher.counts["fragments"] == 1


def test_no_fragment_where_no_rule_looks_for_numbers(tmp_path: Path):
    words = RULE.replace("text|detect: cn_mobile", "text|contains: 保本")
    words = words.replace('text|detect: "bank_card, confidence 75"', "text|contains: 保息")
    words = words.replace("text|detect: cn_resident_id", "text|contains: 稳赚")
    matcher = Matcher(RuleTimeline([(0, ruleset(tmp_path, words))]), Decoder(TENANT), CALENDAR)
    assert matcher.match(raws(said("138"))[0], "t") is None


def test_two_numbers_one_after_the_other_are_two_findings(rules):
    texts = ("138", "0013", "8000", "139", "2222", "8222")
    assert found(rules, said(*texts, step=5)) == [list(texts[:3]), list(texts[3:])]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_any_order_of_arrival_and_any_cut_gives_the_same_alerts(rules, data, seed):
    number = data.draw(st.sampled_from(["13800138000", "6228480402564890018"]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(number) - 1), min_size=1, max_size=8)))
    texts = [number[a:b] for a, b in zip([0, *cuts], [*cuts, len(number)], strict=True)]
    messages = said(*texts, step=60 // len(texts))
    messages += said("好的", "稍等", step=20, start=3)
    in_order = raws(messages)
    shuffled = in_order[:]
    Random(seed).shuffle(shuffled)
    first, second = judge(rules, in_order), judge(rules, shuffled)
    assert [a["count"] for a in outputs(first, "alerts")] == [len(texts)]
    ids = [sorted(e["evidence_id"] for e in outputs(out, "evidence")) for out in (first, second)]
    assert ids[0] == ids[1]
    alerts = [[a["alert_id"] for a in outputs(out, "alerts")] for out in (first, second)]
    assert alerts[0] == alerts[1]


def stream(rules, messages, lateness):
    """(states, outputs) of messages read one by one, the watermark `lateness` ms behind."""
    running, out = engine(rules, lateness=lateness), []
    for n, message in enumerate(messages):
        raw = record(message, message["id"], n + 1, TENANT)
        out += running.judge(raw, offset=n, time=json.loads(raw)["time"])
    return running.states, out


def test_state_is_bounded_and_gone_a_minute_after(rules):
    states, out = stream(rules, said(*["7"] * 300, step=1), 1000)
    (state,) = states.values()
    assert len(state) < (MAX_KEPT + 3) * 700
    assert out == []
    states, _ = stream(rules, [*said("138"), *said("晚点说", start=63)], 1000)
    assert states == {}
    assert SPAN == 60_000


def test_a_late_piece_is_told_only_if_it_would_have_made_a_number(rules):
    late = [*said("138"), *said("8000", start=20), *said("稍等", start=30)]
    _, out = stream(rules, [*late, *said("0013", start=10)], 1000)
    assert [one["msgid"] for one in outputs(out, "late")] == ["zhangwei-c1-10"]
    late = [*said("138", "0013"), *said("稍等", start=40)]
    _, out = stream(rules, [*late, *said("8000", start=20)], 1000)
    assert [one["rule"] for one in outputs(out, "late")] == ["t_number"]
    _, out = stream(rules, [*said("好的", start=40), *said("8000", start=20)], 1000)
    assert out == []


def test_the_source_repeating_itself_changes_nothing(rules):
    messages = said("138", "0013", "8000")
    assert found(rules, [*messages, *messages]) == [["138", "0013", "8000"]]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("138", (True, True, True)),
        ("002X", (True, True, True)),
        ("13 80", (True, True, True)),
        ("电话138", (False, True, False)),
        ("8000哦", (True, False, False)),
        ("138到8000", (True, True, False)),
        ("周一", None),
        ("好的", None),
        ("一会儿见", None),
        ("3个", None),
        ("1" * 19, None),
        ("", None),
        ("。。。", None),
    ],
)
def test_what_a_piece_looks_like(text, shape):
    got = fragment(text)
    assert (tuple(got) if got else None) == shape


@given(st.text("0123456789x好 -，１①" + CHINESE, max_size=45))
def test_the_cheap_look_lets_exactly_the_short_pieces_through(text):
    assert is_fragment(text) == (len(text) <= 40 and fragment(text) is not None)


@given(st.lists(st.text("0123456789 -好", min_size=1, max_size=6), min_size=1, max_size=5))
def test_joined_pieces_know_where_they_came_from(texts):
    joined = join(texts)
    for (start, end, shift), text in zip(joined.pieces, texts, strict=True):
        assert joined.text[start:end] == text[shift : shift + end - start]


def test_rule_tests_may_show_a_number_in_pieces(rules):
    timeline, compiled = rules
    case = {"name": "三条", "messages": said("138", "0013", "8000"), "alerts": 1}
    file = timeline.rulesets[0].files[0]
    assert run_case(timeline, compiled, CALENDAR, file, case) is None
    assert mask("138") == "138"  # which is why pieces are hidden
