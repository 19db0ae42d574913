"""What tests of the archive's puller stand on: a clock, an intake in memory, a company's keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from config.settings import Archive
from ingest.archive.asking import World
from ingest.archive.book import Book
from ingest.archive.keys import Keys
from ingest.archive.puller import Pulled, Puller
from ingest.archive.simulator import Simulator, Stored, encrypted
from ingest.intake import Taken
from rules.operations import Incident

TENANT = "demo"
NOON = 1_780_000_000_000  # some instant of 2026, UTC ms


class Crash(BaseException):
    """The process is gone: nothing may catch it."""


class Clock:
    """Time that goes on when somebody sleeps. `at` maps a number of sleeps to what happens then."""

    def __init__(self, now: int = NOON) -> None:
        self.ms, self.slept, self.stop = now, [], False  # type: int, list[float], bool
        self.at: dict[int, Callable[[], object]] = {}
        self.told: list[tuple[str, str]] = []

    def now(self) -> int:
        return self.ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)
        if what := self.at.pop(len(self.slept), None):
            what()

    def world(self) -> World:
        return World(
            self.now, self.sleep, lambda: 0.5, lambda: self.stop,
            lambda word, en, _zh: self.told.append((word, en)),
        )  # fmt: skip


class MemoryIntake:
    """Keeps the contract of `ingest.intake.Intake`; `step` is called where a process may die."""

    source = "archive"

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.step = step
        self.written: list[bytes] = []  # the topic: what was sent, repeats and all
        self.incidents: dict[str, Incident] = {}
        self.story: list[tuple[str, str]] = []  # (kind, status) as they were told
        self.beats: list[int] = []
        self._ids: set[str] = set()
        self._cursor = ""

    def take(self, bodies: Sequence[Any], *, cursor: str = "", part: str = "") -> Taken:
        self.step()
        fresh = [one for one in bodies if msgid(one) not in self._ids]
        for one in fresh:
            self.written.append(one)
            self.step()
        self._ids |= {msgid(one) for one in fresh}
        self._cursor = cursor or self._cursor
        self.step()
        return Taken(new=len(fresh), duplicates=len(bodies) - len(fresh))

    def cursor(self, part: str = "") -> str:
        return self._cursor

    def incident(self, incident: Incident) -> None:
        self.step()
        known = self.incidents.get(incident.incident_id)
        if known is None or known.status != "resolved":  # of the two the resolved one stands
            self.incidents[incident.incident_id] = incident
        self.story.append((incident.kind, incident.status))
        self.step()

    def beat(self, time: int) -> None:
        self.beats.append(time)

    def open(self) -> list[tuple[str, str, int]]:
        """(kind, detail, count) of incidents that have not ended."""
        return sorted(
            (one.kind, one.detail, one.count)
            for one in self.incidents.values()
            if one.status == "open"
        )


def msgid(body: bytes) -> str:
    return str(json.loads(body, strict=False)["payload"]["msgid"])


@cache
def private_key(version: int) -> rsa.RSAPrivateKey:
    # small, because it takes long to read a key
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505


def write_key(folder: Path, version: int, key: rsa.RSAPrivateKey | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{version}.pem"
    file.write_bytes(
        (key or private_key(version)).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    file.chmod(0o600)
    return file


def said(number: int, sent: int, text: str = "您好") -> bytes:
    """A plaintext."""
    message = {
        "msgid": f"m{number}", "action": "send", "from": "zhangsan", "tolist": ["wmAAAAAAAAAAAA"],
        "roomid": "", "msgtime": sent, "msgtype": "text", "text": {"content": text},
    }  # fmt: skip
    return json.dumps(message, ensure_ascii=False).encode()


@cache
def stored(seq: int, sent: int = NOON - 60_000, version: int = 1) -> Stored:
    """A message of the archive; its msgid is m<seq>."""
    return encrypted(
        said(seq, sent), seq=seq, sent=sent, msgid=f"m{seq}", version=version,
        key=private_key(version).public_key(),
    )  # fmt: skip


class Company:
    """An archive, keys, a book and an intake; `pull` is one life of the process."""

    def __init__(self, folder: Path, *, versions: tuple[int, ...] = (1,), **archive: Any) -> None:
        self.folder, self.clock, self.intake = folder, Clock(), MemoryIntake()
        self.keys = folder / "keys"
        self.keys.mkdir(parents=True)
        for version in versions:
            write_key(self.keys, version)
        self.keyring = Keys(self.keys)  # reading a key takes longer than all the rest
        self.archive = Simulator(self.clock.now, **archive)
        self.settings = Archive(gap_wait_seconds=30)

    def pull(
        self,
        *,
        once: bool = True,
        start: int | None = None,
        client: Any = None,
        book: Callable[[Path], Book] = Book,
        **settings: Any,
    ) -> Pulled:
        memory = book(self.folder / "archive.db")
        try:
            puller = Puller(
                client or self.archive,
                self.keyring,
                self.intake,
                memory,
                Archive(**{"gap_wait_seconds": 30, **settings}),
                self.clock.world(),
                tenant=TENANT,
                start=start,
            )
            return puller.run(once=once)
        finally:
            memory.close()

    @property
    def taken(self) -> list[str]:
        """msgids in the order in which they first came."""
        return list(dict.fromkeys(map(msgid, self.intake.written)))


def ids(*seqs: int) -> list[str]:
    return [f"m{seq}" for seq in seqs]
