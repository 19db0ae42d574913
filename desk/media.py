"""Files of archived messages at the desk: what is known of them, and taking one out."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from desk import roles
from desk.desk import EXPORTED, SAW, Desk
from desk.roles import reason_given
from desk.written_files import Place, begun
from reports.masking import mask_numbers
from rules.errors import EXIT_USAGE, MingjianError
from rules.plural import plural
from rules.sent_files import SentFile, sent_files
from sinks.archive.custody import Line
from sinks.archive.media import Digests, MediaDamaged, MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import LOST, REFUSED, REMOVED, STORED, MediaRow
from sinks.archive.search import Found

UNKNOWN = "unknown"  # state of a file nobody has looked for yet


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message. `number` counts from 1; `name`, `type`, `wecom_size` and `wecom_md5` are
    as WeCom describes it. `at` (UTC ms) is when its state began, 0 while it is wanted; `reason`
    why it was lost or refused, or failed last. Digests are of the bytes, in hex; `object` is where
    they are in the archive, `line` the line of the book that tells of it."""

    number: int
    type: str
    name: str
    wecom_size: int
    wecom_md5: str
    state: str
    at: int
    reason: str
    size: int
    sm3: str
    sha256: str
    object: str
    line: int


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken out: of which message, where it is now, and its digests in hex."""

    leaf: int
    msgid: str
    number: int
    path: str
    size: int
    sm3: str
    sha256: str


class MediaDesk:
    """Files at one person's desk."""

    def __init__(self, desk: Desk, book: MediaBook, store: MediaStore) -> None:
        self._desk, self._book, self._store = desk, book, store

    def known(self, which: str, why: str = "") -> list[Known]:
        """The files of a message, by its number in the ledger or its id; numbers in names masked.

        Raises:
            NotAllowed: see `Desk.allow`.
            MingjianError: there is no such message, or it cannot be opened.
        """
        role = self._desk.allow(roles.SEE, message=which)
        found = self._desk.find(which)
        files = _files(found)
        self._desk.note(SAW, role, " ".join(why.split()), **_which(found), files=len(files))
        return [self._told(number, one) for number, one in enumerate(files, 1)]

    def export(self, which: str, number: int, place: Place, why: str) -> Exported:
        """Write a file of a message (0600), whole or not at all. It is opened and compared with its
        digest first, then it is written down who took it and why, and only then is any of it on
        the disk in the clear; where it cannot be written then, that is written down too.

        Args:
            number: which of the message's files, from 1; 0: the only one.

        Raises:
            NotAllowed: see `Desk.allow`.
            MingjianError: no reason, no such file, it was lost, it is damaged, or the place cannot
                be written.
        """
        role = self._desk.allow(roles.EXPORT, message=which, file=number)
        reason = reason_given(why, roles.EXPORT)
        found = self._desk.find(which)
        number, row = self._stored(found, number)
        content = Digests(row.size, row.sm3, row.sha256)
        line: Line | None = None
        try:
            with begun(place) as file:
                self._compare(row, self._store.digests(row.object), content)
                line = self._desk.note(
                    EXPORTED, role, reason, **_which(found), file=number, object=row.object,
                    size=row.size, file_sm3=row.sm3, file_sha256=row.sha256,
                )  # fmt: skip
                self._compare(row, self._store.digests(row.object, file.write), content)
        except BaseException:
            if line:
                self._desk.not_taken(line)
            raise
        return Exported(
            leaf=found.row.leaf, msgid=found.row.msgid, number=number, path=str(place.path),
            size=row.size, sm3=row.sm3, sha256=row.sha256,
        )  # fmt: skip

    @staticmethod
    def _compare(row: MediaRow, found: Digests, content: Digests) -> None:
        if found != content:
            en, zh = "its content is not what was entered", "内容与登记时不同"
            raise MediaDamaged(row.object, en, zh)

    def _stored(self, found: Found, number: int) -> tuple[int, MediaRow]:
        """The file to take out."""
        files = _files(found)
        leaf = found.row.leaf
        if not files:
            raise _usage(f"message {leaf} carries no file", f"消息 {leaf} 不含文件")
        if not number and len(files) > 1:
            raise _usage(
                f"message {leaf} carries {len(files)} files",
                f"消息 {leaf} 含有 {len(files)} 个文件",
                "say which with --file; `mingjian archive media` lists them",
                "请用 --file 指明；`mingjian archive media` 可列出",
            )
        number = number or 1
        if number > len(files):
            raise _usage(
                f"message {leaf} carries {plural(len(files), 'file')} and no number {number}",
                f"消息 {leaf} 只有 {len(files)} 个文件，没有第 {number} 个",
            )
        row = self._book.of_file(files[number - 1].file_id)
        if row is None or row.state != STORED:
            raise _missing(leaf, number, row)
        return number, row

    def _told(self, number: int, sent: SentFile) -> Known:
        row = self._book.of_file(sent.file_id)
        return Known(
            number=number,
            type=sent.type,
            name=mask_numbers(sent.name),
            wecom_size=sent.size,
            wecom_md5=sent.md5,
            state=row.state if row else UNKNOWN,
            at=row.at if row else 0,
            reason=row.reason if row else "",
            size=row.size if row else 0,
            sm3=row.sm3 if row else "",
            sha256=row.sha256 if row else "",
            object=row.object if row else "",
            line=row.line if row else 0,
        )


def _files(found: Found) -> list[SentFile]:
    if found.raw is None:
        raise found.damage or _usage("it cannot be opened", "无法打开")
    return sent_files(found.raw)


def _which(found: Found) -> dict[str, object]:
    row = found.row
    return {"leaf": row.leaf, "msgid": row.msgid, "sm3": row.sm3.hex()}


def _missing(leaf: int, number: int, row: MediaRow | None) -> MingjianError:
    state = row.state if row else UNKNOWN
    en, zh = _WHY.get(state, _WHY[UNKNOWN])
    when = _utc(row.at) if row and row.at else ""
    reason = row.reason if row else ""
    told = "; ".join(one for one in (when, reason) if one)
    return MingjianError(
        f"file {number} of message {leaf} {en}{f' ({told})' if told else ''}",
        f"消息 {leaf} 的第 {number} 个文件{zh}{f'（{told}）' if told else ''}",
        fix_en=_MEND.get(state, ("", ""))[0],
        fix_zh=_MEND.get(state, ("", ""))[1],
    )


_WHY = {
    LOST: ("was lost: it could not be fetched from WeCom any more", "已丢失：无法再从企业微信取回"),
    REFUSED: ("was not fetched", "未取回"),
    REMOVED: ("was removed with the messages that carried it", "已随所属消息一并删除"),
    "wanted": ("was not fetched yet", "尚未取回"),
    UNKNOWN: ("was not looked for yet", "尚未查找"),
}
_RUN = ("run `mingjian ingest media`", "请运行 `mingjian ingest media`")
_MEND = {
    "wanted": _RUN,
    UNKNOWN: _RUN,
    REFUSED: (
        "raise ingest.archive.media_max_mb and run `mingjian ingest media --again` within five days"
        " of the message",
        "请提高 ingest.archive.media_max_mb，并在消息发送后五天内运行"
        " `mingjian ingest media --again`",
    ),
}


def _utc(at: int) -> str:
    seconds, _ = divmod(at, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)
