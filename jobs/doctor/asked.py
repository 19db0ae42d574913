"""Who is asked, in words for when there is no answer: kind, name, address and setting. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from config.settings import Settings, Target


class Addresses(NamedTuple):
    """Of the index that is searched, the job, the broker, and all that delivery is about."""

    index: str
    job: str
    broker: str
    stores: str


def addresses(settings: Settings) -> Addresses:
    """Those of the settings; "" where there is nothing to ask."""
    kafka = "kafka" in (settings.source.kind, settings.outputs.kind)
    broker = f"Kafka at {settings.kafka.bootstrap} (kafka.bootstrap)" if kafka else ""
    url = settings.flink.rest_url
    job = f"Flink at {shown(url)} (flink.rest_url)" if url else ""
    by_kind = {one.kind: one for one in reversed(settings.targets)}
    index = by_kind.get("sqlite") or by_kind.get("elasticsearch")
    stores = ", ".join(filter(None, (broker, *(named(one) for one in settings.targets))))
    return Addresses(named(index) if index else "", job, broker, stores)


def named(target: Target) -> str:
    """A target, its place and the setting of it."""
    where = f"{shown(target.url)} (targets[].url)" if target.url else target.path
    return f"{target.name} at {where}"


def shown(url: str) -> str:
    """An address without credentials."""
    return re.sub(r"//[^/@]*@", "//", url)
