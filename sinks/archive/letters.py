"""The answer to a person's request as a letter, in Chinese and in English.

It says how much, by which law and until when; never which hold or why: whoever is looked into need
not learn of it (反洗钱法 art. 7 keeps such inquiries secret). What a hold keeps is only said to be
kept for legal proceedings.
"""

from __future__ import annotations

from typing import Any

from rules.retention.periods import FOREVER, day_of


def access_letter(report: dict[str, Any], language: str) -> str:
    """The letter that goes with a copy (art. 45); `language` is "zh" or "en"."""
    parts = [_access_zh(report) if language == "zh" else _access_en(report)]
    parts += _kept(report["kept"], language)
    return "\n".join(parts) + "\n"


def erasure_letter(stays: dict[str, Any], language: str) -> str:
    """The letter that answers a request for erasure (art. 47); `language` is "zh" or "en"."""
    parts = [_erasure_zh(stays) if language == "zh" else _erasure_en(stays)]
    parts += _kept(stays["kept"], language)
    held = stays["held_alone"]
    if held and language == "zh":
        parts.append(f"- {held:,} 条：为法律程序所需而保存。")
    elif held:
        parts.append(f"- {held:,}: needed for legal proceedings.")
    if stays["stays"]:
        parts.append(
            "依照《个人信息保护法》第四十七条第二款，对上述信息，我们停止除存储和采取必要的"
            "安全保护措施之外的处理；期限届满后予以删除。"
            if language == "zh"
            else "Under article 47 of the Personal Information Protection Law we only store and "
            "protect these, use them for nothing else, and delete them when the time is over."
        )
    return "\n".join(parts) + "\n"


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
        f"On {day_of(report['at']):%Y-%m-%d} we keep {report['messages']:,} records of "
        "conversations that concern you. A copy is enclosed (Personal Information Protection Law, "
        "article 45).",
    ]
    roles = {"sender": "said by you", "receiver": "said to you", "room member": "in your groups",
             "concerned": "events about you"}  # fmt: skip
    lines += [f"- {roles[name]}: {count:,}" for name, count in report["as"].items()]
    lines.append("Why and until when:")
    return "\n".join(lines)


def _erasure_zh(stays: dict[str, Any]) -> str:
    lines = [
        f"编号：{stays['person']}",
        f"您于 {day_of(stays['at']):%Y-%m-%d} 前提出的删除请求（{stays['why']}）已处理："
        f"与您有关的会话记录共 {stays['messages']:,} 条，其中 {stays['goes']:,} 条将予删除，"
        f"{stays['stays']:,} 条依法暂不能删除。",
    ]
    if stays["stays"]:
        lines.append("暂不能删除的原因：")
    return "\n".join(lines)


def _erasure_en(stays: dict[str, Any]) -> str:
    lines = [
        f"Id: {stays['person']}",
        f"Your request for erasure ({stays['why']}), as of {day_of(stays['at']):%Y-%m-%d}: of "
        f"{stays['messages']:,} records of conversations that concern you, {stays['goes']:,} will "
        f"be deleted and {stays['stays']:,} may not be deleted yet.",
    ]
    if stays["stays"]:
        lines.append("The reasons:")
    return "\n".join(lines)


def _kept(kept: list[dict[str, Any]], language: str) -> list[str]:
    """One line for each reason."""
    lines = []
    for one in kept:
        last = one["last"]
        if language == "zh":
            until = "未定期限" if last is None else f"最迟至 {_last_day(last)}"
            why = f"{one['title_zh']}，{one['law']}" if one["policy"] else "未设留存策略"
            lines.append(f"- {one['messages']:,} 条：{why}，{until}。")
        else:
            until = "no end set" if last is None else f"at the latest until {_last_day(last)}"
            why = f"{one['title_en']}, {one['law']}" if one["policy"] else "no policy set"
            lines.append(f"- {one['messages']:,}: {why}, {until}.")
    return lines


def _last_day(until: int) -> str:
    """The last day before a moment."""
    return f"{day_of(min(until, FOREVER) - 1):%Y-%m-%d}"
