"""What rules about behaviour take into account: whose office hours, what a system did itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.calendar import load_calendar
from rules.cases import records
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import BESIDE, CALENDAR, CATALOG, LEXICONS, LISTS, RuleTimeline, load_ruleset
from tests.support.rule_files import outputs

OFF_HOURS = ("a06_01_offhour_transfer", "a03_08_offhour_download", "a12_05_offhour_login",
             "a02_18_offhour_payment_talk", "a12_18_reviewer_anomaly")  # fmt: skip
DELETIONS = [file for file in sorted(CATALOG.glob("*.yaml"))
             if "customer_deleted" in file.read_text("utf-8").split("\n  tests:\n")[0]]  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> tuple[RuleTimeline, Any]:
    """Where the night desk works from 13 to 24 o'clock, also on Saturdays; zhangwei is of it."""
    root = tmp_path_factory.mktemp("company")
    for name in OFF_HOURS:
        shutil.copy(CATALOG / f"{name}.yaml", root)
    for name, folder in zip(BESIDE, (LEXICONS, LISTS), strict=False):
        shutil.copytree(folder, root / name)
    staff = {"name": "staff", "title": "员工", "owner": "人力资源部", "expires": None,
             "kind": "staff", "entries": {"zhangwei": {"department": "night-desk"}}}  # fmt: skip
    (root / "lists" / "staff.yaml").write_text(yaml.safe_dump(staff, allow_unicode=True), "utf-8")
    own = yaml.safe_load(CALENDAR.read_text("utf-8"))
    own["departments"] = {
        "night-desk": {"hours": ["13:00", "24:00"], "weekdays": [1, 2, 3, 4, 5, 6]}
    }
    (root / "calendars").mkdir()
    (root / "calendars" / "cn.yaml").write_text(yaml.safe_dump(own, allow_unicode=True), "utf-8")
    timeline = RuleTimeline([(0, load_ruleset(root))])
    return timeline, compile_timeline(timeline)


def acts(name: str, who: str, at: str) -> list[dict[str, Any]]:
    """What the rule is about, done by somebody on a day at this hour."""
    day, hour = at.split()
    if name == "a02_18_offhour_payment_talk":
        return [{"at": f"{day} {hour}:00", "from": who, "to": "c1", "text": "您现在转我卡上"}]
    if name == "a12_05_offhour_login":
        payload = {"userid": who, "oper_type": 4, "detail_info": "", "ip": "183.40.88.*"}
        return [{"at": f"{day} {hour}:00", "event": "login_new_device",
                 "source": "member_oper_log", "payload": payload}]  # fmt: skip
    found = []
    if name == "a12_18_reviewer_anomaly":
        return [{"at": f"{day} {hour}:{number:02d}", "event": "archive_accessed",
                 "source": "own_audit",
                 "payload": {"userid": who, "operation": "view", "object": f"case-{number}"}}
                for number in range(10)]  # fmt: skip
    for number in range(5):
        if name == "a06_01_offhour_transfer":
            source, event = "transfer_audit", "customer_transferred"
            payload = {"operator": who, "handover_userid": "lina", "takeover_userid": "wanglei",
                       "external_userid": f"c{number + 1}", "approval_id": ""}  # fmt: skip
        else:
            source, event = "file_oper_record", "file_operation"
            payload = {"userid": who, "operation": {"type": 103, "source": 401}, "file_size": 100,
                       "file_info": f"{number}.xlsx", "file_md5": f"{number}" * 32}  # fmt: skip
        found.append({"at": f"{day} {hour}:{number:02d}", "event": event, "source": source,
                      "payload": payload})  # fmt: skip
    return found


@pytest.mark.parametrize("name", OFF_HOURS)
@pytest.mark.parametrize(
    ("who", "at", "off"),
    [
        ("lina", "2026-03-04 22", True),
        ("lina", "2026-03-04 10", False),
        ("lina", "2026-02-14 10", False),  # a Saturday that is worked by exchange
        ("lina", "2026-02-23 10", True),  # a Monday that is free by exchange
        ("zhangwei", "2026-03-04 22", False),  # office hours of the night desk
        ("zhangwei", "2026-03-04 10", True),
        ("zhangwei", "2026-03-07 14", False),  # it works on Saturdays
        ("zhangwei", "2026-02-23 14", True),
    ],
)
def test_off_hours_are_those_of_whoever_acts(
    company: tuple[RuleTimeline, Any], name: str, who: str, at: str, off: bool
) -> None:
    timeline, compiled = company
    engine = Engine(timeline, Decoder("demo"), load_calendar(), compiled=compiled)
    found = list(engine.run(records({"messages": acts(name, who, at)})))
    assert (name in [one["rule"]["name"] for one in outputs(found, "alerts")]) == off


