"""What `mingjian ledger check` says of a proof: which kind it is, and whether it holds."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from jobs.cli.alert_list import when
from jobs.cli.app import Output, emit, out, say
from jobs.cli.words import plural
from jobs.ledger_proofs import CONTINUATION, INCLUSION, WITNESS, Proof
from sinks.ledger.handed import Handed
from sinks.ledger.witness import Witness

Given = Proof | Handed | Witness

NAMES = {
    INCLUSION: ("proof of an entry", "条目证明"),
    CONTINUATION: ("proof that the ledger goes on", "账本延续证明"),
    WITNESS: ("witness", "见证"),
}


def print_checked(proof: Given, wrong: tuple[str, str], output: Output, *, compared: bool) -> None:
    """Print it.

    Args:
        wrong: see `jobs.ledger_proofs.check_proof`.
        compared: whether it was compared with a head of whoever asks.
    """
    kind, told, words = _told(proof, compared=compared)
    if output is Output.json:
        emit({"kind": kind, **told, "compared": compared, "wrong": wrong[0]})
        return
    name = say(*NAMES[kind])
    if wrong[0]:
        colon = say(": ", "：")
        out.print(f"[red]✗[/] {escape(name + colon + say(*wrong))}", soft_wrap=True)
        return
    if isinstance(proof, Witness) and not compared:  # nothing is signed there
        out.print(f"[yellow]?[/] {escape(words)}", soft_wrap=True)
        return
    out.print(f"[green]✓[/] {escape(words)}", soft_wrap=True)
    if isinstance(proof, Proof):
        out.print(proof.entry.decode(errors="replace"), style="dim", soft_wrap=True, markup=False)
    if isinstance(proof, Handed) and not compared:
        out.print(
            say(
                "whether the earlier head is the one that was given to you: --mine HEAD",
                "较早的签名头是否就是交给您的那一个：--mine HEAD",
            ),
            style="dim",
            soft_wrap=True,
        )


def _told(proof: Given, *, compared: bool) -> tuple[str, dict[str, Any], str]:
    """(kind, what programs are told, the sentence for people when nothing is wrong)."""
    if isinstance(proof, Proof):
        head = proof.note.checkpoint
        words = say(
            f"entry {proof.index} is in the ledger of {plural(head.size, 'entry', 'entries')} that"
            f" was signed {when(head.at)}",
            f"第 {proof.index} 条在 {when(head.at)} 签名的 {head.size:,} 条账本中",
        )
        return INCLUSION, {"index": proof.index, "size": head.size}, words
    if isinstance(proof, Handed):
        old, new = proof.old.checkpoint, proof.new.checkpoint
        yours = say(" given to you", "交给您的") if compared else ""
        words = say(
            f"the ledger of {plural(new.size, 'entry', 'entries')}, signed {when(new.at)}, keeps"
            f" every entry of the earlier one{yours}: {plural(old.size, 'entry', 'entries')},"
            f" signed {when(old.at)}",
            f"{when(new.at)} 签名的 {new.size:,} 条账本保留了{yours}较早账本的全部条目："
            f"{when(old.at)} 签名，{old.size:,} 条",
        )
        return CONTINUATION, {"old_size": old.size, "size": new.size}, words
    told = {"size": proof.size, "root": proof.root.hex()}
    if compared:
        words = say(
            f"what was printed is the head given to you: {plural(proof.size, 'entry', 'entries')},"
            f" signed {when(proof.at)}",
            f"印出的正是交给您的签名头：{proof.size:,} 条，{when(proof.at)} 签名",
        )
    else:
        words = say(
            f"a witness of {plural(proof.size, 'entry', 'entries')}, typed without a misprint."
            " Whether a head of yours is the one that was printed: --mine HEAD; whether the ledger"
            " has it: mingjian ledger witness --check",
            f"{proof.size:,} 条的见证，录入无误。手中的签名头是否就是印出的那一个：--mine HEAD；"
            "账本中是否有它：mingjian ledger witness --check",
        )
    return WITNESS, told, words
