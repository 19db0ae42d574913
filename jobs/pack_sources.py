"""What a pack is made from: the archive where there is one, else the source; rules; files sent."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from config.settings import Settings, Target
from jobs.archive import anchors_of, book_of, open_parts, reader_of, written_archive
from jobs.kafka_client import connection
from jobs.registry import chosen_rules, registry_of
from reports.anchor import Anchors, HandlingLine
from reports.context import ContextSource, NoContext
from reports.context_archive import ArchiveContext
from reports.context_files import FileContext
from reports.deletions import Deletions
from reports.media import Content, MediaSource
from reports.rule_text import RuleText, rule_text
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.published import find
from sinks.archive.custody import CustodyBook, named_leaves
from sinks.archive.disposing import disposals_of
from sinks.archive.leaves import CUSTODY, OtherLeaf
from sinks.archive.media import MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import STORED
from sinks.archive.plans import Plans
from sinks.archive.renewed_book import RENEWED
from sinks.archive.rows import ArchiveIndex
from sinks.archive.subjects import StoredOnly
from sinks.ledger.checkpoint import Note


class Sources(NamedTuple):
    """Where the surroundings are; where records are entered (None: there is no archive); contents
    of files; messages, by their leaves, that may only be stored."""

    context: ContextSource
    anchors: Anchors | None = None
    media: MediaSource | None = None
    stored_only: Collection[int] = ()


def sources_of(
    settings: Settings,
    decoder: Decoder,
    *,
    with_context: bool = True,
    with_media: bool = True,
    given: Note | None = None,
) -> Sources:
    """The sources of the settings.

    Args:
        given: a head of the ledger that was given out before.

    Raises:
        MingjianError: the archive cannot be opened.
    """
    left_out = NoContext("surroundings were left out on request", "按要求未读取上下文")
    archive = written_archive(settings)
    if archive is None:
        return Sources(_context(settings, decoder) if with_context else left_out)
    parts = open_parts(settings, archive)
    book = book_of(archive)
    try:
        stored_only = StoredOnly(book).leaves()
    except OSError as error:
        raise MingjianError(
            f"the custody book cannot be used ({error.strerror}), so no pack is made",
            f"保管记录无法使用（{error.strerror}），因此不予制作证据包",
            fix_en="mend the disk or the rights of the archive's folder",
            fix_zh="请检查磁盘或归档目录的权限",
        ) from None
    anchors = anchors_of(settings, archive, parts, given)
    reader = reader_of(parts)
    deletions = Deletions(Plans(archive.path), disposals_of(parts.index))
    context = ArchiveContext(reader, archive.name, stored_only, deletions)

    def entered(time: int, msgid: str) -> int | None:
        """Also of a message that was deleted: its entry stays."""
        leaf = anchors.record(time, msgid)
        stones = [] if leaf is not None else reader.deleted(msgid=msgid)
        return next((one.leaf for one in stones if one.time == time), leaf)

    files = ArchivedFiles(archive, MediaStore(parts.objects, parts.keys)) if with_media else None
    return Sources(
        context if with_context else left_out,
        anchors._replace(record=entered, handled=lambda leaves: handled(book, parts.index, leaves)),
        files,
        stored_only,
    )


def handled(book: CustodyBook, index: ArchiveIndex, leaves: Collection[int]) -> list[HandlingLine]:
    """The lines of the custody book that tell of these messages, and any that tells that the book
    was damaged and begun anew: what is missing may have told of them.

    Raises:
        BookDamaged: the book is not what was written.
    """
    wanted = set(leaves)
    found = [
        line
        for line in book.lines()
        for spans in [named_leaves(line.deed.details)]
        if line.deed.action == RENEWED
        or any(leaf in wanted for first, last in spans for leaf in range(first, last + 1))
    ]
    entries = [OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw)) for line in found]
    return [
        HandlingLine(line.number, line.raw, index.leaf_of(entry))
        for line, entry in zip(found, entries, strict=True)
    ]  # fmt: skip


class ArchivedFiles:
    """Files sent, from the archive; see `MediaSource`."""

    def __init__(self, archive: Target, store: MediaStore) -> None:
        self._book, self._store = MediaBook(archive.path), store

    def known(self, file_id: str) -> Content:
        """See `MediaSource`."""
        row = self._book.of_file(file_id)
        if row is None:
            return Content("unknown")
        return Content(row.state, row.size, row.sm3)

    def read(self, file_id: str) -> bytes:
        """See `MediaSource`."""
        row = self._book.of_file(file_id)
        if row is None or row.state != STORED:
            raise MingjianError(
                "a file of the case was removed from the archive while the pack was made",
                "制作证据包期间，案件中的文件已从归档删除",
                fix_en="make the pack again",
                fix_zh="请重新制作证据包",
            )
        data = b"".join(self._store.open(row.object))
        if sm3_raw(data) != row.sm3:
            raise MingjianError(
                f"the stored file {row.object} is not what was entered when it was fetched",
                f"归档文件 {row.object} 与取回时登记的不同",
                fix_en="restore it from its copy, or make the pack with --no-media",
                fix_zh="请从副本恢复，或用 --no-media 制作证据包",
            )
        return data


def _context(settings: Settings, decoder: Decoder) -> ContextSource:
    source = settings.source
    if source.kind == "kafka":
        # Imported here: the embedded profile needs no Kafka client.
        from reports.context_kafka import KafkaContext  # noqa: PLC0415

        return KafkaContext(source.topic, decoder, connection(settings.kafka))
    return FileContext(source.path, decoder)


class Rules:
    """Finds the rule that raised an alert: the file given, else the one of the ruleset that judged,
    else the first of that name.

    Args:
        rule_file: the rule as it was, when the rules at hand no longer hold it.
    """

    def __init__(self, settings: Settings, rule_file: str | Path = "") -> None:
        self._settings, self._given = settings, _read(rule_file) if rule_file else None
        self._rulesets: dict[str, Any] = {}
        self._found: dict[str, RuleText] = {}

    def of(self, alert: dict[str, Any]) -> RuleText:
        """The rule of an alert. Raises MingjianError: it is not among the rules any more."""
        name, digest = alert["rule"]["name"], alert["rule"]["digest"]
        if self._given is not None and (
            self._given.digest == digest or not self._kept(alert, name)
        ):
            return self._given
        if digest not in self._found:
            text = self._kept(alert, name)
            if text is None:
                raise MingjianError(
                    f"the rule '{name}' is no longer among the rules",
                    f"现有规则中已没有“{name}”",
                    fix_en="give the rule file of that version with --rule FILE",
                    fix_zh="请用 --rule 指定该版本的规则文件",
                )
            self._found[digest] = text
        return self._found[digest]

    def _kept(self, alert: dict[str, Any], name: str) -> RuleText | None:
        which = alert["ruleset"]
        if which not in self._rulesets:
            kept = find(registry_of(self._settings), which)
            self._rulesets[which] = kept.whole() if kept else chosen_rules(self._settings)
        file = self._rulesets[which].file_of(name)
        return rule_text(file.text, file.path) if file else None


def _read(rule_file: str | Path) -> RuleText:
    try:
        return rule_text(Path(rule_file).read_text(encoding="utf-8"), str(rule_file))
    except (OSError, UnicodeDecodeError) as error:
        raise MingjianError(
            f"cannot read the rule file {rule_file}: {error}",
            f"无法读取规则文件 {rule_file}：{error}",
            exit_code=EXIT_USAGE,
        ) from None
