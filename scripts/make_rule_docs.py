"""Write docs/checks/ and docs/schema/ from the tables of the code. Called by `make docs`.

`tests/unit/test_rule_docs.py` fails when a file there is not what this makes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT / "docs" / "checks"
SCHEMAS = ROOT / "docs" / "schema"


def pages() -> Mapping[Path, str]:
    """Every file and its text."""
    from rules.lint.checks_page import index, page  # noqa: PLC0415
    from rules.lint.registry import registry  # noqa: PLC0415
    from rules.lint.schema import schemas  # noqa: PLC0415

    found = {CHECKS / f"{code}.md": page(check) for code, check in registry().items()}
    found[CHECKS / "README.md"] = index(registry().values())
    for name, schema in schemas().items():
        text = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
        found[SCHEMAS / f"{name}.schema.json"] = text
    return found


def main() -> None:
    """Write them, and remove those that are no more."""
    made = pages()
    for folder in (CHECKS, SCHEMAS):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if old not in made:
                old.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
