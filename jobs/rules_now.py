"""The rules that judge what happens now: what the running job knows, not what lies in a folder."""

from __future__ import annotations

from config.settings import Settings
from jobs.registry import begun_with, chosen_rules, registry_of
from rules.published import pinned, published
from rules.ruleset import RuleSet


def rules_now(settings: Settings, now: int) -> RuleSet:
    """The set that was published last and is in force at `now` (UTC ms), else what the tenant's job
    was begun with, else that of the settings; without what waits for a feed.

    Raises:
        MingjianError: it cannot be read.
    """
    registry, feeds = registry_of(settings), settings.rules.feeds
    told = [one for one in published(registry) if one.start <= now]
    if told:
        return told[-1].load(feeds)
    begun = begun_with(settings)
    kept = pinned(registry, begun.digest) if begun else None
    return kept.load(feeds) if kept else chosen_rules(settings).awake(feeds)
