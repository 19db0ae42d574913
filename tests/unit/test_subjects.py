"""Requests of persons: what is kept about them, what goes, what stays and why."""

from __future__ import annotations

import json

import msgspec
import pytest

from rules.retention.holds import HoldScope
from rules.retention.periods import Period
from rules.retention.policies import Policy, Scope
from sinks.archive.disposable import digest, encode
from sinks.archive.due import ERASURE
from sinks.archive.hold_book import By, approve, deeds, note_plan
from sinks.archive.letters import access_letter, erasure_letter
from sinks.archive.requests import earlier_requests
from sinks.archive.standings import pending
from sinks.archive.subjects import (
    StoredOnly,
    erasure_request,
    restrict,
    subject_records,
    subject_report,
    subject_rows,
)
from tests.support.disposal import CUSTOMER, DAY, OFFICER, START, Site, record

DUTY = Policy(
    "sales", Period(20), "证券法（2019年修订）第137条", duty=True, title_en="Securities companies",
    title_zh="证券公司", scope=Scope(departments=("sales",)),
)  # fmt: skip
OWN = Policy("own", Period(3), "公司制度第2条", duty=False, title_en="Ours", title_zh="内部制度")
LATER = START + 400 * DAY


def event(number, customer):
    return json.dumps(
        {"v": 1, "kind": "event", "time": START + number, "received_at": START + number,
         "tenant": "acme", "seq": number, "id": f"e{number}", "source": "callback",
         "type": "customer_added", "payload": {"UserID": "lisi", "ExternalUserID": customer,
                                               "State": ""}}
    ).encode()  # fmt: skip


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    site.policies(DUTY, OWN)
    site.take(
        record(0, "一", sender=CUSTOMER, to=("zhangsan",)),
        record(1, "二", sender="lisi"),
        record(2, "三", sender="lisi", to=(CUSTOMER, "zhangsan"), room="wrROOM"),
        record(3, "四", sender="lisi", to=("zhangsan",)),
        record(4, "五", sender=CUSTOMER, to=("lisi",), days=40),
        event(5, CUSTOMER),
        event(6, "wmBBBBBBBBBBBBBB"),
    )
    site.clock[0] = LATER
    yield site
    site.close()


def rows(site):
    return subject_rows(site.index, site.source, CUSTOMER)


def test_what_is_kept_about_somebody_is_found_and_counted(site):
    site.hold("H1", HoldScope(room="wrROOM"))
    found = rows(site)
    assert [row.leaf for row in found] == [0, 1, 2, 4, 5]
    told = subject_report(site.source, CUSTOMER, found, LATER)
    assert told["messages"] == 5
    assert told["as"] == {"concerned": 1, "receiver": 1, "room member": 1, "sender": 2}
    assert told["by_month"] == {"2023-11": 4, "2023-12": 1}
    assert told["by_type"] == {"customer_added": 1, "text": 4}
    assert told["rooms"] == {"wrROOM": 1}
    assert told["held"] == {"H1": 1}
    assert told["unreadable"] == 0
    assert [(one["policy"], one["law"], one["messages"]) for one in told["kept"]] == [
        ("sales", DUTY.law, 1), ("sales", DUTY.law, 1), ("own", OWN.law, 3),
    ]  # fmt: skip
    assert [one["standing"] for one in told["kept"]] == ["kept", "held", "kept"]
    assert told["kept"][0]["last"] == DUTY.until(START)


def test_the_copy_has_every_record_as_it_came(site):
    copy = list(subject_records(rows(site), site.reader.open))
    assert [raw for _, raw in copy[:2]] == [
        record(0, "一", sender=CUSTOMER, to=("zhangsan",)), record(1, "二", sender="lisi"),
    ]  # fmt: skip
    assert all(raw is not None for _, raw in copy)


def asked(site):
    return erasure_request(
        site.source, CUSTOMER, rows(site), at=LATER, by="officer", why="来函2024-88",
        ledger=site.ledger.size,
    )  # fmt: skip


