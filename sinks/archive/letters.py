"""The answer to a person's request as a letter, in Chinese and in English.

It says what is so on its day: what a law or policy keeps and until when, what a hold keeps beyond
that with no day that could be named, what is proposed for deletion and not approved, what is
approved and not carried out, and what was deleted. It never says which hold or why: whoever is
looked into need not learn of it (反洗钱法 art. 7 keeps such inquiries secret). What a hold keeps is
only said to be kept for legal proceedings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rules.plural import plural
from rules.retention.periods import FOREVER, day_of
from sinks.archive.plan_states import APPROVED, DONE, MADE, STALE, WORKING
from sinks.archive.requests import NOTHING, Earlier
from sinks.archive.standings import HELD, HELD_ALONE, KEPT, OVER, PROPOSED, TO_GO


def access_letter(
    report: dict[str, Any], language: str, earlier: Sequence[Earlier] = (), *, excerpts: int = 0
) -> str:
    """The letter that goes with a copy (art. 45); `language` is "zh" or "en", `earlier` requests
    for erasure and what became of them, `excerpts` of how many messages alerts have evidence."""
    parts = [_access_zh(report) if language == "zh" else _access_en(report)]
    parts += _kept(report["kept"], language)
    parts += _earlier(earlier, language)
    parts += _excerpts(excerpts, language)
    return "\n".join(parts) + "\n"


def erasure_letter(
    stays: dict[str, Any],
    language: str,
    earlier: Sequence[Earlier] = (),
    *,
    kept: bool = False,
    excerpts: int = 0,
) -> str:
    """The letter that answers a request for erasure (art. 47); `language` is "zh" or "en". `kept`:
    the answer was put on record, so what may go waits for its approval, and what stays is only
    stored; before that neither is so. `excerpts`: see `access_letter`."""
    zh = language == "zh"
    day = f"{day_of(stays['at']):%Y-%m-%d}"
    parts = [
        f"编号：{stays['person']}\n您提出的删除请求（{stays['why']}）：截至 {day}，我们保存着与您"
        f"有关的会话记录 {stays['messages']:,} 条。"
        if zh
        else f"Id: {stays['person']}\nYour request for erasure ({stays['why']}): on {day} we keep "
        f"{_records(stays['messages'])} of conversations that concern you."
    ]
    parts += _going(stays, language, proposed=kept)
    bound = stays["stays"] - stays["later"]
    if bound:
        parts.append(
            f"有 {bound:,} 条暂不能删除，原因：" if zh
            else f"{_records(bound)} may not be deleted yet. The reasons:"
        )  # fmt: skip
        parts += _kept(stays["kept"], language)
    held = stays["held_alone"]
    if held:
        parts.append(_line(held, _ALONE, language))
    if stays["stays"]:
        parts.append(_stored_only(language, kept=kept, waits=bool(stays.get("waits"))))
    parts += _earlier(earlier, language)
    parts += _excerpts(excerpts, language)
    return "\n".join(parts) + "\n"


def _excerpts(count: int, language: str) -> list[str]:
    """What deletion from the archive does not reach; not which alerts or about what."""
    if not count:
        return []
    if language == "zh":
        return [
            f"其中 {count:,} 条的摘录曾作为依据记入合规检查记录，与归档分开保存，号码已脱敏；为能"
            "说明当时检查了什么，摘录随该记录保存，不随消息一并删除。"
        ]
    are = "was" if count == 1 else "were"
    return [
        f"Excerpts of {_records(count)} {are} taken into records of compliance checks, which are"
        " kept apart from the archive, with numbers masked. They stay there as long as these"
        " records do, to show what was checked, and are not deleted with the messages."
    ]


def _access_zh(report: dict[str, Any]) -> str:
    lines = [
        f"编号：{report['person']}",
        f"截至 {day_of(report['at']):%Y-%m-%d}，我们保存着与您有关的 {report['messages']:,} 条"
        "会话记录，副本随附（《个人信息保护法》第四十五条）。",
    ]
    roles = {"sender": "您发送的", "receiver": "您收到的", "room member": "您所在群内的",
             "concerned": "与您有关的事件"}  # fmt: skip
    lines += [f"- {roles[name]}：{count:,} 条" for name, count in report["as"].items()]
    lines.append("保存依据与期限：")
    return "\n".join(lines)


def _access_en(report: dict[str, Any]) -> str:
    lines = [
        f"Id: {report['person']}",
        f"On {day_of(report['at']):%Y-%m-%d} we keep {_records(report['messages'])} of "
        "conversations that concern you. A copy is enclosed (Personal Information Protection Law, "
        "article 45).",
    ]
    roles = {"sender": "said by you", "receiver": "said to you", "room member": "in your groups",
             "concerned": "events about you"}  # fmt: skip
    lines += [f"- {roles[name]}: {count:,}" for name, count in report["as"].items()]
    lines.append("Why and until when:")
    return "\n".join(lines)


# how what may go stands -> (English, Chinese)
_MAY_GO = (
    "may be deleted; the deletion is not proposed yet, and nothing was deleted",
    "可以删除；尚未提出删除，目前没有删除",
)
_PROPOSED = (
    "proposed for deletion; somebody else has to approve it, and nothing was deleted yet",
    "已提出删除，须经另一人批准；目前尚未删除",
)
_TO_GO = (
    "the deletion was approved and is not carried out yet; what legal proceedings need by then "
    "stays",
    "已批准删除，尚未执行；届时为法律程序所需的仍予保存",
)
_ALONE = (
    "kept because legal proceedings need it, for as long as they do; no day can be named",
    "为法律程序所需而保存，期间不删除，目前无法确定截止日期",
)
_STANDS = {
    KEPT: ("", ""),
    HELD: (
        "; besides, legal proceedings need it, so it is kept for as long as they do, also after "
        "that day",
        "；另为法律程序所需，在此期间不删除，即使期限届满",
    ),
    HELD_ALONE: ("; " + _ALONE[0], "；" + _ALONE[1]),
    OVER: (
        "; it was not deleted, and its deletion is not proposed yet",
        "；尚未删除，也尚未提出删除",
    ),
    PROPOSED: ("; " + _PROPOSED[0], "；" + _PROPOSED[1]),
    TO_GO: ("; " + _TO_GO[0], "；" + _TO_GO[1]),
}
_PERIOD_OVER = (HELD_ALONE, OVER)


def _stored_only(language: str, *, kept: bool, waits: bool) -> str:
    """What becomes of what is not deleted, from when the answer is on record, and of what waits for
    it confirmed by a second person."""
    if language == "zh":
        begins = "" if kept else "自本答复记录在案之时起，"
        begins = "自本答复记录在案、法律程序所需的部分经复核之时起，" if waits else begins
        return (
            f"{begins}依照《个人信息保护法》第四十七条第二款，对未能删除的信息，我们停止除存储和采取"
            "必要的安全保护措施之外的处理；期限届满且不再为法律程序所需后，按程序予以删除。"
        )
    begins = "Under" if kept else "From when this answer is on record: under"
    if waits:
        begins = (
            "From when this answer is on record and, for what legal proceedings need, confirmed by"
            " a second person: under"
        )
    return (
        f"{begins} article 47 of the Personal Information Protection Law we only store and protect "
        "what is not deleted, and use it for nothing else; its deletion is proposed when its time "
        "is over and legal proceedings do not need it any more."
    )


def _going(stays: dict[str, Any], language: str, *, proposed: bool) -> list[str]:
    """What may go, as it stands today."""
    before = stays["open_plans"]
    to_go = before.get(TO_GO, 0)
    waiting = before.get(PROPOSED, 0)
    rest = stays["goes"] - to_go - waiting
    if proposed:
        waiting, rest = waiting + rest, 0
    counts = ((rest + stays["later"], _MAY_GO), (waiting, _PROPOSED), (to_go, _TO_GO))
    return [_line(count, words, language) for count, words in counts if count]


def _kept(kept: list[dict[str, Any]], language: str) -> list[str]:
    """One line for each reason."""
    return [_line(one["messages"], _reason(one), language) for one in kept]


def _reason(one: dict[str, Any]) -> tuple[str, str]:
    """Which policy and law, how long it runs, and what else there is to say of the deletion."""
    last, standing = one["last"], one["standing"]
    en, zh = "no policy set", "未设留存策略"
    if one["policy"]:
        en, zh = _rests_on(one, "title_en", ", "), _rests_on(one, "title_zh", "，")
    if last is None:
        en, zh = f"{en}, no end set", f"{zh}，未定期限"
    elif standing in _PERIOD_OVER:
        en = f"{en}, whose period was over on {_last_day(last)} at the latest"
        zh = f"{zh}，期限已届满（最迟至 {_last_day(last)}）"
    else:
        en = f"{en}, whose period ends on {_last_day(last)} at the latest"
        zh = f"{zh}，期限最迟至 {_last_day(last)}"
    more_en, more_zh = _STANDS[standing]
    return en + more_en, zh + more_zh


def _rests_on(one: dict[str, Any], title: str, comma: str) -> str:
    """The policy's title and its law. One without a title of its own is known by its name, which is
    the company's and says nothing to whoever gets the letter: then the law stands alone."""
    words = one[title] if one[title] != one["policy"] else ""
    return comma.join(filter(None, (words, one["law"])))


