"""Every error that a person or a program can meet, grouped by who has to act.

`MingjianError` is for people: it says what was wrong, where, and what to do, in Chinese and in
English, and carries the exit code of the command line. `RecordError` is for the stream: one bad
record, named by a stable reason code, which goes to quarantine while the stream goes on.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FINDINGS = 1  # the command worked and found something wrong (lint errors, a failed verify)
EXIT_USAGE = 2  # the caller asked for something that does not exist
MAX_SAID = 600  # characters of a sentence about a rule
EXIT_ENVIRONMENT = 3  # a server, a file or a program that is needed is not there


class MingjianError(Exception):
    """Something a person has to put right.

    Args:
        en, zh: one sentence saying what was wrong and where.
        fix_en, fix_zh: one sentence saying what to do; may be empty.
        exit_code: what the command line exits with.
    """

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        fix_en: str = "",
        fix_zh: str = "",
        exit_code: int = EXIT_ENVIRONMENT,
    ) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh
        self.fix_en, self.fix_zh = fix_en, fix_zh
        self.exit_code = exit_code

    def text(self, language: str) -> tuple[str, str]:
        """(what was wrong, what to do) in `language`, "zh" or "en"."""
        return (self.zh, self.fix_zh) if language == "zh" else (self.en, self.fix_en)


class RuleError(MingjianError):
    """A rule file that cannot be used.

    `path`, `line` and `column` count from 1; 0 is unknown. `code` is a key of the registry in
    `rules/lint/checks`, such as MJ101: what is wrong, for good and in every version. `said_en` and
    `said_zh` are the sentences without the place. `document` and `at` say which part of which
    `rules.yaml_source.Document` is meant, when it is known: a checker goes on behind it. `better`
    is a mistyped name and the one that was meant, when only one is near. `key` is where the key of
    the part begins: `column` may be that of a word behind it.
    """

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        path: str = "",
        line: int = 0,
        column: int = 0,
        fix_en: str = "",
        fix_zh: str = "",
        code: str = "",
    ) -> None:
        en, zh, fix_en, fix_zh = (_clipped(one) for one in (en, zh, fix_en, fix_zh))
        where = f"{path}:{line}:{column}: " if path and line else f"{path}: " if path else ""
        super().__init__(
            where + en, where + zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_FINDINGS
        )
        self.path, self.line, self.column = path, line, column
        self.code, self.said_en, self.said_zh = code, en, zh
        self.document: object = None
        self.at: tuple[str, ...] = ()
        self.better: tuple[str, str] | None = None
        self.key = (line, column)


def _clipped(said: str) -> str:
    """A sentence quotes what is wrong, which may be as long as a file may be."""
    return said if len(said) <= MAX_SAID else f"{said[:MAX_SAID]}…"


class RecordError(Exception):
    """One record of the stream that cannot be judged.

    `reason` is a key of `rules.quarantine.REASONS`; `detail` says where in the record, and never
    carries message text.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail
