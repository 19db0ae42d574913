"""Messages as a person gives them to a command: words, the notation of test cases, JSON, files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rules.cases import MESSAGE_KEYS, WrongMessage, check_message, identities, record, times
from rules.decode import Decoder
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError, RecordError, RuleError
from rules.message import Message
from rules.named import Named
from rules.parties import party_kind
from rules.quarantine import REASONS
from rules.reference import RefList
from rules.reference_file import check_case_lists
from rules.yaml_source import Document, parse_documents

TENANT = "demo"
LISTS = "lists"


class Given(NamedTuple):
    """Records in order, and what they add to the reference lists."""

    records: list[bytes]
    lists: list[RefList]


def given_records(given: Sequence[str], words: Mapping[str, str], named: Named) -> Given:
    """Records of everything that was given, in order.

    Args:
        given: plain words, `{text: ...}`, a JSON record, `@file` with one of these a line, `-`; the
            short notation may have `lists` as test cases have them.
        words: from, to and at of what does not say it; a second message comes a minute later.
        named: the lists there are.
    """
    found: list[bytes] = []
    short: list[Mapping[str, Any]] = []
    lists: list[RefList] = []
    for text in _pieces(given):
        raw = _as_json(text)
        document = None if raw is not None else _as_mapping(text)
        value = None
        if document is not None:
            value = {key: part for key, part in document.value.items() if key != LISTS}
            lists += _lists(document, named)
        if raw is not None:
            found.append(raw)
        elif value is not None:
            short.append(_completed(value, words, first=not short))
            found.append(b"")  # its place; times may count from the one before
        else:
            short.append(_completed({"text": text}, words, first=not short))
            found.append(b"")
    made = iter(_made(short))
    return Given([raw or next(made) for raw in found], lists)


def _lists(document: Document, named: Named) -> list[RefList]:
    """What the message adds to the reference lists."""
    if LISTS not in document.value:
        return []
    try:
        if isinstance(document.value[LISTS], dict):
            return check_case_lists(document, (LISTS,), named.reference)
    except RuleError as error:
        raise MingjianError(
            f"{LISTS}: {error.en}",
            f"{LISTS}：{error.zh}",
            fix_en=error.fix_en,
            fix_zh=error.fix_zh,
            exit_code=EXIT_USAGE,
        ) from None
    raise MingjianError(
        f"{LISTS} must name lists and what to add to them",
        f"{LISTS} 要写名单名和加进去的内容",
        fix_en="write lists: {staff: {zhangwei: {department: …}}}",
        fix_zh="请写成 lists: {staff: {zhangwei: {department: …}}}",
        exit_code=EXIT_USAGE,
    )


def listed(
    messages: Iterable[Message], facts: Mapping[str, str], named: Named, before: Sequence[RefList]
) -> list[RefList]:
    """Each employee who sends one of the messages, else gets it, on the staff list with these
    attributes; [] without any.

    `before`: what the messages add themselves.
    """
    entry = {key: value for key, value in facts.items() if value}
    if not entry:
        return []
    staff = sorted(name for name, one in named.reference.lists.items() if one.kind == "staff")
    if not staff:
        raise MingjianError(
            "there is no list of employees beside the rules, so no rule asks for a department",
            "规则旁没有员工名单（staff），没有规则会看部门",
            fix_en="keep one in lists/staff.yaml, or leave --department and --role out",
            fix_zh="请建 lists/staff.yaml，或去掉 --department 与 --role",
            exit_code=EXIT_USAGE,
        )
    # a later list wins, so it has to know what the earlier ones say
    known = named.reference.extended(before)
    parties = ((one.sender, *one.recipients) for one in messages)
    employees = (next((p for p in many if party_kind(p) == "employee"), "") for many in parties)
    entries = {who: {**known.staff(who), **entry} for who in employees if who}
    return [RefList(staff[-1], "staff", entries=entries)]


def _pieces(given: Sequence[str]) -> Iterator[str]:
    """One piece for each message: lines of files, and what stands on the command line."""
    for text in given:
        if text == "-":
            yield from filter(str.strip, sys.stdin.read().splitlines())
        elif text.startswith("@") and Path(text[1:]).is_file():
            yield from filter(str.strip, _read(Path(text[1:])).splitlines())
        elif text.startswith("@") and text.endswith((".json", ".jsonl")):
            raise MingjianError(f"no file {text[1:]}", f"没有文件 {text[1:]}", exit_code=EXIT_USAGE)
        elif _is_file(text):
            raise MingjianError(
                f"{text} is a file, and would be taken for words",
                f"{text} 是一个文件，这样写会被当作文字",
                fix_en=f"write @{text} for the messages in it, {{text: …}} for words",
                fix_zh=f"要用其中的消息请写 @{text}，要当文字请写成 {{text: …}}",
                exit_code=EXIT_USAGE,
            )
        else:
            yield text


def _is_file(text: str) -> bool:
    """Is it the path of a file, not words that happen to name one?"""
    try:
        return text.endswith((".json", ".jsonl", ".txt")) and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        return False


def _read(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MingjianError(
            f"cannot read {place}: {error}", f"读不了 {place}", exit_code=EXIT_USAGE
        ) from None


def _as_json(text: str) -> bytes | None:
    """A JSON object that is not the short notation, as it is."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and set(value) <= {*MESSAGE_KEYS, LISTS}:
        return None
    return text.encode("utf-8", "surrogatepass")


def _as_mapping(text: str) -> Document | None:
    """The short notation of test cases; None for anything else, which is words."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        documents = parse_documents("message", text)
    except RuleError as error:
        raise MingjianError(
            f"the message is neither JSON nor like {{text: …}}: {error.en}",
            f"这条消息既不是 JSON，也不是 {{text: …}} 的写法：{error.zh}",
            exit_code=EXIT_USAGE,
        ) from None
    whole = len(documents) == 1 and isinstance(documents[0].value, dict)
    return documents[0] if whole else None


def _completed(
    value: Mapping[str, Any], words: Mapping[str, str], *, first: bool
) -> dict[str, Any]:
    """The short notation with what was left out."""
    message = dict(value)
    message.setdefault("at", words["at"] if first else "+1m")
    if "event" not in message:
        message.setdefault("from", words["from"])
        if "room" not in message:
            message.setdefault("to", words["to"])
    try:
        check_message(message, first=first)
    except WrongMessage as error:
        raise MingjianError(
            error.en, error.zh, fix_en=error.fix_en, fix_zh=error.fix_zh, exit_code=EXIT_USAGE
        ) from None
    return message


def _made(short: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    places = zip(short, identities(short), times(short), strict=True)
    for seq, (message, identity, time) in enumerate(places, start=1):
        yield record(message, identity, seq, TENANT, time=time)


def decoder_for(raw: bytes) -> Decoder:
    """A decoder that takes a bare record of the archive as received when it was sent."""
    try:
        sent = json.loads(raw).get("msgtime")
    except ValueError:
        sent = None
    return Decoder(TENANT, assume_received_at=sent if isinstance(sent, int) else 0)


def decoded(raw: bytes) -> Message:
    """The message of a record; an error for a person when it would go to quarantine."""
    try:
        return decoder_for(raw).decode(raw)
    except RecordError as error:
        reason = REASONS[error.reason]
        detail = f" ({error.detail})" if error.detail else ""
        raise MingjianError(
            f"the record would go to quarantine: {error.reason}{detail}: {reason.en}",
            f"这条记录会被隔离：{error.reason}{detail}：{reason.zh}",
            exit_code=EXIT_FINDINGS,
        ) from None
