"""How long a message is kept, what holds it, and what a schedule may say."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MingjianError
from rules.laws import laws
from rules.retention.facts import Facts
from rules.retention.holds import (
    Deed,
    Hold,
    HoldScope,
    before,
    details,
    held_by,
    in_force,
    replay,
)
from rules.retention.periods import FOREVER, Period, end_of, later, read_period
from rules.retention.policies import Kept, Policy, Scope, keep_until, newest_due
from rules.retention.policy_file import policies_of, read_policies
from rules.retention.presets import PRESETS
from rules.zone import SHANGHAI


def ms(text):
    """A moment of Shanghai."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "periods", "last_day"),
    [
        ("2024-02-29 09:00", ["1 year"], "2025-02-28"),  # 民法典 202: no such day, so its last
        ("2024-02-29 09:00", ["4 years"], "2028-02-29"),
        ("2024-02-29 09:00", ["20 years"], "2044-02-29"),
        ("2080-02-29 09:00", ["20 years"], "2100-02-28"),  # 2100 is no leap year
        ("2025-01-31 23:59:59.999", ["1 month"], "2025-02-28"),
        ("2024-01-31 00:00", ["1 month"], "2024-02-29"),
        ("2025-08-31 12:00", ["6 months"], "2026-02-28"),
        ("2025-08-30 12:00", ["6 months"], "2026-02-28"),
        ("2025-11-15 12:00", ["14 months"], "2027-01-15"),
        ("2025-12-31 12:00", ["90 days"], "2026-03-31"),
        ("2025-01-31 12:00", ["1 month 1 day"], "2025-03-01"),
        ("2024-02-29 12:00", ["1 year", "1 year"], "2026-02-28"),  # the business, then the law
        ("2025-05-31 12:00", ["1 month", "6 months"], "2025-12-30"),
        ("2025-05-31 00:00", ["1 day"], "2025-06-01"),
        ("2025-05-31 23:59:59.999", ["1 day"], "2025-06-01"),
    ],
)  # fmt: skip
def test_periods_run_by_the_calendar_of_shanghai(said, periods, last_day):
    until = end_of(ms(said), *map(read_period, periods))
    assert until == ms(last_day) + 86_400_000
    assert datetime.fromtimestamp((until - 1) / 1000, SHANGHAI).strftime("%F") == last_day


@given(
    st.datetimes(datetime(2016, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - of Shanghai
    st.builds(Period, st.integers(0, 30), st.integers(0, 30), st.integers(0, 400)),
)
def test_a_period_is_never_shorter_than_its_least_and_grows_with_its_beginning(at, period):
    time = ms(at.isoformat())
    until = end_of(time, period)
    assert until >= time + period.least_ms()
    assert end_of(time + 86_400_000, period) >= until
    assert until <= time + period.least_ms() + (period.years + 3 * period.months + 4) * 86_400_000
    assert newest_due([Policy("x", period, "x", duty=False)], until) >= time


def test_a_period_beyond_the_calendar_never_ends():
    assert end_of(ms("9990-01-01 00:00"), Period(20)) == FOREVER
    assert later(datetime(9998, 12, 30, tzinfo=SHANGHAI).date(), Period(days=40)) is None


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("20 years", Period(20)),
        ("1 year 6 months", Period(1, 6)),
        ("6 MONTHS", Period(0, 6)),
        ("90 days", Period(0, 0, 90)),
        ("20年", Period(20)),
        ("1年6个月", Period(1, 6)),
        (" 90 天 ", Period(0, 0, 90)),
        ("3 个月", Period(0, 3)),
    ],
)
def test_periods_are_read(text, period):
    assert read_period(text) == period
    assert read_period(str(period)) == period
    assert read_period(period.zh()) == period


