"""An archive with holds and plans in a folder, and a fuse that kills whatever writes next."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from pathlib import Path

from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from rules.message import Message
from rules.retention.policies import Policy
from sinks.archive import plans as plans_module
from sinks.archive.archiver import Archiver
from sinks.archive.check import check_archive
from sinks.archive.custody import CustodyBook
from sinks.archive.disposal import carry_out
from sinks.archive.disposal_check import check_disposals
from sinks.archive.disposal_parts import Parts
from sinks.archive.disposal_plan import plan
from sinks.archive.disposing import disposals_of
from sinks.archive.due import RETENTION, Source
from sinks.archive.fresh_index import FreshFile
from sinks.archive.hit_book import HitBook
from sinks.archive.hold_book import By, approve, note_plan, place_hold, set_policies
from sinks.archive.kept import message_of
from sinks.archive.keystore import Keystore
from sinks.archive.known_alerts import KnownAlerts
from sinks.archive.leaves import CUSTODY, OtherLeaf
from sinks.archive.objects import LocalObjects
from sinks.archive.rebuilding import rebuild
from sinks.archive.search import ArchiveReader
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms
from sinks.ledger.checkpoint import Note
from sinks.ledger.log import Ledger
from sinks.ledger.reader import LedgerReader

DAY = 86_400_000
START = 1_700_000_000_000  # 2023-11-15 06:13:20 in Shanghai
CUSTOMER = "wmAAAAAAAAAAAAAA"
STAFF = {"zhangsan": "sales", "lisi": "support", "wangwu": "sales"}
OFFICER = By("officer", "compliance", START, "制度第3条")


class Killed(BaseException):
    """Stands for kill -9 at this point."""


class Signer:
    """Signs nothing; the check of signatures is the ledger's own."""

    name, key_id = "test", b"abcd"

    def sign(self, text: bytes) -> bytes:
        return b"signature"

    def signed(self, note: Note) -> bool:
        return all(one.value == b"signature" for one in note.signatures)


def record(
    number,
    text="您好",
    *,
    days=0,
    sender="zhangsan",
    to=(CUSTOMER,),
    room="",
    tenant="acme",
    **more,
):
    """A message said `days` after START."""
    time = START + days * DAY + number
    payload = {
        "msgid": f"m{number}", "action": "send", "from": sender, "tolist": list(to),
        "roomid": room, "msgtime": time, "msgtype": "text", "text": {"content": text}, **more,
    }  # fmt: skip
    return json.dumps(
        {"v": 1, "kind": "archive", "time": time, "received_at": time, "tenant": tenant,
         "seq": number, "payload": payload}, ensure_ascii=False,
    ).encode()  # fmt: skip


class Fuse:
    """Kills at the `at`-th write, before or after it is done."""

    def __init__(self, at=0, *, after=False):
        self.at, self.after, self.count = at, after, 0

    def guard(self, owner, *names):
        for name in names:
            setattr(owner, name, self._guarded(getattr(owner, name)))

    def _guarded(self, real):
        def call(*args, **more):
            self.count += 1
            if self.count == self.at and not self.after:
                raise Killed
            done = real(*args, **more)
            if self.count == self.at:
                raise Killed
            return done

        return call


