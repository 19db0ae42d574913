"""The rules that judge what happens now: what the running job knows, not what lies in a folder."""

from __future__ import annotations

from config.settings import Settings
from jobs.registry import chosen_rules, in_force
from rules.ruleset import RuleSet
from udfs.kept import KeptPatterns


def rules_now(settings: Settings, now: int) -> RuleSet:
    """The set that was published last and is in force at `now` (UTC ms), else what the tenant's job
    was begun with, else that of the settings; without what waits for a feed.

    Raises:
        MingjianError: it cannot be read.
    """
    kept, feeds = in_force(settings, now + 1), settings.rules.feeds
    return kept.load(feeds, KeptPatterns()) if kept else chosen_rules(settings).awake(feeds)