@pytest.mark.parametrize(
    "text",
    ["", "20", "years", "0 days", "-1 year", "1.5 years", "101 years", "1 year 1 year",
     "3 yearss", "20 years!", "9" * 5000 + " years", "1 week", "二十年"],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_period_is_refused(text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        read_period(text)


# ---- policies ----

FACTS = Facts(
    ms("2024-01-10 12:00"), "archive", "text", "zhangsan", frozenset({"lisi"}), "wrROOM", "wrROOM",
    frozenset({"sales"}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "covers", "when_unknown"),
    [
        (Scope(), True, True),
        (Scope(departments=("sales", "other")), True, True),
        (Scope(departments=("other",)), False, True),
        (Scope(people=("lisi",)), True, True),
        (Scope(people=("zhangsan",)), True, True),
        (Scope(people=("wangwu",)), False, True),
        (Scope(people=("lisi",), departments=("other",)), False, True),
        (Scope(rooms=("wrROOM",)), True, True),
        (Scope(rooms=("wrOTHER",), people=("lisi",)), False, False),
        (Scope(types=("image",)), False, False),
        (Scope(kinds=("event",)), False, False),
    ],
)
def test_whom_a_policy_is_for(scope, covers, when_unknown):
    assert scope.covers(FACTS) is covers
    assert scope.covers(FACTS._replace(recipients=None, departments=None)) is when_unknown
    assert scope.covers(FACTS._replace(kind="raw"))  # of what cannot be decoded nothing is known


def test_the_longest_wins_and_of_equal_ones_the_first():
    policies = [
        Policy("a", Period(3), "x", duty=False),
        Policy("b", Period(5), "x", duty=False, scope=Scope(rooms=("wrROOM",))),
        Policy("c", Period(20), "x", duty=True, scope=Scope(rooms=("wrOTHER",))),
        Policy("d", Period(months=60), "x", duty=False),
    ]
    assert keep_until(FACTS, policies) == Kept(ms("2029-01-11 00:00"), 1)
    assert keep_until(FACTS, policies[2:3]) == Kept(FOREVER, -1)
    assert keep_until(FACTS, []) == Kept(FOREVER, -1)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_names_its_law_with_an_article_that_is_in_force(name):
    preset = PRESETS[name]
    law = laws()[preset.law]
    assert preset.article <= law.last
    assert preset.text == law.text
    if law.renumbered:
        assert f"第{preset.article}条" in law.articles
    assert preset.source.startswith(preset.law)
    assert preset.title_en
    assert preset.title_zh


@pytest.mark.parametrize(
    ("name", "said", "last_day"),
    [
        ("securities", "2024-02-29", "2044-02-29"),
        ("futures", "2024-03-01", "2044-03-01"),
        ("futures_services", "2024-03-01", "2034-03-01"),
        ("network_logs", "2024-08-31", "2025-02-28"),
        ("insurance_short", "2024-03-01", "2030-03-01"),
        ("insurance_long", "2024-03-01", "2035-03-01"),
        ("anti_money_laundering", "2024-03-01", "2035-03-01"),
        ("bank_recording", "2024-03-01", "2025-09-01"),
        ("funds", "2024-03-01", "2045-03-01"),
        ("securities_services", "2024-03-01", "2035-03-01"),
    ],
)
def test_how_long_a_preset_keeps(name, said, last_day):
    business = "" if not PRESETS[name].from_en else ", business: 1 year"
    (policy,) = policies_of("r.yaml", f"policies: [{{name: x, preset: {name}{business}}}]")
    assert policy.until(ms(f"{said} 10:00")) == ms(last_day) + 86_400_000
    assert policy.law.startswith(PRESETS[name].law)
    assert policy.duty


# ---- the file ----


def test_a_schedule_is_read(tmp_path):
    path = tmp_path / "retention.yaml"
    path.write_text(
        """
policies:
  - name: wealth
    preset: securities
    departments: [财富管理部, 投顾部]
  - name: insurance
    preset: insurance_long
    business: 30 years
    title: 长期险
  - name: rest
    keep: 3 年
    because: 公司档案管理办法第12条
    kinds: [archive]
""",
        encoding="utf-8",
    )
    wealth, insurance, rest = read_policies(path)
    assert (wealth.keep, wealth.duty, wealth.preset) == (Period(20), True, "securities")
    assert wealth.scope == Scope(departments=("财富管理部", "投顾部"))
    assert wealth.title_zh == "证券公司"
    assert (insurance.keep, insurance.business) == (Period(10), Period(30))
    assert (insurance.title_en, insurance.title_zh) == ("长期险", "长期险")
    assert (rest.keep, rest.duty, rest.law) == (Period(3), False, "公司档案管理办法第12条")
    again = msgspec.json.decode(msgspec.json.encode([wealth, rest]), type=list[Policy])
    assert again == [wealth, rest]


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("policies:\n  - name: a\n    preset: securites", "r.yaml:3:5: there is no preset",
         "did you mean 'securities'?"),
        ("policies:\n  - name: a\n    kep: 3 years", "r.yaml:3:5: unknown key 'kep'",
         "did you mean 'keep'?"),
        ("polices: []", "r.yaml:1:1: unknown key 'polices'", "did you mean 'policies'?"),
        ("policies:\n  - name: a\n    keep: 3", "r.yaml:3:5: keep is '3', no period", "20 years"),
        ("policies:\n  - name: a\n    keep: 3 years", "r.yaml:2:5: 'a' does not say what it rests",
         "its article"),
        ("policies:\n  - name: a\n    because: x", "does not say how long", "keep: 3 years"),
        ("policies:\n  - name: a\n    preset: funds", "'a' runs from the closing of the fund",
         "business: 5 years"),
        ("policies:\n  - name: a\n    preset: personal", "does not say how long", ""),
        ("policies:\n  - name: a\n    preset: securities\n    keep: 19 years",
         "r.yaml:4:5: 19 years is less than the 20 years of 证券法", ""),
        ("policies:\n  - name: a\n    preset: securities\n    duty: false", "is a duty", ""),
        ("policies:\n  - {name: a, preset: securities, departments: []}", "no list of texts", ""),
        ("policies:\n  - {name: a, preset: securities, rooms: wrX}", "no list of texts", "[ONE"),
        ("policies:\n  - {name: a, preset: securities, kinds: [chat]}", "no kind 'chat'", ""),
        ("policies:\n  - {name: a, preset: securities}\n  - {name: a, preset: futures}",
         "two policies are called 'a'", ""),
        ("policies:\n  - {preset: securities}", "has no 'name'", ""),
        ("policies:\n  - securities", "keys and values", ""),
        ("policies: []", "no list of policies", ""),
        ("", "YAML documents; allowed: one", ""),
        ("[]", "has to begin with 'policies:'", ""),
        ("policies: &a [1]\nb: *a", "aliases", ""),
        ("policies:\n  - {name: a, name: b}", "r.yaml:2", ""),
        ("a: " + "[" * 5000, "r.yaml:1", ""),
        ("policies:\n" + "  - {name: a}\n" * 30_000, "r.yaml", ""),
        ("policies:\n  - name: \"a\\u0000\x1b[31m\"\n    preset: x", "r.yaml", ""),
    ],
    ids=range(24),
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(text, said, fix):
    with pytest.raises(MingjianError) as found:
        policies_of("r.yaml", text)
    assert said in found.value.en
    assert fix in found.value.fix_en
    assert found.value.zh
    assert "\x1b" not in found.value.en


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 900_000], ids=range(3))
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "retention.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MingjianError, match=r"retention\.yaml"):
        read_policies(path)