class Site:
    """An archive, opened as after a start.

    Args:
        open_index: of its folder; by default in a file.
        open_fresh: an index of its folder that is to be made again; by default in a file.
    """

    def __init__(
        self, folder: Path, *, now=START, fuse=None, staff=STAFF, open_index=None, open_fresh=None
    ):
        self.open_fresh = open_fresh or (lambda at: FreshFile(at / "index.db"))
        self.folder, self.staff, self.closed = folder, staff, False
        self.clock = [now]
        self.keys = Keystore(folder / "keys", "acme", at=1)
        self.objects = LocalObjects(folder / "objects")
        self.index = open_index(folder) if open_index else SqliteIndex(folder / "index.db")
        self.disposals = disposals_of(self.index)
        self.ledger = Ledger(folder / "ledger", "acme", at_least=self.index.leaves())
        self.book = CustodyBook(folder)
        self.plans = plans_module.Plans(folder)
        self.terms, self.decoder = Terms(b"k" * 16), Decoder("acme")
        common = {"objects": self.objects, "index": self.index, "keys": self.keys,
                  "terms": self.terms, "decoder": self.decoder}  # fmt: skip
        try:
            self.archiver = Archiver(
                "acme", ledger=self.ledger, now=lambda: self.clock[0], hit_book=HitBook(folder),
                **common,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise
        self.reader = ArchiveReader(**common, disposals=self.disposals)
        self.source = Source("acme", self.disposals, self.book, self.opened, self.staff.get,
                             KnownAlerts(folder))  # fmt: skip
        self.parts = Parts(
            tenant="acme", folder=folder, objects=self.objects, ledger=self.ledger,
            index=self.index, disposals=self.disposals, keys=self.keys, decoder=self.decoder,
            book=self.book, departments=self.staff.get, now=lambda: self.clock[0],
        )  # fmt: skip
        if fuse is not None:
            fuse.guard(self.objects, "put", "delete")
            fuse.guard(self.ledger, "append")
            fuse.guard(self.index, "store")
            fuse.guard(self.disposals, "dispose", "discarded", "clear")
            fuse.guard(self.book, "write")

    def opened(self, row) -> Message | None:
        try:
            return message_of(self.decoder, self.reader.open(row))
        except MingjianError:
            return None

    def take(self, *records):
        """Archive these as one segment."""
        self.archiver.add(records)
        self.archiver.flush()

    def policies(self, *policies: Policy):
        set_policies(self.book, policies, OFFICER._replace(at=self.clock[0]))

    def hold(self, name, scope):
        place_hold(self.book, name, scope, OFFICER._replace(at=self.clock[0]))

    def plan(self, *, basis=RETENTION, rows=None, **more):
        """A plan that was made, kept, noted and approved: (plan, id)."""
        made = plan(
            self.source, at=self.clock[0], by="maker", why="季度清理", ledger=self.ledger.size,
            basis=basis, rows=rows, **more,
        )  # fmt: skip
        name = self.plans.keep(made)
        note_plan(self.book, name, len(made.messages), OFFICER._replace(who="maker"))
        approve(self.book, name, OFFICER._replace(who="chief"))
        return made, name

    def dispose(self, name):
        """Carry a plan out to its end: the steps."""
        return list(carry_out(self.parts, name, who="operator", role="operator", why="季度清理"))

    def sign(self):
        """Enter what the book says, and sign."""
        for line in self.book.lines():
            self.archiver.enter(OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw)))
            self.archiver.stand({CUSTODY: line.number})
        self.archiver.flush()
        self.ledger.checkpoint([Signer()], self.clock[0])

    def contradictions(self):
        """(leaf, sentence) of all that the check finds, after signing."""
        self.sign()
        return self.check()

    def check(self, told=lambda proved: None):
        return [
            (one.leaf, one.en)
            for one in check_disposals(
                ledger=LedgerReader(self.folder / "ledger"), book=self.book, plans=self.plans,
                index=self.disposals, objects=self.objects, told=told,
            )
        ]  # fmt: skip

    def faults(self):
        """(leaf, place, sentence) of all that differs between ledger, index and segments."""
        self.sign()
        return [
            (one.leaf, one.place, one.en)
            for one in check_archive(
                ledger=LedgerReader(self.folder / "ledger"), index=self.index,
                objects=self.objects, keys=self.keys, disposals=self.disposals, plans=self.plans,
            )
        ]  # fmt: skip

    def rebuild(self, objects=None):
        """Make the index again, everything closed: (what was made, (leaf, place, sentence) of what
        is wrong). The words' hashes come under the same key as before."""
        self.close()
        wrong = []
        with (
            closing(Ledger(self.folder / "ledger", "acme")) as ledger,
            closing(self.open_fresh(self.folder)) as fresh,
        ):
            fresh.index.keep_secret(self.keys.wrap(b"k" * 16, b"search key"))
            made = rebuild(
                fresh, folder=self.folder, ledger=ledger, ledger_folder=self.folder / "ledger",
                objects=objects or self.objects, keys=self.keys, decoder=self.decoder,
                wrong=lambda one: wrong.append((one.leaf, one.place, one.en)),
            )  # fmt: skip
        return made, wrong

    def there(self):
        """Message ids that can be read back, in the order of archiving."""
        rows = self.disposals.rows_before(1 << 62, -1, 100_000)
        return [row.msgid for row in rows if self.reader.open(row)]

    def close(self):
        if not self.closed:
            self.closed = True
            self.ledger.close()
            self.index.close()


def numbers():
    """Numbers for records, each once."""
    return itertools.count(1)
