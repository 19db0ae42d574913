"""Rules that come while messages are judged: they are made ready beside, and take over as one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Settings
from jobs.detect import job_spec
from jobs.registry import chosen_rules, manifest_of, registry_of, write
from rules.beside import beside
from rules.cases import moment
from rules.compiled import CompiledRules
from rules.errors import MingjianError
from rules.matcher import Matcher
from rules.published import Kept, kept_in
from rules.ruleset import RuleSet
from tests.support.flows import embedded
from tests.support.rule_files import CALENDAR, SIMPLE, raws
from tests.support.rule_files import write as write_rule
from udfs import spec as specs
from udfs.ahead import Ahead, Compiled
from udfs.apart import read_apart
from udfs.kept import KeptPatterns, cache_folder

OLD, NEW = "保本", "转账"
_WAIT_S = 30


class Held:
    """Compiles when it may; `asked` is set once somebody waits for a set that is not the first."""

    def __init__(self) -> None:
        self._compiled = Compiled(KeptPatterns())
        self.first = ""
        self.asked, self.may = threading.Event(), threading.Event()

    def __call__(self, ruleset: RuleSet) -> CompiledRules:
        self.first = self.first or ruleset.digest
        if ruleset.digest != self.first:
            self.asked.set()
            assert self.may.wait(_WAIT_S)
        return self._compiled(ruleset)


class Worker:
    """Judges as the function of the job does (`udfs.match`)."""

    def __init__(self, settings: Settings, ready: Callable[[RuleSet], CompiledRules]) -> None:
        specs._read.cache_clear()
        spec, _ = job_spec(settings)
        timeline = spec.timeline()
        self.ahead = Ahead(timeline, ready)
        self.ahead.begin()
        decoder = spec.decoder()
        self._matcher = Matcher(timeline, decoder, spec.calendar(), ready=ready)
        self._number = 0

    def hits(self, *said: tuple[str, str]) -> list[bool]:
        """Of messages (minute, text) of one batch, whether a rule holds."""
        if self.ahead.look():
            self._matcher.renew()
        told = [
            {"from": "zhangwei", "to": "c1", "at": f"10:{minute}", "text": text}
            for minute, text in said
        ]
        records = raws(told)
        records = [
            one.replace(b'"m%d"' % at, b'"n%d"' % (self._number + at))
            for at, one in enumerate(records, start=1)
        ]
        self._number += len(said)
        found = self._matcher.match_many(records, [("s", 0, at) for at in range(len(records))])
        return [one is not None for one in found]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("udfs.live_rules.LOOK_S", 0.0)
    write_rule(tmp_path / "rules", SIMPLE, "simple.yaml")
    return embedded(tmp_path, f"rules.path={tmp_path}/rules", "tenant=demo")


def publish(settings: Settings, minute: int) -> None:
    """A set that looks for the new word, from this minute on."""
    folder = Path(settings.rules.path)
    write_rule(folder, SIMPLE.replace(OLD, NEW), "simple.yaml")
    ruleset = chosen_rules(settings)
    start = time_of(minute)
    told = manifest_of(settings, ruleset, effective=start)
    write(registry_of(settings) / str(start), ruleset, beside(folder), told)


def time_of(minute: int) -> int:
    return moment(f"10:{minute}")


def test_judging_goes_on_while_rules_are_made_ready(settings: Settings) -> None:
    held = Held()
    worker = Worker(settings, held)
    assert worker.hits(("10", OLD), ("11", NEW)) == [True, False]
    publish(settings, 30)
    for minute in ("12", "13"):
        assert worker.hits((minute, OLD), (minute, NEW)) == [True, False]
    assert held.asked.wait(_WAIT_S)
    for minute in ("14", "15", "29"):
        assert worker.hits((minute, OLD), (minute, NEW)) == [True, False], "and nobody waits"
    assert worker.ahead.newest == 0, "so far none is ready"
    held.may.set()
    assert worker.hits(("30", OLD), ("30", NEW)) == [False, True]


def test_each_message_of_a_batch_is_judged_by_the_rules_of_its_time(settings: Settings) -> None:
    """Whatever else stands in the batch, and in whatever order."""
    held = Held()
    held.may.set()
    worker = Worker(settings, held)
    assert worker.hits(("10", OLD)) == [True]
    publish(settings, 30)
    batch = [(minute, text) for minute in ("31", "12", "30", "29") for text in (OLD, NEW)]
    assert worker.hits(*batch) == [False, True, True, False, False, True, True, False]


def test_a_rule_is_the_same_whenever_it_is_first_woken(settings: Settings) -> None:
    """Conditions are made quick when they are first asked: by any batch, in any order."""
    ruleset = chosen_rules(settings)
    spec, _ = job_spec(settings)
    compiled = CompiledRules(ruleset)
    decoder = spec.decoder()
    records = raws([{"from": "zhangwei", "to": "c1", "at": "10:00", "text": OLD}])
    draft = decoder.drafts(records).found[0]
    first, second = (compiled.candidates([draft])[0] for _ in range(2))
    assert first == second
    message = decoder.message(draft)
    assert compiled.judge(first, message, CALENDAR)[0]


@pytest.mark.parametrize("kept_here", [True, False])
def test_a_large_set_is_read_by_another_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, kept_here: bool
) -> None:
    """Unless whoever published it has kept it, in the cache of this machine."""
    monkeypatch.setattr("udfs.live_rules.LEAST", 1)
    apart: list[Kept] = []
    monkeypatch.setattr("udfs.live_rules.read_apart", lambda k: apart.append(k) or read_apart(k))
    read_here: list[Path] = []
    whole = Kept.whole
    monkeypatch.setattr(
        Kept, "whole", lambda kept, keep: read_here.append(kept) or whole(kept, keep)
    )
    held = Held()
    worker = Worker(settings, held)
    read_here.clear()
    publish(settings, 30)
    if not kept_here:
        for file in cache_folder().glob("rules-*.kept"):
            file.unlink()
    worker.hits(("10", OLD))
    assert held.asked.wait(_WAIT_S)
    held.may.set()
    assert worker.hits(("30", OLD), ("30", NEW)) == [False, True]
    assert read_here == []
    assert len(apart) == (not kept_here)


def test_a_set_that_was_changed_is_not_read_by_another_process(settings: Settings) -> None:
    job_spec(settings)  # which makes the registry
    publish(settings, 30)
    folder = registry_of(settings) / str(time_of(30))
    kept = kept_in(folder, time_of(30))
    assert read_apart(kept)
    (folder / "simple.yaml").chmod(0o644)
    write_rule(folder, SIMPLE, "simple.yaml")
    assert not read_apart(kept)
    with pytest.raises(MingjianError, match="changed after it was published"):
        kept.whole(KeptPatterns())
