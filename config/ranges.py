"""Between which numbers each setting may be."""

from __future__ import annotations

_DAY_MS = 86_400_000
_MIB = 1024 * 1024
MAX_PORT = 65535
_KEPT = ("alerts", "evidence", "late", "handled")

# smallest and largest; documented in docs/configuration.md
RANGES: dict[str, tuple[int, int]] = {
    # Java counts bytes in 32 bits, and the deliverer asks for twice as much
    "kafka.max_record_bytes": (1024, 512 * _MIB),
    "kafka.retention_ms": (-1, 10**13),
    "flink.parallelism": (1, 128),  # Flink deals keys to 128 groups here
    "flink.bundle_size": (1, 1_000_000),
    "flink.bundle_time_ms": (1, 60_000),
    "flink.arrow_batch": (1, 1_000_000),
    "flink.checkpoint_interval_ms": (10, _DAY_MS),  # Flink refuses less than 10
    "flink.allowed_lateness_ms": (0, 7 * _DAY_MS),
    "flink.max_ahead_ms": (0, 7 * _DAY_MS),
    "flink.idle_timeout_ms": (0, _DAY_MS),
    "flink.rest_port": (0, MAX_PORT),
    "flink.heap_mb": (128, 65_536),  # the JVM starts with 128
    "limits.record_bytes": (1, 16 * _MIB),
    "limits.quarantine_keep_bytes": (0, 16 * _MIB),
    "limits.key_bytes": (64 * 1024, 64 * _MIB),
    "limits.open_groups": (1, 1_000_000_000),
    "limits.rule_hits_percent": (1, 100),
    "limits.rule_micros": (1, 1_000_000),
    "limits.rule_failures": (1, 1_000_000),
    "rules.ready_ms": (10_000, _DAY_MS),  # longer than workers may be without the registry
    "rules.sample": (200, 100_000),
    "stamps.every_minutes": (1, 10_080),
    "ingest.remember_days": (1, 90),
    "ingest.request_bytes": (1024, 256 * _MIB),
    "ingest.unpacked_bytes": (1024, 512 * _MIB),
    # so many of 300 bytes are decoded in 1.2 s and 55 MB; a million took half a minute and 900 MB
    "ingest.request_records": (1, 50_000),
    "ingest.requests": (1, 1000),
    "ingest.header_seconds": (1, 600),
    "ingest.request_seconds": (1, 3600),
    "ingest.wait_seconds": (1, 600),
    "ingest.archive.limit": (1, 1000),  # WeCom's own limit
    "ingest.archive.timeout_seconds": (1, 600),
    "ingest.archive.calls_per_minute": (1, 600),  # WeCom's own limit
    "ingest.archive.poll_seconds": (1, 3600),
    "ingest.archive.delay_seconds": (0, 3600),
    "ingest.archive.gap_wait_seconds": (0, 3600),
    "ingest.archive.lag_minutes": (1, 7200),  # five days: then messages are gone
    "ingest.archive.media_calls_per_minute": (1, 600),  # WeCom's own limit
    "ingest.archive.media_max_mb": (1, 65_536),
}
# the same of each target
TARGET_RANGES: dict[str, tuple[int, int]] = {
    **{f"targets[].keep_days.{kind}": (0, 36_500) for kind in _KEPT},
    "targets[].segment_seconds": (1, 3600),
    "targets[].sign_seconds": (1, 86_400),
}
# inside the range and still of no use
NOT: dict[str, int] = {"kafka.retention_ms": 0}