@pytest.mark.parametrize("file", DELETIONS, ids=lambda file: file.stem)
def test_what_the_system_deletes_after_a_transfer_is_nobodys_deed(file: Path) -> None:
    """Each rule that takes deletions of customers leaves these out, and a case of it shows so."""
    rule, _, cases = file.read_text("utf-8").partition("\n  tests:\n")
    assert "DELETE_BY_TRANSFER" in rule
    assert "DELETE_BY_TRANSFER" in cases


def test_rules_that_take_deletions_are_found() -> None:
    assert len(DELETIONS) >= 5


# ---- the three behaviours of the mission ----

LATENESS = 600_000
SENT = "https://m.example.com/may"  # in a group send that was approved
MISSION = (
    "a05_01_recall_burst", "a05_01_traces_wiped", "a05_11_bulk_delete_customer",
    "a05_14_drive_bulk_delete", "a05_13_dismiss_after_dispute", "a05_02_recall_after_hit",
    "a07_01_guarantee", "a06_01_offhour_transfer", "a11_01_same_link",
    "a03_13_same_file_multi_external",
)  # fmt: skip


@pytest.fixture(scope="module")
def mission(tmp_path_factory: pytest.TempPathFactory) -> tuple[RuleTimeline, Any]:
    """The rules of the three behaviours; a link and a file were approved."""
    root = tmp_path_factory.mktemp("mission")
    for name in MISSION:
        shutil.copy(CATALOG / f"{name}.yaml", root)
    for name, folder in zip(BESIDE, (LEXICONS, LISTS), strict=False):
        shutil.copytree(folder, root / name)
    for name, values in (("group-send-links", [SENT]),
                         ("approved-files", ["f" * 32])):  # fmt: skip
        file = root / "lists" / f"{name}.yaml"
        listed = yaml.safe_load(file.read_text("utf-8")) | {"values": values}
        file.write_text(yaml.safe_dump(listed, allow_unicode=True), "utf-8")
    timeline = RuleTimeline([(0, load_ruleset(root))])
    return timeline, compile_timeline(timeline)


def at(minute: float, day: str = "2026-03-04", hour: int = 22) -> str:
    whole = int(minute * 60)
    return f"{day} {hour + whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def recalls(*minutes: float) -> list[dict[str, Any]]:
    return [{"at": at(m), "from": "zhangwei", "to": "c1", "recall": f"x{n}"}
            for n, m in enumerate(minutes)]  # fmt: skip


def deletions(*minutes: float, reason: str = "") -> list[dict[str, Any]]:
    return [{"at": at(m), "event": "customer_deleted",
             "payload": {"UserID": "zhangwei", "ExternalUserID": f"c{n}", "Source": reason}}
            for n, m in enumerate(minutes)]  # fmt: skip


def drive(*minutes: float) -> list[dict[str, Any]]:
    return [{"at": at(m), "event": "drive_changed", "source": "drive_callback",
             "payload": {"SpaceId": "s1", "FileId": f"f{n}", "ChangeType": "delete_file"}}
            for n, m in enumerate(minutes)]  # fmt: skip


def transfers(*minutes: float, day: str = "2026-03-04", hour: int = 22) -> list[dict[str, Any]]:
    return [{"at": at(m, day, hour), "event": "customer_transferred", "source": "transfer_audit",
             "payload": {"operator": "zhangwei", "handover_userid": "lina", "approval_id": "",
                         "takeover_userid": "wanglei", "external_userid": f"c{n}"}}
            for n, m in enumerate(minutes)]  # fmt: skip


def links(*urls: str, step: float = 10) -> list[dict[str, Any]]:
    return [{"at": at(n * step, hour=10), "from": "zhangwei", "to": f"c{n}", "text": f"看 {url} 吧"}
            for n, url in enumerate(urls)]  # fmt: skip


