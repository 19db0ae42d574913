"""Whether a pack holds what it says was asked for: also when who holds the signing key says so."""

from __future__ import annotations

import dataclasses

import pytest

from reports.case import PERSON, Subject
from reports.pack import build_pack
from reports.signing import Signer
from reports.standalone.checks import Verifier
from tests.support import sample_case
from tests.unit.test_reports_kinds import PERIOD, built, unpacked

WHO, OTHER = sample_case.EMPLOYEE, sample_case.CUSTOMER
SINCE, UNTIL = PERIOD
YEAR_2020 = 1_577_836_800_000, 1_609_459_200_000


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """What is packed of a person's period, with alerts."""
    return built(tmp_path_factory.mktemp("day"), Subject(PERSON, WHO, *PERIOD), each_side=0)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """The same without alerts."""
    return built(tmp_path_factory.mktemp("day"), Subject(PERSON, WHO, *PERIOD), [], each_side=0)


def asked(bundle, signer):
    """(ok, words) of the check, in a pack that is built and signed as it should be."""
    checks = Verifier(unpacked(build_pack(bundle, signer))).run().checks
    ((ok, en, zh),) = [(one.ok, one.en, one.zh) for one in checks if one.name == "asked for"]
    others = [one for one in checks if one.ok is False and one.name != "asked for"]
    assert others == []
    assert not zh.isascii()
    return ok, en


def test_what_is_packed_is_what_was_asked_for(person, quiet, signer, tmp_path):
    assert asked(person, signer) == (True, "19 records within what was asked for")
    assert asked(quiet, signer)[0] is True
    assert asked(sample_case.bundle(tmp_path), signer)[0] is True


def with_query(bundle, subject=None, **parts):
    told = bundle.completeness
    completeness = {**told, "query": {**told["query"], **parts}}
    return dataclasses.replace(bundle, completeness=completeness, subject=subject or bundle.subject)


def of(subject):
    """The parts of a query that fit a person and a period."""
    span = {"person": subject.id, "start": subject.since, "end": subject.until - 1}
    return {"talk": [span], "acts": [span]}


def replaced(bundle, which, **changes):
    """With the first record of a role changed."""
    (first, *_) = [one for one in bundle.items if one.role == which]
    items = tuple(
        dataclasses.replace(one, **changes) if one is first else one for one in bundle.items
    )
    told = bundle.completeness
    roles = [one.role for one in items]
    counts = {role: roles.count(role) for role in told["counts"]}
    return dataclasses.replace(bundle, items=items, completeness={**told, "counts": counts})


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (Subject(PERSON, "lisi", *PERIOD), "something else was asked for"),
        (Subject(PERSON, WHO, *YEAR_2020), "something else was asked for"),
        (Subject(PERSON, WHO, SINCE, UNTIL - 1), "something else was asked for"),
    ],
    ids=["another person", "another year", "a shorter period"],
)
def test_a_pack_about_something_else_than_was_asked_for_fails(quiet, signer, subject, words):
    ok, said = asked(dataclasses.replace(quiet, subject=subject), signer)
    assert (ok, words in said) == (False, True)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (Subject(PERSON, "lisi", *PERIOD), "of somebody else"),
        (Subject(PERSON, WHO, *YEAR_2020), "is of another time"),
        (Subject(PERSON, WHO, sample_case.START + 60_000, UNTIL), "is of another time"),
    ],
    ids=["another person", "another year", "a shorter period"],
)
def test_records_of_somebody_else_or_another_time_fail(quiet, signer, subject, words):
    ok, said = asked(with_query(quiet, subject, **of(subject)), signer)
    assert (ok, words in said) == (False, True), said


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (Subject(PERSON, "lisi", *PERIOD), "is not about lisi"),
        (Subject(PERSON, WHO, *YEAR_2020), "is not of this period"),
    ],
    ids=["another person", "another year"],
)
def test_alerts_of_somebody_else_or_another_time_fail(person, signer, subject, words):
    ok, said = asked(with_query(person, subject, **of(subject)), signer)
    assert (ok, words in said) == (False, True), said


def test_records_that_nobody_asked_for_fail(quiet, person, signer, tmp_path):
    for bundle in (
        replaced(quiet, "period", role="context"),  # of a conversation that nothing is known of
        with_query(person, acts=[]),
        with_query(person, acts=[{**of(person.subject)["acts"][0], "person": "lisi"}]),
        with_query(quiet, conversations=[{"conversation": "x", "start": 0, "end": 1}]),
        with_query(sample_case.bundle(tmp_path / "a"), talk=of(quiet.subject)["talk"]),
        with_query(sample_case.bundle(tmp_path / "b"), conversations=[]),
    ):
        assert asked(bundle, signer)[0] is False


def test_that_leaving_out_cannot_be_seen_is_said(person, tmp_path):
    def stated(bundle):
        return {one["id"]: one["en"] for one in bundle.completeness["not_covered"]}

    assert "only against the archive and its whole ledger" in stated(person)["left_out"]
    assert "left_out" not in stated(sample_case.bundle(tmp_path))
