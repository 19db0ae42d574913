"""The indices of one installation: templates, one index a bucket, aliases, how long each is kept.

`<prefix>-<kind>` is the alias that readers search. A bucket has an alias of its own for writing,
`<prefix>-<kind>-<bucket>`, on the index of that name with `-000001`: with `require_alias` a write
to an index that somebody removed is refused, and not answered by an index without our mapping.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import structlog
from elasticsearch import ApiError, AuthorizationException, Elasticsearch

from rules.operations import DELIVERED
from sinks.elasticsearch_buckets import TIMED, month, month_ends
from sinks.elasticsearch_mapping import alias, properties, templates

_ALREADY = "resource_already_exists_exception"
log = structlog.get_logger("deliver")


class Indices:
    """Makes what is missing.

    Args:
        keep_days: by kind, after how many days the server deletes the indices of a month; counted
            from the end of the month; 0 or absent: never.
    """

    def __init__(
        self, client: Elasticsearch, target: str, prefix: str, keep_days: Mapping[str, int]
    ) -> None:
        self._client, self._target, self._prefix = client, target, prefix
        self._keep_days = {kind: keep_days.get(kind, 0) for kind in TIMED}
        self._known: set[str] = set()
        self.managed = False  # does the server delete by itself
        self.ready = False

    def prepare(self) -> None:
        """Templates, mappings and policies, and an index for alerts.

        Raises ApiError, TransportError.
        """
        self._known.clear()
        bodies = templates(self._prefix)
        self.managed = self._put_policies()
        for kind in DELIVERED:
            name = alias(self._prefix, kind)
            self._client.indices.put_index_template(name=name, **bodies[name])
            if self._client.indices.exists_alias(name=name):
                # made by an earlier version, perhaps: it would refuse fields that are new since
                self._client.indices.put_mapping(index=name, properties=properties(kind))
                if self.managed and kind in TIMED:
                    self._manage(kind)
        # by this alias readers tell that something was delivered here; the rest is made on demand
        self.ensure("alerts", month(int(time.time() * 1000)))
        self.ready = True

    def ensure(self, kind: str, bucket: str) -> str:
        """The alias to write to; made with its index when it is not known. Raises as `prepare`."""
        name = f"{alias(self._prefix, kind)}-{bucket}"
        if name in self._known:
            return name
        if not self._client.indices.exists_alias(name=name):
            try:
                self._client.indices.create(
                    index=f"{name}-000001",
                    aliases={alias(self._prefix, kind): {}, name: {"is_write_index": True}},
                    settings=self._lifecycle(kind, bucket),
                )
            except ApiError as error:
                if _ALREADY not in str(error):  # else another deliverer was faster
                    raise
        self._known.add(name)
        return name

    def forget(self) -> None:
        """An index has gone: prepare everything anew before the next write."""
        self.ready = False

    def _lifecycle(self, kind: str, bucket: str) -> dict[str, Any]:
        if not (self.managed and kind in TIMED and month_ends(bucket)):
            return {}
        return {
            "index.lifecycle.name": alias(self._prefix, kind),
            # age counts from the end of the month, whenever the index was made
            "index.lifecycle.origination_date": month_ends(bucket),
        }

    def _manage(self, kind: str) -> None:
        """Hand the indices over that were made before the server managed them."""
        name = alias(self._prefix, kind)
        answer = self._client.indices.get_settings(index=name, name="index.lifecycle.name")
        for index, found in answer.items():
            bucket = index.removeprefix(f"{name}-").rpartition("-")[0]
            if not found["settings"] and month_ends(bucket):
                self._client.indices.put_settings(
                    index=index, settings=self._lifecycle(kind, bucket)
                )

    def _put_policies(self) -> bool:
        """Whether the server takes lifecycle policies; says so when it should and does not."""
        try:
            for kind, days in self._keep_days.items():
                self._client.ilm.put_lifecycle(name=alias(self._prefix, kind), policy=policy(days))
        except ApiError as error:
            if any(self._keep_days.values()):
                why = (
                    "the account may not manage lifecycles"
                    if isinstance(error, AuthorizationException)
                    else "the server has no index lifecycle management"
                )
                log.warning(
                    "nothing_is_deleted",
                    target=self._target,
                    why=why,
                    fix="delete indices of old months by hand, or grant manage_ilm",
                )
            return False
        return True


def policy(days: int) -> dict[str, Any]:
    """A lifecycle policy: delete so many days after the end of the month; 0: never."""
    phases: dict[str, Any] = {"hot": {"actions": {"set_priority": {"priority": 100}}}}
    if days:
        phases["delete"] = {"min_age": f"{days}d", "actions": {"delete": {}}}
    return {"_meta": {"product": "mingjian"}, "phases": phases}