# ---- holds ----


def deed(number, action, **told):
    return Deed(number, 1_000 + number, "lisi", action, "案件1", told)


def hold(**scope):
    return Hold("H", HoldScope(**scope), deed(1, "hold_placed"))


@pytest.mark.parametrize(
    ("scope", "holds", "unreadable", "undecoded"),
    [
        ({"employee": "zhangsan"}, True, True, True),
        ({"employee": "lisi"}, True, True, True),
        ({"customer": "wangwu"}, False, True, True),
        ({"employee": "zhangsan", "customer": "wangwu"}, False, True, True),
        ({"room": "wrROOM"}, True, True, True),
        ({"room": "wrOTHER"}, False, False, True),
        ({"conversation": "wrOTHER"}, False, False, True),
        ({"text": "said"}, True, True, True),
        ({"text": "not said"}, False, True, True),
        ({"text": "not said", "room": "wrOTHER"}, False, False, True),
        ({"text": "said", "employee": "wangwu"}, False, True, True),
        ({"since": FACTS.time}, True, True, True),
        ({"since": FACTS.time + 1}, False, False, True),
        ({"until": FACTS.time}, False, False, True),
        ({"until": FACTS.time + 1}, True, True, True),
        ({"alert": "a1"}, False, False, False),
        ({"rule": "r1"}, False, False, False),
    ],
)
def test_what_a_hold_holds(scope, holds, unreadable, undecoded):
    found = hold(**scope)
    assert bool(held_by(FACTS, lambda one: one.scope.text == "said", [found])) is holds
    closed = FACTS._replace(recipients=None, departments=None)
    assert bool(held_by(closed, None, [found])) is unreadable
    assert bool(held_by(closed._replace(kind="raw"), None, [found])) is undecoded


