"""PDF/A and PDF/UA files judged by veraPDF (GPL-3.0 or MPL-2.0), run as a program of its own.

By hand: `.venv/bin/python -m tests.support.verapdf report.pdf [--flavour ua1]`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pikepdf

from config.java import java_home
from jobs.servers import jars
from rules.errors import EXIT_ENVIRONMENT, EXIT_USAGE, MingjianError

VERSION = "1.28.2"  # the newest whose programs are in Maven Central
SHA256 = "687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6"
FLAVOURS = ("1a", "1b", "2a", "2b", "2u", "3a", "3b", "3u", "4", "4e", "4f", "ua1", "ua2")
_COORDINATE = f"org.verapdf.apps:greenfield-apps:{VERSION}"
_OPTIONS = (
    *("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # half the time for a few files
    *("-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8"),
)
_PDFA = "http://www.aiim.org/pdfa/ns/id/"
_PDFUA = "http://www.aiim.org/pdfua/ns/id/"


class Failure(NamedTuple):
    """A rule that a file breaks.

    `clause` of the standard and `test` within it; `times`: how often; `context`: the first place,
    as a path of objects. A file that cannot be judged has one failure, of the clause "file".
    """

    clause: str
    test: int
    description: str
    times: int = 1
    context: str = ""

    def __str__(self) -> str:
        return (
            f"{self.clause}-{self.test} ({self.times} times): {self.description}\n  {self.context}"
        )


def program() -> Path:
    """veraPDF with all that it needs in one archive, fetched on first use.

    Raises:
        MingjianError: it cannot be fetched, or is not the file whose digest is pinned.
    """
    jars.SETS["verapdf"] = ((_COORDINATE,), False)
    path = jars.jar_folder("verapdf") / f"greenfield-apps-{VERSION}.jar"
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise MingjianError(
            f"{path} is not veraPDF {VERSION}: its SHA-256 differs from the pinned one",
            f"{path} 不是 veraPDF {VERSION}：SHA-256 与固定的值不符",
            fix_en=f"remove {path.parent} and run it again",
            fix_zh=f"请删除 {path.parent} 后重试",
        )
    return path


def claims(pdf: bytes) -> set[str]:
    """The flavours a file says it is of, such as {"3a", "ua1"}; empty for an ordinary PDF."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        said = document.open_metadata()
        archival = said.get(f"{{{_PDFA}}}part"), said.get(f"{{{_PDFA}}}conformance", "")
        accessible = said.get(f"{{{_PDFUA}}}part")
    found = {f"{archival[0]}{archival[1].lower()}"} if archival[0] else set()
    return found | ({f"ua{accessible}"} if accessible else set())


def validate(pdf: bytes, flavour: str) -> list[Failure]:
    """The rules of `flavour` (one of FLAVOURS) that a file breaks; none: it conforms."""
    return validate_all([pdf], flavour)[0]


def validate_all(pdfs: Sequence[bytes], flavour: str) -> list[list[Failure]]:
    """`validate` of several files, in their order, by one Java process.

    Raises:
        RuntimeError: veraPDF itself failed.
    """
    if not pdfs:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / f"{number:04}.pdf" for number in range(len(pdfs))]
        for path, pdf in zip(paths, pdfs, strict=True):
            path.write_bytes(pdf)
        command = [
            str(java_home() / "bin" / "java"),
            *_OPTIONS,
            f"-Duser.home={folder}",  # it would leave its settings in the home of whoever tests
            "-cp",
            str(program()),
            "org.verapdf.apps.GreenfieldCliWrapper",
            *("--flavour", flavour, "--format", "json", "--loglevel", "0"),
            *map(str, paths),
        ]
        done = subprocess.run(command, capture_output=True, check=False)
    try:
        jobs = json.loads(done.stdout)["report"]["jobs"]
        by_name = {Path(job["itemDetails"]["name"]).name: job for job in jobs}
        return [_failures(by_name[path.name]) for path in paths]
    except (ValueError, KeyError, TypeError) as error:
        said = done.stderr.decode("utf-8", "replace")[-2000:]
        raise RuntimeError(f"veraPDF ended with {done.returncode}: {said}") from error


def _failures(job: dict[str, Any]) -> list[Failure]:
    if "taskException" in job:
        return [Failure("file", 0, job["taskException"]["exceptionMessage"])]
    (result,) = job["validationResult"]  # one flavour was asked for
    found = [
        Failure(
            row["clause"],
            row["testNumber"],
            row["description"],
            row["failedChecks"],
            row["checks"][0]["context"],
        )
        for row in result["details"]["ruleSummaries"]
    ]
    if result["compliant"] is not True and not found:
        return [Failure("file", 0, result["statement"])]
    return sorted(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Say of each file what it claims and what it breaks; 1 when any breaks anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.verapdf", description=__doc__)
    parser.add_argument("pdf", nargs="*", type=Path, help="files; none: only fetch veraPDF")
    parser.add_argument("--flavour", choices=FLAVOURS, help="instead of what each file claims")
    given = parser.parse_args(arguments)
    wrong, path = False, None
    try:
        program()
        for path in given.pdf:
            pdf = path.read_bytes()
            claimed = sorted(claims(pdf))
            for flavour in [given.flavour] if given.flavour else claimed:
                failures = validate(pdf, flavour)
                verdict = "fails" if failures else "conforms"
                sys.stdout.write(f"{path}: {verdict} as {flavour}\n")
                sys.stdout.writelines(f"{failure}\n" for failure in failures)
                wrong |= bool(failures)
            if not claimed and not given.flavour:
                sys.stdout.write(f"{path}: claims neither PDF/A nor PDF/UA\n")
                wrong = True
    except MingjianError as error:
        sys.stderr.write(f"{error.en}\n{error.zh}\n")
        return EXIT_ENVIRONMENT
    except (OSError, pikepdf.PdfError) as error:
        sys.stderr.write(f"{path} cannot be read as a PDF: {error}\n")
        return EXIT_USAGE
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
