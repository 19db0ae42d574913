"""Indices as versions before buckets made them: `<prefix>-<kind>-000001`, one for all of a kind."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from rules.operations import DELIVERED
from sinks.base import Record
from sinks.elasticsearch_mapping import alias

_PAGE = 500


class Old:
    """One old index."""

    def __init__(self, client: Elasticsearch, kind: str, name: str) -> None:
        self._client, self._kind, self.name = client, kind, name

    def pages(self) -> Iterator[list[Record]]:
        """All its documents as records."""
        page: list[Record] = []
        self._client.indices.refresh(index=self.name)
        for hit in scan(self._client, index=self.name, size=_PAGE):
            page.append(Record(self._kind, hit["_id"], msgspec.json.encode(hit["_source"])))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page

    def remove(self) -> None:
        """All of it is elsewhere."""
        self._client.indices.delete(index=self.name)


def old_indices(client: Elasticsearch, prefix: str) -> list[Old]:
    """Those that are there."""
    names = {kind: f"{alias(prefix, kind)}-000001" for kind in DELIVERED}
    return [
        Old(client, kind, name) for kind, name in names.items() if client.indices.exists(index=name)
    ]
