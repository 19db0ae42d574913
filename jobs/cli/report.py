"""`mingjian report …`: make an evidence pack, verify one, show the signing key."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.text import Text

from desk.desk import EXPORTED, Desk
from desk.roles import EXPORT, UNMASK, reason_given
from jobs.archive import desk_of, written_archive
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    language,
    out,
    say,
    settings_from,
)
from jobs.cli.ledger_outside import given_head
from reports.evidence import Bundle
from reports.pack import Pack
from reports.signing import PASSPHRASE_VARIABLE, PUBLIC_FILE, Signer, fingerprint
from reports.standalone.verify import verify as outcome_of
from reports.standalone.words import Check, Outcome, unreadable
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

report_app = typer.Typer(
    name="report",
    no_args_is_help=True,
    help="证据包：制作、校验、查看签名公钥。\n\n"
    "Evidence packs: make, verify, show the signing key.\n\n"
    "例 · examples:\n\n  mingjian report pack --alert worst --reason 内审2026-017\n\n"
    "  mingjian report verify var/packs/5f0c2ab1.zip",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(report_app)


@report_app.command(
    "pack",
    help="为一条告警制作证据包（PDF 与 ZIP）。\n\nMake the evidence pack of one alert.\n\n"
    "例 · examples:\n\n  mingjian report pack --alert 3f2a9c41 --reason 内审2026-017\n\n"
    "  mingjian report pack --alert worst --out /tmp/packs --output json",
)
def pack(
    *,
    alert: Annotated[
        str,
        typer.Option("--alert", "-a", help="告警编号或其前缀，或 worst · id, its prefix, or worst"),
    ],
    folder: Annotated[
        Path | None, typer.Option("--out", help="输出目录 · directory; default DATA_DIR/packs")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", "-r", help="事由或工单号，写入保管链 · why, for the custody chain"
        ),
    ] = "",
    created_by: Annotated[
        str, typer.Option("--by", help="制作人，默认为系统用户 · who; default: system user")
    ] = "",
    rule_file: Annotated[
        Path | None, typer.Option("--rule", help="当时的规则文件 · the rule file as it was")
    ] = None,
    context: Annotated[
        bool, typer.Option("--context/--no-context", help="是否收入上下文 · with surroundings")
    ] = True,
    given: Annotated[
        Path | None,
        typer.Option(
            "--given",
            help="此前给出的账本签名头，证明账本由它延续 · a head of the ledger given before",
        ),
    ] = None,
    unmask: Annotated[
        bool, typer.Option("--unmask", help="可读部分不脱敏 · show numbers in the PDF unmasked")
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Build and store a pack."""
    # Imported here: the PDF library needs a second to load, and only this command uses it.
    from jobs.packs import make_pack  # noqa: PLC0415

    settings = settings_from(profile, config, overrides)
    started = time.monotonic()
    archive = written_archive(settings)
    before_saving = {}
    if archive is not None:
        reason, before_saving["before_saving"] = _at_the_desk(
            desk_of(settings, archive), alert, reason, unmask=unmask
        )
    made = make_pack(
        settings,
        alert,
        folder=folder or Path(settings.data_dir) / "packs",
        reason=reason,
        created_at=int(time.time() * 1000),
        created_by=created_by,
        rule_file=rule_file or "",
        with_context=context,
        unmask=unmask,
        given=given_head(given) if given else None,
        **before_saving,
    )
    seconds = time.monotonic() - started
    if output is Output.json:
        emit(
            {
                **made._asdict(),
                "archive": str(made.archive),
                "pdf": str(made.pdf),
                "seconds": round(seconds, 2),
            }
        )
        return
    counts = made.counts
    title = Text.assemble(
        ("✓", "bold green"), f" {say('evidence pack', '证据包')} ", (str(made.case), "bold")
    )
    out.print(title)
    for label, value in (
        ("ZIP", made.archive),
        ("PDF", made.pdf),
        (
            say("records", "记录"),
            say(
                f"{counts['member']} members, {counts['context']} context, {counts['event']} acts",
                f"命中 {counts['member']}，上下文 {counts['context']}，行为 {counts['event']}",
            ),
        ),
        (say("key SM3", "公钥指纹"), made.fingerprint),
        (say("took", "用时"), f"{seconds:.1f} s"),
    ):
        out.print(Text(f"  {label}  {value}"), soft_wrap=True)  # a path is no markup
    again = shlex.join(["mingjian", "report", "verify", str(made.archive)])
    again += _same_settings(profile, config, overrides)
    out.print(Text(f"  {say('verify it', '校验')}  {again}", "dim"), soft_wrap=True)


def _at_the_desk(
    desk: Desk, alert: str, reason: str, *, unmask: bool
) -> tuple[str, Callable[[Bundle, Pack], None]]:
    """The reason as it is kept, and what writes the export into the custody book before there is a
    file. Raises MingjianError: they may not, or numbers are wanted unmasked without a reason."""
    role = desk.allow(EXPORT, alert=alert)
    if unmask:
        role = desk.allow(UNMASK, alert=alert)
        reason = reason_given(reason, UNMASK)

    def note(bundle: Bundle, pack: Pack) -> None:
        leaves = sorted(bundle.ledger.leaves.values()) if bundle.ledger else []
        desk.note(
            EXPORTED, role, reason, alert=pack.alert_id, records=len(bundle.items), leaves=leaves,
            manifest_sm3=pack.manifest_sm3, unmasked=unmask,
        )  # fmt: skip

    return reason, note


