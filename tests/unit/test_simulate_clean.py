"""Ordinary talk and acts break no rule; planted numbers are what they pretend to be."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric

from ingest.simulate.clock import OFFICE, TALK, is_working, local_date, midnight
from ingest.simulate.disguise import disguised, plain
from ingest.simulate.identifiers import bank_card, resident_id
from ingest.simulate.limits import Limits
from ingest.simulate.mint import line
from ingest.simulate.plants import phrases
from ingest.simulate.run import Parameters, Run
from ingest.simulate.talk import dialogs, table
from ingest.simulate.world import COMPANY_ACCOUNTS, World

MINUTE = 60_000
# words that give violations away, and more that clean talk has no need of
TELLTALE = re.compile(
    "保本|保息|稳赚|包赚|只赚|零风险|无风险|没有风险|没风险|不亏|回扣|返点|好处费|辛苦费|茶水费|"
    "加我|微信|V信|薇信|wxid|转我|打我|汇我|转给我|打给我|我卡|我个人|私人账户|个人账户|支付宝|"
    "别走|不走|绕开|绕过|不通过公司|单独跟|单独签|私下|私单|密码|口令|token|AccessKey|API ?key|"
    "提取码",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def clean() -> list[dict[str, Any]]:
    """Two working days and a Saturday without plants."""
    run = Run(Parameters(messages=12_000, first_day=date(2026, 3, 5), days=3, violations=0))
    return [json.loads(line(item, "demo", 1)) for item in run.records()]


def words_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from words_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words_of(inner)


def test_clean_talk_has_no_telltale_words(clean: list[dict[str, Any]]) -> None:
    ids = re.compile(r"^[\w-]{20,}$")  # sdkfileid and the like are random letters
    for record in clean:
        for words in words_of(record["payload"]):
            if not ids.match(words) and "sdkfileid" not in words:
                found = TELLTALE.search(unicodedata.normalize("NFKC", words))
                assert not found, words


def test_clean_talk_has_no_identity_or_card_number(clean: list[dict[str, Any]]) -> None:
    for record in clean:
        text = record["payload"].get("text", {}).get("content", "")
        assert not re.search(r"\d{15,}", re.sub(r"[\s-]", "", text)), text


def test_every_wording_of_talk_yaml_is_clean() -> None:
    settings = ("external", "external_room", "internal", "internal_room")
    wordings = [w for s in settings for d in dialogs(s).lines for row in d for w in row.wordings]
    assert len(wordings) > 300
    for words in [*wordings, *words_of(table()["slots"]), *words_of(table()["links"])]:
        assert not TELLTALE.search(words), words


def busiest(entries: dict[str, list[tuple[int, str]]], minutes: int) -> int:
    """The most distinct values one key has in any closed window of so many minutes."""
    most = 0
    for rows in entries.values():
        rows.sort()
        for time, _ in rows:
            window = {v for t, v in rows if time - minutes * MINUTE <= t <= time}
            most = max(most, len(window))
    return most


def test_clean_behaviour_stays_below_every_threshold(clean: list[dict[str, Any]]) -> None:
    recalls, deletions, files, links = (defaultdict(list) for _ in range(4))
    for record in clean:
        payload, time = record["payload"], record["time"]
        kind = payload.get("msgtype", record.get("type", ""))
        sender = payload.get("from", "")
        external = payload.get("msgid", "").endswith("_external")
        where = payload.get("roomid") or "|".join(payload.get("tolist", ()))
        if kind == "revoke" and sender[:2] not in {"wm", "wo"}:
            recalls[sender].append((time, payload["msgid"]))
        elif kind == "customer_deleted" and not payload["Source"]:
            deletions[payload["UserID"]].append((time, record["id"]))
        elif kind in {"file", "voip_doc_share"} and external:
            files[sender + payload[kind]["md5sum"]].append((time, where))
        elif kind == "link" and external:
            path = urlsplit(payload["link"]["link_url"]).path
            links[sender + path].append((time, where))
        elif kind == "text" and external:
            for url in re.findall(r"https?://[^\s?]+", payload["text"]["content"]):
                links[sender + url].append((time, where))
    assert len(recalls) > 20
    assert len(deletions) > 5
    assert busiest(recalls, 10) <= 4
    assert busiest(deletions, 60) <= 4
    assert busiest(files, 60) <= 2
    assert busiest(links, 60) <= 3


def test_clean_logins_and_transfers_keep_office_hours(clean: list[dict[str, Any]]) -> None:
    kinds = {"login_new_device", "login_secondary_device", "customer_transferred"}
    seen = set()
    for record in clean:
        if record.get("type") in kinds:
            seen.add(record["type"])
            local = datetime.fromtimestamp(record["time"] / 1000, UTC) + timedelta(hours=8)
            assert is_working(local.date())
            assert 9 <= local.hour < 18
    assert seen == kinds


def test_customers_never_send_as_employees(clean: list[dict[str, Any]]) -> None:
    staff = {employee.userid for employee in World(Parameters().seed).employees}
    for record in clean:
        sender = record["payload"].get("from", "")
        assert (
            sender[:2] in {"wm", "wo", "wb"} or sender in staff or "from" not in record["payload"]
        )


@given(st.integers(0, 10**9))
def test_identity_numbers_are_valid_and_wrong_ones_are_not(seed: int) -> None:
    assert ric.is_valid(resident_id(Random(seed)))
    wrong = resident_id(Random(seed), valid=False)
    assert len(wrong) == 18
    assert not ric.is_valid(wrong)


@given(st.integers(0, 10**9))
def test_card_numbers_pass_luhn_and_wrong_ones_do_not(seed: int) -> None:
    number, bank = bank_card(Random(seed))
    assert bank
    assert len(number) in {16, 19}
    assert luhn.is_valid(number)
    assert not luhn.is_valid(bank_card(Random(seed), valid=False)[0])


def test_two_company_accounts_look_like_cards() -> None:
    assert sum(luhn.is_valid(account) for account in COMPANY_ACCOUNTS) == 2


@given(st.integers(0, 10**6))
def test_a_disguise_changes_only_the_marked_words(seed: int) -> None:
    rng = Random(seed)
    for texts in phrases()["violations"].values():
        for text in texts:
            if "[[" not in text:
                continue
            hidden, style = disguised(rng, text)
            kept = unicodedata.normalize("NFKC", hidden)
            bare = "".join(c for c in kept if unicodedata.category(c) != "Cf").replace(" ", "")
            assert bare == unicodedata.normalize("NFKC", plain(text)).replace(" ", "")
            assert hidden != plain(text), style


@given(st.lists(st.floats(0, 0.999999), min_size=2))
def test_the_day_never_runs_backwards(shares: list[float]) -> None:
    shares.sort()
    for profile in (*TALK.values(), OFFICE):
        times = [profile.at(share) for share in shares]
        assert times == sorted(times)
        assert local_date(midnight(date(2026, 3, 4)) + times[-1]) == date(2026, 3, 4)


@given(st.lists(st.integers(0, 40 * MINUTE), max_size=60))
def test_ordinary_recalls_never_reach_a_burst_in_any_order(times: list[int]) -> None:
    limits = Limits()
    granted = {"one": [(t, f"{i}") for i, t in enumerate(times) if limits.may_recall("one", t)]}
    assert busiest(granted, 10) <= 4
