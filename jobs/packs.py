"""Makes an evidence pack from the settings: reader, keys, rule and source put together."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from config.settings import Settings
from jobs.account import account
from jobs.archive import anchors_of, now_ms, open_parts, reader_of, written_archive
from jobs.kafka_client import connection
from jobs.registry import chosen_rules, registry_of
from jobs.stamping import stamp_newest
from reports.context import ContextSource, NoContext
from reports.context_archive import ArchiveContext
from reports.context_files import FileContext
from reports.evidence import Bundle, Request, build_bundle
from reports.pack import Pack, build_pack, save
from reports.rule_text import RuleText, rule_text
from reports.signing import PASSPHRASE_VARIABLE, Signer
from rules.alert import RETRACTED
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.published import find
from sinks.base import AlertReader
from sinks.ledger.checkpoint import Note
from sinks.readers import open_reader
from sinks.sealing import Sealer

WORST = "worst"


class Made(NamedTuple):
    """A pack on disk."""

    alert_id: str
    case: str
    archive: Path
    pdf: Path
    fingerprint: str  # SM3 of the signing key
    manifest_sm3: str
    counts: dict[str, int]  # records by role


def make_pack(
    settings: Settings,
    alert_id: str,
    *,
    folder: str | Path,
    reason: str,
    created_at: int,
    created_by: str = "",
    rule_file: str | Path = "",
    with_context: bool = True,
    unmask: bool = False,
    given: Note | None = None,
    before_saving: Callable[[Bundle, Pack], None] = lambda bundle, pack: None,
) -> Made:
    """Build and store the pack of one alert.

    Args:
        alert_id: id, a unique prefix of it, or "worst": the newest alert of the highest response.
        folder: where `<alert_id>.zip` and `<alert_id>.pdf` go.
        created_at: UTC ms.
        created_by: who asks; empty: the user of the operating system.
        given: a head of the ledger that was given out before; the pack shows that the ledger goes
            on from it.
        before_saving: called with what is about to be written; nothing is when it raises.
        rule_file: the rule as it was, when the rules at hand no longer hold it.

    Raises:
        MingjianError: no such alert, evidence that cannot be opened, a source or library missing.
    """
    reader = open_reader(settings)
    alert = _alert(reader, alert_id)
    decoder = Decoder(settings.tenant, settings.limits.record_bytes, created_at)
    archive = written_archive(settings)
    anchors, surroundings = None, None
    if archive is not None:  # the pack's head is stamped before it leaves, where somebody does so
        stamp_newest(settings, now=now_ms(), at_once=True)
        parts = open_parts(settings, archive)
        anchors = anchors_of(settings, archive, parts, given)
        surroundings = ArchiveContext(reader_of(parts), archive.name)
    bundle = build_bundle(
        alert,
        reader.evidence(alert["alert_id"]),
        context=surroundings or _context(settings, decoder)
        if with_context
        else NoContext("按要求未读取上下文"),
        sealer=Sealer.from_dir(settings.keys_dir, create=False),
        decoder=decoder,
        rule=_rule(settings, alert, rule_file),
        request=Request(
            created_at=created_at,
            created_by=created_by or account(),
            reason=reason,
            company=settings.tenant_name or settings.tenant,
            tool=f"mingjian {version('mingjian')}",
            unmask=unmask,
        ),
        anchors=anchors,
    )
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    pack = build_pack(bundle, signer)
    before_saving(bundle, pack)
    packed, pdf = save(pack, folder)
    return Made(
        pack.alert_id,
        pack.case,
        packed,
        pdf,
        signer.fingerprint,
        pack.manifest_sm3,
        bundle.completeness["counts"],
    )


def _alert(reader: AlertReader, alert_id: str) -> dict[str, Any]:
    if alert_id == WORST:
        for response in (3, 2, 1, 0):
            if found := _newest(reader, response):
                return found
        raise MingjianError(
            "there is no alert yet",
            "还没有任何告警",
            fix_en="run `mingjian detect` and `mingjian deliver` first",
            fix_zh="请先运行 `mingjian detect` 和 `mingjian deliver`",
            exit_code=EXIT_USAGE,
        )
    alert = reader.alert(alert_id)
    if alert is None:
        raise MingjianError(
            f"no alert, or more than one, with the id '{alert_id}'",
            f"没有编号为“{alert_id}”的告警，或不止一条",
            fix_en="give more of the id; `mingjian alerts list` shows them",
            fix_zh="请给出更完整的编号；`mingjian alerts list` 可查看",
            exit_code=EXIT_USAGE,
        )
    return alert


def _newest(reader: AlertReader, response: int) -> dict[str, Any] | None:
    """The newest alert of at least this response that was not taken back."""
    cursor = ""
    while True:
        rows, cursor = reader.alerts(response=response, limit=50, cursor=cursor)
        for row in rows:
            if row["status"] != RETRACTED:
                return row
        if not cursor:
            return None


def _context(settings: Settings, decoder: Decoder) -> ContextSource:
    source = settings.source
    if source.kind == "kafka":
        # Imported here: the embedded profile needs no Kafka client.
        from reports.context_kafka import KafkaContext  # noqa: PLC0415

        return KafkaContext(source.topic, decoder, connection(settings.kafka))
    return FileContext(source.path, decoder)


def _rule(settings: Settings, alert: dict[str, Any], rule_file: str | Path) -> RuleText:
    """The file given, else the one of the ruleset that judged, else the first of that name."""
    if rule_file:
        try:
            return rule_text(Path(rule_file).read_text(encoding="utf-8"), str(rule_file))
        except (OSError, UnicodeDecodeError) as error:
            raise MingjianError(
                f"cannot read the rule file {rule_file}: {error}",
                f"无法读取规则文件 {rule_file}：{error}",
                exit_code=EXIT_USAGE,
            ) from None
    name, digest = alert["rule"]["name"], alert["rule"]["digest"]
    kept = find(registry_of(settings), alert["ruleset"])
    ruleset = kept.whole() if kept else chosen_rules(settings)
    file = ruleset.file_of(name)
    texts = [rule_text(file.text, file.path)] if file else []
    if not texts:
        raise MingjianError(
            f"the rule '{name}' is no longer among the rules",
            f"现有规则中已没有“{name}”",
            fix_en="give the rule file of that version with --rule FILE",
            fix_zh="请用 --rule 指定该版本的规则文件",
        )
    return next((text for text in texts if text.digest == digest), texts[-1])
