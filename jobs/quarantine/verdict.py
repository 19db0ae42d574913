"""What would become of a record if it were put back: decoded by the job's own decoder, not judged.

Nothing goes back that would be set aside again, so that "replayed" always means "judged".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from config.settings import Settings
from jobs.quarantine.deeds import settles
from jobs.quarantine.trial import FAILED
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import EXIT_FINDINGS, MingjianError, RecordError
from rules.lenient_json import parse
from rules.message import FLAG_UNKNOWN_TYPE, Message
from rules.operations import FIXED, REPLAYED
from rules.quarantine import REASONS
from rules.zone import SHANGHAI

_MSGID = re.compile(rb'"msgid"\s*:\s*"([^"\\]{1,512})"')
CONFLICT, TOO_LARGE = "duplicate_id_conflict", "too_large"
Row = dict[str, Any]
# of records that were put back, by the SM3 of their bytes: the ids, as far as they are found
Earlier = Callable[[Row, Collection[str], Message], Mapping[str, str]]


class Fit(NamedTuple):
    """A record that can go back: its bytes, on one line, and the message in them."""

    row: Row
    raw: bytes
    message: Message


class Unfit(NamedTuple):
    """One that cannot, and why."""

    row: Row
    why: MingjianError


def judge_replay(
    settings: Settings,
    row: Row,
    original: Callable[[Row], bytes],
    failures: Callable[[bytes], Collection[str]],
) -> Fit | Unfit:
    """Whether the original bytes of a record would be judged now.

    Args:
        failures: what would be said of the rules that fail on a record.
    """
    if row["reason"] == CONFLICT:
        return Unfit(row, _conflict(row))
    try:
        raw = original(row)
        _same_as_before(row, raw)
        message = decoded(settings, row, raw)
        if row["reason"] == FAILED and row["detail"] in failures(raw):
            return Unfit(row, _fails_again(row))
        return Fit(row, raw, message)
    except MingjianError as error:
        return Unfit(row, error)


def judge_fixed(
    settings: Settings,
    row: Row,
    fixed: bytes,
    original: bytes | None,
    *,
    new_id: bool,
    earlier: Earlier,
) -> Fit:
    """The fixed bytes of a record.

    Args:
        original: what it was; None when that cannot be read any more.
        new_id: the fixed record is meant to have another id.
        earlier: ids of what was put back before; asked only for other bytes under a new id.

    Raises:
        MingjianError: it would be set aside again, or its id is not what was meant.
    """
    raw = on_one_line(fixed)
    message = decoded(settings, row, raw)
    before = id_of(original) if original is not None else ""
    if new_id and before == message.msgid:
        raise _refused(
            f"the fixed record still has the id '{before}', and --new-id was given",
            f"修复后的记录编号仍是“{before}”，而指定了 --new-id",
            ("write another id into it, or leave --new-id out", "请改写编号，或去掉 --new-id"),
        )
    if before and before != message.msgid and not new_id:
        raise _refused(
            f"the fixed record has the id '{message.msgid}', the original '{before}'",
            f"修复后的记录编号是“{message.msgid}”，原编号是“{before}”",
            ("keep the id, or say --new-id", "请保留原编号，或加上 --new-id"),
        )
    if row["reason"] == CONFLICT and not new_id:
        raise _conflict(row)
    if not new_id and not row.get("held", True) and raw != original:
        raise _judged_in_part(row)
    if new_id:
        _one_content_of_an_id(row, raw, message, earlier)
    else:
        _same_as_before(row, raw)
    return Fit(row, raw, message)


def decoded(settings: Settings, row: Row, raw: bytes) -> Message:
    """The message in `raw`. Raises MingjianError when the job would set it aside."""
    decoder = Decoder(settings.tenant, settings.limits.record_bytes)
    decoder.at(int(time.time() * 1000))
    try:
        message = decoder.decode(raw)
    except RecordError as error:
        raise _again(row, error.reason, error.detail) from None
    if FLAG_UNKNOWN_TYPE in message.flags:
        raise _again(row, FLAG_UNKNOWN_TYPE, message.type)
    return message


def _again(row: Row, why: str, detail: str) -> MingjianError:
    reason, short = REASONS[why], row["quarantine_id"][:12]
    detail = f" ({detail})" if detail else ""
    edit = f"`mingjian quarantine fix {short} --edit`"
    return _refused(
        f"record {short} would be set aside again: {reason.en}{detail}",
        f"记录 {short} 仍会被隔离：{reason.zh}{detail}",
        _raise_the_limit(row, short) if why == TOO_LARGE else (edit, edit),
    )


def _raise_the_limit(row: Row, short: str) -> tuple[str, str]:
    """A record is not shortened to fit a limit: what was said is evidence."""
    limit, limit_zh = (
        "raise limits.record_bytes, restart the job with it",
        "请调大 limits.record_bytes，重启作业",
    )
    if row["reason"] != TOO_LARGE:  # it was not too large before it was fixed
        return f"{limit}, then fix it again; or make it shorter", f"{limit_zh}，再重新修复；或改短"
    command = f"`mingjian quarantine replay {short}`"
    return f"{limit}, then {command}", f"{limit_zh}，然后执行 {command}"


def _fails_again(row: Row) -> MingjianError:
    short, detail = row["quarantine_id"][:12], row["detail"]
    return _refused(
        f"record {short} would be set aside again: the rule fails on it as before ({detail})",
        f"记录 {short} 仍会被隔离：该规则处理它时仍会出错（{detail}）",
        (
            "a rule that fails is a defect of Mingjian: report it, and replay the record with the"
            " version that mends it; or drop it with a reason",
            "规则出错是明鉴的缺陷：请反馈，并在修复该问题的版本中重放；或写明原因后丢弃",
        ),
    )


def on_one_line(raw: bytes) -> bytes:
    """The record without line breaks: a source of files has one record a line.

    Raises:
        MingjianError: a line break inside a text, which JSON does not allow.
    """
    bare = raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    if b"\n" not in bare and b"\r" not in bare:
        return bare
    try:
        return msgspec.json.format(bare, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _refused(
            "the fixed record has several lines and is not JSON that can be put on one",
            "修复后的记录有多行，且不是可合并为一行的 JSON",
            ("write a line break inside a text as \\n", "文本中的换行请写作 \\n"),
        ) from None


def id_of(raw: bytes) -> str:
    """The id of a record, as far as it can be read; "" where it cannot."""
    try:
        record = parse(raw)[0]
    except (RecordError, UnicodeDecodeError):
        found = _MSGID.search(raw)
        return found[1].decode("utf-8", "replace").strip() if found else ""
    if not isinstance(record, dict):
        return ""
    payload = record.get("payload")
    inner = payload.get("msgid") if isinstance(payload, dict) else None
    value = inner or record.get("id") or record.get("msgid")
    return value.strip() if isinstance(value, str) else ""


def lateness(settings: Settings, fit: Fit) -> int:
    """By how many ms a record comes too late for rules that count over time; 0: in time.

    A job that follows its source has settled the time of an old record. One that reads files to
    their end reads a replayed one along with the rest.
    """
    if settings.source.kind == "files" and not settings.source.follow:
        return 0
    behind = int(time.time() * 1000) - fit.message.time - settings.flink.allowed_lateness_ms
    return max(0, behind)


def _same_as_before(row: Row, raw: bytes) -> None:
    """Refuse other bytes than those that were put back already: an id has one content."""
    for deed in _put_back_otherwise(row, raw):
        short = row["quarantine_id"][:12]
        raise _refused(
            f"other bytes of record {short} were put back already ({deed['action']} by"
            f" {deed['by']}); a second content of one id is set aside as a conflict",
            f"记录 {short} 已由 {deed['by']} 放回过不同的内容（{deed['action']}）；"
            "同一编号的第二份内容会被当作冲突隔离",
            _another_id(short),
        )


def _one_content_of_an_id(row: Row, raw: bytes, message: Message, earlier: Earlier) -> None:
    """The same of a new id: nothing that was put back before may have had it with other bytes.

    A deed has the digest of what went back and not its id, so that is read where it was put. What
    is not found there may have had the id, and then the second content would be lost to a conflict.
    """
    deeds = {deed["raw_sm3"]: deed for deed in _put_back_otherwise(row, raw)}
    if not deeds:
        return
    ids = earlier(row, deeds.keys(), message)
    short = row["quarantine_id"][:12]
    for digest, deed in deeds.items():
        if digest not in ids:
            raise _refused(
                f"other bytes of record {short} were put back already ({deed['action']} by"
                f" {deed['by']}), and are not found in the source any more: nobody can tell whether"
                f" they had the id '{message.msgid}'",
                f"记录 {short} 已由 {deed['by']} 放回过不同的内容（{deed['action']}），"
                f"而来源中已找不到：无法确认其编号是否为“{message.msgid}”",
                (
                    "if it has to be judged, take it in as a message of its own",
                    "若必须判定，请作为一条新消息重新采集",
                ),
            )
        if ids[digest] == message.msgid:
            raise _refused(
                f"other bytes with the id '{message.msgid}' were put back already for record"
                f" {short} ({deed['action']} by {deed['by']}); a second content of one id is set"
                " aside as a conflict",
                f"已由 {deed['by']} 为记录 {short} 放回过编号“{message.msgid}”的另一份内容"
                f"（{deed['action']}）；同一编号的第二份内容会被当作冲突隔离",
                ("write another id into it", "请改用另一个编号"),
            )


def _put_back_otherwise(row: Row, raw: bytes) -> list[Row]:
    """Deeds that put back other bytes of a record than these."""
    digest = sm3_raw(raw)
    return [
        deed
        for deed in row["handled"]
        if deed["action"] in (REPLAYED, FIXED) and settles(deed) and deed["raw_sm3"] != digest
    ]


def refuse_handled(row: Row) -> None:
    """Refuse a record with which somebody has dealt already. Raises MingjianError."""
    done = [deed for deed in row["handled"] if settles(deed)]
    if not done:
        return
    short, deed = row["quarantine_id"][:12], done[-1]
    at = f"{datetime.fromtimestamp(deed['time'] / 1000, SHANGHAI):%Y-%m-%d %H:%M:%S}"
    raise _refused(
        f"record {short} was handled already: {deed['action']} by {deed['by']} at {at}"
        " (Beijing time)",
        f"记录 {short} 已处理过：{deed['by']} 于 {at}（北京时间）执行了 {deed['action']}",
        (
            f"see `mingjian quarantine show {short}`; to put it back all the same: --again",
            f"可用 `mingjian quarantine show {short}` 查看；仍要放回请加 --again",
        ),
    )


def _conflict(row: Row) -> MingjianError:
    short = row["quarantine_id"][:12]
    return _refused(
        f"record {short} has the id of another record with other content: put back as it is, it"
        " would be set aside again",
        f"记录 {short} 的编号属于另一条内容不同的记录：原样放回仍会被隔离",
        (
            f"give it an id of its own: `mingjian quarantine fix {short} --edit --new-id`",
            f"请给它一个新编号：`mingjian quarantine fix {short} --edit --new-id`",
        ),
    )


def _judged_in_part(row: Row) -> MingjianError:
    short = row["quarantine_id"][:12]
    return _refused(
        f"record {short} was judged in part, under its id: other content of that id would be set"
        " aside as a conflict",
        f"记录 {short} 已按其编号部分判定：同一编号的其他内容会被当作冲突隔离",
        _another_id(short),
    )


def _another_id(short: str) -> tuple[str, str]:
    return (
        f"give it another id: `mingjian quarantine fix {short} --edit --new-id`",
        f"请换一个编号：`mingjian quarantine fix {short} --edit --new-id`",
    )


def _refused(en: str, zh: str, fix: tuple[str, str]) -> MingjianError:
    return MingjianError(en, zh, fix_en=fix[0], fix_zh=fix[1], exit_code=EXIT_FINDINGS)