def files(md5: str, count: int) -> list[dict[str, Any]]:
    return [{"at": at(n * 10, hour=10), "from": "zhangwei", "to": f"c{n}", "type": "file",
             "payload": {"filename": "a.pdf", "fileext": "pdf", "filesize": 1, "md5sum": md5,
                         "sdkfileid": "s"}} for n in range(count)]  # fmt: skip


def promise(recalled: str) -> list[dict[str, Any]]:
    who = {"from": "zhangwei", "to": "c1"}
    return [{"at": at(0), **who, "id": "said", "text": "这款保本"},
            {"at": at(1), **who, "id": "taken", "recall": recalled}]  # fmt: skip


def dispute(said: float, dismissed: float) -> list[dict[str, Any]]:
    return [{"at": at(said), "from": "c1", "to": "zhangwei", "room": "r1", "text": "骗子，还我钱"},
            {"at": at(dismissed), "event": "room_changed",
             "payload": {"ChatId": "r1", "ChangeType": "dismiss"}}]  # fmt: skip


PAGE = "https://m.example.com/a?id=1"
SPELLINGS = (PAGE, f"{PAGE}&utm_source=x", "HTTPS://M.example.com:443/a/?id=1#top",
             "https://m.example.com/x/../a?from=singlemessage&id=1",
             "https://m.example.com/%61?spm=a1&id=1")  # fmt: skip
MANY = tuple(n * 0.9 for n in range(10))

# rule, what is done, how many of its messages (in order of time) are the evidence of the one alert
BEHAVIOURS = [
    ("a05_01_recall_burst", recalls(0, 1, 2, 3, 10), 5),
    ("a05_01_recall_burst", recalls(0, 1, 2, 3, 10.02), 0),
    ("a05_01_recall_burst", recalls(0, 1, 2, 3), 0),
    ("a05_11_bulk_delete_customer", deletions(0, 1, 2, 3, 60), 5),
    ("a05_11_bulk_delete_customer", deletions(0, 1, 2, 3, 60.02), 0),
    ("a05_11_bulk_delete_customer", deletions(*MANY, reason="DELETE_BY_TRANSFER"), 0),
    ("a05_01_traces_wiped", [*recalls(0, 4, 10), *deletions(2, 6)], 5),
    ("a05_01_traces_wiped", [*recalls(0, 4, 10.02), *deletions(2, 6)], 0),
    ("a05_01_traces_wiped", recalls(0, 1, 2, 3, 4), 0),
    ("a05_01_traces_wiped", [*recalls(0, 4, 8), *deletions(*MANY, reason="DELETE_BY_TRANSFER")], 0),
    ("a05_14_drive_bulk_delete", drive(*MANY), 10),
    ("a05_14_drive_bulk_delete", drive(*MANY[:9]), 0),
    ("a05_13_dismiss_after_dispute", dispute(0, 30), 2),
    ("a05_13_dismiss_after_dispute", dispute(30, 0), 0),
    ("a05_02_recall_after_hit", promise("said"), 2),
    ("a05_02_recall_after_hit", promise("other"), 0),
    ("a06_01_offhour_transfer", transfers(0, 30, 60), 3),
    ("a06_01_offhour_transfer", transfers(0, 30, 60.02), 0),
    ("a06_01_offhour_transfer", transfers(0, 10), 0),
    ("a06_01_offhour_transfer", transfers(0, 10, 20, hour=10), 0),
    ("a06_01_offhour_transfer", transfers(40, 50, 59.98, hour=17), 0),
    ("a06_01_offhour_transfer", transfers(0, 10, 20, day="2026-03-07", hour=10), 3),
    ("a06_01_offhour_transfer", transfers(0, 10, 20, day="2026-02-14", hour=10), 0),  # 调休
    ("a06_01_offhour_transfer", transfers(0, 10, 20, day="2026-02-23", hour=10), 3),  # 调休
    ("a06_01_offhour_transfer", transfers(0, 10, 20, day="2026-10-01", hour=10), 3),  # 国庆节
    ("a11_01_same_link", links(*SPELLINGS), 5),
    ("a11_01_same_link", links(*SPELLINGS[:4]), 0),
    ("a11_01_same_link", links(*SPELLINGS, step=15), 5),
    ("a11_01_same_link", links(*SPELLINGS, step=15.01), 0),
    ("a11_01_same_link", links(*(f"{PAGE}{n}" for n in range(5))), 0),
    ("a11_01_same_link", links(*(f"{SENT}?utm_source={n}" for n in range(5))), 0),
    ("a03_13_same_file_multi_external", files("a" * 32, 3), 3),
    ("a03_13_same_file_multi_external", files("f" * 32, 3), 0),
]  # fmt: skip


