"""The page of a code: what it means, why, what to do, wrong, right."""

from __future__ import annotations

from collections.abc import Iterable

from rules.lint.fixes import FIXABLE
from rules.lint.registry import Check

SEVERITY = {"error": "error · 错误", "warning": "warning · 警告", "info": "note · 建议"}
_GROUPS = {
    "0": ("The file and its YAML", "文件与 YAML"),
    "1": ("Shape of a rule", "规则的结构"),
    "2": ("Detection and condition", "检测与 condition"),
    "3": ("Correlations", "关联规则"),
    "4": ("Lexicons, lists and calendars", "词库、名单与日历"),
    "5": ("Test cases", "测试用例"),
    "7": ("Scope, clocks, lists, filters, packs", "范围、时钟、名单、过滤器、规则包"),
    "6": ("What a rule says of itself; remarks", "规则的自述与备注"),
}
_SPECIAL = {
    "deep": "title: [[[[[[[[…",
    "large": "title: xxxxxxxx…",
    "gbk": "title: ����",
    "unreadable": "",
}


def page(check: Check, language: str = "") -> str:
    """Markdown of one code, in "zh" or "en"; in both languages without one."""

    def both(en: str, zh: str, between: str = " · ") -> str:
        return {"zh": zh, "en": en}.get(language, f"{en}{between}{zh}")

    en, _, zh = SEVERITY[check.severity].partition(" · ")
    todo = both(check.fix_en, check.fix_zh, "\n\n")
    parts = [
        f"# {check.code} {check.slug}\n",
        both(f"**{check.en}**", f"**{check.zh}**") + "\n",
        both(en, zh) + (" · `--fix`" if check.code in FIXABLE else "") + "\n",
        both(check.why_en, check.why_zh, "\n\n") + "\n",
        f"## {both('What to do', '怎么改')}\n\n{todo}\n",
    ]
    bad = _SPECIAL.get(check.base, check.bad.removeprefix("# first\n"))
    wrong, right = f"## {both('Wrong', '错误写法')}\n", f"## {both('Right', '正确写法')}\n"
    if check.without:
        lacking = ", ".join(f"`{key}`" for key in check.without)
        parts.append(f"{wrong}\n{both('Without', '缺少')} {lacking}\n" + _block(bad))
    elif bad.strip():
        parts.append(wrong + _block(bad))
    if check.good.strip():
        parts.append(right + _block(check.good))
    return "\n".join(parts)


def _block(text: str) -> str:
    if not text.strip():
        return ""
    shown = text.replace("\t", "→").replace("\u200b", "<U+200B>").replace("\x01", "<U+0001>")
    return f"\n```yaml\n{shown.rstrip()}\n```\n"


def index(checks: Iterable[Check]) -> str:
    """Markdown of the list of all codes."""
    parts = [
        "# Codes of `mingjian rules check` · 检查编号\n",
        "Made from `rules/lint/checks` by `scripts/make_rule_docs.py`. A code is never used again"
        " for something else.\n",
        "由 `scripts/make_rule_docs.py` 从 `rules/lint/checks` 生成。编号一经使用不再改作他用。\n",
    ]
    group = ""
    for check in checks:
        if check.code[2] != group:
            group = check.code[2]
            en, zh = _GROUPS[group]
            parts.append(
                f"\n## MJ{group}xx {en} · {zh}\n\n"
                "| code | | what | 说明 |\n| --- | --- | --- | --- |"
            )
        kind = SEVERITY[check.severity].partition(" ")[0]
        parts.append(f"| [{check.code}]({check.code}.md) | {kind} | {check.en} | {check.zh} |")
    return "\n".join(parts).replace("\n\n\n", "\n\n") + "\n"
