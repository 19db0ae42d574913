"""What a pack from the archive leaves out: counted once, named by the reason, and only if there."""

from __future__ import annotations

import dataclasses
import html
import re
from contextlib import closing

import pytest

from reports import context_archive
from reports.case import PERSON, Subject
from reports.completeness import statement
from reports.context import Wanted
from reports.context_archive import ArchiveContext
from reports.deletions import Deletions
from reports.pages import page
from reports.view import view
from rules.retention.periods import Period
from rules.retention.policies import Policy, Scope
from sinks.archive.due import ERASURE
from sinks.archive.search import leaf_by_id
from tests.support import sample_case
from tests.support.disposal import CUSTOMER, DAY, START, Site, record

OTHER = "wmBBBBBBBBBBBBBB"
TALK, ELSEWHERE = "|".join(sorted(("zhangsan", CUSTOMER))), "|".join(sorted(("lisi", OTHER)))
WHOLE = ((START - DAY, START + 900 * DAY),)
YEAR = Policy("year", Period(1), "制度第1条", duty=False, title_en="a year", title_zh="一年")
SALES = Policy("sales", Period(2), "证券法第137条", duty=True, scope=Scope(people=("zhangsan",)))
SIGNER = dict.fromkeys(("signer_id", "key_sm3", "statement_en", "statement_zh"), "x")
LATER = START + 3 * 365 * DAY


@pytest.fixture
def site(tmp_path):
    with closing(Site(tmp_path)) as made:
        yield made


def leaf_of(site, msgid):
    return leaf_by_id(site.index, msgid)


def fetched(site, wanted, *stored_only):
    leaves = {leaf_of(site, one) for one in stored_only}
    deletions = Deletions(site.plans, site.disposals)
    return ArchiveContext(site.reader, "archive", leaves, deletions).fetch(wanted)


ASKED = {"conversations": {TALK: WHOLE}, "talk": {"zhangsan": WHOLE, CUSTOMER: WHOLE}}


@pytest.mark.parametrize("page", [1, 2, 500])
@pytest.mark.parametrize("asked", [ASKED, {"talk": {"zhangsan": WHOLE}}], ids=["all", "one way"])
def test_what_may_only_be_stored_is_counted_once_however_often_it_is_met(
    site, page, asked, monkeypatch
):
    monkeypatch.setattr(context_archive, "PAGE", page)
    site.take(*(record(n) for n in range(1, 8)))
    site.take(*(record(n, sender=CUSTOMER, to=("zhangsan",)) for n in range(8, 12)))
    found = fetched(site, Wanted(**asked), "m2", "m3", "m6", "m9")
    assert found.stored_only == 4
    (said,) = found.limits
    assert "4 messages of the conversations and times asked for may only be stored" in said[0]
    assert "each is counted once" in said[0]
    assert "4 条" in said[1]
    assert {one.message.msgid for one in found.talk} == {f"m{n}" for n in (1, 4, 5, 7, 8, 10, 11)}


def test_a_member_that_may_only_be_stored_is_not_said_to_be_left_out(site):
    """It is in the pack, by the evidence kept with the alert."""
    site.take(*(record(n) for n in range(1, 5)))
    found = fetched(site, Wanted(**ASKED, members=("m2",)), "m2", "m3")
    assert found.stored_only == 1
    left_out, shown = (one[0] for one in found.limits)
    assert left_out.startswith("1 message of")
    assert "1 record that makes up an alert may only be stored" in shown
    assert len(fetched(site, Wanted(**ASKED, members=("m2",)), "m2").limits) == 1
    assert fetched(site, Wanted(**ASKED, members=("m2",))).limits == []


def gone(site):
    """Messages of several people, of which those older than their policies' periods are deleted."""
    site.policies(YEAR, SALES)
    site.take(*(record(n, days=n) for n in range(1, 4)))  # by the policy for sales
    site.take(*(record(n, sender="lisi", to=(OTHER,), days=n) for n in range(4, 9)))
    site.take(record(9, sender="lisi", to=(CUSTOMER,), days=9))
    site.take(record(10, days=1000), record(11, sender="lisi", to=(OTHER,), days=1000))
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    return name


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"conversations": {TALK: WHOLE}}, {"sales": 3}),
        ({"conversations": {ELSEWHERE: WHOLE}}, {"year": 5}),
        ({"conversations": {ELSEWHERE: ((START + 5 * DAY, START + 7 * DAY),)}}, {"year": 2}),
        ({"talk": {CUSTOMER: WHOLE}}, {"sales": 3, "year": 1}),
        ({"talk": {CUSTOMER: WHOLE}, "conversations": {TALK: WHOLE}}, {"sales": 3, "year": 1}),
        ({"talk": {CUSTOMER: WHOLE}, "members": ("m1", "m9")}, {"sales": 2}),
        ({"talk": {"nobody": WHOLE}}, {}),
        ({"acts": {"zhangsan": WHOLE}}, {}),
        ({"talk": {CUSTOMER: ((START + 20 * DAY, START + 900 * DAY),)}}, {}),
    ],
    ids=["talk", "elsewhere", "part", "person", "both", "members", "nobody", "acts", "later"],
)
def test_deleted_messages_of_those_asked_for_are_told_by_policy(site, asked, counts):
    gone(site)
    found = fetched(site, Wanted(**asked))
    assert found.deleted is not None
    assert {one.policy: one.messages for one in found.deleted.groups} == counts
    assert found.deleted.messages == sum(counts.values())
    assert found.deleted.unknown == 0


