"""Planted behaviours: sequences inside a window, and the same just below the threshold."""

from __future__ import annotations

from typing import NamedTuple

from ingest.simulate import contents
from ingest.simulate.clock import HOUR_MS, MINUTE_MS
from ingest.simulate.places import colleagues, single
from ingest.simulate.plants import Plan, Stage
from ingest.simulate.speech import plant_speech
from ingest.simulate.talk import Line, dialogs, pick
from ingest.simulate.world import SITE, Employee

# what the first rules count; written here on purpose, not read from the rules
RECALLS, DELETIONS, TRANSFERS, FILES, LINKS = 5, 5, 3, 3, 5
_BEFORE_WORK = (0.5 * HOUR_MS, 6.5 * HOUR_MS)
_AFTER_WORK = (19 * HOUR_MS, 22.5 * HOUR_MS)


class _Sent(NamedTuple):
    key: str
    msgid: str
    time: int


def _more(stage: Stage, threshold: int) -> int:
    return threshold + int(stage.rng.random() * 3)


def recalls(stage: Stage, count: int, *, alert: bool) -> None:
    """`count` recalls by one employee within ten minutes, out of two conversations."""
    employee = stage.actor("recall")
    start = stage.office_time()
    first, second = stage.rng.sample(employee.customers, 2)
    sent = []
    own = [
        line
        for script in dialogs("external").lines
        for line in script
        if line.who == "E" and line.kind == "text"
    ]
    for customer, share in ((first, count - 2), (second, 2)):
        setting = single(employee, customer)
        script = [pick(stage.rng, own)._replace(optional=False) for _ in range(share)]
        turns = stage.perform(setting, script, start)
        sent += [(setting, turn.msgid, turn.time) for turn in turns]
    begin = max(time for _, _, time in sent) + 10_000
    room = 9 * MINUTE_MS // count
    ids = []
    for number, (setting, msgid, _) in enumerate(sent):
        at = begin + number * room + stage.rng.randrange(room // 2)
        item, recall = stage.talk.recall(setting, setting.speakers["E"], msgid, at)
        stage.items.append(item)
        ids.append((at, recall))
    kept = ids[:RECALLS]
    stage.record(
        "a05_01_recall_burst",
        employee.userid,
        [recall for _, recall in kept],
        kept[-1][0],
        f"{count} recalls in ten minutes",
        alert=alert,
    )


def deletions(stage: Stage, count: int, *, alert: bool, source: str = "") -> None:
    """`count` customers deleted by one employee within the hour, or by the system."""
    employee = stage.actor("delete")
    step = 800 if source else 50 * MINUTE_MS * 2 // (3 * count)
    items, ids = stage.acts.delete(stage.office_time(), employee, count, step, source)
    stage.items += items
    kept = ids if not alert else ids[:DELETIONS]
    stage.record(
        "a05_11_bulk_delete_customer",
        employee.userid,
        kept,
        items[len(kept) - 1][0],
        f"{count} customers deleted{' by the system after a transfer' if source else ''}",
        alert=alert,
    )


def transfers(stage: Stage, count: int, *, alert: bool, office: bool) -> None:
    """`count` transfers by one operator within the hour."""
    operator, giver = stage.actor("transfer"), stage.actor("giver")
    time = stage.office_time() if office else _off_hours(stage)
    step = 50 * MINUTE_MS * 2 // (3 * count)
    items, ids = stage.acts.transfer(time, operator, giver, count, step)
    stage.items += items
    kept = ids[:TRANSFERS] if alert else ids
    made_up = office and stage.day.weekday() >= 5  # noqa: PLR2004 - Saturday
    when = "a make-up working day" if made_up else "office hours" if office else "off hours"
    stage.record(
        "a06_01_offhour_transfer",
        operator.userid,
        kept,
        items[len(kept) - 1][0],
        f"{count} transfers in {when}",
        alert=alert,
    )


def logins(stage: Stage, number: int, *, alert: bool) -> None:
    """One login on a new or secondary device."""
    employee = stage.actor("login")
    kind = ("login_new_device", "login_secondary_device")[number % 2]
    time = _off_hours(stage) if alert else stage.office_time()
    item, event_id = stage.acts.login(time, kind, employee)
    stage.items.append(item)
    stage.record(
        "a12_05_offhour_login",
        employee.userid,
        [event_id],
        time,
        kind if alert else f"{kind} in office hours",
        alert=alert,
    )


def _off_hours(stage: Stage) -> int:
    low, high = pick(stage.rng, (_BEFORE_WORK, _AFTER_WORK))
    return stage.begin + int(low + stage.rng.random() * (high - low))


def _others(stage: Stage, employee: Employee) -> list[Employee]:
    return [e for e in stage.world.employees if e is not employee]


def _spread(
    stage: Stage, count: int, kind: str, same: list[str], internal: bool = False
) -> tuple[str, list[_Sent]]:
    """Send one of `same` payloads to each of `count` conversations of one employee in 50 min."""
    employee = stage.actor(kind)
    start, gap = stage.office_time(), 50 * MINUTE_MS // count
    settings = (
        [colleagues(employee, e) for e in stage.rng.sample(_others(stage, employee), count)]
        if internal
        else [single(employee, c) for c in stage.rng.sample(employee.customers, count)]
    )
    sent = []
    for number, setting in enumerate(settings):
        letter = "A" if internal else "E"
        body = same[number % len(same)]
        sort = "raw:text" if body.startswith('"msgtype":"text"') else f"raw:{kind}"
        hello = "在忙吗" if internal else "{call}您好，发您一份材料"
        script = [Line(letter, "exact", (hello,), False), Line(letter, sort, (body,), False)]
        items, turns = stage.talk.converse(
            setting, script, start + number * gap, stage.day, extras=False
        )
        stage.items += items
        sent.append(_Sent(setting.key, turns[1].msgid, turns[1].time))
    return employee.userid, sent


def same_file(stage: Stage, count: int, *, alert: bool) -> None:
    """One file to `count` customers."""
    rng = stage.rng
    stem = rng.choice(("经营分析", "报价汇总", "产品内部培训", "项目台账"))
    name = f"{stem}{rng.randrange(100, 999)}.xlsx"
    md5, size = f"{rng.getrandbits(128):032x}", 30_000 + rng.randrange(900_000)
    same = [contents.file_of(rng, name, md5, size)]
    kept = FILES if alert else count
    actor, sent = _spread(stage, count, "file", same)
    _note(stage, "a03_13_same_file_multi_external", actor, sent, kept, alert=alert)


def same_link(stage: Stage, count: int, *, alert: bool, internal: bool = False) -> None:
    """One link to `count` conversations, as a card and inside texts, its tracking part varying."""
    rng = stage.rng
    url = f"{SITE}/s/{rng.getrandbits(48):012x}"
    same = [
        contents.link_of("限时活动，点击查看", "名额有限", f"{url}?utm_source=wecom"),
        contents.text(f"这个您点开看看 {url}?utm_source=chat"),
        contents.link_of("限时活动，点击查看", "名额有限", f"{url}?utm_medium=card"),
        contents.text(f"活动链接：{url}"),
    ]
    kept = LINKS if alert else count
    actor, sent = _spread(stage, count, "link", same, internal)
    _note(stage, "a11_01_same_link", actor, sent, kept, alert=alert)


def _note(
    stage: Stage, rule: str, actor: str, sent: list[_Sent], kept: int, *, alert: bool
) -> None:
    ids = [one.msgid for one in sent[:kept]]
    note = f"the same to {len(sent)} conversations"
    stage.record(rule, actor, ids, sent[kept - 1].time, note, alert=alert)


def plan_day(stage: Stage, violations: int, working: bool) -> Plan:
    """All planted cases of a day: on a day off only what happens outside office hours."""
    for number in range(violations):
        transfers(stage, _more(stage, TRANSFERS), alert=True, office=False)
        logins(stage, number, alert=True)
    if violations and working:
        plant_speech(stage, violations)
        for _ in range(violations):
            recalls(stage, _more(stage, RECALLS), alert=True)
            deletions(stage, _more(stage, DELETIONS), alert=True)
            same_file(stage, _more(stage, FILES), alert=True)
            same_link(stage, _more(stage, LINKS), alert=True)
        for number in range(max(1, violations // 3)):
            recalls(stage, RECALLS - 1, alert=False)
            deletions(stage, DELETIONS - 1, alert=False)
            deletions(stage, 8, alert=False, source="DELETE_BY_TRANSFER")
            transfers(stage, 6, alert=False, office=True)
            transfers(stage, TRANSFERS - 1, alert=False, office=False)
            logins(stage, number, alert=False)
            same_file(stage, FILES - 1, alert=False)
            same_link(stage, LINKS - 1, alert=False)
            same_link(stage, 8, alert=False, internal=True)
    return stage.plan()