@report_app.command(
    "verify",
    help="逐项校验证据包；有一项不符则退出码为 1。\n\n"
    "Verify a pack check by check; exit code 1 if one fails.\n\n"
    "例 · examples:\n\n  mingjian report verify 5f0c2ab1.zip\n\n"
    "  mingjian report verify 5f0c2ab1.pdf --fingerprint d1d0d092…",
)
def verify(
    *,
    path: Annotated[
        Path, typer.Argument(metavar="PACK", help="证据包 .zip，或旁边有 ZIP 的 .pdf · pack")
    ],
    expected: Annotated[
        str,
        typer.Option(
            "--fingerprint", help="预期公钥指纹，默认为本机密钥 · key SM3; default: the key here"
        ),
    ] = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Check a pack and say what is wrong with it."""
    settings = settings_from(profile, config, overrides)
    archive = path.with_suffix(".zip") if path.suffix.lower() == ".pdf" else path
    for needed in (path, archive):
        if problem := unreadable(str(needed)):
            raise MingjianError(
                *problem,
                fix_en="the signature is in the ZIP of the pack; keep both files together",
                fix_zh="签名在证据包的 ZIP 内；两个文件请放在一起",
                exit_code=EXIT_USAGE,
            )
    own = "" if expected else _own_fingerprint(Path(settings.keys_dir))
    found = outcome_of(str(archive), expected or own)
    if archive != path:
        found.checks.append(_same_pdf(path, archive))
    if output is Output.json:
        rows = [check._asdict() for check in found.checks]
        known = {"key_sm3": found.key, "key_known": found.key_known}
        emit({"ok": found.passed, "pack": str(archive), **known, "checks": rows})
    else:
        _show(found, own)
    passed = found.passed
    if not passed:
        raise typer.Exit(EXIT_FINDINGS)


@report_app.command(
    "keys",
    help="显示签名公钥及其指纹；首次使用时生成密钥。\n\n"
    "Show the signing key's public part and fingerprint; made on first use.\n\n"
    "例 · example:\n\n  mingjian report keys",
)
def keys(
    *,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Print what an auditor needs to trust packs of this installation."""
    settings = settings_from(profile, config, overrides)
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    info: dict[str, Any] = {**signer.info(), "public_pem": signer.public_pem.decode()}
    if output is Output.json:
        emit(info)
        return
    out.print(f"{say('key SM3', '公钥指纹')}  [bold]{signer.fingerprint}[/]", soft_wrap=True)
    out.print(say(info["statement_en"], info["statement_zh"]), soft_wrap=True)
    out.print(info["public_pem"].rstrip(), soft_wrap=True)


def _own_fingerprint(keys_dir: Path) -> str:
    """Of the key on this machine, if there is one; "" leaves the question open."""
    try:
        return fingerprint((keys_dir / PUBLIC_FILE).read_bytes())
    except (OSError, ValueError):
        return ""


def _same_pdf(pdf: Path, archive: Path) -> Check:
    from reports.standalone.verify import read_zip  # noqa: PLC0415

    inside = read_zip(str(archive))[0].get("report.pdf")
    if inside == pdf.read_bytes():
        return Check(pdf.name, True, "equal to report.pdf in the pack", "与包内 report.pdf 一致")
    return Check(pdf.name, False, "differs from report.pdf in the pack", "与包内 report.pdf 不同")


def _same_settings(profile: str, config: str, overrides: list[str]) -> str:
    """The options that make another command use the same settings, "" for the standard ones."""
    named = ["--config", config] if config else ["--profile", profile]
    given = [] if named == ["--profile", "embedded"] else named
    given += [part for override in overrides for part in ("--set", override)]
    return " " + shlex.join(given) if given else ""


def _show(found: Outcome, own: str) -> None:
    """Every check on its line, never cut: the fingerprint is there to be compared."""
    marks = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "yellow")}
    width = max((cell_len(check.title(language())) for check in found.checks), default=0)
    for check in found.checks:
        title, words = check.title(language()), check.zh if language() == "zh" else check.en
        style = "bold red" if check.ok is False else ""
        line = Text.assemble(
            marks[check.ok], " ", (title, style), " " * (width - cell_len(title) + 2),
            (words, style or "dim"),
        )  # fmt: skip
        out.print(line, soft_wrap=True)
    mark, style = "✗", "bold red"
    if found.passed:
        mark, style = ("✓", "bold green") if found.key_known else ("!", "bold yellow")
    out.print(Text(f"{mark} {_verdict(found, own)}", style), soft_wrap=True)


def _verdict(found: Outcome, own: str) -> str:
    """The verifier's, said from here where it is about the key of this installation."""
    if not found.whole or (found.key_known and not own):
        return found.verdict(language())
    key = found.key
    if found.key_known:
        return say(
            f"the pack is whole and unaltered, signed by the key of this installation, {key}",
            f"证据包完整，未见改动；由本机密钥签名：{key}",
        )
    if found.key_known is None:
        return say(
            "the pack is whole and unaltered, signed by a key this installation does not know: "
            f"compare the fingerprint {key} with the one the issuer gives you another way"
            " (--fingerprint), or name the settings it was made with (--config)",
            "证据包完整，未见改动，但本机不认识签名公钥：请将指纹 "
            f"{key} 与制作单位另行提供的指纹比对（--fingerprint），或指明制作时的配置（--config）",
        )
    if not own:
        return found.verdict(language())
    return say(
        "verification FAILED: the pack is whole, but not signed by the key of this installation: "
        f"its key is {key}. If another one made it, get its fingerprint another way and give it "
        "with --fingerprint, or name the settings it was made with (--config)",
        f"校验未通过：证据包完整，但不是由本机密钥签名，其公钥指纹为 {key}。"
        "如由别处制作，请另行取得其指纹并用 --fingerprint 给出，或指明制作时的配置（--config）",
    )