def test_a_request_is_split_into_what_goes_and_what_a_duty_or_a_hold_keeps(site):
    site.hold("H1", HoldScope(text="二x"))
    site.hold(
        "H2",
        HoldScope(
            conversation="|".join(sorted(("lisi", CUSTOMER))), text="", since=START + 30 * DAY
        ),
    )
    made, stays = asked(site)
    assert [one.leaf for one in made.messages] == [1, 5]
    assert made.basis == ERASURE
    assert (stays["messages"], stays["goes"], stays["stays"]) == (5, 2, 3)
    assert [(one["policy"], one["law"], one["messages"]) for one in stays["kept"]] == [
        ("sales", DUTY.law, 2)
    ]
    assert stays["held"] == {"H2": 1}
    assert (stays["held_alone"], stays["kept_and_held"]) == (1, 0)
    assert (stays["restricted"], stays["waits"]) == ([(0, 0), (2, 2)], [(4, 4)])


def test_it_is_carried_out_as_a_plan_and_the_check_agrees(site):
    made, stays = asked(site)
    name = site.plans.keep(made)
    assert name == stays["plan"]
    note_plan(site.book, name, len(made.messages), OFFICER)
    approve(site.book, name, OFFICER._replace(who="chief"))
    site.dispose(name)
    assert site.there() == ["m0", "m2", "m3", "e6"]
    assert [row.leaf for row in rows(site)] == [0, 2]
    assert site.contradictions() == []
    everything = (site.folder / "disposals" / f"{name}.plan.json").read_text("utf-8")
    assert CUSTOMER not in everything
    assert "zhangsan" not in everything


def test_a_day_is_named_only_where_no_hold_moves_it(site):
    site.hold("H1", HoldScope(customer=CUSTOMER, since=START + 30 * DAY))  # of message 4
    late = START + 5 * 366 * DAY  # the company's own period is over, that of the law is not
    report = subject_report(site.source, CUSTOMER, rows(site), late)
    standings = {(one["policy"], one["standing"]): one["messages"] for one in report["kept"]}
    assert standings == {("sales", "kept"): 2, ("own", "held_alone"): 1, ("own", "over"): 2}
    english = access_letter(report, "en")
    assert "2: Securities companies, 证券法（2019年修订）第137条, whose period ends on" in english
    (held,) = [line for line in english.splitlines() if "legal proceedings" in line]
    assert held.startswith("- 1: Ours, 公司制度第2条, whose period was over on 2026-12-25")
    assert "no day can be named" in held
    (over,) = [line for line in english.splitlines() if "not proposed yet" in line]
    assert over.startswith("- 2: Ours")
    chinese = access_letter(report, "zh")
    assert "为法律程序所需而保存，期间不删除，目前无法确定截止日期" in chinese
    # in the period of a law a hold moves what comes after it
    site.hold("H2", HoldScope(room="wrROOM"))
    report = subject_report(site.source, CUSTOMER, rows(site), late)
    (moved,) = [one for one in access_letter(report, "en").splitlines() if "also after" in one]
    assert moved.startswith("- 1: Securities companies")


def outcome(site, strange=()):
    """What the letter says of the earlier request, in English and in Chinese."""
    found = deeds(site.book.lines())
    before, damaged = earlier_requests(site.folder, CUSTOMER, found, site.plans, site.source.index)
    assert damaged == list(strange)
    told = subject_report(
        site.source, CUSTOMER, rows(site), LATER,
        pending(found, site.plans, {row.leaf for row in rows(site)}),
    )  # fmt: skip
    return [access_letter(told, language, before) for language in ("en", "zh")]


