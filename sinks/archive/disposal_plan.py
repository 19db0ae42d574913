"""The plan of a deletion: what is due, what is held, by which policy and which hold.

A plan is canonical JSON, and its id is the SM3 of its bytes. It names no person: what policies and
holds look at stands in it under keyed digests (HMAC-SM3 under a key that is in the plan), so that
whoever knows a person of a hold can check that none of his messages went, and a reader of the plan
alone does not learn who spoke with whom. Planning changes nothing.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec

from rules.retention.facts import Facts, Renaming
from rules.retention.holds import Hold, in_force, replay
from rules.retention.periods import day_of
from rules.retention.policies import Policy
from sinks.archive.disposable import Spans, digest, encode, spans
from sinks.archive.due import RETENTION, Judged, Source, counting, judge
from sinks.archive.hold_book import deeds, schedule
from sinks.archive.rows import Row

MOST = 200_000  # messages of one plan: what is left is the next plan's
_NAME_DIGITS = 16


class Going(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A message that goes: its leaf, the number of its facts, the number of the policy that kept it
    longest (-1: none), and until when (UTC ms; 0 where none)."""

    leaf: int
    facts: int
    policy: int
    until: int


class Party(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Facts but for the time, names under digests; see `Facts`. Lists are sorted."""

    kind: str
    type: str
    sender: str
    recipients: tuple[str, ...] | None
    room: str
    conversation: str
    departments: tuple[str, ...] | None
    alerts: tuple[str, ...]
    rules: tuple[str, ...]


class Count(msgspec.Struct, forbid_unknown_fields=True):
    """How many messages go, and how many are due but held."""

    going: int = 0
    held: int = 0


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan. `basis` is `RETENTION` or `ERASURE` (`sinks.archive.due`). `book` is the last line
    of the custody book that was read, `key` is what names are digested under, in hex. `held` are
    the leaves that each hold holds, by its id, and `looked_for` the ids of holds whose words were
    looked for. `more`: there was more than one plan takes."""

    tenant: str
    at: int
    by: str
    why: str
    basis: str
    book: int
    ledger: int
    key: str
    policies: tuple[Policy, ...]
    policies_sm3: str
    holds: tuple[str, ...]
    holds_sm3: str
    facts: tuple[Party, ...]
    messages: tuple[Going, ...]
    messages_sm3: str
    held: dict[str, Spans]
    looked_for: tuple[str, ...]
    by_policy: dict[str, Count]
    by_hold: dict[str, int]
    by_month: dict[str, Count]
    unreadable: int
    more: bool
    kind: str = "disposal plan"
    v: int = 1

    def renaming(self) -> Renaming:
        """What stands for names in this plan."""
        return renaming(bytes.fromhex(self.key))

    def facts_at(self, number: int, time: int) -> Facts:
        """Facts of the plan, of a message said at `time`."""
        party = self.facts[number]
        return Facts(
            time,
            party.kind,
            party.type,
            party.sender,
            None if party.recipients is None else frozenset(party.recipients),
            party.room,
            party.conversation,
            None if party.departments is None else frozenset(party.departments),
            frozenset(party.alerts),
            frozenset(party.rules),
        )

    def counting(self) -> tuple[Policy, ...]:
        """The policies that count for this plan, names under digests."""
        name = self.renaming()
        return tuple(policy.renamed(name) for policy in counting(self.policies, self.basis))


def plan(
    source: Source,
    *,
    at: int,
    by: str,
    why: str,
    ledger: int,
    basis: str = RETENTION,
    rows: Iterable[Row] | None = None,
    most: int = MOST,
    random: Callable[[int], bytes] = secrets.token_bytes,
    unknown: Callable[[], None] = lambda: None,
) -> Plan:
    """A plan by the policies and holds in force. Nothing is changed, not even the book.

    Args:
        at: now, UTC ms.
        by, why: who makes it, and for which reason or ticket.
        ledger: how many entries the ledger has.
        rows: the messages that are asked about; by default all.
        most: messages that go with one plan at most.
        unknown: see `judge`.

    Raises:
        MingjianError: the book is damaged, or a hold or policy in it cannot be read.
    """
    found = deeds(source.book.lines())
    policies, holds = schedule(found), in_force(replay(found))
    key = random(16)
    work = _Work(policies, basis, renaming(key), most)
    for judged in judge(source, policies, holds, at, basis=basis, rows=rows, unknown=unknown):
        if not work.take(judged, at):
            break
    messages = tuple(work.messages)
    return Plan(
        tenant=source.tenant,
        at=at,
        by=by,
        why=why,
        basis=basis,
        book=found[-1].number if found else 0,
        ledger=ledger,
        key=key.hex(),
        policies=policies,
        policies_sm3=digest(encode(policies)),
        holds=tuple(hold.id for hold in holds),
        holds_sm3=holds_digest(holds),
        facts=tuple(work.facts),
        messages=messages,
        messages_sm3=digest(encode(messages)),
        held={name: spans(leaves) for name, leaves in work.held.items()},
        looked_for=tuple(sorted({hold.id for hold in holds if hold.scope.text})),
        by_policy=work.by_policy,
        by_hold={name: len(leaves) for name, leaves in work.held.items()},
        by_month=work.by_month,
        unreadable=work.unreadable,
        more=work.more,
    )


def renaming(key: bytes) -> Renaming:
    """What stands for names under a key: 16 digits of HMAC-SM3."""
    known: dict[tuple[str, str], str] = {}

    def name(kind: str, value: str) -> str:
        found = known.get((kind, value))
        if found is None:
            told = hmac.digest(key, f"{kind}:{value}".encode(), "sm3").hex()
            found = known[kind, value] = told[:_NAME_DIGITS]
        return found

    return name


def party_of(facts: Facts) -> Party:
    """Facts but for the time."""
    return Party(
        facts.kind,
        facts.type,
        facts.sender,
        None if facts.recipients is None else tuple(sorted(facts.recipients)),
        facts.room,
        facts.conversation,
        None if facts.departments is None else tuple(sorted(facts.departments)),
        tuple(sorted(facts.alerts)),
        tuple(sorted(facts.rules)),
    )


def holds_digest(holds: Iterable[Hold]) -> str:
    """The digest of holds: their ids, scopes, and the lines that placed them."""
    told = [(hold.id, msgspec.to_builtins(hold.scope), hold.placed.number) for hold in holds]
    return digest(encode(told))


class _Work:
    """What a plan is made of while its messages come."""

    def __init__(self, policies: Sequence[Policy], basis: str, name: Renaming, most: int) -> None:
        self._counted, self._basis = counting(policies, basis), basis
        self._name, self._most = name, most
        self._numbers: dict[Party, int] = {}
        self.messages: list[Going] = []
        self.held: dict[str, list[int]] = {}
        self.by_policy: dict[str, Count] = {}
        self.by_month: dict[str, Count] = {}
        self.unreadable = 0
        self.more = False

    @property
    def facts(self) -> Iterable[Party]:
        return self._numbers

    def take(self, judged: Judged, at: int) -> bool:
        """Take a message; False when the plan is full."""
        if len(self.messages) >= self._most:
            self.more = True
            return False
        kept, leaf = judged.kept, judged.row.leaf
        policy = self._counted[kept.policy].name if kept.policy >= 0 else ""
        month = f"{day_of(judged.facts.time):%Y-%m}"
        counts = (
            self.by_policy.setdefault(policy, Count()),
            self.by_month.setdefault(month, Count()),
        )
        self.unreadable += not judged.readable
        for hold in judged.holds:
            self.held.setdefault(hold.id, []).append(leaf)
        for count in counts:
            count.held += bool(judged.holds)
            count.going += not judged.holds
        if not judged.holds:
            party = party_of(judged.facts.renamed(self._name))
            number = self._numbers.setdefault(party, len(self._numbers))
            until = 0 if kept.policy < 0 else kept.until
            self.messages.append(Going(leaf, number, kept.policy, until))
        return True
