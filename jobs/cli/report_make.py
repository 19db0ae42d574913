"""`mingjian report pack|person|month`: makes evidence packs and monthly reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from desk.desk import EXPORTED
from desk.roles import EXPORT, SEE_RESTRICTED, UNMASK, reason_given
from desk.written_files import folder_for_packs
from jobs.alert_desk import must_be_allowed
from jobs.archive import desk_of, written_archive
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    language,
    printable,
    settings_from,
)
from jobs.cli.ledger_outside import given_head
from jobs.cli.report_options import (
    AlertOption,
    ByOption,
    CaseOption,
    ContextOption,
    GivenOption,
    LangOption,
    Language,
    MediaOption,
    OutOption,
    ReasonOption,
    Redact,
    RedactOption,
    RuleOption,
    UnmaskOption,
)
from jobs.cli.report_told import same_settings, tell
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.checkpoint import Note


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "pack",
        help="为一条告警，或为多条告警合成的一案，制作证据包（PDF 与 ZIP）。\n\n"
        "Make the evidence pack of one alert, or of a case of several.\n\n"
        "例 · examples:\n\n  mingjian report pack --alert 3f2a9c41 --reason 内审2026-017\n\n"
        "  mingjian report pack --alert worst --out /tmp/packs --lang en --output json\n\n"
        "  mingjian report pack -a 3f2a9c41 -a 77b0e1d2 --case 内审2026-017 --reason 立案",
    )(pack)
    app.command(
        "person",
        help="一人在一段时间内的往来消息与告警。\n\n"
        "What one person said and was told over a period, and the alerts about them.\n\n"
        "例 · example:\n\n  mingjian report person zhangwei --since 2026-10-01 --until 2026-10-31"
        " --reason 离任审计",
    )(person)


def pack(
    *,
    alert: AlertOption,
    case: CaseOption = "",
    folder: OutOption = None,
    reason: ReasonOption = "",
    created_by: ByOption = "",
    rule_file: RuleOption = None,
    context: ContextOption = True,
    media: MediaOption = True,
    given: GivenOption = None,
    unmask: UnmaskOption = False,
    redact: RedactOption = [],  # noqa: B006 - typer reads the default
    lang: LangOption = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Build and store the pack of an alert or a case."""
    # Imported here: it takes half a second, which every other command would wait for.
    from reports.case import ALERT, CASE, Subject  # noqa: PLC0415

    if case and not case.strip():
        raise _usage(
            "the case has no name", "案件名为空", "give one with --case", "请用 --case 给出"
        )
    several = len(set(alert)) > 1 or bool(case)
    settings = settings_from(profile, config, overrides)
    make(
        settings,
        Subject(CASE, printable(" ".join(case.split())) or "、".join(sorted(alert))) if several
        else Subject(ALERT, alert[0]),
        wish_of(
            settings, folder, reason, created_by, lang, unmask=unmask, redact=redact,
            rule_file=rule_file or "", with_context=context, with_media=media,
        ),
        alerts=alert,
        given=given,
        same=same_settings(profile, config, overrides),
        output=output,
    )  # fmt: skip


