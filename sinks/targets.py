"""Targets of the settings as sinks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from config.channels import check_channels
from config.checks import check_targets
from config.settings import Settings, Target
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.places import index_of, objects_of
from sinks.archive.sink import LEDGER_FOLDER, ArchiveSink
from sinks.archive.staff import departments_of
from sinks.base import Sink
from sinks.channels.made import sink_of
from sinks.elasticsearch import ElasticsearchSink
from sinks.ledger.checkpoint import HeadSigner
from sinks.ledger.heads import ever_signed
from sinks.redis import RedisSink
from sinks.sqlite import SqliteSink
from sinks.tenant_keys import tenant_keys


def _nobody_signs() -> HeadSigner:
    raise MingjianError(
        "only `mingjian deliver` writes to the archive",
        "只有 `mingjian deliver` 可以写归档",
    )


def open_sinks(
    settings: Settings, open_signer: Callable[[], HeadSigner] = _nobody_signs
) -> list[Sink]:
    """One sink for each target and each channel, not yet connected: `Sink.open` does that, each at
    its own time.

    Args:
        open_signer: gives what an archive signs its ledger with, and knows its heads by.

    Raises:
        MingjianError: a kind that does not exist, two targets of one name, an address or a
            certificate that no client can use.
    """
    check_targets(settings.targets)  # settings need not come from a file
    check_channels(settings.channels, (target.name for target in settings.targets))
    folder = Path(settings.data_dir) / "outbox"
    return [
        *(_sink(target, settings, open_signer) for target in settings.targets),
        *(sink_of(channel, folder) for channel in settings.channels),
    ]


def _archive(
    target: Target, settings: Settings, open_signer: Callable[[], HeadSigner]
) -> ArchiveSink:
    return ArchiveSink(
        target.name,
        target.path,
        tenant=settings.tenant,
        # where there is a ledger there were keys: new ones would hide that they are missing
        open_keys=lambda: tenant_keys(
            settings, create=not ever_signed(Path(target.path) / LEDGER_FOLDER)
        ),
        open_signer=open_signer,
        objects=objects_of(target, settings.tenant),
        open_index=lambda: index_of(target, settings.tenant, writes=True),
        decoder=Decoder(settings.tenant, settings.limits.record_bytes),
        segment_s=target.segment_seconds,
        sign_s=target.sign_seconds,
        departments=departments_of(settings.rules.path),
    )


def _sink(target: Target, settings: Settings, open_signer: Callable[[], HeadSigner]) -> Sink:
    tenant = settings.tenant
    if target.kind == "sqlite":
        return SqliteSink(target.name, target.path)
    if target.kind == "archive":
        return _archive(target, settings, open_signer)
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
