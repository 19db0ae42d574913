"""Elasticsearch as the search index over alerts and evidence. An index, never the record.

Every item of a bulk answer is judged by itself: there already → duplicate; wrong for ever →
rejected with the server's reason; cannot now → `PartlyBusy`, and only those are sent again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch

from rules.errors import MingjianError
from rules.operations import DELIVERED
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.elasticsearch_buckets import placed
from sinks.elasticsearch_indices import Indices
from sinks.elasticsearch_mapping import alias
from sinks.elasticsearch_move import Old, old_indices
from sinks.progress import PartlyBusy

BULK_BYTES = 5 * 1024 * 1024
_CREATED = (200, 201)
_ANSWER = "items.*.status,items.*.error"  # of every item; nobody reads the rest
_CONFLICT = 409
_TOO_LARGE = 413
_UNAVAILABLE = 503
_REFUSED = (400, 403, 404, _TOO_LARGE)
_HTTP_BUSY = (408, 429, 500, 502, 503, 504)
# refusals that are the operator's to mend and no record's fault: nothing is set aside for them
_NOT_THE_RECORD = {
    "cluster_block_exception": "the index is blocked for writing",
    "index_not_found_exception": "the index has gone",
    "security_exception": "the account may not write",
}
# the server quotes the value it could not read; a reason must not carry content
_PREVIEW = re.compile(r"\.? ?Preview of field's value: '.*'", re.DOTALL)
_REASON_CHARS = 300


def connect(url: str, username: str = "", ca_certs: str = "", timeout: float = 30) -> Elasticsearch:
    """A client without its own retries; the password is MINGJIAN_ELASTICSEARCH_PASSWORD."""
    options: dict[str, Any] = {}
    if username:
        password = os.environ.get("MINGJIAN_ELASTICSEARCH_PASSWORD", "")
        options["basic_auth"] = (username, password)
    if ca_certs:
        options["ca_certs"] = ca_certs
    return Elasticsearch(
        url, request_timeout=timeout, max_retries=0, retry_on_timeout=False, **options
    )


def unreachable(target: str, url: str, error: Exception) -> MingjianError:
    """One clear line for a server that is not there or does not let us in."""
    shown = re.sub(r"//[^/@]*@", "//", url)
    if isinstance(error, AuthenticationException | AuthorizationException):
        return MingjianError(
            f"Elasticsearch ({target}) at {shown} refused the credentials",
            f"Elasticsearch（{target}，{shown}）拒绝了登录",
            fix_en="set MINGJIAN_ELASTICSEARCH_PASSWORD and targets[].username",
            fix_zh="请设置环境变量 MINGJIAN_ELASTICSEARCH_PASSWORD 和 targets[].username",
        )
    why = str(getattr(error, "message", "") or error).splitlines()[0][:_REASON_CHARS]
    return MingjianError(
        f"cannot use Elasticsearch ({target}) at {shown}: {why}",
        f"无法使用 Elasticsearch（{target}，{shown}）：{why}",
        fix_en="start it (`make stack`), or correct targets[].url",
        fix_zh="请启动它（`make stack`），或更正 targets[].url",
    )


class ElasticsearchSink:
    """Writes all kinds that are delivered, each to the index of its bucket.

    `keep_days`: see `Indices`.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        prefix: str,
        username: str = "",
        ca_certs: str = "",
        keep_days: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self._url, self._prefix = url, prefix
        self._client = connect(url, username, ca_certs)
        self._indices = Indices(self._client, name, prefix, keep_days or {})

    def open(self) -> None:
        """Make templates and indices; empty the indices of an earlier version into them."""
        try:
            self._indices.prepare()
            for old in old_indices(self._client, self._prefix):
                self._move(old)
        except (ApiError, TransportError) as error:
            raise unreachable(self.name, self._url, error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch durably (the answer comes after the transaction log is synced)."""
        if not self._indices.ready:  # somebody removed an index: make it again before writing
            try:
                self._indices.prepare()
            except (ApiError, TransportError) as error:
                raise SinkBusy(self.name, f"cannot prepare the indices: {error}") from error
        written, duplicates = 0, 0
        rejected: list[Rejected] = []
        waiting: list[Record] = []
        why = ""
        for chunk in _chunks(batch):
            if why:  # busy: do not press on with the rest
                waiting += chunk
                continue
            for record, status, reason in self._bulk(chunk):
                if status in _CREATED:
                    written += 1
                elif status == _CONFLICT:
                    duplicates += 1
                elif status in _REFUSED:
                    rejected.append(Rejected(record, reason))
                else:
                    waiting.append(record)
                    why = reason or str(status)
        result = WriteResult(written, duplicates, tuple(rejected))
        if waiting:
            raise PartlyBusy(self.name, why, result, tuple(waiting))
        return result

    def show(self) -> WriteResult:
        """Refresh the indices; an account that may not is no error, they refresh in a second."""
        names = [alias(self._prefix, kind) for kind in DELIVERED]
        try:
            self._client.indices.refresh(index=names, ignore_unavailable=True)
        except (AuthenticationException, AuthorizationException):
            pass  # they refresh by themselves
        except (ApiError, TransportError) as error:
            raise SinkBusy(self.name, f"cannot refresh the indices: {error}") from error
        return WriteResult(0, 0)

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _move(self, old: Old) -> None:
        """Write the documents of an old index where they belong, then remove it.

        Stopped on the way it begins again, and what is there already is ignored.
        """
        for records in old.pages():
            result = self.write(records)
            if result.rejected:
                why = result.rejected[0].reason
                raise SinkBusy(self.name, f"cannot move the records of {old.name}: {why}")
        old.remove()

    def _lines(self, record: Record, closed: dict[tuple[str, str], str]) -> tuple[bytes, bytes]:
        """The two lines of a bulk call; raises MsgspecError for what is no record."""
        place = placed(record)
        bucket = (record.topic, place.bucket)
        # one line a document, whatever white space the body came with
        body = record.body
        document = msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body
        if bucket not in closed:
            try:
                return _action(self._indices.ensure(*bucket), record.id, place.rank), document
            except (ApiError, TransportError) as error:
                closed[bucket] = f"cannot make the index of {'-'.join(bucket)}: {_first(error)}"
        raise _NoIndex(closed[bucket])

    def _bulk(self, chunk: Sequence[Record]) -> Iterator[tuple[Record, int, str]]:
        """Outcome of each record: HTTP status and reason."""
        lines: dict[int, tuple[bytes, bytes]] = {}  # JSON already, passed on as it is
        closed: dict[tuple[str, str], str] = {}  # buckets without an index, and why
        for number, record in enumerate(chunk):
            try:
                lines[number] = self._lines(record, closed)
            except msgspec.MsgspecError as error:
                yield record, 400, f"{type(error).__name__}: {error}"
            except _NoIndex as error:
                yield record, _UNAVAILABLE, str(error)
        sent = [chunk[number] for number in lines]
        operations: list[Any] = [line for pair in lines.values() for line in pair]
        if not sent:
            return
        try:
            items = self._client.bulk(
                operations=operations, require_alias=True, filter_path=_ANSWER
            )["items"]
        except ApiError as error:
            status, reason = error.meta.status, _reason(error.body)
            if status == _TOO_LARGE and len(sent) > 1:
                middle = len(sent) // 2
                yield from self._bulk(sent[:middle])
                yield from self._bulk(sent[middle:])
                return
            if status not in _HTTP_BUSY and status != _TOO_LARGE:
                # the whole call was refused (credentials, read-only cluster): no record's fault
                status, reason = _UNAVAILABLE, f"{status} {reason}"
            yield from ((record, status, reason) for record in sent)
            return
        except TransportError as error:
            why = _first(error)
            yield from ((record, _UNAVAILABLE, why) for record in sent)
            return
        for record, item in zip(sent, items, strict=True):
            answer = next(iter(item.values()))
            fault = answer.get("error")
            kind = fault.get("type", "") if isinstance(fault, dict) else ""
            if kind == "index_not_found_exception":
                self._indices.forget()
            if kind in _NOT_THE_RECORD:
                yield record, _UNAVAILABLE, f"{_NOT_THE_RECORD[kind]} ({kind})"
            else:
                yield record, answer["status"], _reason(answer)


class _NoIndex(Exception):
    """The index of a record cannot be made now."""


def _action(target: str, record_id: str, rank: int) -> bytes:
    """The line of a bulk call before a document."""
    to = {"_index": target, "_id": record_id}
    if not rank:
        return msgspec.json.encode({"create": to})
    # of the records of one id that of the highest rank stands, and nothing else ever changes:
    # external versions let the server decide that, 409 = it has this one or one that stands
    return msgspec.json.encode({"index": {**to, "version": rank, "version_type": "external"}})


def _first(error: Exception) -> str:
    """The first line of what a client says."""
    return str(getattr(error, "message", "") or error).partition("\n")[0][:_REASON_CHARS]


def _chunks(batch: Sequence[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in batch:
        if chunk and size + len(record.body) > BULK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += len(record.body)
    if chunk:
        yield chunk


def _reason(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return str(error or "")[:_REASON_CHARS]
    cause = error.get("caused_by") or {}
    # of the cause only its type: its words quote the value
    parts = (error.get("type"), error.get("reason"), cause.get("type"))
    return _PREVIEW.sub("", ": ".join(part for part in parts if part))[:_REASON_CHARS]