def _earlier(earlier: Sequence[Earlier], language: str) -> list[str]:
    """What became of earlier requests."""
    if not earlier:
        return []
    lines = ["此前答复的删除请求：" if language == "zh" else "Requests answered before:"]
    for one in earlier:
        day = f"{day_of(one.at):%Y-%m-%d}"
        en, zh = _outcome(one)
        lines.append(
            f"- {day}（{one.why}）：{zh}。" if language == "zh" else f"- {day} ({one.why}): {en}."
        )
    return lines


def _outcome(one: Earlier) -> tuple[str, str]:
    deleted = one.gone()
    if one.state == NOTHING:
        return "nothing could be deleted", "没有可以删除的记录"
    of = f"{deleted:,} of {_records(one.goes)}", f"{one.goes:,} 条中的 {deleted:,} 条"
    if one.state == MADE:
        return f"{_records(one.goes)} {_PROPOSED[0]}", f"{one.goes:,} 条{_PROPOSED[1]}"
    if one.state in (APPROVED, WORKING) and not deleted:
        day = f"{day_of(one.approved_at):%Y-%m-%d}"
        en = f"the deletion of {_records(one.goes)} was approved on {day}, not carried out yet"
        return en, f"{one.goes:,} 条已于 {day} 批准删除，尚未执行"
    en, zh = f"{of[0]} {'was' if deleted == 1 else 'were'} deleted", f"{of[1]}已删除"
    if deleted:
        en += f" {_when(one, 'from ', ' to ', 'on ')}"
        zh = f"{of[1]}已于 {_when(one, '', ' 至 ', '')} 删除"
        en += "; in the archive the number, id, time and digest of each are left, and no content"
        en += " (a tombstone)"
        zh += "；归档中每条仅留编号、时间与摘要值（墓碑），不含内容"
    if one.state == STALE:
        en += "; the plan is void, since the retention schedule was changed"
        zh += "；留存策略已变更，该计划已失效"
    elif one.state == WORKING:
        en, zh = f"{en}; the rest is being carried out", f"{zh}；其余正在执行"
    elif one.state == DONE and one.stayed:
        told = [(count, *_STAYED.get(why, _STAYED[""])) for why, count in one.stayed.items()]
        en += "; not deleted: " + ", ".join(f"{count:,} {words}" for count, words, _ in told)
        zh += "；未删除：" + "、".join(f"{count:,} 条{words}" for count, _, words in told)
    return en, zh


_STAYED = {
    "held": ("needed for legal proceedings", "为法律程序所需"),
    "changed": ("of which more is known now, to be judged anew", "情况有变，须重新判断"),
    "not_due": ("that have to be kept longer", "须继续保存"),
    "": ("that could not be deleted", "暂无法删除"),
}


def _when(one: Earlier, since: str, to: str, on: str) -> str:
    first, last = (f"{day_of(at):%Y-%m-%d}" for at in (one.deleted_from, one.deleted_until))
    return f"{on}{first}" if first == last else f"{since}{first}{to}{last}"


def _line(count: int, words: tuple[str, str], language: str) -> str:
    return f"- {count:,} 条：{words[1]}。" if language == "zh" else f"- {count:,}: {words[0]}."


def _records(count: int) -> str:
    return plural(count, "record")


def _last_day(until: int) -> str:
    """The last day before a moment."""
    return f"{day_of(min(until, FOREVER) - 1):%Y-%m-%d}"
