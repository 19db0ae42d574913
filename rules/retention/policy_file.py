"""Reads `retention.yaml`, the retention schedule as an officer writes it.

    policies:
      - name: wealth
        preset: securities              # 20 years, 证券法 art. 137
        departments: [财富管理部]
      - name: insurance
        preset: insurance_long
        business: 30 years              # the longest contract we sell
      - name: rest
        keep: 3 years
        because: 公司档案管理办法第12条

What is written is taken at its word or refused with its place; nothing is guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.message import KINDS
from rules.nearest import listed, nearest
from rules.retention.periods import Period, read_period
from rules.retention.policies import Policy, Scope
from rules.retention.presets import PRESETS, Preset
from rules.yaml_source import Document, parse_documents, read_text

MAX_CHARACTERS = 200_000
MAX_NODES = 20_000
_LISTS = ("departments", "people", "rooms", "types", "kinds")
_TEXTS = ("name", "preset", "title", "keep", "because", "business")
_KNOWN = (*_TEXTS, "duty", *_LISTS)
_SHOWN = 60
_At = tuple[str, ...]


def read_policies(path: Path) -> tuple[Policy, ...]:
    """The policies of a file.

    Raises:
        MingjianError: it cannot be read, or something in it cannot be; says where.
    """
    try:
        return policies_of(str(path), read_text(path, str(path), MAX_CHARACTERS))
    except RuleError as error:
        raise _usage(error.en, error.zh, error.fix_en, error.fix_zh) from None


def policies_of(label: str, text: str) -> tuple[Policy, ...]:
    """The policies of a text, called `label` in errors.

    Raises:
        MingjianError: see `read_policies`.
    """
    try:
        documents = parse_documents(label, text, most=MAX_NODES)
    except RuleError as error:
        raise _usage(error.en, error.zh, error.fix_en, error.fix_zh) from None
    if len(documents) != 1:
        raise _usage(
            f"{label}: {len(documents)} YAML documents; allowed: one",
            f"{label}：含 {len(documents)} 个 YAML 文档；允许：一个",
        )
    return _File(documents[0]).policies()


class _Entry(NamedTuple):
    """One policy as it is written, and where."""

    values: dict[str, Any]
    at: _At


class _File:
    def __init__(self, document: Document) -> None:
        self._document = document

    def policies(self) -> tuple[Policy, ...]:
        top = self._document.value
        if not isinstance(top, dict):
            self._refuse((), "it has to begin with 'policies:'", "须以“policies:”开头")
        for key in top:
            if key != "policies":
                self._unknown((str(key),), str(key), ("policies",))
        rows = top.get("policies")
        if not isinstance(rows, list) or not rows:
            at: _At = ("policies",)
            self._refuse(at, "policies is no list of policies", "policies 不是策略列表")
        found = [self._policy(row, ("policies", str(number))) for number, row in enumerate(rows)]
        names = set[str]()
        for number, policy in enumerate(found):
            if policy.name in names:
                at = ("policies", str(number), "name")
                name = policy.name
                self._refuse(at, f"two policies are called '{name}'", f"有两个策略都叫“{name}”")
            names.add(policy.name)
        return tuple(found)

    def _policy(self, row: Any, at: _At) -> Policy:
        if not isinstance(row, dict):
            self._refuse(at, "a policy is keys and values", "策略应为“键: 值”")
        for key in row:
            if key not in _KNOWN:
                self._unknown((*at, str(key)), str(key), _KNOWN)
        entry = _Entry(row, at)
        name = self._text(entry, "name")
        if not name:
            self._refuse(at, "a policy has no 'name'", "有一个策略缺少“name”")
        preset = self._preset(entry)
        keep = self._keep(entry, preset)
        business = self._period(entry, "business")
        if preset and preset.from_en and business is None:
            self._refuse(
                at,
                f"'{name}' runs from {preset.from_en}, which a message does not tell: 'business' "
                "is missing",
                f"“{name}”自{preset.from_zh}起算，消息中看不出：缺少“business”",
                "write how long after a message that is at the latest: 'business: 5 years'",
                "请写明最迟在消息之后多久：business: 5 years",
            )
        because = self._text(entry, "because")
        if not preset and not because:
            self._refuse(
                at,
                f"'{name}' does not say what it rests on: 'because' or 'preset' is missing",
                f"“{name}”没有写明依据：缺少“because”或“preset”",
                "name the law or the company's own rule, with its article",
                "请写明法律或公司制度及其条款",
            )
        law = "；".join(part for part in (preset.source if preset else "", because) if part)
        return Policy(
            name=name,
            keep=keep,
            law=law,
            duty=self._duty(entry, preset),
            title_en=self._text(entry, "title") or (preset.title_en if preset else name),
            title_zh=self._text(entry, "title") or (preset.title_zh if preset else name),
            business=business or Period(),
            preset=preset.name if preset else "",
            scope=self._scope(entry, preset),
        )

    def _preset(self, entry: _Entry) -> Preset | None:
        name = self._text(entry, "preset")
        if name and name not in PRESETS:
            near, at = nearest(name, PRESETS), (*entry.at, "preset")
            self._refuse(
                at,
                f"there is no preset '{_shown(name)}'",
                f"没有名为“{_shown(name)}”的预设",
                f"did you mean '{near}'?" if near else f"there are: {listed(PRESETS)}",
                f"是不是“{near}”？" if near else f"可用：{listed(PRESETS, '、')}",
            )
        return PRESETS[name] if name else None

    def _keep(self, entry: _Entry, preset: Preset | None) -> Period:
        keep, least = self._period(entry, "keep"), preset.keep if preset else None
        if keep is None and least is None:
            self._refuse(
                entry.at,
                "a policy does not say how long: 'keep' is missing",
                "有一个策略没有写明期限：缺少“keep”",
                "for example 'keep: 3 years'",
                "例如 keep: 3 years",
            )
        if keep and least and keep.least_days() < least.least_days() and preset:
            self._refuse(
                (*entry.at, "keep"),
                f"{keep} is less than the {least} of {preset.source}",
                f"{keep.zh()}，少于{preset.source}规定的 {least.zh()}",
                "leave 'keep' out, or write a longer one",
                "请去掉“keep”，或写更长的期限",
            )
        return keep or least or Period()

    def _duty(self, entry: _Entry, preset: Preset | None) -> bool:
        given = entry.values.get("duty")
        at = (*entry.at, "duty")
        if given is not None and not isinstance(given, bool):
            self._refuse(at, "duty is true or false", "duty 应为 true 或 false")
        if given is False and preset and preset.duty:
            self._refuse(
                at,
                f"{preset.source} is a duty; 'duty: false' cannot be",
                f"{preset.source}是法定义务，不能写“duty: false”",
            )
        return preset.duty if given is None and preset else bool(given)

    def _scope(self, entry: _Entry, preset: Preset | None) -> Scope:
        lists: dict[str, tuple[str, ...]] = {name: self._list(entry, name) for name in _LISTS}
        for kind in lists["kinds"]:
            if kind not in KINDS:
                at = (*entry.at, "kinds")
                said = _shown(kind)
                self._refuse(at, f"no kind '{said}': {listed(KINDS)}", f"没有“{said}”这一类记录")
        if preset and not lists["kinds"]:
            lists["kinds"] = preset.kinds
        return Scope(**lists)

    def _list(self, entry: _Entry, name: str) -> tuple[str, ...]:
        given = entry.values.get(name, [])
        fine = isinstance(given, list) and all(isinstance(one, str) and one for one in given)
        if not fine or (name in entry.values and not given):
            self._refuse(
                (*entry.at, name),
                f"{name} is no list of texts",
                f"{name} 不是文本列表",
                f"write {name}: [ONE, ANOTHER], or leave it out for everything",
                f"请写 {name}: [甲, 乙]；要适用于全部，请去掉该项",
            )
        return tuple(dict.fromkeys(given))

    def _text(self, entry: _Entry, name: str) -> str:
        given = entry.values.get(name, "")
        if not isinstance(given, str) or (name in entry.values and not given.strip()):
            at = (*entry.at, name)
            fix = "put it in quotation marks", "请加引号"
            self._refuse(at, f"{name} is no text", f"{name} 不是文本", *fix)
        return given.strip()

    def _period(self, entry: _Entry, name: str) -> Period | None:
        if name not in entry.values:
            return None
        given = entry.values[name]
        try:
            return read_period(given if isinstance(given, str) else "")
        except ValueError:
            self._refuse(
                (*entry.at, name),
                f"{name} is '{_shown(given)}', no period of up to 100 years",
                f"{name} 的值“{_shown(given)}”不是 100 年以内的期限",
                "write '20 years', '6 months', '1 year 6 months' or '90 days'",
                "请写 20 years、6 months 或 90 days，也可写 20 年、6 个月、90 天",
            )

    def _unknown(self, at: _At, key: str, known: tuple[str, ...]) -> NoReturn:
        near = nearest(key, known)
        self._refuse(
            at,
            f"unknown key '{_shown(key)}'",
            f"未知的键“{_shown(key)}”",
            f"did you mean '{near}'?" if near else f"known: {listed(known)}",
            f"是不是“{near}”？" if near else f"可用：{listed(known, '、')}",
        )

    def _refuse(self, at: _At, en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> NoReturn:
        error = self._document.error(at, en, zh, fix_en=fix_en, fix_zh=fix_zh)
        raise _usage(error.en, error.zh, error.fix_en, error.fix_zh)


def _shown(value: Any) -> str:
    text = "".join(one if one.isprintable() else "?" for one in str(value)[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)
