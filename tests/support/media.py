"""An archive with messages that carry files, and what fetches them, opened as after a start."""

from __future__ import annotations

import json
from pathlib import Path

from config.settings import Archive
from ingest.archive.book import Book
from ingest.archive.simulator import Simulator
from ingest.archive.watch import Watch
from jobs.media import Fetcher, Vault
from sinks.archive.media import MediaStore, media_name, name_key
from sinks.archive.media_book import MediaBook
from tests.support.archive import Clock, MemoryIntake
from tests.support.disposal import START, Site

DAY = 86_400_000
NAME_KEY = name_key(b"k" * 16)


def sent(number, *file_ids, days=0, md5="", size=0, name="合同.pdf"):
    """A message that carries these files: one as `file`, several as `mixed`."""
    time = START + days * DAY + number
    bodies = [
        {"sdkfileid": one, "filename": name, "fileext": "pdf", "md5sum": md5, "filesize": size}
        for one in file_ids
    ]
    items = [{"type": "ChatRecordFile", "content": json.dumps(one)} for one in bodies]
    kind = "file" if len(bodies) == 1 else "mixed"
    payload = {
        "msgid": f"m{number}", "action": "send", "from": "zhangsan", "tolist": ["lisi"],
        "roomid": "", "msgtime": time, "msgtype": kind,
        kind: bodies[0] if kind == "file" else {"item": items},
    }  # fmt: skip
    return json.dumps(
        {"v": 1, "kind": "archive", "time": time, "received_at": time, "tenant": "acme",
         "seq": number, "payload": payload}, ensure_ascii=False,
    ).encode()  # fmt: skip


class MediaSite:
    """An archive in a folder, its files, and a simulated source that has them.

    Args:
        source: the simulator, which outlives a crash.
        fuse: kills at some write (`tests.support.disposal.Fuse`).
    """

    def __init__(self, folder: Path, source: Simulator, clock: Clock, *, fuse=None, **settings):
        self.site = Site(folder, now=clock.ms)
        self.folder, self.clock, self.source = folder, clock, source
        self.parts = folder / "parts"
        self.store = MediaStore(self.site.objects, self.site.keys)
        self.book = MediaBook(folder, writes=True)
        self.told = Book(folder / "told.db")
        self.intake = MemoryIntake()
        vault = Vault(
            self.site.index, self.site.reader, self.store, NAME_KEY, self.site.disposals
        )  # fmt: skip
        world = clock.world()._replace(steady=lambda: clock.ms / 1000)
        self.fetcher = Fetcher(
            source, vault, self.book, Archive(poll_seconds=1, **settings),
            Watch(self.intake, self.told, "acme"), world, folder=self.parts, who="collector",
        )  # fmt: skip
        if fuse is not None:
            fuse.guard(self.site.objects, "put", "delete")
            fuse.guard(self.book._book, "write")
            fuse.guard(self.book, "scan_to", "_apply", "failed", "gone")
            fuse.guard(self.intake, "incident")
            fuse.guard(source, "get_media")

    def fetch(self):
        return self.fetcher.run(once=True)

    def lines(self):
        """(action, leaf) of each line of the book."""
        return [(one.deed.action, one.deed.details["leaf"]) for one in self.book.lines()]

    def content(self, file_id):
        """What the archive has of a file."""
        row = self.book.of_file(file_id)
        return b"".join(self.store.open(row.object))

    def left(self):
        """What lies in the clear on the disk."""
        return sorted(path.name for path in self.parts.iterdir()) if self.parts.exists() else []

    def objects(self):
        """Objects that hold files."""
        return sorted(name for name in self.site.objects.names() if name.startswith("media-"))

    def close(self):
        self.book.close()
        self.told.close()
        self.site.close()


def name_of(sm3):
    """The object of a content."""
    return media_name(NAME_KEY, sm3)
