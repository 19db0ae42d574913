"""Citations of a law whose articles were numbered anew, and what `rules check` says of them."""

from __future__ import annotations

import pytest

from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.laws import number, unclear
from rules.lint.examples import RULE
from rules.lint.file_said import Surroundings, of_source
from rules.lint.source import read
from rules.sigma_parse import Named

AROUND = Surroundings(Named({}), load_calendar(), {})


def problems_of(legal: str) -> list[RuleError]:
    text = RULE.replace('["证券法 第135条"]', legal, 1)
    assert legal in text
    return of_source(read("rule.yaml", text, AROUND.named), AROUND)


@pytest.mark.parametrize(
    ("citation", "found"),
    [
        ("反不正当竞争法 第7条", [(7, 8)]),
        ("反不正当竞争法第七条", [(7, 8)]),
        ("《反不正当竞争法》第九条", [(9, 10)]),
        ("《中华人民共和国反不正当竞争法》第七条", [(7, 8)]),
        ("《中华人民共和国反不正当竞争法（2019年修正）》第七条", [(7, 8)]),
        ("反不正当竞争法（2019年修正）第7条", [(7, 8)]),
        ("网络安全法 第21条（日志）", [(21, 23)]),
        ("公司法 第148条", [(148, 0)]),
        ("刑法 第163条；反洗钱法 第十九条、公司法第182条", [(19, 34), (182, 0)]),
        # the text in force is named, wherever
        ("反不正当竞争法（2025年修订）第8条", []),
        ("反不正当竞争法 第8条（2025年修订，商业贿赂）", []),
        ("《反不正当竞争法》（2025 年修订）第八条", []),
        # no article, another law, or none that we know
        ("反不正当竞争法", []),
        ("证券法 第53条", []),
        ("最高人民法院关于适用《公司法》若干问题的规定（三） 第12条", []),
        ("外国公司法 第12条", []),
        ("公司会话管理制度 第7条", []),
    ],
)
def test_a_citation_by_the_number_alone_is_unclear(
    citation: str, found: list[tuple[int, int]]
) -> None:
    assert [(one.article, one.now) for one in unclear(citation)] == found


@pytest.mark.parametrize(
    ("written", "value"),
    [("7", 7), ("七", 7), ("十", 10), ("十九", 19), ("二十", 20), ("四十一", 41), ("一百", 100),
     ("一百零八", 108), ("一百一十", 110), ("一百六十三", 163), ("一千零三十四", 1034)],
)  # fmt: skip
def test_the_number_of_an_article_is_read_in_both_scripts(written: str, value: int) -> None:
    assert number(written) == value


def test_check_says_where_and_what_to_write_in_both_languages() -> None:
    (one,) = problems_of('["证券法 第135条", 反不正当竞争法 第7条]')
    assert (one.code, one.line) == ("MJ625", RULE[: RULE.index("legal")].count("\n") + 1)
    assert "反不正当竞争法 第7条" in one.said_en
    assert "2025-10-15" in one.said_en
    assert "2025-10-15" in one.said_zh
    for fix in (one.fix_en, one.fix_zh):
        assert "反不正当竞争法（2025年修订）第8条" in fix
        assert "反不正当竞争法（2025年修订）第7条" in fix


@pytest.mark.parametrize(
    "legal", ["[员工守则 第3条]", "[GDPR Art. 6]", "[外国公司法 第12条]", "[公司法]"]
)
def test_a_law_that_we_do_not_know_is_nobodys_mistake(legal: str) -> None:
    assert problems_of(legal) == []


@pytest.mark.parametrize("legal", ["公司法 第148条", "[公司法 第148条, 5]", "[[公司法 第148条]]"])
def test_a_broken_list_is_told_as_such_only(legal: str) -> None:
    assert [one.code for one in problems_of(legal) if one.code == "MJ625"] == []
    assert problems_of(legal)
