"""Elasticsearch as the search index over alerts and evidence. An index, never the record.

Every item of a bulk answer is judged by itself: there already → duplicate; wrong for ever →
rejected with the server's reason; cannot now → `PartlyBusy`, and only those are sent again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch

from rules.alert import FINAL, OUTPUTS, RANKS
from rules.errors import MingjianError
from sinks.base import Record, Rejected, SinkBusy, WriteResult
from sinks.elasticsearch_mapping import alias, properties, templates
from sinks.progress import PartlyBusy

BULK_BYTES = 5 * 1024 * 1024
_CREATED = (200, 201)
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
    """Writes all four kinds, each to its own alias `<prefix>-<kind>`."""

    def __init__(
        self, name: str, url: str, *, prefix: str, username: str = "", ca_certs: str = ""
    ) -> None:
        self.name = name
        self._url, self._prefix = url, prefix
        self._client = connect(url, username, ca_certs)
        self._prepared = False

    def open(self) -> None:
        """Put the templates and create the first index of each kind."""
        try:
            self._prepare()
        except (ApiError, TransportError) as error:
            raise unreachable(self.name, self._url, error) from None

    def write(self, batch: Sequence[Record]) -> WriteResult:
        """Store the batch durably (the answer comes after the transaction log is synced)."""
        if not self._prepared:  # somebody removed an index: make it again before writing
            try:
                self._prepare()
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

    def show(self) -> None:
        """Refresh the indices; an account that may not is no error, they refresh in a second."""
        names = [alias(self._prefix, kind) for kind in OUTPUTS]
        try:
            self._client.indices.refresh(index=names, ignore_unavailable=True)
        except (AuthenticationException, AuthorizationException):
            return
        except (ApiError, TransportError) as error:
            raise SinkBusy(self.name, f"cannot refresh the indices: {error}") from error

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _prepare(self) -> None:
        bodies = templates(self._prefix)
        for kind in OUTPUTS:
            name = alias(self._prefix, kind)
            self._client.indices.put_index_template(name=name, **bodies[name])
            if self._client.indices.exists_alias(name=name):
                # made by an earlier version, perhaps: it would refuse fields that are new since
                self._client.indices.put_mapping(index=name, properties=properties(kind))
            else:
                self._client.options(ignore_status=400).indices.create(
                    index=f"{name}-000001", aliases={name: {"is_write_index": True}}
                )
        self._prepared = True

    def _bulk(self, chunk: Sequence[Record]) -> Iterator[tuple[Record, int, str]]:
        """Outcome of each record: HTTP status and reason."""
        operations: list[Any] = []  # JSON already, passed on as it is
        sent: list[Record] = []
        for record in chunk:
            try:
                action = self._action(record)
                # one line a document, whatever white space the body came with
                document = msgspec.json.format(record.body, indent=-1)
            except msgspec.MsgspecError as error:
                yield record, 400, f"{type(error).__name__}: {error}"
                continue
            operations += [action, document]
            sent.append(record)
        if not sent:
            return
        try:
            items = self._client.bulk(
                operations=operations, require_alias=True, filter_path="items"
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
            why = str(error.message).splitlines()[0]
            yield from ((record, _UNAVAILABLE, why) for record in sent)
            return
        for record, item in zip(sent, items, strict=True):
            answer = next(iter(item.values()))
            fault = answer.get("error")
            kind = fault.get("type", "") if isinstance(fault, dict) else ""
            if kind == "index_not_found_exception":
                self._prepared = False
            if kind in _NOT_THE_RECORD:
                yield record, _UNAVAILABLE, f"{_NOT_THE_RECORD[kind]} ({kind})"
            else:
                yield record, answer["status"], _reason(answer)

    def _action(self, record: Record) -> bytes:
        target = {"_index": alias(self._prefix, record.topic), "_id": record.id}
        if record.topic != "alerts":
            return msgspec.json.encode({"create": target})
        # of the records of one id that of the highest rank stands, and nothing else ever changes:
        # external versions let the server decide that, 409 = it has this one or one that stands
        status = msgspec.json.decode(record.body, type=_Status).status
        version = RANKS.get(status, RANKS[FINAL])
        return msgspec.json.encode(
            {"index": {**target, "version": version, "version_type": "external"}}
        )


class _Status(msgspec.Struct):
    status: str = "final"


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
