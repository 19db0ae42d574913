"""Reads alerts and evidence from Elasticsearch."""

from __future__ import annotations

import time
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, NotFoundError

from rules.alert import ID_FIELDS, RETRACTED
from rules.late import FIRED
from sinks.base import NoIndexYet
from sinks.elasticsearch import connect, unreachable
from sinks.elasticsearch_mapping import alias
from sinks.sqlite_reader import FROM_NOW, ambiguous, bad_cursor

_POLL_S = 0.5
_PAGE = 500
_MANY = 10_000  # the most a search answers at once
_TEXT_FIELDS = ["summary", "rule.title", "hits.excerpt"]

Query = dict[str, Any]


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
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. `text` is looked for in the alert and in its evidence."""
        filters = self._mine()
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
        hits = self._search("alerts", {"query": {"bool": {"filter": filters}}, "size": 2})
        found = [hit["_source"] for hit in hits["hits"]["hits"]]
        if len(found) > 1:
            raise ambiguous(alert_id)
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

    def quarantine(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """See `AlertReader`; newest = stored last."""
        body: Query = {"sort": [{"_seq_no": "desc"}], "size": limit}
        return [hit["_source"] for hit in self._search("quarantine", body)["hits"]["hits"]]

    def late(
        self,
        *,
        rule: str = "",
        would: str = "",
        since: int = 0,
        until: int = 0,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        filters = [*self._mine(), *_between(since, until)]
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
            "sort": [{"time": "desc"}, {ID_FIELDS[kind]: "desc"}],
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
        answer = self._search("alerts", {"size": 0, "aggs": aggregations})
        return _buckets(answer["aggregations"]["tenants"])

    def counts(self) -> dict[str, Any]:
        """See `AlertReader`."""
        by = {
            "by_rule": {"terms": {"field": "rule.name", "size": _MANY}},
            "by_response": {"terms": {"field": "rule.response", "size": 10}},
        }
        mine: Query = {"bool": {"filter": self._mine()}}
        fired = {"term": {"would_have_fired": FIRED}}
        taken_back = {"term": {"status": RETRACTED}}
        stands: Query = {"bool": {"filter": self._mine(), "must_not": taken_back}}
        alerts = self._search(
            "alerts", {"size": 0, "track_total_hits": True, "query": stands, "aggs": by}
        )
        reasons = self._search(
            "quarantine",
            {"size": 0, "aggs": {"reasons": {"terms": {"field": "reason", "size": 1000}}}},
        )

        def total(kind: str, query: Query = mine) -> int:
            answer = self._search(kind, {"size": 0, "track_total_hits": True, "query": query})
            return int(answer["hits"]["total"]["value"])

        return {
            "alerts": int(alerts["hits"]["total"]["value"]),
            "evidence": total("evidence"),
            "quarantine": _buckets(reasons["aggregations"]["reasons"]),
            "late": total("late"),
            "late_would_have_fired": total("late", {"bool": {"filter": [*self._mine(), fired]}}),
            "retracted": total("alerts", {"bool": {"filter": [*self._mine(), taken_back]}}),
            "by_rule": _buckets(alerts["aggregations"]["by_rule"]),
            "by_response": _buckets(alerts["aggregations"]["by_response"]),
        }

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. The order of storing is the shard's own sequence number.

        A refresh makes documents visible once a second, so this follows about a second behind;
        where there is a Redis target, `sinks.readers` follows that one instead.
        """
        if after == FROM_NOW:
            body: Query = {"sort": [{"_seq_no": "desc"}], "size": 1}
            last = self._search("alerts", body)["hits"]["hits"]
            return [], str(last[0]["sort"][0]) if last else "-1"
        if after and not after.removeprefix("-").isdigit():
            raise bad_cursor(after)
        end = time.monotonic() + timeout
        while True:
            body = {
                "query": {"bool": {"filter": self._mine()}},
                "sort": [{"_seq_no": "asc"}],
                "search_after": [int(after or -1)],
                "size": _PAGE,
            }
            hits = self._search("alerts", body)["hits"]["hits"]
            if hits:
                return [hit["_source"] for hit in hits], str(hits[-1]["sort"][0])
            if time.monotonic() >= end:
                return [], after or "-1"
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
        return list(_buckets(self._search("evidence", body)["aggregations"]["alerts"]))

    def _search(self, kind: str, body: Query) -> Any:
        name = alias(self._prefix, kind)
        try:
            return self._client.search(index=name, **body)
        except NotFoundError:
            raise NoIndexYet(
                f"there is no index '{name}' yet",
                f"还没有索引“{name}”",
                fix_en="run `mingjian deliver` first, or correct targets[].index_prefix",
                fix_zh="请先运行 `mingjian deliver`，或更正 targets[].index_prefix",
            ) from None
        except (ApiError, TransportError) as error:
            raise unreachable("elasticsearch", self._url, error) from None


def _between(since: int, until: int) -> list[Query]:
    if not since and not until:
        return []
    return [{"range": {"time": {"gte": since} | ({"lte": until} if until else {})}}]


def _phrase(text: str, fields: list[str]) -> Query:
    return {"multi_match": {"query": text, "type": "phrase", "fields": fields}}


def _buckets(aggregation: Any) -> dict[str, int]:
    found = {str(item["key"]): int(item["doc_count"]) for item in aggregation["buckets"]}
    return dict(sorted(found.items()))
