"""Makes the pictures of the READMEs from a real run of the demo.

Usage: make demo, then .venv/bin/python scripts/make_images.py
Needs pdftoppm (Debian's poppler-utils). Nothing in the pictures is drawn by hand: the terminal is
what `python -m jobs.demo` printed, the pages are those of the pack it made.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import weasyprint
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path("docs/images")
WIDTH = 104  # columns
DARK = 40  # grey value up to which a pixel is background
# The CJK font draws frames two columns wide; these come from another, fitted to one column.
_FRAMES = re.compile("[\u2500-\u257f\u00b7\u2713]+")
_HTML = """<html><head><style>
@page {{ size: 232mm 262mm; margin: 0; background: #0c0c0c }}
body {{ margin: 7mm; font: 8.6pt "Noto Sans Mono CJK SC", monospace }}
pre {{ margin: 0; line-height: 1.22; font-family: inherit; color: #d9d9d9 }}
.f {{ font-family: "DejaVu Sans Mono"; letter-spacing: -0.102em; font-weight: normal }}
{stylesheet}
</style></head><body><pre>{code}</pre></body></html>"""


def main() -> None:
    """Run the demo in both languages and write terminal.png, terminal.zh-CN.png and pack.png."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for language, name in (("en", "terminal.png"), ("zh", "terminal.zh-CN.png")):
        env = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "MINGJIAN_LANG": language}
        done = subprocess.run(
            [sys.executable, "-m", "jobs.demo"], env=env, capture_output=True, text=True, check=True
        )
        _terminal(done.stdout, TARGET / name)
    _pages(max(Path("var/demo/packs").glob("*.pdf"), key=lambda path: path.stat().st_mtime))


def _terminal(printed: str, target: Path) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("$ make demo\n" + printed.rstrip()))
    page = console.export_html(theme=MONOKAI, code_format=_HTML, inline_styles=True)
    page = _FRAMES.sub(lambda found: f"<b class=f>{found[0]}</b>", page)
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "terminal.pdf"
        weasyprint.HTML(string=page).write_pdf(pdf)
        picture = _render(pdf, folder, 130)[0]
        picture = picture.crop((0, 0, picture.width - 4, picture.height - 4))  # rounded edges
        # cut what is empty below the last line
        lit = picture.convert("L").point(lambda value: 255 * (value > DARK))
        bottom = (lit.getbbox() or (0, 0, 0, picture.height))[3]
        picture.crop((0, 0, picture.width, min(picture.height, bottom + 30))).save(
            target, optimize=True
        )


def _pages(pdf: Path) -> None:
    """Cover, facts, conversation and integrity side by side."""
    with tempfile.TemporaryDirectory() as folder:
        pages = _render(pdf, folder, 62)
        chosen = [pages[0], pages[2], pages[3], pages[-2]]
        gap = 14
        width = sum(page.width for page in chosen) + gap * (len(chosen) + 1)
        sheet = Image.new("RGB", (width, chosen[0].height + 2 * gap), "#8a8f98")
        left = gap
        for page in chosen:
            sheet.paste(page, (left, gap))
            left += page.width + gap
        sheet.save(TARGET / "pack.png", optimize=True)


def _render(pdf: Path, folder: str, dpi: int) -> list[Image.Image]:
    subprocess.run(["pdftoppm", "-r", str(dpi), "-png", str(pdf), f"{folder}/page"], check=True)
    return [Image.open(path).convert("RGB") for path in sorted(Path(folder).glob("page*.png"))]


if __name__ == "__main__":
    main()
