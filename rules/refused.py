"""What a `detection` section may not say, in both languages; the loader adds file and line."""

from __future__ import annotations

from collections.abc import Iterable


class Refused(ValueError):
    """A part of a detection that cannot be used: what is wrong, and what to write instead.

    `code` as in `rules.errors.RuleError`. `offset` is where in the text of the value the wrong part
    begins; None when it is not about a part of a value.
    """

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        fix_en: str = "",
        fix_zh: str = "",
        code: str = "",
        offset: int | None = None,
    ) -> None:
        super().__init__(en)
        self.offset = offset
        self.code = code
        self.en, self.zh = en, zh
        self.fix_en, self.fix_zh = fix_en, fix_zh


class UnknownName(ValueError):
    """A rule names something that does not exist: `what` it is, its `name`, and what is `known`.

    `what` is a key of `WHAT_ZH`, or the name of a field whose every value is known. `offset` is
    where in the text of the value the name begins; None: to be looked for. `meant` is the right
    one, where it is known other than by its letters.
    """

    def __init__(
        self,
        what: str,
        name: str,
        known: Iterable[str],
        *,
        offset: int | None = None,
        meant: str = "",
    ) -> None:
        self.offset, self.meant = offset, meant
        self.what, self.name, self.known = what, name, list(known)
        self.code = WHAT_CODE.get(
            what, "MJ217"
        )  # else a value of a field whose every value is known
        self.en = f"no {what} '{name}'"
        self.zh = (
            f"没有名为“{name}”的{WHAT_ZH[what]}"
            if what in WHAT_ZH
            else f"{what} 没有“{name}”这个取值"
        )
        super().__init__(self.en)


WHAT_ZH = {
    "field": "字段",
    "modifier": "修饰符",
    "lexicon": "词库",
    "detector": "识别器",
    "selection": "选择项",
    "weekday": "星期",
    "calendar": "日历",
    "list": "名单",
    "feed": "数据来源",
    "scene": "场景",
    "rule": "规则",
    "pack": "规则包",
}
WHAT_CODE = {
    "selection": "MJ212",
    "field": "MJ213",
    "modifier": "MJ214",
    "lexicon": "MJ215",
    "detector": "MJ216",
    "weekday": "MJ703",
    "calendar": "MJ704",
    "list": "MJ705",
    "feed": "MJ706",
    "scene": "MJ710",
    "rule": "MJ737",
    "pack": "MJ738",
}
