"""`mingjian report …`: verify an evidence pack, show the signing key; see `report_make`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.text import Text

from jobs.cli import report_make, report_month, report_open
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
from reports.signing import PASSPHRASE_VARIABLE, PUBLIC_FILE, Signer, fingerprint
from reports.standalone.beside import head_at, openings_at
from reports.standalone.checks import PDF
from reports.standalone.verify import verify as outcome_of
from reports.standalone.words import (
    GIVEN,
    NO_FINGERPRINT,
    OPENED,
    PACK,
    Check,
    Damaged,
    Outcome,
    fingerprint_in,
    shown,
    unreadable,
    why,
)
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

# of a file that cannot be read: what to do, by how it was named
_ADVICE = {
    PACK: (
        "the signature is in the ZIP of the pack; keep both files together",
        "签名在证据包的 ZIP 内；两个文件请放在一起",
    ),
    OPENED: (
        "give the file that `mingjian report open` wrote, or leave --openings out",
        "请给出 `mingjian report open` 写出的文件，或不带 --openings",
    ),
    GIVEN: (
        "give the signed head that was handed out earlier, or leave --given out",
        "请给出此前取得的账本签名头，或不带 --given",
    ),
}
report_app = typer.Typer(
    name="report",
    no_args_is_help=True,
    help="证据包与月报：制作、校验、披露遮盖内容、查看签名公钥。\n\n"
    "Evidence packs and monthly reports: make, verify, open redactions, show the signing key.\n\n"
    "例 · examples:\n\n  mingjian report pack --alert worst --reason 内审2026-017\n\n"
    "  mingjian report verify var/packs/5f0c2ab1.zip",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    for part in (report_make, report_month, report_open):
        part.register(report_app)
    app.add_typer(report_app)


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
        str | None,
        typer.Option(
            "--fingerprint", help="预期公钥指纹，默认为本机密钥 · key SM3; default: the key here"
        ),
    ] = None,
    openings: Annotated[
        Path | None,
        typer.Option(
            "--openings", help="遮盖内容的披露文件（report open 所出） · opened redactions"
        ),
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option("--given", help="此前给出的账本签名头 · a head of the ledger given earlier"),
    ] = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Check a pack and say what is wrong with it."""
    settings = settings_from(profile, config, overrides)
    archive = path.with_suffix(".zip") if path.suffix.lower() == ".pdf" else path
    for needed, what in ((path, PACK), (archive, PACK), (openings, OPENED), (given, GIVEN)):
        if needed is not None and (problem := unreadable(str(needed), what)):
            raise MingjianError(
                *problem, fix_en=_ADVICE[what][0], fix_zh=_ADVICE[what][1], exit_code=EXIT_USAGE
            )
    mark = fingerprint_in(expected or "")
    if expected is not None and not mark:
        raise MingjianError(
            *NO_FINGERPRINT,
            fix_en="give the whole fingerprint, or leave --fingerprint out to expect the key here",
            fix_zh="请给出完整的指纹；不带 --fingerprint 则以本机密钥为准",
            exit_code=EXIT_USAGE,
        )
    own = "" if mark else _own_fingerprint(Path(settings.keys_dir))
    opened = _beside(openings_at, openings)
    found = outcome_of(str(archive), mark or own, opened, _beside(head_at, given))
    if archive != path:
        damaged = any(one.name == PDF and one.ok is False for one in found.checks)
        found.checks.append(_same_pdf(path, archive, damaged=damaged))
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


def _beside(read: Callable[[str], bytes], path: Path | None) -> bytes:
    """A file that is given together with the pack; b"" where none is."""
    if path is None:
        return b""
    try:
        return read(str(path))
    except (Damaged, OSError) as error:
        raise MingjianError(
            *why(error),
            fix_en="give the file that `mingjian report open` wrote with --openings, a signed head"
            " of the ledger with --given",
            fix_zh="--openings 请给出 `mingjian report open` 所写的文件，"
            "--given 请给出账本的签名头",
            exit_code=EXIT_USAGE,
        ) from None


def _own_fingerprint(keys_dir: Path) -> str:
    """Of the key on this machine, if there is one; "" leaves the question open."""
    try:
        return fingerprint((keys_dir / PUBLIC_FILE).read_bytes())
    except (OSError, ValueError):
        return ""


def _same_pdf(pdf: Path, archive: Path, *, damaged: bool) -> Check:
    from reports.standalone.verify import read_zip  # noqa: PLC0415

    if damaged:
        return Check(pdf.name, None, "not compared: report.pdf in the pack is not what was signed",
                     "未比对：包内 report.pdf 与签名时不同")  # fmt: skip
    inside = read_zip(str(archive))[0].get(PDF, b"")
    with pdf.open("rb") as file:  # it may be another of any size
        same = file.read(len(inside) + 1) == inside != b""
    if same:
        return Check(pdf.name, True, "equal to report.pdf in the pack", "与包内 report.pdf 一致")
    return Check(pdf.name, False, "differs from report.pdf in the pack", "与包内 report.pdf 不同")


def _show(found: Outcome, own: str) -> None:
    """Every check on its line, never cut: the fingerprint is there to be compared."""
    marks = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "yellow")}
    width = max((cell_len(check.title(language())) for check in found.checks), default=0)
    for check in found.checks:
        title, words = check.title(language()), check.zh if language() == "zh" else check.en
        style = "bold red" if check.ok is False else ""
        line = Text.assemble(
            marks[check.ok], " ", (shown(title), style), " " * (width - cell_len(title) + 2),
            (shown(words), style or "dim"),
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
