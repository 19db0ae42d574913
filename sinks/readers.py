"""The read side that fits the settings: nobody who reads needs to know the targets."""

from __future__ import annotations

from config.settings import Settings
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import AlertReader
from sinks.sqlite_reader import SqliteReader


def open_reader(settings: Settings) -> AlertReader:
    """Reader over the first searchable target; it shows the tenant of the settings.

    Raises:
        MingjianError: no target can be searched, or the index is not there.
    """
    by_kind = {target.kind: target for target in reversed(settings.targets)}
    if target := by_kind.get("sqlite"):
        return SqliteReader(target.path, settings.tenant)
    target = by_kind.get("elasticsearch")
    if target is None:
        raise MingjianError(
            "none of the targets can be searched",
            "没有可供检索的投递目标",
            fix_en="add a target of kind sqlite or elasticsearch",
            fix_zh="请增加一个 sqlite 或 elasticsearch 目标",
            exit_code=EXIT_USAGE,
        )
    # Imported here: their clients take a quarter of a second, which SQLite need not wait for.
    from sinks.live_reader import server_reader  # noqa: PLC0415

    return server_reader(settings.tenant, target, by_kind.get("redis"))