def test_of_each_policy_the_law_the_dates_and_the_plan_are_told(site):
    name = gone(site)
    (sales, year) = fetched(site, Wanted(talk={CUSTOMER: WHOLE})).deleted.groups
    assert (sales.law, year.title) == ("证券法第137条", ("a year", "一年"))
    assert (sales.said, year.said) == (
        (START + DAY + 1, START + 3 * DAY + 3),
        (START + 9 * DAY + 9, START + 9 * DAY + 9),
    )
    assert sales.removed == (LATER, LATER)
    assert sales.plans == (name,)


def test_what_was_erased_on_request_is_told_as_that(site):
    site.take(*(record(n, days=n) for n in range(1, 4)))
    site.clock[0] = LATER
    rows = site.disposals.rows_before(LATER, -1, 2)
    _, name = site.plan(basis=ERASURE, rows=rows)
    site.dispose(name)
    (only,) = fetched(site, Wanted(talk={CUSTOMER: WHOLE})).deleted.groups
    assert (only.policy, only.basis, only.messages) == ("", ERASURE, 2)


def test_of_what_could_not_be_read_nobody_can_say_whether_it_was_asked_for(site):
    site.policies(YEAR)
    site.take(b'{"v":1,"kind":"archive"', record(1))
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    found = fetched(site, Wanted(talk={CUSTOMER: WHOLE})).deleted
    assert (found.messages, found.unknown) == (1, 1)


def test_the_report_says_what_was_deleted_in_both_languages(site, tmp_path_factory):
    gone(site)
    found = fetched(site, Wanted(talk={CUSTOMER: WHOLE}))
    told = statement(Subject(PERSON, CUSTOMER, START, LATER), [], [], Wanted(), found,
                     sample_case.request(), None, [])["deleted"]  # fmt: skip
    for language, says in (
        ("en", "3 messages said 2023-11-16 to 2023-11-18, deleted 2026-11-14 by the retention"
               ' policy "sales" (证券法第137条), plan'),
        ("zh", "1 条，发送于 2023-11-24，删除于 2026-11-14，留存期限“一年”（制度第1条）届满"),
    ):  # fmt: skip
        bundle = sample_case.bundle(tmp_path_factory.mktemp("day"), language=language)
        stated = {**bundle.completeness, "deleted": told}
        values = view(dataclasses.replace(bundle, completeness=stated), SIGNER)
        shown = page(
            "report.html.j2", {**values, "inner_sm3": "", "case": "", "name": "", "created_iso": ""}
        )
        assert says in " ".join(html.unescape(re.sub("<[^>]*>", "", shown)).split())


def test_a_plan_that_was_altered_is_said_to_be_unknown(site):
    name = gone(site)
    path = site.folder / "disposals" / f"{name}.plan.json"
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    found = fetched(site, Wanted(talk={CUSTOMER: WHOLE}))
    assert found.deleted.groups == ()
    assert any(name[:16] in en and "not counted" in en for en, _ in found.limits)


def test_the_statement_of_a_pack_holds_the_counts(site):
    gone(site)
    site.take(record(12, days=1001), record(13, days=1002))
    asked = Wanted(talk={"zhangsan": ((START, LATER),)})
    found = fetched(site, asked, "m12")
    told = statement(Subject(PERSON, "zhangsan", START, LATER), [], [], asked, found,
                     sample_case.request(), None, [])  # fmt: skip
    assert told["left_out"] == {"stored_only": 1}
    assert told["deleted"]["count"] == 3
    (row,) = told["deleted"]["by_policy"]
    assert (row["policy"], row["count"], row["said_first"]) == ("sales", 3, START + DAY + 1)
    period = next(one for one in told["not_covered"] if one["id"] == "period")
    assert "counted" in period["en"]
