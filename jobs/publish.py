"""Publishes rules: checks them, tries them on messages, and writes them down with the event time
from which they judge. What is refused changes nothing; both stand in the registry's log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from config.checks import writable
from config.settings import Settings
from jobs import canary, sample
from jobs.canary import TooMuch, Tried
from jobs.registry import (
    begun_with,
    chosen_rules,
    in_force,
    manifest_of,
    note,
    registry_of,
    write,
)
from jobs.rule_checks import check_rules, errors_of_loaded
from rules.beside import CATALOG, beside
from rules.changes import Change, changes
from rules.compiled import CompiledRules
from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.published import Kept, published
from rules.ruleset import RuleSet
from rules.zone import SHANGHAI
from udfs.kept import KeptPatterns

SOON_MS = 30_000  # from now, where nobody says when
_TIES = 100  # sets of one moment; each takes the next millisecond


class Wish(NamedTuple):
    """What is to be published, and how.

    Args:
        path: a rule directory; "" is that of the settings.
        effective: the event time (UTC ms) from which it is to judge; 0: as soon as is safe.
        force: publish although a rule hits or costs too much; needs a note.
        restart: publish although the job has to be started anew for it.
    """

    path: str
    effective: int
    by: str
    note: str
    force: bool = False
    restart: bool = False
    dry_run: bool = False


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        problems: what `rules check` finds. refusals: why the rules must not judge.
        changes: against what is in force then; None where nothing is known to be.
        later: sets that are published already and will take the place of this one.
        tried: None where the rules are broken; `where` says on which messages (English, Chinese).
    """

    digest: str
    effective: int
    rules: int
    problems: list[RuleError]
    refusals: list[TooMuch]
    changes: list[Change] | None
    later: list[Kept]
    tried: Tried | None
    where: tuple[str, str]
    published: bool


def publish(settings: Settings, wish: Wish, clock: Callable[[], int]) -> Outcome:
    """Publish rules, or say why not. `clock`: UTC ms.

    Raises:
        MingjianError: it cannot be asked for like that, or the registry cannot be written.
    """
    effective = _when(settings, wish, clock())
    outcome, ruleset = _judged(settings, wish, effective)
    why = [f"{one.path}: {one.code}" for one in outcome.problems]
    why += [f"{one.rule}: {one.en}" for one in outcome.refusals]
    refused = bool(outcome.problems or (outcome.refusals and not wish.force))
    if wish.dry_run:
        return outcome
    registry = registry_of(settings)
    line: dict[str, Any] = {
        "action": "publish",
        "result": "refused" if refused else "accepted",
        "by": wish.by,
        "note": wish.note,
        "tenant": settings.tenant,
        "digest": outcome.digest,
    }
    if refused or ruleset is None:
        note(registry, {**line, "effective": wish.effective, "why": why})
        return outcome
    where = beside(Path(wish.path or settings.rules.path or CATALOG))
    writable(registry, "rules.registry")
    effective = _when(settings, wish, clock())  # trying them took its time
    for at in range(effective, effective + _TIES):
        manifest = manifest_of(
            settings, ruleset, effective=at, by=wish.by, note=wish.note, forced=tuple(why)
        )
        try:
            write(registry / str(at), ruleset, where, manifest)
        except FileExistsError:
            if wish.effective:
                raise _taken(at) from None
        else:
            note(registry, {**line, "effective": at, "forced": why})
            later = [one for one in outcome.later if one.start > at]
            return outcome._replace(effective=at, published=True, later=later)
    raise _taken(effective)


def earliest(settings: Settings, now: int) -> int:
    """The first event time from which rules that are published now may judge: all workers have to
    know of them before the first message of that time comes."""
    return now + settings.flink.allowed_lateness_ms + settings.rules.ready_ms


