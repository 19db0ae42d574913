"""Whether a pack holds nothing but what packs of its kind have, and JSON in one form."""

from __future__ import annotations

import json
import re
from typing import Any

from reports.standalone.case_checks import ALERT_FILE
from reports.standalone.words import Check, Damaged, why
from sinks.ledger.canonical import canonical
from sinks.ledger.sm3 import sm3

_ALWAYS = (
    r"signer\.(pem|json)|inner-manifest\.json|report\.pdf|custody\.jsonl|completeness\.json"
    r"|verify\.py|VERIFY\.md|ledger\.json|checkpoint\.txt|consistency\.json|timestamps\.json"
    r"|timestamp-\d+\.(tsq|tsr|pem)"
)
_RECORDS = (
    r"events\.jsonl|device\.json|redactions\.json|media\.json|media-\d+-\d+\.[a-z0-9]{1,8}"
    r"|records\.html|handling\.jsonl"
)
_SEVERAL = rf"{_RECORDS}|alerts\.jsonl|rule-[0-9a-f]{{16}}\.(yaml|canonical)"
_KINDS = {
    "alert": rf"{_RECORDS}|alert\.json|rule\.(yaml|canonical)",
    "case": _SEVERAL,
    "person": _SEVERAL,
    "month": r"alerts\.jsonl|figures\.json",
}
_OTHER_FORM = ("consistency.json", "inner-manifest.json")  # the second is looked at by itself
_INNER = "inner-manifest.json"
_ABOUT = (
    "v",
    "case",
    "kind",
    "subject",
    "since",
    "until",
    "created_at",
    "unmasked",
    "redacted",
    "language",
)  # in both manifests
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def case_mark(inner: dict[str, Any]) -> str:
    """The end of a case's number: the head of the SM3 of the inner manifest but for the number, so
    that packs which say different things have different numbers."""
    return sm3(canonical({key: one for key, one in inner.items() if key != "case"}))[:8].upper()


def same_case(files: dict[str, bytes], outer: dict[str, Any], inner: dict[str, Any]) -> list[Check]:
    """What is wrong where both manifests should be of one case, which is the one in the pack and
    has its own number; none when all is well."""
    checks = []
    if not str(inner.get("case")).endswith(f"-{case_mark(inner)}"):
        en, zh = "its case number is that of another pack", "案件编号属于另一证据包"
        checks.append(Check(_INNER, False, en, zh))
    if any(outer.get(key) != inner.get(key) for key in _ABOUT):
        en, zh = "is of another case than the manifest", "与外层清单不是同一案件"
        checks.append(Check(_INNER, False, en, zh))
    if outer.get("kind") == "alert" and ALERT_FILE in files:
        try:
            named = json.loads(files[ALERT_FILE])["alert"]["alert_id"]
        except _UNREADABLE:
            return checks  # said of the alert itself
        if named != outer.get("subject"):
            en, zh = "is not the alert that the manifest names", "不是清单所载的告警"
            checks.append(Check(ALERT_FILE, False, en, zh))
    return checks


def name_checks(files: dict[str, bytes], manifest: dict[str, Any]) -> list[Check]:
    """What is wrong with the names and the form of the files; none when all is well.

    Args:
        manifest: the outer one, which says what kind of pack it is.
    """
    kind, listed = manifest.get("kind"), [row["name"] for row in manifest["files"]]
    if kind not in _KINDS:
        return [Check("manifest.json", False, "is of no kind that there is", "种类不明")]
    checks = []
    if len({name.lower() for name in listed}) != len(listed):
        checks.append(Check("manifest.json", False, "names a file twice", "有文件重名"))
    known = re.compile(f"{_ALWAYS}|{_KINDS[kind]}")
    for name in dict.fromkeys(listed):  # or one that is named a thousand times is read as often
        if not known.fullmatch(name):
            checks.append(Check(name, False, "is no file of such a pack", "不属于此类证据包"))
        elif name.endswith((".json", ".jsonl")) and name not in _OTHER_FORM and name in files:
            try:
                texts = files[name].split(b"\n") if name.endswith(".jsonl") else [files[name]]
                if any(canonical(json.loads(text)) != text for text in texts if text):
                    raise Damaged("it is not in canonical form", "不是规范形式")
            except _UNREADABLE as error:
                en, zh = why(error)
                checks.append(Check(name, False, f"damaged: {en}", f"已损坏：{zh}"))
    return checks
