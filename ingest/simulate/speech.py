"""Planted words: violations that are spoken, their disguises, and decoys. Data: plants.yaml."""

from __future__ import annotations

from typing import Any

from ingest.simulate.disguise import disguised, plain
from ingest.simulate.identifiers import bank_card, grouped, resident_id
from ingest.simulate.mint import Setting
from ingest.simulate.places import colleagues, group, single
from ingest.simulate.plants import RESPONSES, Stage, phrases
from ingest.simulate.talk import Line, pick
from ingest.simulate.world import COMPANY_ACCOUNTS, Employee

SPOKEN = (
    "a01_01_bypass_company_deal",
    "a02_03_transfer_to_individual",
    "a04_01_personal_wechat_id",
    "a07_01_guarantee",
    "a08_01_resident_id",
    "a08_02_bank_card",
    "a09_09_credential",
    "a10_01_kickback",
)
_RECALLED = tuple(rule for rule in SPOKEN if RESPONSES[rule] > 1)
_DISGUISE_EVERY = 5  # of the spoken violations; at most one in four by contract
_ROOM_SHARE = 0.15
_ID_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789"
_WORDS = ("Demo", "Guest", "Spring", "Harbor", "Maple")


def values(stage: Stage) -> dict[str, str]:
    """Made-up values for the slots of plants.yaml."""
    rng = stage.rng
    card, bank = bank_card(rng)
    return {
        "bank": bank,
        "card": grouped(card) if rng.random() < 0.4 else card,  # noqa: PLR2004
        "card_plain": card,
        "wrong_card": bank_card(rng, valid=False)[0],
        "wrong_id": resident_id(rng, valid=False),
        "name": pick(rng, stage.world.customers).name,
        "secret": f"{pick(rng, _WORDS)}@{rng.randrange(1000, 10000)}",
        "key": f"AK{rng.getrandbits(80):020X}",
        "token": f"{rng.getrandbits(160):040x}",
        "company_account": pick(rng, COMPANY_ACCOUNTS),
    }


def wechat_id(stage: Stage) -> str:
    """An id as WeChat gives them, or as people choose them."""
    rng = stage.rng
    if rng.random() < 0.6:  # noqa: PLR2004 - most show the given one
        return "wxid_" + "".join(pick(rng, _ID_CHARS) for _ in range(14))
    stem = rng.choice(("linda", "amy", "jason", "kevin", "lucky", "sunny", "vivian"))
    return f"{stem}{rng.randrange(1000, 99999)}"


def wording(stage: Stage, rule: str, number: int, hide: bool) -> tuple[str, str]:
    """A violating sentence and the name of its disguise ("" mostly)."""
    choices = phrases()["violations"][rule]
    text = choices[(number + stage.begin // 86_400_000) % len(choices)]
    made = values(stage)
    made["id"] = wechat_id(stage) if rule.startswith("a04") else resident_id(stage.rng)
    if hide and "[[" not in text:  # the number itself is what gives these away
        made |= {"id": f"[[{made['id']}]]", "card": f"[[{made['card_plain']}]]"}
    for name, value in made.items():
        text = text.replace(f"{{{name}}}", value)
    return disguised(stage.rng, text) if hide else (plain(text), "")


def setting_for(stage: Stage, employee: Employee) -> Setting:
    """A conversation of the employee with customers, now and then a group."""
    rooms = employee.rooms
    if rooms and stage.rng.random() < _ROOM_SHARE:
        setting = group(stage.rng, pick(stage.rng, rooms))
        if setting.speakers["E"].id == employee.userid:
            return setting
    return single(employee, pick(stage.rng, employee.customers))


def speak(stage: Stage, rule: str, number: int, hide: bool, recalled: bool = False) -> None:
    """Plant one spoken violation; with `recalled` its sender takes it back within 2 minutes."""
    employee = stage.actor("recall" if recalled else rule)
    setting = (
        single(employee, pick(stage.rng, employee.customers))
        if recalled
        else setting_for(stage, employee)
    )
    words, style = wording(stage, rule, number, hide)
    before = stage.lines("lead_in")
    script = [*before, Line("E", "exact", (words,), False), *stage.lines("after")]
    turns = stage.perform(setting, script, stage.office_time())
    hit = turns[len(before)]
    note = f"disguise: {style}" if style else ""
    if recalled:
        back = hit.time + 8000 + stage.rng.randrange(100_000)
        item, msgid = stage.talk.recall(setting, setting.speakers["E"], hit.msgid, back)
        stage.items.append(item)
        stage.record(
            "a05_02_recall_after_hit",
            employee.userid,
            [hit.msgid, msgid],
            back,
            f"recalls a hit of {rule}",
            place=setting.key,
        )
        note = note or "recalled afterwards"
    stage.record(rule, employee.userid, [hit.msgid], hit.time, note, place=setting.key)


def decoy(stage: Stage, case: dict[str, Any]) -> None:
    """Plant one innocent conversation of plants.yaml."""
    employee = stage.actor(f"decoy {case['note']}")
    inside = case.get("internal", False)
    if inside:
        setting = colleagues(employee, pick(stage.rng, stage.world.by_department["合规部"]))
        setting.speakers["E"] = setting.speakers["A"]
    else:
        setting = single(employee, pick(stage.rng, employee.customers))
    made = {**values(stage), "id": resident_id(stage.rng)}
    script = [] if inside else stage.lines("lead_in")
    if "quote" in case:
        script.append(Line("C", "exact", (case["quote"],), False))
    first = len(script)
    for key in ("say", "then"):
        if key in case:
            text = case[key]
            for name, value in made.items():
                text = text.replace(f"{{{name}}}", value)
            kind = "quote_exact" if "quote" in case else "exact"
            script.append(Line(text[0], kind, (text[2:].strip(),), False))
    turns = stage.perform(setting, script, stage.office_time())
    said = turns[first - 1 if "quote" in case else first :]
    stage.record(
        case["rule"],
        employee.userid,
        [turn.msgid for turn in said],
        said[-1].time,
        case["note"],
        alert=False,
        place=setting.key,
    )


def plant_speech(stage: Stage, violations: int) -> None:
    """Spoken violations, hits that are recalled, and their decoys."""
    cases = [(rule, number, False) for rule in SPOKEN for number in range(violations)]
    cases += [(_RECALLED[n % len(_RECALLED)], violations + n, True) for n in range(violations)]
    for place, (rule, number, recalled) in enumerate(cases, start=1):
        speak(stage, rule, number, place % _DISGUISE_EVERY == 0, recalled)
    for _ in range(max(1, violations // 3)):
        for case in phrases()["decoys"]:
            decoy(stage, case)
