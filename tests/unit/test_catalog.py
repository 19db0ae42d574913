"""Every rule of the catalogue: its own cases pass, and it says all that a rule must say."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from rules import feeds
from rules.cases import identities, record
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.expectations import wanted_alerts
from rules.laws import as_of, laws
from rules.model import CorrelationRule, DetectionRule, RuleFile
from rules.packs import load_packs
from rules.rulecases import main_name, run_case
from rules.ruleset import RuleTimeline, load_ruleset
from rules.triggers import triggers
from tests.support.rule_files import CALENDAR, NAMED

RULES = load_ruleset()
TIMELINE = RuleTimeline([(0, RULES)])
CLASSES = [f"A{number:02d}" for number in range(1, 13)]
DATA = Path(__file__).parents[1] / "data"
CASES = [(file, case) for file in RULES.files for case in file.tests]
# one message shows a part of it, what several show is a rule of its own: the first answers at once,
# and other rules ask what it hit
IN_TWO_RULES = {"A03-02", "A05-01", "A06-18", "A08-13", "A10-13", "A11-07"}
OVER_TIME = [(file, case) for file, case in CASES
             if main_name(file) in RULES.correlations and len(case["messages"]) > 1]  # fmt: skip


@pytest.fixture(scope="module")
def compiled() -> dict:
    return compile_timeline(TIMELINE)


def main_rule(file: RuleFile) -> DetectionRule | CorrelationRule:
    name = main_name(file)
    return RULES.correlations.get(name) or RULES.detections[name]


@pytest.mark.parametrize(
    ("file", "case"), CASES, ids=[f"{file.path}: {case['name']}" for file, case in CASES]
)
def test_case(file: RuleFile, case: dict, compiled: dict) -> None:
    assert run_case(TIMELINE, compiled, CALENDAR, file, case, NAMED) is None


@pytest.mark.parametrize(
    ("file", "case"), OVER_TIME, ids=[f"{file.path}: {case['name']}" for file, case in OVER_TIME]
)
def test_case_of_behaviour_in_another_order_of_arrival(
    file: RuleFile, case: dict, compiled: dict
) -> None:
    """The last first: a recall before what it takes back, the answer before the question."""
    turned = case | {"arrival": identities(case["messages"])[::-1]}
    file = replace(file, tests=(turned,), case_lists=(file.lists_of(case),))
    assert run_case(TIMELINE, compiled, CALENDAR, file, turned, NAMED) is None


@pytest.mark.parametrize("file", RULES.files, ids=lambda file: file.path)
def test_a_rule_says_all_it_must(file: RuleFile) -> None:
    ref = main_rule(file).ref
    uuid.UUID(ref.id)
    assert file.path.removesuffix(".yaml") == ref.name
    assert re.fullmatch(r"A(0[1-9]|1[0-2])-\d\d", ref.item)
    assert ref.name.startswith(ref.item.lower().replace("-", "_"))
    assert ref.response in (1, 2, 3)
    assert ref.level in ("medium", "high", "critical")
    assert file.legal
    assert re.search(r"(?m)^  owner: \S", file.text)
    assert re.search(r"(?m)^description: \S", file.text)
    assert re.search(r"(?m)^falsepositives:", file.text)
    assert re.search(r"(?m)^  runbook:", file.text)
    assert re.search(r"(?m)^  blind_spots:", file.text)
    assert main_rule(file).summary
    assert any(wanted_alerts(case) for case in file.tests), "a case that fires"
    assert not all(wanted_alerts(case) for case in file.tests), "a case that does not"
    names = Counter(case["name"] for case in file.tests)
    assert max(names.values()) == 1


def test_the_catalogue_covers_all_classes() -> None:
    refs = [main_rule(file).ref for file in RULES.files]
    assert len(refs) >= 12
    assert {ref.item[:3] for ref in refs} == set(CLASSES)
    assert len({ref.id for ref in refs}) == len(refs)
    twice = {item for item, count in Counter(ref.item for ref in refs).items() if count > 1}
    assert twice == IN_TWO_RULES, "an item has one rule"


@pytest.mark.parametrize("file", RULES.files, ids=lambda file: file.path)
def test_a_rule_about_events_of_a_feed_says_that_it_needs_it(file: RuleFile) -> None:
    """Requires it, or names it (feed NAME) where it judges a part without. Otherwise it would be
    shown as working while nobody delivers what it reads."""
    said = rule_part(file)
    # `first_seen:` is a key of a rule
    named = (
        one.feed for kind, one in feeds.events().items() if re.search(rf"\b{kind}\b(?!:)", said)
    )
    read = set(named)
    absent = {name for name in read if not feeds.feeds()[name].connected}
    assert {name for name in absent if f"feed {name}" not in said} <= set(file.requires)


@pytest.mark.parametrize("pack", load_packs().values(), ids=lambda pack: pack.name)
def test_every_name_in_a_pack_is_that_of_a_rule(pack) -> None:
    names = [main_name(file) for file in RULES.files]
    assert not [one for one in pack.rules if not any(fnmatchcase(name, one) for name in names)]
    assert pack.law


def test_there_is_a_pack_for_each_law_and_trade() -> None:
    wanted = {"pipl", "data-security", "securities", "banking", "insurance", "advertising"}
    assert wanted <= set(load_packs())


# ---- the law ----

CITED = [
    *((file.path, citation) for file in RULES.files for citation in file.legal),
    *((f"packs/{pack.name}", citation) for pack in load_packs().values() for citation in pack.law),
]
CITATION = re.compile(
    r"(?P<name>[^（第 ]+)(?:(?:（(?P<text>\d{4}年..)）| )"
    r"(?P<article>第(?P<number>\d+)条(?:之[一二])?(?:第\d[款项])?))?(?:（(?P<note>[^（）]+)）)?"
)


def wrong_in(citation: str) -> str:
    """What is wrong with a citation of ours; "" for nothing. It has one form:
    法名（文本）第N条（所指）, with the text only of a law that was renumbered."""
    found = CITATION.fullmatch(citation)
    law = laws().get(found["name"]) if found else None
    if found is None or law is None:
        return "no law of rules/legal/laws.yaml"
    article = found["article"]
    if (found["text"] or "") != (law.text if law.renumbered and article else ""):
        return "another text"
    if article and int(found["number"]) > law.last:
        return "beyond the last article"
    about = law.articles.get(article) if article else law.about
    if not about:
        return "not in rules/legal/laws.yaml: read the article and add it"
    return "" if found["note"] in (None, about) else "about something else"


@pytest.mark.parametrize(("path", "citation"), CITED)
def test_the_law_that_is_cited_is_in_force(path: str, citation: str) -> None:
    assert wrong_in(citation) == ""


@pytest.mark.parametrize(
    ("citation", "why"),
    [
        ("刑法 第163条（非国家工作人员受贿）", ""),
        ("刑法 第177条之一", ""),
        ("反不正当竞争法（2025年修订）第8条（商业贿赂）", ""),
        ("银监办发〔2017〕110号（专区双录）", ""),
        ("网络数据安全管理条例", ""),
        ("个人信息保户法 第28条", "no law"),
        ("银监办发〔2017〕111号", "no law"),
        ("证券法第53条", "no law"),
        ("证券法 第227条", "beyond"),
        ("网络安全法（2025年修正）第82条", "beyond"),
        ("证券法 第1条", "not in"),
        ("证券法", "not in"),
        ("反不正当竞争法 第8条（商业贿赂）", "another text"),
        ("网络安全法（2016年通过）第21条", "another text"),
        ("证券法（2019年修订）第53条", "another text"),
        ("刑法 第163条（职务侵占）", "something else"),
    ],
)
def test_a_wrong_citation_is_seen(citation: str, why: str) -> None:
    said = wrong_in(citation)
    assert why in said
    assert bool(said) == bool(why)


def test_an_article_is_cited_in_one_way() -> None:
    """In an evidence pack of several rules it would else stand there twice."""
    ways: dict[str, set[str]] = {}
    for _, citation in CITED:
        bare = citation if citation.endswith("号") else re.sub(r"（[^（）]+）$", "", citation)
        ways.setdefault(bare, set()).add(citation)
    assert [ways for ways in ways.values() if len(ways) > 1] == []


def test_the_laws_are_those_that_are_cited() -> None:
    cited = {(found["name"], found["article"]) for _, citation in CITED
             if (found := CITATION.fullmatch(citation))}  # fmt: skip
    kept = {(law.name, article) for law in laws().values() for article in law.articles}
    whole = {(law.name, None) for law in laws().values() if law.about}
    assert kept | whole == cited
    for law in laws().values():
        assert law.articles or law.about or law.renumbered
        assert law.in_force is None or law.in_force <= as_of()
        assert law.last or not law.articles
        assert law.renumbered or not law.moved
        assert max(law.moved.values(), default=0) <= law.last
        assert law.title.endswith(law.name) or law.name.endswith("号")


@pytest.mark.parametrize("page", ["rule-language.md", "rule-language.zh-CN.md"])
def test_the_documentation_says_of_which_day_the_citations_are(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| `legal` |"))
    assert as_of().isoformat() in row


def said_to_customers(name: str) -> list[str]:
    """The lines of a file of tests/data: what an employee tells a customer, a message a line."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def judged(lines: list[str], compiled: dict) -> dict[str, set[int]]:
    """line -> response levels of the alerts it raises. Each is said by somebody else."""
    engine = Engine(TIMELINE, Decoder("demo"), CALENDAR, compiled=compiled)
    raws = [
        record({"at": "10:00", "from": f"employee{n}", "to": f"c{n}", "text": line}, f"m{n}", n)
        for n, line in enumerate(lines, start=1)
    ]
    found: dict[str, set[int]] = {line: set() for line in lines}
    for kind, body in engine.run(raws):
        if kind == "alerts":
            alert = json.loads(body)
            for member in alert["members"]:
                found[lines[int(member["msgid"][1:]) - 1]].add(alert["rule"]["response"])
    return found


