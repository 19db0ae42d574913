"""The monthly report: its figures come from the alerts beside it and can be counted again."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.case import MONTH, Subject
from reports.charts import per_day, ranking
from reports.month import Heads, MonthFacts, figures, month_pack
from reports.rule_catalogue import CLASSES
from reports.signing import Signer
from reports.standalone.figures import alert_figures, month_of
from reports.standalone.verify import verify
from sinks.ledger.canonical import canonical
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_anchor import Entered
from tests.unit.test_reports_pack import resealed

SINCE, UNTIL = month_of("2026-06")
DAY = 86_400_000


def alert(number, **changes):
    made = sample_case.alert_and_evidence(Sealer("s", {"s": bytes(16)}))[0]
    rule = {**made["rule"], **changes.pop("rule", {})}
    values = {"alert_id": f"{number:032x}", "time": SINCE + number * DAY, "rule": rule}
    return {**made, **values, **changes}


ALERTS = [
    alert(0),
    alert(1, rule={"response": 3, "item": "A07-01", "name": "other", "title": "误导销售"}),
    alert(1, alert_id="b" * 32, actor="lisi"),
    alert(2, status="retracted"),
    alert(29, count=5),
]


def facts(alerts=ALERTS, language="zh", made_at=UNTIL):
    return MonthFacts(
        request=sample_case.request(language=language, created_at=made_at),
        subject=Subject(MONTH, "2026-06", SINCE, UNTIL),
        alerts=alerts,
        before=2,
        deeds={"searched": {"officer": 4, "reviewer": 1}, "refused": {"": 1}},
        incidents={"sequence_gap": (2, 1)},
        late={"true": 1},
        heads=Heads(100, 250, 12, 3),
        rules=216,
        waiting=42,
        titles={"searched": ("searched the archive", "检索归档"),
                "sequence_gap": ("numbers are missing", "序号不连续"),
                "officer": ("officer", "合规官")},
        items=CLASSES,
    )  # fmt: skip


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pack(signer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    entered = Entered(folder, signer)
    for one in ALERTS:
        entered.enter(one)
    return month_pack(facts(), signer, entered.anchors(folder))


def unpacked(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def shown(pack):
    reader = pypdf.PdfReader(io.BytesIO(pack.pdf))
    return "".join("".join(page.extract_text() for page in reader.pages).split())


@pytest.fixture
def outcome(tmp_path):
    def run(contents):
        path = write_pack(tmp_path / "pack.zip", contents)
        return {one.name: (one.ok, one.en) for one in verify(str(path)).checks}

    return run


def test_it_verifies_and_its_figures_are_counted_again(pack, outcome):
    said = outcome(unpacked(pack))
    assert all(ok is not False for ok, _ in said.values()), said
    assert said["figures"] == (True, "counted again from 4 alerts, the same")
    assert said["ledger entries"] == (True, "5, each leads to the signed root")
    assert re.fullmatch("MJ-2026-06-[0-9A-F]{8}", pack.case)
    assert pack.name == pack.case.lower()


@pytest.mark.parametrize(
    "fact",
    [
        "2026年6月合规月报", "4条告警", "较上月+100%", "2人涉及", "三级·紧急1",
        "216条规则参与判定，另有42条等待数据来源",
        "已撤回Takenback1", "误导销售", "A02私收款项", "A07误导销售与违规承诺", "检索归档5",
        "合规官4、reviewer1",
        "序号不连续21", "本应告警1", "新增150条", "签名头12个，其中3个", "每日告警", "机密",
        "账本签名头", "verify.pymj-2026-06-",
    ],
)  # fmt: skip
def test_the_report_says_the_figures(pack, fact):
    assert fact in shown(pack)


def test_a_month_that_is_not_over_says_so_and_is_not_compared(signer):
    text = shown(month_pack(facts(made_at=UNTIL - DAY), signer, None))
    assert "制作时本月尚未结束：所有数字截至2026-06-3000:00:00" in text
    assert "2026-06-0100:00:00至2026-06-3000:00:00" in text
    assert "较上月" not in text
    assert "尚未结束" not in shown(month_pack(facts(), signer, None))


def test_the_readable_part_names_nobody(pack):
    text = shown(pack)
    assert "zhangwei" not in text
    assert "lisi" not in text
    assert sample_case.CUSTOMER not in text


def test_a_month_without_alerts_is_a_report_too(signer, outcome):
    for language, says in (
        ("zh", "索引中没有本月的告警"),
        ("en", "Noalertofthismonthisintheindex"),
    ):
        pack = month_pack(facts([], language), signer, None)
        assert says in shown(pack)
        assert all(ok is not False for ok, _ in outcome(unpacked(pack)).values())


def test_equal_facts_give_equal_bytes(signer):
    assert month_pack(facts(), signer, None).archive == month_pack(facts(), signer, None).archive


def changed_figures(files, change):
    told = json.loads(files["figures.json"])
    change(told["alerts"])
    return {"figures.json": canonical(told)}


def alerts_of(files, keep):
    rows = [json.loads(line) for line in files["alerts.jsonl"].splitlines()]
    return {"alerts.jsonl": b"".join(canonical(row) + b"\n" for row in keep(rows))}


def moved_out(rows):
    rows[0]["alert"]["time"] = UNTIL
    return rows


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        (lambda f: changed_figures(f, lambda a: a.update(alerts=3)), "figures", "alerts"),
        (lambda f: changed_figures(f, lambda a: a["by_level"].clear()), "figures", "by_level"),
        (lambda f: changed_figures(f, lambda a: a.update(more=1)), "figures", "more"),
        (lambda f: alerts_of(f, lambda rows: rows[1:]), "figures", "counts other alerts"),
        (
            lambda f: {
                "manifest.json": f["manifest.json"].replace(b'"kind":"month"', b'"kind":"case"')
            },
            "figures.json",
            "is no file of such a pack",
        ),
        (lambda f: alerts_of(f, lambda rows: rows[:1] + rows), "figures", "there twice"),
        (lambda f: alerts_of(f, moved_out), "figures", "is not of this month"),
        (lambda f: {"figures.json": b"{}"}, "figures", "they are damaged"),
        (lambda f: alerts_of(f, lambda rows: rows[1:]), "ledger entries", "does not hold"),
    ],
)
def test_even_who_holds_the_key_cannot_make_the_figures_better(
    change, check, says, pack, signer, outcome
):
    files = unpacked(pack)
    ok, words = outcome(resealed({**files, **change(files)}, signer))[check]
    assert ok is False
    assert says in words


@given(
    st.lists(
        st.builds(
            lambda at, response, status, who: alert(0, time=SINCE + at, status=status, actor=who,
                                                    rule={"response": response}),
            st.integers(0, UNTIL - SINCE - 1), st.integers(0, 3),
            st.sampled_from(["final", "speculative", "retracted"]), st.sampled_from(["a", "b", ""]),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_the_parts_of_the_figures_add_up(alerts):
    counts = alert_figures(alerts)
    assert counts["alerts"] + counts["retracted"] == len(alerts)
    for part in ("by_response", "by_level", "by_item", "by_rule", "by_state"):
        assert sum(counts[part].values()) == counts["alerts"]
    days = counts["by_day"]
    assert sum(sum(one.values()) for one in days.values()) == counts["alerts"]
    assert all("2026-06-01" <= day <= "2026-06-30" for day in days)


@pytest.mark.parametrize(
    ("month", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31), ("1999-04", 30)]
)
def test_a_month_is_that_of_beijing(month, days):
    since, until = month_of(month)
    assert until - since == days * DAY
    assert (since // 3_600_000) % 24 == 16


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-6-1", "June"])
def test_what_is_no_month_is_none(month):
    with pytest.raises(ValueError, match=r"."):
        month_of(month)


def test_rules_that_wait_for_a_feed_are_not_said_to_judge(signer):
    told = figures(facts())
    assert (told["rules"], told["rules_waiting"]) == (216, 42)
    assert "216rulesjudge,42morewaitforafeed" in shown(
        month_pack(facts(language="en"), signer, None)
    )


def test_figures_say_the_month_before_without_its_alerts():
    assert figures(facts())["alerts_the_month_before"] == 2


def test_charts_have_their_text_as_text():
    days = [f"2026-06-{day:02}" for day in range(1, 31)]
    drawn = per_day("a & b", days, {"2": [1] * 30}, {"2": "二级 · 实时告警"})
    assert "二级 · 实时告警" in drawn
    assert "font-size: 7.5px" in drawn
    assert ranking("r", [("A02 私收款项", 1234)]).count("1,234") == 1
    assert "<title>a &amp; b</title>" in drawn
    assert ranking("r", [])