def test_a_letter_says_proposed_approved_and_deleted_only_when_it_is_so(site):
    made, stays = asked(site)
    draft, kept = (erasure_letter(stays, "en", kept=one) for one in (False, True))
    assert "- 3: may be deleted; the deletion is not proposed yet, and nothing was deleted" in draft
    assert "- 3: proposed for deletion; somebody else has to approve it" in kept
    assert ("on record: under article 47" in draft, "on record" in kept) == (True, False)
    for letter in (draft, kept, erasure_letter(stays, "zh", kept=True)):
        assert "will be deleted" not in letter
        assert "将予删除" not in letter
    assert "3 条：已提出删除，须经另一人批准；目前尚未删除" in erasure_letter(
        stays, "zh", kept=True
    )
    told = encode(stays)
    (site.folder / "requests").mkdir()
    (site.folder / "requests" / f"{digest(told)}.json").write_bytes(told)
    strange = [f"{digest(told)}.json"]  # the book does not have it
    assert "Requests answered before" not in outcome(site, strange)[0]
    name = site.plans.keep(made)
    note_plan(site.book, name, len(made.messages), OFFICER)
    english, chinese = outcome(site)
    assert "(来函2024-88): 3 records proposed for deletion; somebody else has to" in english
    assert "Ours, 公司制度第2条, whose period ends on" in english
    assert "; proposed for deletion;" in english
    assert "3 条已提出删除，须经另一人批准；目前尚未删除" in chinese
    approve(site.book, name, OFFICER._replace(who="chief"))
    english, chinese = outcome(site)
    assert "the deletion of 3 records was approved on" in english
    assert "the deletion was approved and is not carried out yet" in english
    assert "批准删除，尚未执行" in chinese
    _, again = asked(site)
    assert again["open_plans"] == {}
    site.hold(
        "H3", HoldScope(since=START + 1, until=START + 2)
    )  # between the approval and the deletion
    site.dispose(name)
    english, chinese = outcome(site)
    assert "2 of 3 records were deleted on" in english
    assert "(a tombstone); not deleted: 1 needed for legal proceedings." in english
    assert "3 条中的 2 条已于" in chinese
    assert "（墓碑）" in chinese
    assert "未删除：1 条为法律程序所需" in chinese
    (path,) = (site.folder / "requests").iterdir()
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    found = deeds(site.book.lines())
    assert earlier_requests(site.folder, CUSTOMER, found, site.plans, site.source.index) == (
        [], [path.name],
    )  # fmt: skip


def test_without_any_schedule_an_erasure_takes_all_and_retention_nothing(site):
    site.policies(msgspec.structs.replace(OWN, scope=Scope(rooms=("wrNONE",))))
    assert site.plan()[0].messages == ()
    made, stays = asked(site)
    assert [one.leaf for one in made.messages] == [0, 1, 2, 4, 5]
    assert stays["kept"] == []


def test_what_stays_is_restricted_without_naming_the_person(site):
    _, stays = asked(site)
    line = restrict(site.book, stays, By("officer", "compliance", LATER, "来函2024-88"))
    assert StoredOnly(site.book).leaves() == {0, 2}
    assert CUSTOMER.encode() not in line.raw


def test_letters_name_law_and_time_and_never_a_hold(site):
    site.hold("SECRET-9", HoldScope(customer=CUSTOMER, since=START + 30 * DAY))
    report = subject_report(site.source, CUSTOMER, rows(site), LATER)
    _, stays = asked(site)
    for language in ("zh", "en"):
        access, erasure = access_letter(report, language), erasure_letter(stays, language)
        for letter in (access, erasure):
            assert "SECRET" not in letter
            assert "制度第3条" not in letter  # why the hold was placed
            assert "证券法（2019年修订）第137条" in letter
            assert "2043-11-15" in letter
        assert "公司制度第2条" in access
        assert "公司制度第2条" not in erasure
    assert "第四十七条第二款" in erasure_letter(stays, "zh")
    assert "article 47" in erasure_letter(stays, "en")
    assert "为法律程序所需" in erasure_letter(stays, "zh")
    assert "legal proceedings" in erasure_letter(stays, "en")