def person(
    *,
    who: Annotated[str, typer.Argument(metavar="ID", help="企业微信编号 · WeCom id")],
    since: Annotated[
        str,
        typer.Option("--since", help="从何时起（北京时间），如 2026-10-01 · from, Beijing time"),
    ],
    until: Annotated[str, typer.Option("--until", help="到何时止（含） · until, inclusive")],
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", min=1, max=200_000, help="最多几条消息 · at most so many"),
    ] = 10_000,
    folder: OutOption = None,
    reason: ReasonOption = "",
    created_by: ByOption = "",
    rule_file: RuleOption = None,
    media: MediaOption = True,
    given: GivenOption = None,
    unmask: UnmaskOption = False,
    redact: RedactOption = [],  # noqa: B006 - typer reads the default
    lang: LangOption = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Build and store the pack of a person over a period."""
    from reports.case import PERSON, Subject  # noqa: PLC0415

    start, end = milliseconds(since), milliseconds(until, end=True) + 1
    if not who.strip() or start >= end:
        raise _usage(
            "a person and a time that ends after it begins are needed",
            "需要给出人员编号，且结束时间须晚于开始时间",
            "for example --since 2026-10-01 --until 2026-10-31",
            "例如 --since 2026-10-01 --until 2026-10-31",
        )
    settings = settings_from(profile, config, overrides)
    make(
        settings,
        Subject(PERSON, who.strip(), start, end),
        wish_of(
            settings, folder, reason, created_by, lang, unmask=unmask, redact=redact,
            rule_file=rule_file or "", with_media=media, limit=limit,
        ),
        given=given,
        same=same_settings(profile, config, overrides),
        output=output,
    )  # fmt: skip


def wish_of(
    settings: Settings,
    folder: Path | None,
    reason: str,
    created_by: str,
    lang: Language | None,
    *,
    unmask: bool = False,
    redact: list[Redact] = [],  # noqa: B006 - never changed
    **more: Any,
) -> Any:
    """The options as a `jobs.packs.Wish`. Raises MingjianError: they contradict each other."""
    from jobs.packs import Wish  # noqa: PLC0415

    if unmask and redact:
        raise _usage(
            "a pack cannot be unmasked and redacted at once",
            "不能同时要求不脱敏与遮盖",
            "leave --unmask or --redact out",
            "请去掉 --unmask 或 --redact",
        )
    return Wish(
        folder=folder_for_packs(settings, folder),
        reason=printable(" ".join(reason.split())),
        created_at=int(time.time() * 1000),
        created_by=printable(created_by),
        language=lang.value if lang else language(),
        unmask=unmask,
        redact=frozenset(one.value for one in redact),
        **more,
    )


def make(
    settings: Settings,
    subject: Any,
    wish: Any,
    *,
    same: str,
    output: Output,
    alerts: list[str] = [],  # noqa: B006 - never changed
    given: Path | None = None,
) -> None:
    """Make a pack at the desk, where there is one, and say where it is."""
    from jobs.packs import make_pack  # noqa: PLC0415

    started = time.monotonic()
    wish, before = at_the_desk(settings, wish, subject.id, given)
    made = make_pack(settings, subject, wish, alerts=alerts, before_saving=before)
    tell(made._asdict(), time.monotonic() - started, same, output)


def at_the_desk(
    settings: Settings, wish: Any, about: str, given: Path | None
) -> tuple[Any, Callable[..., Callable[[], None]]]:
    """The wish with its reason as it is kept and the head that was given out, whose file is read
    only for who may export; and what writes the export into the custody book before there is a
    file. Without an archive there is no book.

    Raises:
        MingjianError: they may not, or a reason is needed.
    """
    from jobs.packs import nothing_before  # noqa: PLC0415

    archive = written_archive(settings)
    if archive is None:
        must_be_allowed(settings, UNMASK if wish.unmask else EXPORT)
        return replace(wish, given=_head_in(given)), nothing_before
    desk = desk_of(settings, archive)
    role = desk.allow(EXPORT, about=about)
    if wish.unmask:
        role = desk.allow(UNMASK, about=about)
    reason = reason_given(wish.reason, UNMASK if wish.unmask else EXPORT, "--reason")

    def note(ready: Any) -> Callable[[], None]:
        acting, why = role, reason
        bundle, pack = ready.bundle, ready.pack
        details: dict[str, Any] = {}
        if ready.stored_only:  # members of an alert that may only be stored
            acting = desk.allow(SEE_RESTRICTED, about=about)
            why = reason_given(reason, SEE_RESTRICTED, "--reason")
            details["restricted"] = ready.stored_only
        leaves = sorted(bundle.ledger.leaves.values()) if bundle.ledger else []
        line = desk.note(
            EXPORTED, acting, why, pack=pack.name, kind=bundle.subject.kind,
            records=len(bundle.items), leaves=leaves, manifest_sm3=pack.manifest_sm3,
            unmasked=wish.unmask, redacted=sorted(bundle.request.redact), **details,
        )  # fmt: skip
        return partial(desk.not_taken, line)

    return replace(wish, reason=reason, given=_head_in(given)), note


def _head_in(file: Path | None) -> Note | None:
    return given_head(file) if file else None


def _usage(en: str, zh: str, fix_en: str, fix_zh: str) -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)
