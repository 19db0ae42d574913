"""What the job writes: alerts, evidence, quarantined and late records.

All four are JSON objects, one a line or one a Kafka value. None carries a wall-clock time, so a
replay writes the same bytes. Masked values only: the full text is inside `sealed`.
"""

from __future__ import annotations

import hashlib
from functools import cache

import msgspec


class RuleRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule text judged. `digest` is the SM3 of the rule's canonical content."""

    id: str
    name: str
    title: str
    version: int
    digest: str
    item: str  # taxonomy item, "A02-03"
    level: str  # Sigma level: informational, low, medium, high, critical
    response: int  # 0 none, 1 block and log, 2 alert in real time, 3 emergency plan


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why: one matched span. `start`/`end` index code points of the original field's text."""

    msgid: str
    field: str
    start: int
    end: int
    pattern: str  # the word, regex or detector that matched, as written in the rule
    excerpt: str  # masked surroundings, at most 40 code points
    variant: tuple[str, ...] = ()  # how the text was disguised: zero_width, fullwidth, gap, ...
    confidence: int = 0  # detectors: 85, 75 or 60 (reference: Purview tiers); 0 for words


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One contributing message or event."""

    msgid: str
    seq: int
    time: int
    type: str
    sender: str
    evidence_id: str


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding. `alert_id` is a function of rule, version, group and members: docs/adr/0004."""

    v: int = 1
    alert_id: str
    tenant: str
    rule: RuleRef
    ruleset: str
    status: str  # "final" | "speculative" | "retracted": docs/adr/0012
    response_state: str  # "enforced" | "delegated" | "post_hoc": an archived message was delivered
    delegated_to: str = ""  # the rule of WeCom's own that was asked to intercept
    time: int  # event time of the last contributing message
    first_time: int
    window_start: int = 0  # 0: the rule has no window
    window_end: int = 0
    actor: str
    actor_kind: str
    conversation: str = ""
    room: str = ""
    counterparties: tuple[str, ...] = ()
    group: dict[str, str] = msgspec.field(default_factory=dict)
    count: int  # contributing messages, also those beyond the cap of `members`
    members: tuple[Member, ...]
    hits: tuple[Hit, ...] = ()
    summary: str  # one masked sentence: who did what to whom, in Chinese
    flags: tuple[str, ...] = ()
    retraction: str = ""  # why it was taken back: a key of rules.speculation.RETRACTIONS
    replaced_by: str = ""  # the alert that has its messages instead


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the raw record stands. Kafka: source "kafka:<topic>", partition, offset.

    Files: source "file:<path>", offset = byte offset of the line, line counted from 1
    (both filled by the deliverer, 0 until then).
    """

    source: str
    partition: int = 0
    offset: int = 0
    line: int = 0


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as a member of one alert.

    `sealed` is the raw record exactly as it stood in the source, encrypted (`sinks.sealing`);
    `text` is masked and searchable; `raw_sm3` and `raw_sha256` are over the raw bytes.
    """

    v: int = 1
    evidence_id: str
    alert_id: str
    tenant: str
    msgid: str
    seq: int
    time: int
    type: str
    sender: str
    conversation: str = ""
    direction: str = ""
    text: str = ""
    hits: tuple[Hit, ...] = ()
    raw_sm3: str
    raw_sha256: str
    raw_size: int
    position: Position
    sealed: str
    flags: tuple[str, ...] = ()


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that could not be judged (`held=True`), or one kept raw and judged as far as
    possible because its type is unknown (`held=False`)."""

    v: int = 1
    quarantine_id: str
    reason: str  # a key of rules.quarantine.REASONS
    detail: str = ""
    held: bool = True
    raw_sm3: str
    raw_sha256: str
    raw_size: int
    position: Position
    sealed: str = ""  # the raw record, or its first 4 KiB when `truncated`
    truncated: bool = False


class Late(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hit that came after its window was settled."""

    v: int = 1
    late_id: str
    tenant: str
    rule: str
    msgid: str
    seq: int
    time: int
    watermark: int
    raw_sm3: str
    raw_size: int = -1  # -1: written before sizes were
    position: Position
    sealed: str = ""
    group: dict[str, str] = msgspec.field(default_factory=dict)
    would_have_fired: str = ""  # true, changed, false, unknown: `rules.late`; "": not asked then
    flags: tuple[str, ...] = ()  # "canary": we planted the message ourselves


FINAL, SPECULATIVE, RETRACTED = "final", "speculative", "retracted"  # what `Alert.status` may be
# of two records of one alert the later one here stands, in whatever order they come
RANKS = {SPECULATIVE: 1, RETRACTED: 2, FINAL: 3}
OUTPUTS = ("alerts", "evidence", "quarantine", "late")
ID_FIELDS = {
    "alerts": "alert_id",
    "evidence": "evidence_id",
    "quarantine": "quarantine_id",
    "late": "late_id",
}


def sm3_hex(*parts: str | bytes) -> str:
    """SM3 (GB/T 32905-2016) over length-prefixed parts, hex.

    The length prefix (4 bytes, big endian) keeps ("ab","c") apart from ("a","bc").
    """
    told = [part.encode() if isinstance(part, str) else part for part in parts]
    return sm3_raw(b"".join([len(part).to_bytes(4, "big") + part for part in told]))


@cache
def _sm3() -> hashlib._Hash:
    return hashlib.new("sm3")


def sm3_raw(raw: bytes) -> str:
    """Plain SM3 of the bytes, hex: what anybody can recompute from the record itself."""
    digest = _sm3().copy()  # looking an algorithm up takes longer than copying one
    digest.update(raw)
    return digest.hexdigest()


def content_id(*parts: str | bytes) -> str:
    """128-bit id (32 hex digits) that is a function of content only."""
    return sm3_hex(*parts)[:32]