def _when(settings: Settings, wish: Wish, now: int) -> int:
    first = earliest(settings, now)
    if wish.force and not wish.note:
        raise MingjianError(
            "--force needs a reason: --note",
            "--force 需要用 --note 说明理由",
            exit_code=EXIT_USAGE,
        )
    if not wish.effective:
        return max(first, now + SOON_MS)
    if wish.effective < first:
        ago, soon = _clock(wish.effective), _clock(first)
        raise MingjianError(
            f"{ago} is too soon: messages of that time may be judged before all workers have the"
            " rules",
            f"{ago} 太早：在所有工作进程拿到规则之前，该时刻的消息可能已被判定",
            fix_en=f"from {soon} on, that is flink.allowed_lateness_ms and rules.ready_ms from now",
            fix_zh=f"最早为 {soon}，即现在加上 flink.allowed_lateness_ms 与 rules.ready_ms",
            exit_code=EXIT_USAGE,
        )
    return wish.effective


def _judged(settings: Settings, wish: Wish, effective: int) -> tuple[Outcome, RuleSet | None]:
    path = wish.path or settings.rules.path
    if path and Path(path).is_file():
        raise MingjianError(
            f"{path} is one file, and a published set takes the place of all rules",
            f"{path} 是单个文件，而发布的规则集会取代全部规则",
            fix_en="name the directory",
            fix_zh="请指定目录",
            exit_code=EXIT_USAGE,
        )
    try:
        ruleset = chosen_rules(settings, wish.path)
    except RuleError as error:
        problems = check_rules(path).errors or [error]
        return Outcome("", effective, 0, problems, [], None, [], None, ("", ""), False), None
    with ThreadPoolExecutor(1) as side:  # compiling leaves Python free
        compiling = side.submit(CompiledRules, ruleset.awake(settings.rules.feeds), KeptPatterns())
        problems = errors_of_loaded(path)
        compiled = compiling.result()
    found = sample.newest(settings, settings.rules.sample)
    tried = canary.try_out(compiled, found.records, settings.tenant)
    before = in_force(settings, effective)
    changed, names = _changed(before, ruleset)
    refusals = canary.too_much(tried, names, settings.limits)
    refusals += _too_deep(settings, ruleset) if not wish.restart else []
    outcome = Outcome(
        digest=ruleset.digest,
        effective=effective,
        rules=sum(one.main is not None for one in ruleset.files),
        problems=problems,
        refusals=refusals,
        changes=changed,
        later=[one for one in published(registry_of(settings)) if one.start > effective],
        tried=tried,
        where=(found.en, found.zh),
        published=False,
    )
    return outcome, ruleset


def _changed(before: Kept | None, ruleset: RuleSet) -> tuple[list[Change] | None, set[str]]:
    """What changes, and the names of all rules that do: those that judge already are not tried."""
    if before is None:
        return None, {*ruleset.detections}
    found = list(changes(before.whole(KeptPatterns()), ruleset))
    new = {one.rule for one in found}
    files = [one for one in ruleset.files if one.main is None or one.main.ref.name in new]
    return found, {name for one in files for name in one.names()}


def _too_deep(settings: Settings, ruleset: RuleSet) -> list[TooMuch]:
    begun = begun_with(settings)
    if begun is None or ruleset.depth <= begun.levels:
        return []
    deepest = max(ruleset.levels, key=lambda name: ruleset.levels[name])
    return [
        TooMuch(
            deepest,
            f"its correlations are {ruleset.depth} levels deep, and the job that runs has stages"
            f" for {begun.levels}: it has to be started anew (--restart says that you will)",
            f"它的关联规则有 {ruleset.depth} 层，而运行中的作业只有 {begun.levels} 层的阶段："
            "需要重新启动作业（--restart 表示您会这样做）",
        )
    ]


def _taken(effective: int) -> MingjianError:
    return MingjianError(
        f"another set judges from {_clock(effective)} on",
        f"另一规则集已定于 {_clock(effective)} 生效",
        fix_en="name another time; what is published is never changed",
        fix_zh="请换一个时间；已发布的规则集不可更改",
        exit_code=EXIT_USAGE,
    )


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).isoformat(" ", "milliseconds")
