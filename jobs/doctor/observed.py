"""What looks bring back: plain values, no judgement. Times are UTC ms, sizes are bytes."""

from __future__ import annotations

from typing import NamedTuple

from jobs.canaries.book import Missed, Round
from jobs.completeness.check import Completeness
from jobs.completeness.lines import HOUR_MS

STALE_MS = 2 * HOUR_MS + HOUR_MS // 2  # an hour that ended longer ago tells nothing of now


class KeyFile(NamedTuple):
    """A file below `keys_dir`; `mode` its rights, `problem` why it is no usable key (en, zh)."""

    name: str
    mode: int
    problem: tuple[str, str] | None = None


class Keys(NamedTuple):
    """`there`: the evidence key among them."""

    folder: str
    there: bool
    files: tuple[KeyFile, ...]


class Rules(NamedTuple):
    """`problem`: why they do not load (en, zh). `published`: from when each published set of the
    registry holds. `tasks`: of each task of the job, from when its newest ruleset holds; empty
    where that is not told."""

    problem: tuple[str, str] | None
    rules: int = 0
    waiting: int = 0
    digest: str = ""
    published: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()


class Disk(NamedTuple):
    """A file system: what is kept there, how much is free."""

    what: str
    path: str
    free: int
    total: int


class Clock(NamedTuple):
    """How far a server's clock is ahead of ours; `doubt`: by how much that may be wrong. ms."""

    server: str
    ahead: float
    doubt: float


class Files(NamedTuple):
    """A source of files. `newest`: when the last one was written, 0: none."""

    folder: str
    there: bool
    files: int
    newest: int


class Topic(NamedTuple):
    """A source topic. `settings`: as the broker has them, by name; `newest`: the latest event time
    of the last records, 0: none."""

    name: str
    partitions: int
    records: int
    newest: int
    settings: dict[str, str]


class Job(NamedTuple):
    """The tenant's job in Flink. `jobs`: ids of those that have not ended; the rest is of the
    first. `checkpoint`: when the last one completed, 0: none since it was submitted; `failed`: in a
    row since then; `problem`: why it restarted last; `since`: when it began. `page`: where Flink
    shows it; `slots`: how many it needs, the cluster has, and nobody holds."""

    jobs: tuple[str, ...]
    state: str = ""
    since: int = 0
    tasks: int = 0
    running: int = 0
    restarts: int = 0
    checkpoint: int = 0
    failed: int = 0
    interval: int = 0
    watermark: int = 0
    problem: str = ""
    counters: dict[str, int] = {}  # noqa: RUF012 - never changed
    page: str = ""
    slots: tuple[int, int, int] | None = None


class Progress(NamedTuple):
    """`newest`: the latest event time in the source; `left`: records behind what the job has
    confirmed, None: not known; `unknown`: of how many late messages in the index nobody can tell
    what they would have done, and whether there are more; None: it was not asked."""

    newest: int
    left: int | None
    job: Job | None
    unknown: tuple[int, bool] | None = None


class Collector(NamedTuple):
    """One collector's book: when it was written last, and what it has taken. `hour`: the hour of
    the clock in which it took a record last, 0: it took none. The book knows it no better, and it
    is written when it is opened, too."""

    name: str
    written: int
    new: int
    set_aside: int
    conflicts: int
    undecoded: int
    hour: int = 0


class Answer(NamedTuple):
    """Whether a target answers; `detail`: what it says of itself; `blocked`: it takes no writes.
    `problem` in Chinese, and what to do about it, where that is known."""

    target: str
    kind: str
    problem: str = ""
    detail: str = ""
    blocked: str = ""
    problem_zh: str = ""
    fix: tuple[str, str] = ("", "")


class Lag(NamedTuple):
    """How far a target or channel is behind. `oldest`: when the first record that it lacks was
    written, or could have been told; `reader`: whether somebody delivers to it, None: nobody can
    tell; `untold`: of `left` those that a channel has taken in and told nobody of; `lost`: records
    that the topic removed before they were delivered."""

    target: str
    left: int = 0
    oldest: int = 0
    reader: bool | None = None
    problem: str = ""
    untold: int = 0
    lost: int = 0


class Shelved(NamedTuple):
    """Quarantined records nobody has dealt with, by reason; `more`: there are more than counted."""

    by_reason: dict[str, int]
    more: bool


class Refused(NamedTuple):
    """How many records a target or channel refused that nobody has dealt with, and the reason of
    one."""

    target: str
    records: int
    reason: str = ""


class Complete(NamedTuple):
    """The last check of completeness; None: none was made."""

    found: Completeness | None


class Canaried(NamedTuple):
    """The last round, None: none ever ran; what is missed in a row; and what the last round
    missed: rule and target."""

    last: Round | None
    missed: tuple[Missed, ...]
    absent: tuple[tuple[str, str], ...] = ()


class Judged(NamedTuple):
    """The last hour judged anew. `why`: why not (en, zh); else how many alerts agree, are missing
    without a reason, are there without one."""

    why: tuple[str, str] | None
    same: int = 0
    missing: int = 0
    surplus: int = 0
