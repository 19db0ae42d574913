"""A job judges by the rules it was begun with, whatever becomes of the files it was begun from."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from jobs.detect import job_spec
from jobs.registry import begin, begun_with, chosen_rules, pin
from rules.batches import items_of
from rules.errors import MingjianError
from rules.items import unpack
from rules.published import MANIFEST, PINNED
from rules.ruleset import LEXICONS, load_ruleset
from tests.support.flows import changed, embedded
from tests.support.harness import MetricContext
from tests.support.rule_files import SIMPLE, detection_rule, raws, write
from tests.unit.test_adapters import columns
from udfs import spec as specs
from udfs.match import MatchRecords
from udfs.spec import JobSpec

SAYS = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A company's own rules, with a lexicon of its own, and a job of theirs."""
    rules = tmp_path / "rules"
    write(rules, SIMPLE, "simple.yaml")
    write(rules / "lexicons", (LEXICONS / "gift-card.yaml").read_bytes(), "gift-card.yaml")
    return embedded(tmp_path, f"rules.path={rules}")


def judged_by(spec: JobSpec) -> set[tuple[str, str]]:
    """(digest, rule) of what a worker says that has just been started."""
    specs._read.cache_clear()
    function = MatchRecords(spec, "kafka:messages")
    function.open(MetricContext())
    found = function.eval(*columns(raws([SAYS])))
    items = [unpack(item) for row in found for batch in row or () for item in items_of(batch)]
    return {(item.ruleset, item.rule) for item in items}


@pytest.mark.parametrize("edit", ["another rule", "broken", "gone", "lexicon"])
def test_an_edited_file_does_not_reach_a_job_that_runs(settings: Settings, edit: str) -> None:
    spec, _ = job_spec(settings)
    before = judged_by(spec)
    assert {rule for _, rule in before} == {"t1_words"}
    rules = Path(settings.rules.path)
    if edit == "another rule":
        write(rules, SIMPLE.replace("保本", "转账"), "simple.yaml")
    elif edit == "broken":
        write(rules, SIMPLE.replace("contains", "contians"), "simple.yaml")
    elif edit == "gone":
        shutil.rmtree(rules)
    else:
        write(rules / "lexicons", "name: gift-card\nwords: [保本]\n", "gift-card.yaml")
    assert judged_by(spec) == before


def test_what_is_pinned_is_called_as_what_it_was_made_of(settings: Settings) -> None:
    again = pin(settings)
    loaded = load_ruleset(settings.rules.path)
    assert load_ruleset(again.rules.path).digest == loaded.digest
    assert Path(again.rules.path).name == loaded.digest
    assert pin(again) == again
    assert pin(settings) == again
    assert not list(Path(settings.rules.registry, PINNED).glob(".*"))


def test_of_a_catalogue_of_packs_only_their_rules_are_pinned(tmp_path: Path) -> None:
    settings = embedded(tmp_path, "rules.packs=[pipl]")
    pinned = pin(settings)
    assert pinned.rules.packs == ()
    assert load_ruleset(pinned.rules.path).digest == chosen_rules(settings).digest


def test_rules_that_are_broken_when_a_job_begins_are_refused(settings: Settings) -> None:
    write(Path(settings.rules.path), SIMPLE.replace("contains", "contians"), "simple.yaml")
    with pytest.raises(MingjianError, match=r"simple.yaml:7:16: no modifier 'contians'"):
        job_spec(settings)
    assert not (Path(settings.rules.registry) / PINNED).exists()


@pytest.mark.parametrize("damage", ["edited", "half", "added"])
def test_a_set_that_was_changed_is_refused_by_a_worker(settings: Settings, damage: str) -> None:
    spec, _ = job_spec(settings)
    folder = Path(spec.rules)
    if damage == "edited":
        rule = folder / "simple.yaml"
        text = rule.read_text(encoding="utf-8")
        rule.unlink()
        rule.write_text(text.replace("保本", "转账"), encoding="utf-8")
    elif damage == "half":
        (folder / MANIFEST).unlink()
    else:
        write(folder, detection_rule("t_more", {"it": {"type": "text"}}), "more.yaml")
    with pytest.raises(MingjianError, match="cannot be used"):
        judged_by(spec)


def test_a_registry_that_cannot_be_written_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    rules = msgspec.structs.replace(settings.rules, registry=str(tmp_path / "file" / "in"))
    wrong = changed(settings, rules=rules)
    with pytest.raises(MingjianError, match=r"rules.registry is .*, which cannot be written"):
        job_spec(wrong)


def test_what_a_job_was_begun_with_is_known(settings: Settings) -> None:
    assert begun_with(settings) is None
    spec, _ = job_spec(settings)
    begin(settings, spec)
    begun = begun_with(settings)
    assert begun is not None
    assert (begun.digest, begun.levels) == (Path(spec.rules).name, 1)
