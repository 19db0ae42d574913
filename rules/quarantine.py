"""Reasons for which a record is set aside, each with its meaning in both languages."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """`held`: the record was not judged at all."""

    held: bool
    en: str
    zh: str


REASONS: dict[str, Reason] = {
    "not_utf8": Reason(True, "the bytes are not valid UTF-8", "字节不是有效的 UTF-8"),
    "not_json": Reason(True, "not valid JSON", "不是有效的 JSON"),
    "not_an_object": Reason(True, "JSON, but not an object", "是 JSON，但不是对象"),
    "too_large": Reason(True, "larger than the allowed record size", "超过允许的单条记录大小"),
    "missing_field": Reason(True, "a required field is missing", "缺少必填字段"),
    "wrong_type": Reason(True, "a field has the wrong type", "字段类型错误"),
    "unknown_envelope": Reason(True, "unknown envelope version or kind", "未知的信封版本或种类"),
    "time_out_of_range": Reason(
        True,
        "the time is before 2016 or more than a day after the record was received",
        "时间早于 2016 年，或比接收时间晚一天以上",
    ),
    "duplicate_id_conflict": Reason(
        True, "an id seen before came back with other content", "同一编号先后出现了不同内容"
    ),
    "unknown_type": Reason(
        False, "a type this version does not know; kept raw", "本版本不认识的类型；原样保留"
    ),
    "hot_key": Reason(
        False,
        "more messages of one group wait to be counted than are kept; this one was not counted",
        "同一分组等待计数的消息超过可保留的数量；此条未计入",
    ),
    "rule_failed": Reason(
        False,
        "a rule failed on this record; the other rules ran",
        "某条规则处理此记录时出错；其余规则照常运行",
    ),
}
