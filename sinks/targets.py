"""Targets of the settings as sinks."""

from __future__ import annotations

from config.settings import Settings, Target
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import Sink
from sinks.elasticsearch import ElasticsearchSink
from sinks.redis import RedisSink
from sinks.sqlite import SqliteSink

KINDS = ("sqlite", "redis", "elasticsearch")


def open_sinks(settings: Settings) -> list[Sink]:
    """One sink for each target, not yet connected (`Sink.open` does that, each at its own time).

    Raises:
        MingjianError: a kind that does not exist, or two targets of one name.
    """
    names = [target.name for target in settings.targets]
    for name in names:
        if names.count(name) > 1:
            raise MingjianError(
                f"two targets are called '{name}'",
                f"有两个投递目标都叫“{name}”",
                fix_en="give every target its own name (targets[].name)",
                fix_zh="请给每个目标取不同的名字（targets[].name）",
                exit_code=EXIT_USAGE,
            )
    return [_sink(target, settings.tenant) for target in settings.targets]


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
    if target.kind == "elasticsearch":
        return ElasticsearchSink(
            target.name,
            target.url,
            prefix=target.index_prefix,
            username=target.username,
            ca_certs=target.ca_certs,
        )
    raise MingjianError(
        f"no kind of target '{target.kind}'",
        f"没有“{target.kind}”这种投递目标",
        fix_en=f"use one of: {', '.join(KINDS)}",
        fix_zh=f"可用：{'、'.join(KINDS)}",
        exit_code=EXIT_USAGE,
    )