def test_ordinary_talk_with_customers_is_no_real_time_alert(compiled: dict) -> None:
    found = judged(said_to_customers("ordinary_talk.txt"), compiled)
    assert len(found) > 400
    assert not [line for line, responses in found.items() if max(responses, default=0) >= 2]


def test_what_sellers_must_not_say_is_found(compiled: dict) -> None:
    found = judged(said_to_customers("forbidden_talk.txt"), compiled)
    assert len(found) > 100
    assert not [line for line, responses in found.items() if not responses]


def rule_part(file: RuleFile) -> str:
    """The text of a file without its test cases."""
    return file.text.split("\n  tests:\n")[0]


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ({"messages": [{"from": "a"}], "alerts": 0}, "'at' is missing"),
        ({"messages": [{"at": "25:00", "from": "a", "text": "x"}], "alerts": 0}, "is no time"),
        ({"messages": [{"at": "10:00", "form": "a"}], "alerts": 0}, "unknown key 'form'"),
        ({"messages": [{"at": "10:00", "text": "x"}], "alerts": 0}, "'from' is missing"),
        ({"messages": [{"at": "10:00", "event": "x", "payload": []}], "alerts": 0}, "a mapping"),
        ({"messages": [{"at": "10:00", "from": "a", "type": "file", "payload": {"md5sum": 5}}],
          "alerts": 0}, "quarantined"),
        ({"messages": [{"at": "10:00", "from": "a", "to": "c1", "text": "保本"}], "alerts": 0},
         "expected 0 alerts, got 1"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_pass_says_why(case: dict, says: str, compiled: dict) -> None:
    file = next(file for file in RULES.files if main_name(file) == "a07_01_guarantee")
    failure = run_case(TIMELINE, compiled, CALENDAR, file, case)
    assert failure is not None
    assert says in failure.en
    assert re.search("[\u4e00-\u9fff]", failure.zh)


def test_no_shipped_rule_is_asked_of_every_message() -> None:
    """Each would cost its evaluation a message, and a base rule that fits half of all messages an
    item in the keyed stage for each of them."""
    always = [
        name for name, rule in load_ruleset().detections.items() if triggers(rule.condition) is None
    ]
    assert always == []