def test_holds_of_alerts_and_rules():
    facts = FACTS._replace(alerts=frozenset({"a1"}), rules=frozenset({"r1"}))
    assert held_by(facts, None, [hold(alert="a1", rule="r1")])
    assert not held_by(facts, None, [hold(alert="a1", rule="r2")])


def test_under_other_names_the_same_is_held_and_kept():
    def name(kind, value):
        return f"{kind}-{value[::-1]}"

    facts = FACTS._replace(alerts=frozenset({"a1"}), rules=frozenset({"r1"})).renamed(name)
    assert "zhangsan" not in str(facts)
    for scope in ({"employee": "lisi"}, {"room": "wrROOM"}, {"alert": "a1"}, {"rule": "r1"},
                  {"conversation": "wrROOM"}, {"employee": "wangwu"}, {"room": "x"}):  # fmt: skip
        one = hold(**scope)
        real = FACTS._replace(alerts=frozenset({"a1"}), rules=frozenset({"r1"}))
        renamed = one._replace(scope=one.scope.renamed(name))
        assert bool(held_by(facts, None, [renamed])) is bool(held_by(real, None, [one]))
    for scope in (Scope(people=("lisi",)), Scope(departments=("sales",)), Scope(rooms=("x",))):
        assert scope.renamed(name).covers(facts) is scope.covers(FACTS)


def test_the_book_says_which_holds_are_in_force():
    deeds = [
        deed(1, "hold_placed", **details("A", HoldScope(employee="lisi"))),
        deed(2, "search", text="x"),
        deed(3, "hold_placed", **details("B", HoldScope(text="保本"))),
        deed(4, "hold_lifted", hold="A"),
        deed(5, "hold_lifted", hold="A"),  # two people at once
        deed(6, "hold_placed", **details("A", HoldScope(room="wrROOM"))),
    ]
    assert [one.id for one in in_force(replay(deeds))] == ["B", "A"]
    assert [one.id for one in before(deeds, 4)] == ["A", "B"]
    assert [one.id for one in before(deeds, 3)] == ["A"]
    assert before(deeds, 1) == []
    assert replay(deeds)[0].lifted == deeds[3]
    assert in_force(replay(deeds))[1].scope == HoldScope(room="wrROOM")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"hold": "A"},
        {"hold": "A", "scope": {}},
        {"hold": 1, "scope": {"employee": "x"}},
        {"hold": "A", "scope": {"employee": "x", "of_a_newer_version": "y"}},
    ],
    ids=range(5),
)
def test_a_hold_that_cannot_be_read_stops_everything(told):
    with pytest.raises(MingjianError, match="line 7 of the custody book"):
        replay([deed(7, "hold_placed", **told)])


def test_a_day_has_to_pass_whole():
    until = end_of(ms("2024-01-10 00:00"), Period(days=1))
    assert until == ms("2024-01-12 00:00")
    assert timedelta(milliseconds=until - ms("2024-01-10 00:00")) == timedelta(days=2)


@pytest.mark.parametrize("page", ["retention.md", "retention.zh-CN.md"])
def test_the_page_has_every_preset_with_its_law_and_an_example_that_is_read(page):
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text(encoding="utf-8")
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.M)}
    for preset in PRESETS.values():
        cells = rows[preset.name][1]
        assert cells.endswith(preset.source)
        if preset.keep:
            assert read_period(cells.split(" | ")[1]) == preset.keep
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert [policy.name for policy in policies_of(page, example)] == [
        "wealth", "long-insurance", "rest",
    ]  # fmt: skip
