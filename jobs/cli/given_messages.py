"""Messages as a person gives them to a command: words, the notation of test cases, JSON, files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rules.cases import MESSAGE_KEYS, WrongMessage, check_message, identities, record, times
from rules.decode import Decoder
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError, RecordError, RuleError
from rules.message import Message
from rules.quarantine import REASONS
from rules.yaml_source import parse_documents

TENANT = "demo"


def given_records(given: Sequence[str], words: Mapping[str, str]) -> list[bytes]:
    """Records of everything that was given, in order.

    Args:
        given: plain words, `{text: ...}`, a JSON record, `@file` with one of these a line, `-`.
        words: from, to and at of what does not say it; a second message comes a minute later.
    """
    found: list[bytes] = []
    short: list[Mapping[str, Any]] = []
    for text in _pieces(given):
        raw = _as_json(text)
        value = None if raw is not None else _as_mapping(text)
        if raw is not None:
            found.append(raw)
        elif value is not None:
            short.append(_completed(value, words, first=not short))
            found.append(b"")  # its place; times may count from the one before
        else:
            short.append(_completed({"text": text}, words, first=not short))
            found.append(b"")
    made = iter(_made(short))
    return [raw or next(made) for raw in found]


def _pieces(given: Sequence[str]) -> Iterator[str]:
    """One piece for each message: lines of files, and what stands on the command line."""
    for text in given:
        if text == "-":
            yield from filter(str.strip, sys.stdin.read().splitlines())
        elif text.startswith("@") and Path(text[1:]).is_file():
            yield from filter(str.strip, _read(Path(text[1:])).splitlines())
        elif text.startswith("@") and text.endswith((".json", ".jsonl")):
            raise MingjianError(f"no file {text[1:]}", f"没有文件 {text[1:]}", exit_code=EXIT_USAGE)
        else:
            yield text


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
    if isinstance(value, dict) and set(value) <= set(MESSAGE_KEYS):
        return None
    return text.encode("utf-8", "surrogatepass")


def _as_mapping(text: str) -> dict[str, Any] | None:
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
    value = documents[0].value if len(documents) == 1 else None
    return value if isinstance(value, dict) else None


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
