"""Names of the keys in Redis.

Keys (`{tenant}` is a literal hash tag, so that all keys of a tenant share a cluster slot):

| key | type | holds |
| --- | --- | --- |
| `mingjian:{T}:alert:<id>` | string | the alert's JSON; its presence marks a repeat |
| `mingjian:{T}:alerts` | stream | each alert, and again when taken back; fields `id`, `body` |
| `mingjian:{T}:queue` | sorted set | ids waiting to be worked off, by event time |
| `mingjian:{T}:live` | channel | the JSON of every alert as it comes |
| `mingjian:{T}:count` | hash | `alerts`, `rule:<name>`, `response:<n>`, `retracted`: exact |
| `mingjian:{T}:incident:<id>` | string | the incident's JSON; a resolved one stands |
| `mingjian:{T}:incidents` | stream | the last incidents, and again when resolved; `id`, `body` |
| `mingjian:{T}:incidents:open` | sorted set | ids of incidents that are open, by time |
| `mingjian:{T}:seen:<kind>` | HyperLogLog | ids of all other kinds: counts within 1 % |
| `mingjian:{deliver}:marks:<target>` | hash | position of the deliverer for each partition |
"""

from __future__ import annotations


class Keys:
    """Names of the keys of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._base = f"mingjian:{{{tenant}}}"
        self.stream = f"{self._base}:alerts"
        self.queue = f"{self._base}:queue"
        self.live = f"{self._base}:live"
        self.count = f"{self._base}:count"
        self.incidents = f"{self._base}:incidents"
        self.open_incidents = f"{self._base}:incidents:open"

    def alert(self, alert_id: str) -> str:
        """The body of one alert."""
        return f"{self._base}:alert:{alert_id}"

    def incident(self, incident_id: str) -> str:
        """The body of one incident."""
        return f"{self._base}:incident:{incident_id}"

    def seen(self, kind: str) -> str:
        """Ids of a kind of which only the number is kept."""
        return f"{self._base}:seen:{kind}"
