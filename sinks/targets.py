"""Targets of the settings as sinks."""

from __future__ import annotations

from pathlib import Path

import msgspec

from config.channels import check_channels
from config.checks import check_targets
from config.settings import Settings, Target
from sinks.base import Sink
from sinks.channels.made import sink_of
from sinks.elasticsearch import ElasticsearchSink
from sinks.redis import RedisSink
from sinks.sqlite import SqliteSink


def open_sinks(settings: Settings) -> list[Sink]:
    """One sink for each target and each channel, not yet connected: `Sink.open` does that, each at
    its own time.

    Raises:
        MingjianError: a kind that does not exist, two targets of one name, an address or a
            certificate that no client can use.
    """
    check_targets(settings.targets)  # settings need not come from a file
    check_channels(settings.channels, (target.name for target in settings.targets))
    folder = Path(settings.data_dir) / "outbox"
    return [
        *(_sink(target, settings.tenant) for target in settings.targets),
        *(sink_of(channel, folder) for channel in settings.channels),
    ]


def _sink(target: Target, tenant: str) -> Sink:
    if target.kind == "sqlite":
        return SqliteSink(target.name, target.path)
    if target.kind == "redis":
        return RedisSink(
            target.name,
            target.url,
            tenant=tenant,
            username=target.username,
            ca_certs=target.ca_certs,
        )
    return ElasticsearchSink(
        target.name,
        target.url,
        prefix=target.index_prefix,
        username=target.username,
        ca_certs=target.ca_certs,
        keep_days=msgspec.structs.asdict(target.keep_days),
    )
