"""The verifier that goes into every pack: one file, standard library only.

Here it lies in several modules, each short enough to read; `single_file` joins them.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_MODULES = (
    "sinks/ledger/canonical.py",
    "sinks/ledger/sm3.py",
    "reports/standalone/sm2.py",
    "reports/standalone/words.py",
    "reports/standalone/zip_checks.py",
    "reports/standalone/contents.py",
    "sinks/ledger/proofs.py",
    "sinks/ledger/checkpoint.py",
    "reports/standalone/beside.py",
    "sinks/ledger/unproven.py",
    "sinks/ledger/der.py",
    "sinks/ledger/certificates.py",
    "sinks/ledger/rfc3161.py",
    "sinks/ledger/stamp_words.py",
    "sinks/ledger/stamp_chain.py",
    "sinks/ledger/stamp_check.py",
    "reports/standalone/stamp_checks.py",
    "reports/standalone/redaction_checks.py",
    "reports/standalone/ledger_checks.py",
    "reports/standalone/name_checks.py",
    "reports/standalone/case_checks.py",
    "reports/standalone/asked_checks.py",
    "reports/standalone/media_checks.py",
    "reports/standalone/figures.py",
    "reports/standalone/month_checks.py",
    "reports/standalone/custody_checks.py",
    "reports/standalone/second_opinion.py",
    "reports/standalone/checks.py",
)
_OURS = ("reports.", "sinks.")
_MAIN = "verify.py"


@cache
def single_file() -> bytes:
    """The whole verifier as one Python file that imports nothing of ours."""
    folder = Path(__file__).parent
    head, body = _split((folder / _MAIN).read_text(encoding="utf-8"), keep_docstring=True)
    parts = [_split((_ROOT / name).read_text(encoding="utf-8"))[1] for name in _MODULES]
    return "\n\n".join(
        [head.rstrip() + "\n", *(part.strip() + "\n" for part in (*parts, body))]
    ).encode()


def _split(source: str, *, keep_docstring: bool = False) -> tuple[str, str]:
    """(shebang, docstring and future import; the rest without own imports)."""
    lines = source.splitlines(keepends=True)
    statements = ast.parse(source).body
    future = statements[1]  # after the docstring
    drop = {
        number
        for node in statements
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_OURS)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    start = future.end_lineno or 0
    head = "".join(lines[:start]) if keep_docstring else ""
    rest = [line for number, line in enumerate(lines, 1) if number > start and number not in drop]
    return head, "".join(rest)