def arrivals(
    mission: tuple[RuleTimeline, Any], messages: list[dict[str, Any]], delays: list[int]
) -> list[tuple[str, bytes]]:
    """All outputs when each message arrives so much (ms) after its time, and time goes on with what
    has arrived."""
    timeline, compiled = mission
    raws = records({"messages": messages})
    times = [record["time"] for record in map(json.loads, raws)]
    engine = Engine(
        timeline, Decoder("demo"), load_calendar(), lateness=LATENESS, compiled=compiled
    )
    order = sorted(range(len(raws)), key=lambda n: (times[n] + delays[n], n))
    found = [one for n in order for one in engine.judge(raws[n], offset=n, time=times[n])]
    found += engine.finish()
    assert not engine.states
    return found


def evidence(found: list[tuple[str, bytes]], rule: str) -> list[set[str]]:
    """The ids of the messages of each alert of a rule."""
    ids = {one["alert_id"] for one in outputs(found, "alerts") if one["rule"]["name"] == rule}
    return [
        {one["msgid"] for one in outputs(found, "evidence") if one["alert_id"] == alert}
        for alert in sorted(ids)
    ]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one[0])
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_three_behaviours_are_the_same_in_any_order_of_arrival(
    mission: tuple[RuleTimeline, Any], behaviour: tuple[str, list[dict[str, Any]], int], data: Any
) -> None:
    rule, messages, count = behaviour
    messages = [{"id": f"m{n}", "seq": n, **one} for n, one in enumerate(messages, start=1)]
    delay = st.one_of(st.just(0), st.integers(0, LATENESS), st.just(LATENESS))
    delays = data.draw(st.lists(delay, min_size=len(messages), max_size=len(messages)))
    found = arrivals(mission, messages, delays)
    assert not outputs(found, "late")
    assert evidence(found, rule) == ([{one["id"] for one in messages}] if count else [])
    assert count in (0, len(messages))


@pytest.mark.parametrize(
    ("rule", "messages", "late", "left"),
    [
        # five, of which one comes too late: it is told, and four are no alert
        ("a05_01_recall_burst", recalls(0, 1, 2, 3, 10), 1, 0),
        ("a05_01_recall_burst", recalls(0, 1, 2, 3, 4, 10), 1, 5),
        ("a05_11_bulk_delete_customer", deletions(0, 1, 2, 3, 60), 1, 0),
        ("a06_01_offhour_transfer", transfers(0, 30, 60), 1, 0),
        ("a06_01_offhour_transfer", transfers(0, 20, 40, 60), 2, 3),
        ("a11_01_same_link", links(*SPELLINGS), 1, 0),
        ("a11_01_same_link", links(*SPELLINGS, PAGE), 2, 5),
    ],
)
def test_what_comes_too_late_is_told_and_counts_for_nothing(
    mission: tuple[RuleTimeline, Any],
    rule: str,
    messages: list[dict[str, Any]],
    late: int,
    left: int,
) -> None:
    """One arrives an hour and more after the last of them, when time has gone past it."""
    messages = [{"id": f"m{n}", "seq": n, **one} for n, one in enumerate(messages, start=1)]
    passing = {"at": at(119), "id": "later", "seq": 99, "from": "lina", "to": "c9", "text": "好的"}
    delays = [10_800_000 if n == late else 0 for n in range(1, len(messages) + 1)]
    found = arrivals(mission, [*messages, passing], [*delays, 0])
    expected = [{one["id"] for one in messages if one["id"] != f"m{late}"}] if left else []
    assert evidence(found, rule) == expected
    assert {one["msgid"] for one in outputs(found, "late")} == {f"m{late}"}
