"""Who stands on which side of a conversation, and the drawing of the timeline."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.case import PERSON, Item, Subject
from reports.matches import Matches
from reports.pages import page
from reports.people import People
from reports.rows import Rows
from reports.timeline import DOT, LABEL_HEIGHT, axis
from reports.view import view
from reports.words import Words
from rules.alert import Position
from rules.decode import Decoder
from tests.support import sample_case
from tests.support.sample_case import CUSTOMER, EMPLOYEE, START, said

ROOM, COLLEAGUE = "wrRoom0BgAA", "lisi"
DECODER = Decoder(sample_case.TENANT)


def item(number, sender, room=ROOM, at=None):
    raw = said(number if at is None else at, f"g{number}", sender, "text", {"content": "x"}, number)
    raw = json.dumps({**(told := json.loads(raw)), "payload": {**told["payload"], "roomid": room}})
    raw = raw.encode()
    return Item(number, "period", raw, Position(source="x"), DECODER.decode(raw))


def group(tmp_path, subject, senders, language="en"):
    """(who stands where, legend) of a group in which these spoke."""
    bundle = sample_case.bundle(tmp_path, language=language)
    items = tuple(item(number, who) for number, who in enumerate(senders, 1))
    bundle = type(bundle)(**{**vars(bundle), "items": items, "findings": (),
                             "subject": Subject(PERSON, subject, START, START + 1)})  # fmt: skip
    words = Words(language)
    rows = Rows(bundle, People(bundle, words), words, Matches((), words))
    (talk,) = rows.conversations(items, {})
    shown = [one for _, day in talk["days"] for one in day]
    return [(who, one.side, one.colleague) for who, one in zip(senders, shown, strict=True)], talk


@pytest.mark.parametrize("language", ["zh", "en"])
def test_whom_the_report_is_about_stands_right_and_colleagues_left(tmp_path, language):
    sides, talk = group(tmp_path, EMPLOYEE, [EMPLOYEE, COLLEAGUE, CUSTOMER, EMPLOYEE], language)
    assert sides == [
        (EMPLOYEE, "right", False),
        (COLLEAGUE, "left", True),
        (CUSTOMER, "left", False),
        (EMPLOYEE, "right", False),
    ]
    assert "张伟" in talk["sides"]
    assert ("colleagues are marked" if language == "en" else "同事另有标注") in talk["sides"]


def test_a_customer_whom_the_report_is_about_stands_right(tmp_path):
    sides, _ = group(tmp_path, CUSTOMER, [EMPLOYEE, CUSTOMER])
    assert [side for _, side, _ in sides] == ["left", "right"]


def test_where_the_subject_says_nothing_staff_stand_right(tmp_path):
    sides, talk = group(tmp_path, "nobody", [EMPLOYEE, COLLEAGUE, CUSTOMER])
    assert [side for _, side, _ in sides] == ["right", "right", "left"]
    assert talk["sides"].startswith("Right: staff of the company")


@pytest.mark.parametrize(
    ("language", "says"), [("en", "makes up an alert, and no act"), ("zh", "没有构成告警的记录")]
)
def test_without_an_alert_there_is_no_empty_table(tmp_path, language, says):
    bundle = sample_case.bundle(tmp_path, language=language)
    calm = dataclasses.replace(
        bundle,
        findings=(),
        items=(item(1, EMPLOYEE),),
        devices=(),
        subject=Subject(PERSON, EMPLOYEE, START, START + 1),
    )
    signer = dict.fromkeys(("signer_id", "key_sm3", "statement_en", "statement_zh"), "x")
    about = {"inner_sm3": "", "case": "", "name": "", "created_iso": ""}
    shown = page("report.html.j2", {**view(calm, signer), **about})
    assert says in shown
    part = shown.split('<section id="s2">')[1].split("</section>")[0]
    assert "<table" not in part


def test_the_timeline_has_the_same_sides_as_the_conversation():
    items = [item(1, EMPLOYEE), item(2, COLLEAGUE), item(3, CUSTOMER)]
    drawn = axis(items, lambda message: message.sender == EMPLOYEE)
    assert sorted(dot["side"] for dot in drawn["dots"]) == ["in", "in", "out"]


@given(st.lists(st.tuples(st.integers(0, 400_000), st.booleans()), min_size=1, max_size=60))
def test_no_dot_of_the_timeline_lies_on_a_label_or_outside(times):
    items = [item(n, EMPLOYEE if out else CUSTOMER, at=at) for n, (at, out) in enumerate(times, 1)]
    drawn = axis(items, lambda message: message.sender == EMPLOYEE)
    above = drawn["labels"] - LABEL_HEIGHT
    for dot in drawn["dots"]:
        assert DOT <= dot["y"] <= above - DOT
        assert DOT <= dot["x"] <= drawn["width"] - DOT
    assert drawn["labels"] < drawn["height"]
    labels = [tick["label"] for tick in drawn["ticks"]]
    assert len(set(labels)) == len(labels) or min(t for t, _ in times) == max(t for t, _ in times)
