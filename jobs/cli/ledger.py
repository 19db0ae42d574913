"""`mingjian ledger …`: what was signed, whether it is whole, and proofs for whoever asks.

The ledger holds digests and no content, so what shows heads and gives proofs asks nobody's right.
Checking it is for the auditor and the administrator, and a line of the custody book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from desk.desk import CHECKED
from desk.roles import CHECK
from jobs.archive import (
    archive_target,
    desk_of,
    known_head,
    ledger_folder,
    open_index,
    open_ledger,
    trusted,
)
from jobs.cli import ledger_mend, ledger_outside
from jobs.cli.alert_list import when
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.archive_advice import noting, print_ledger_advice
from jobs.cli.archive_options import TargetOption
from jobs.cli.faults import print_faults
from jobs.cli.ledger_text import print_checked
from jobs.cli.words import plural
from jobs.given_file import given_file
from jobs.ledger_proofs import check_proof, proof_of, read_proof
from jobs.ledger_signer import signed_by
from rules.errors import EXIT_FINDINGS
from sinks.archive.search import as_leaf, leaf_by_id
from sinks.archive.sink import origin_of
from sinks.ledger.audit import audit
from sinks.ledger.damage import Damage
from sinks.ledger.heads import read_heads

ledger_app = typer.Typer(
    name="ledger",
    no_args_is_help=True,
    help="账本：消息、告警与操作的默克尔日志（SM3），签名头（SM2）。查看、核查、出具证明。\n\n"
    "The ledger: a Merkle log (SM3) of messages, alerts and deeds, with signed heads (SM2). Look at"
    " it, check it, prove from it.\n\n例 · examples:\n\n  mingjian ledger verify\n\n"
    "  mingjian ledger prove 1042 --out proof.json",
)
PublicOption = Annotated[
    Path | None,
    typer.Option("--key", help="签名公钥，默认本机的 · public key; default: this installation's"),
]


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    ledger_outside.register(ledger_app)
    ledger_mend.register(ledger_app)
    app.add_typer(ledger_app)


@ledger_app.command(
    "show",
    help="最近的签名头。\n\nThe newest signed heads.\n\n例 · example:\n\n  mingjian ledger show",
)
def show(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="几个 · how many")] = 5,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Show the heads."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    ledger = open_ledger(settings, archive, as_it_is=True)
    for note in ledger.newest(limit):
        head = note.checkpoint
        if output is Output.json:
            emit({"origin": head.origin, "size": head.size, "root": head.root.hex(),
                  "at": head.at, "note": bytes(note).decode()})  # fmt: skip
            continue
        size = say(plural(head.size, "entry", "entries"), f"{head.size:,} 条")
        out.print(f"{when(head.at)}  {size}  SM3 {head.root.hex()}", soft_wrap=True)
    open_ledger(settings, archive)  # that others are missing or are not ours is said at the end


@ledger_app.command(
    "verify",
    help="逐字节核查账本：条目、哈希、签名头；指出每一处损坏。\n\n"
    "Look at every byte: entries, hashes, heads; every damaged place is named.\n\n"
    "例 · example:\n\n  mingjian ledger verify",
)
def verify(
    *,
    key: PublicOption = None,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Audit it."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(CHECK)
    name, public = _trusted(settings, key)
    folder, known = ledger_folder(archive), known_head(settings, archive)
    looked_at = 0

    def everything(progress: Callable[[int, int], None]) -> Iterator[Damage]:
        def counted(done: int, of: int) -> None:
            nonlocal looked_at
            looked_at = done
            progress(done, of)

        return audit(folder, lambda note: signed_by(note, name, public), counted, known)

    places: set[str] = set()
    faults = print_faults(
        lambda told: noting(everything(told), places), say("entries", "条目"), output
    )
    damage = desk.note_found(CHECKED, role, part="ledger", faults=faults, entries=looked_at)
    if damage is not None:  # of the custody book: that this was looked at stands nowhere
        report(damage)
        faults += 1
    if faults:
        if output is not Output.json:
            out.print(say(plural(faults, "damaged place"), f"{faults} 处损坏"), style="bold red")
            print_ledger_advice(places, folder)
        raise typer.Exit(EXIT_FINDINGS)
    heads = len(read_heads(folder).usable)  # none of them is one that does not count
    if output is Output.json:
        emit({"faults": 0, "size": looked_at, "heads": heads})
        return
    out.print(
        say(
            f"[green]✓[/] {plural(looked_at, 'entry', 'entries')},"
            f" {plural(heads, 'signed head')}: each extends the one before",
            f"[green]✓[/] {looked_at:,} 条，{heads} 个签名头，逐一延续",
        )
    )


@ledger_app.command(
    "prove",
    help="出具某条消息在账本中的证明，可离线核对。\n\n"
    "The proof that a message is in the ledger, to be checked offline.\n\n例 · example:\n\n"
    "  mingjian ledger prove 1042 --out proof.json",
)
def prove(
    *,
    which: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="编号或消息编号 · its number or id")
    ],
    file: ledger_outside.OutOption = None,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Prove inclusion."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    leaf = as_leaf(which)
    if leaf is None:
        leaf = leaf_by_id(open_index(settings, archive), which)
    proof = proof_of(open_ledger(settings, archive), -1 if leaf is None else leaf, which)
    if file is None:
        typer.echo(proof.decode())
        return
    ledger_outside.write_out(settings, file, proof + b"\n")


@ledger_app.command(
    "check",
    help="核对一份证明；不需要账本。可以是条目证明（prove）、延续证明（hand，或证据包中的"
    " consistency.json），或见证（witness）。\n\n"
    "Check a proof; needs no ledger. Of an entry (`prove`), that the ledger goes on (`hand`, or"
    " consistency.json of a pack), or what was printed (`witness`).\n\n"
    "例 · examples:\n\n  mingjian ledger check proof.json\n\n"
    "  mingjian ledger check handed.json --mine head.txt",
)
def check(
    *,
    file: Annotated[
        Path, typer.Argument(help="证明文件，- 为标准输入 · the proof; - for standard input")
    ],
    mine: Annotated[
        Path | None,
        typer.Option(
            "--mine",
            help="自己手中此前得到的签名头或证明，须与之一致 · the head given to you before, from"
            " your own papers: it has to be this one",
        ),
    ] = None,
    key: PublicOption = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Check it."""
    settings = settings_from(profile, config, overrides)
    name, public = _trusted(settings, key)
    proof = read_proof(given_file(file), file)
    head = ledger_outside.given_head(mine) if mine is not None else None
    wrong = check_proof(proof, name, public, head)
    print_checked(proof, wrong, output, compared=mine is not None)
    if wrong[0]:
        raise typer.Exit(EXIT_FINDINGS)


def _trusted(settings: Settings, key: Path | None) -> tuple[str, bytes]:
    """Name of the ledger and the public key that its heads must be signed with."""
    return trusted(settings) if key is None else (origin_of(settings.tenant), given_file(key))
