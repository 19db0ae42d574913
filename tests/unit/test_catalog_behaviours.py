"""What rules about behaviour take into account: whose office hours, what a system did itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.calendar import load_calendar
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.matcher import compile_timeline
from rules.ruleset import BESIDE, CALENDAR, CATALOG, LEXICONS, LISTS, RuleTimeline, load_ruleset
from tests.support.rule_files import outputs

OFF_HOURS = ("a06_01_offhour_transfer", "a03_08_offhour_download", "a12_05_offhour_login",
             "a02_18_offhour_payment_talk")  # fmt: skip
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
