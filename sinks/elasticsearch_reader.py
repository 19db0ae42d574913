"""Reads alerts and evidence from Elasticsearch."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError

from rules.alert import RETRACTED
from rules.canary_marks import FLAG_CANARY
from rules.late import FIRED
from rules.operations import DELIVERED_IDS, OPEN
from sinks.base import NoIndexYet
from sinks.elasticsearch import connect, unreachable
from sinks.elasticsearch_follow import newer, read_cursor, written
from sinks.elasticsearch_mapping import alias
from sinks.id_prefix import LISTED
from sinks.sqlite_reader import FROM_NOW, ambiguous, bad_cursor

_POLL_S = 0.5
_PAGE = 500
_MANY = 10_000  # the most a search answers at once
_TEXT_FIELDS = ["summary", "rule.title", "hits.excerpt"]

Query = dict[str, Any]
_CANARY: Query = {"term": {"flags": FLAG_CANARY}}
_NO_CANARY: Query = {"bool": {"must_not": [_CANARY]}}


class ElasticsearchReader:
    """Implements `sinks.base.AlertReader`. Shows one tenant; "" shows all."""

    def __init__(
        self, url: str, *, prefix: str, tenant: str = "", username: str = "", ca_certs: str = ""
    ) -> None:
        self._url, self._prefix, self._tenant = url, prefix, tenant
        self._client = connect(url, username, ca_certs)

    def alerts(
        self,
        *,
        rule: str = "",
        response: int = 0,
        actor: str = "",
        since: int = 0,
        until: int = 0,
        text: str = "",
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. `text` is looked for in the alert and in its evidence."""
        filters = self._mine() if canaries else [*self._mine(), _NO_CANARY]
        if rule:
            filters.append({"term": {"rule.name": rule}})
        if response:
            filters.append({"range": {"rule.response": {"gte": response}}})
        if actor:
            filters.append({"term": {"actor": actor}})
        filters += _between(since, until)
        if text:
            own = _phrase(text, _TEXT_FIELDS)
            through = {"terms": {"alert_id": self._alerts_whose_evidence_says(text)}}
            filters.append({"bool": {"should": [own, through], "minimum_should_match": 1}})
        return self._page("alerts", filters, limit, cursor)

    def alert(self, alert_id: str) -> dict[str, Any] | None:
        """See `AlertReader`. A prefix that fits several alerts is an error that says so."""
        filters = [*self._mine(), {"prefix": {"alert_id": alert_id}}]
        query = {"query": {"bool": {"filter": filters}}, "size": LISTED + 1}
        hits = self._search("alerts", query)
        found = [hit["_source"] for hit in hits["hits"]["hits"]]
        if len(found) > 1:
            raise ambiguous(alert_id, sorted(row["alert_id"] for row in found))
        return found[0] if found else None

    def evidence(self, alert_id: str) -> list[dict[str, Any]]:
        """See `AlertReader`."""
        body: Query = {
            "query": {"term": {"alert_id": alert_id}},
            "sort": [{"time": "asc"}, {"evidence_id": "asc"}],
            "size": _MANY,
        }
        items = [hit["_source"] for hit in self._search("evidence", body)["hits"]["hits"]]
        return sorted(items, key=lambda item: (item["time"], item["seq"], item["evidence_id"]))

    def quarantine(
        self,
        *,
        reason: str = "",
        source: str = "",
        prefix: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. They are in one index; its sequence numbers tell the order."""
        filters: list[Query] = []
        if reason:
            filters.append({"term": {"reason": reason}})
        if source:
            pattern = re.sub(r"([*?\\])", r"\\\1", source)
            filters.append({"wildcard": {"position.source": {"value": f"*{pattern}*"}}})
        if prefix:
            filters.append({"prefix": {"quarantine_id": prefix}})
        body: Query = {
            "query": {"bool": {"filter": filters}},
            "sort": [{"_seq_no": "desc"}],
            "size": limit + 1,
        }
        if cursor:
            if not cursor.isdigit():
                raise bad_cursor(cursor)
            body["search_after"] = [int(cursor)]
        hits = self._search("quarantine", body)["hits"]["hits"]
        page = hits[:limit]
        following = str(page[-1]["sort"][0]) if page and len(hits) > limit else ""
        return [hit["_source"] for hit in page], following

    def handled(self, quarantine_ids: Sequence[str]) -> list[dict[str, Any]]:
        """See `AlertReader`."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(quarantine_ids), _PAGE):
            ids = list(quarantine_ids[start : start + _PAGE])
            body: Query = {
                "query": {"bool": {"filter": [*self._mine(), {"terms": {"quarantine_id": ids}}]}},
                "size": _MANY,
            }
            hits = self._search("handled", body)["hits"]["hits"]
            rows += [hit["_source"] for hit in hits]
        return sorted(rows, key=lambda row: (row["time"], row["handled_id"]))

    def incidents(
        self, *, status: str = "", since: int = 0, until: int = 0, limit: int = 50, cursor: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        filters = [*self._mine(), *_between(since, until)]
        if status:
            filters.append({"term": {"status": status}})
        return self._page("incidents", filters, limit, cursor)

    def late(
        self,
        *,
        rule: str = "",
        would: str = "",
        since: int = 0,
        until: int = 0,
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        filters = [*self._mine(), *_between(since, until)]
        if not canaries:
            filters.append(_NO_CANARY)
        if rule:
            filters.append({"term": {"rule": rule}})
        if would:
            filters.append({"term": {"would_have_fired": would}})
        return self._page("late", filters, limit, cursor)

    def _page(
        self, kind: str, filters: list[Query], limit: int, cursor: str
    ) -> tuple[list[dict[str, Any]], str]:
        body: Query = {
            "query": {"bool": {"filter": filters}},
            "sort": [{"time": "desc"}, {DELIVERED_IDS[kind]: "desc"}],
            "size": limit + 1,
        }
        if cursor:
            stamp, sign, last = cursor.partition(":")
            if not sign or not stamp.isdigit():
                raise bad_cursor(cursor)
            body["search_after"] = [int(stamp), last]
        hits = self._search(kind, body)["hits"]["hits"]
        page = hits[:limit]
        following = ""
        if len(hits) > limit and page:
            stamp, last = page[-1]["sort"]
            following = f"{stamp}:{last}"
        return [hit["_source"] for hit in page], following

    def tenants(self) -> dict[str, int]:
        """See `AlertReader`."""
        aggregations = {"tenants": {"terms": {"field": "tenant", "size": _MANY}}}
        body: Query = {"size": 0, "query": _NO_CANARY, "aggs": aggregations}
        return _buckets(self._search("alerts", body), "tenants")

    def counts(self) -> dict[str, Any]:
        """See `AlertReader`."""
        by = {
            "by_rule": {"terms": {"field": "rule.name", "size": _MANY}},
            "by_response": {"terms": {"field": "rule.response", "size": 10}},
        }
        mine: Query = {"bool": {"filter": self._mine()}}
        fired = {"term": {"would_have_fired": FIRED}}
        going_on = {"term": {"status": OPEN}}
        taken_back = {"term": {"status": RETRACTED}}
        real: Query = {"bool": {"filter": self._mine(), "must_not": [_CANARY]}}
        in_time: Query = {
            "bool": {"filter": [*self._mine(), fired], "must_not": [_CANARY]},
        }
        stands: Query = {"bool": {"filter": self._mine(), "must_not": [taken_back, _CANARY]}}
        retracted = {"bool": {"filter": [*self._mine(), taken_back], "must_not": [_CANARY]}}
        alerts = self._search(
            "alerts", {"size": 0, "track_total_hits": True, "query": stands, "aggs": by}
        )
        reasons = self._search(
            "quarantine",
            {"size": 0, "aggs": {"reasons": {"terms": {"field": "reason", "size": 1000}}}},
        )

        def total(kind: str, query: Query = mine) -> int:
            body = {"size": 0, "track_total_hits": True, "query": query}
            answer = self._search(kind, body)
            return int(answer["hits"]["total"]["value"])

        return {
            "alerts": int(alerts["hits"]["total"]["value"]),
            "evidence": total("evidence", real),
            "quarantine": _buckets(reasons, "reasons"),
            "late": total("late", real),
            "late_would_have_fired": total("late", in_time),
            "retracted": total("alerts", retracted),
            "by_rule": _buckets(alerts, "by_rule"),
            "by_response": _buckets(alerts, "by_response"),
            "incidents": total("incidents"),
            "incidents_open": total("incidents", {"bool": {"filter": [*self._mine(), going_on]}}),
            "handled": total("handled"),
        }

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. In the order of storing within a month, one month after the other.

        A refresh makes documents visible once a second, so this follows about a second behind;
        where there is a Redis target, `sinks.readers` follows that one instead.
        """
        base = f"{alias(self._prefix, 'alerts')}-"
        if after == FROM_NOW:
            last = {"last": {"max": {"field": "_seq_no"}}}
            by = {"indices": {"terms": {"field": "_index", "size": _MANY}, "aggs": last}}
            answer = self._search("alerts", {"size": 0, "aggs": by})
            found = answer["aggregations"]["indices"]["buckets"]
            return [], written(
                {one["key"].removeprefix(base): int(one["last"]["value"]) for one in found}
            )
        done = read_cursor(after)
        end = time.monotonic() + timeout
        while True:
            body: Query = {
                "query": {"bool": {"filter": [*self._mine(), _NO_CANARY, newer(done, base)]}},
                "sort": [{"_index": "asc"}, {"_seq_no": "asc"}],
                "size": _PAGE,
            }
            hits = self._search("alerts", body)["hits"]["hits"]
            for hit in hits:
                done[hit["_index"].removeprefix(base)] = hit["sort"][-1]
            if hits or time.monotonic() >= end:
                return [hit["_source"] for hit in hits], written(done)
            time.sleep(min(_POLL_S, timeout))

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _mine(self) -> list[Query]:
        return [{"term": {"tenant": self._tenant}}] if self._tenant else []

    def _alerts_whose_evidence_says(self, text: str) -> list[str]:
        body: Query = {
            "query": {"bool": {"filter": [*self._mine(), _phrase(text, ["text", "hits.excerpt"])]}},
            "size": 0,
            "aggs": {"alerts": {"terms": {"field": "alert_id", "size": _MANY}}},
        }
        return list(_buckets(self._search("evidence", body), "alerts"))

    def _search(self, kind: str, body: Query) -> Any:
        """The answer; of a kind of which nothing was delivered it holds nothing."""
        name = alias(self._prefix, kind)
        try:
            answer = self._client.search(index=name, ignore_unavailable=True, **body)
            if not answer["_shards"]["total"] and not self._client.indices.exists_alias(
                name=alias(self._prefix, "alerts")
            ):
                raise NoIndexYet(
                    f"there is no index '{name}' yet",
                    f"还没有索引“{name}”",
                    fix_en="run `mingjian deliver` first, or correct targets[].index_prefix",
                    fix_zh="请先运行 `mingjian deliver`，或更正 targets[].index_prefix",
                )
        except (ApiError, TransportError) as error:
            raise unreachable("elasticsearch", self._url, error) from None
        return answer


def _between(since: int, until: int) -> list[Query]:
    if not since and not until:
        return []
    return [{"range": {"time": {"gte": since} | ({"lte": until} if until else {})}}]


def _phrase(text: str, fields: list[str]) -> Query:
    return {"multi_match": {"query": text, "type": "phrase", "fields": fields}}


def _buckets(answer: Any, name: str) -> dict[str, int]:
    buckets = answer["aggregations"][name]["buckets"] if answer["_shards"]["total"] else ()
    found = {str(item["key"]): int(item["doc_count"]) for item in buckets}
    return dict(sorted(found.items()))
