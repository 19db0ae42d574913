"""The report of a pack is the kind of PDF it says it is, by the judgement of veraPDF."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pikepdf
import pytest
import weasyprint

from jobs.servers import jars
from reports.case import CASE, PERSON, Subject
from reports.month import month_pack
from reports.pack import build_pack
from reports.signing import Signer
from rules.errors import EXIT_USAGE, MingjianError
from tests.support import sample_case, verapdf
from tests.support.verapdf import claims, program, validate, validate_all
from tests.unit.test_reports_anchor import packed
from tests.unit.test_reports_kinds import PERIOD, built
from tests.unit.test_reports_month import facts

CLAIMED = {"3a"}  # what every report is


# Tibetan, Mongolian, Thai, Hindi, Amharic, Uyghur; signs of a telephone; separators; no characters
FEW_FONTS_HAVE = (
    "བོད་ཡིག", "ᠮᠣᠩᠭᠣᠯ", "ภาษาไทย", "हिन्दी", "አማርኛ", "ئۇيغۇرچە", "𠮷野家", "\U00030000",
    "收到⏰⚡1️⃣✅", "(๑•̀ㅂ•́)و✧", "一\u2028二\u2029三", "\ue000\ufffd\ufdd0\U0010fffd",
)  # fmt: skip


# --- the reports


def of_a_case(folder: Path, signer: Signer, **changes: Any) -> bytes:
    return build_pack(sample_case.bundle(folder, **changes), signer).pdf


def with_more_said(folder: Path, signer: Signer, *texts: str, **changes: Any) -> bytes:
    """The case with more messages of the same conversation, all of them in the report."""
    folder.mkdir(exist_ok=True)
    lines = [
        sample_case.said(237, f"more{n:03}", sample_case.CUSTOMER, "text", {"content": text}, n)
        for n, text in enumerate(texts, 1000)
    ]
    (folder / "messages-p1.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return of_a_case(folder, signer, each_side=10 + len(texts), **changes)


REPORTS: dict[str, Callable[[Path, Signer], bytes]] = {
    "conversation": of_a_case,
    "ledger": lambda folder, signer: packed(folder, signer)[0]["report.pdf"],
    # what people call themselves and what they write is theirs to choose
    "any-signs-on-many-pages": lambda folder, signer: with_more_said(
        folder,
        signer,
        *FEW_FONTS_HAVE,
        *(f"第 {n} 条：发票怎么开？" * (1 + n % 7) for n in range(30)),
        names={sample_case.CUSTOMER: "小美🌸⏰\u202e"},
        reason="\x07\u2028",
        unmask=True,
    ),
    "english": lambda folder, signer: of_a_case(folder, signer, language="en"),
    "redacted": lambda folder, signer: of_a_case(folder, signer, redact=frozenset({"numbers"})),
    "case-of-two-alerts": lambda folder, signer: (
        build_pack(built(folder, Subject(CASE, "内审2026-017")), signer).pdf
    ),
    "person": lambda folder, signer: (
        build_pack(built(folder, Subject(PERSON, sample_case.EMPLOYEE, *PERIOD)), signer).pdf
    ),
    "month": lambda folder, signer: month_pack(facts(), signer, None).pdf,
    "month-english-empty": lambda folder, signer: month_pack(facts([], "en"), signer, None).pdf,
}


class Made(NamedTuple):
    """The reports by name, and what each breaks of what all are to be."""

    pdfs: dict[str, bytes]
    broken: dict[str, dict[str, list[verapdf.Failure]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("reports")
    signer = Signer.from_dir(home / "keys")
    pdfs = {name: make(home / name, signer) for name, make in REPORTS.items()}
    judged = {flavour: validate_all(list(pdfs.values()), flavour) for flavour in CLAIMED}
    broken = {
        name: {flavour: failures[at] for flavour, failures in judged.items()}
        for at, name in enumerate(pdfs)
    }
    return Made(pdfs, broken)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_conforms_to_what_it_claims(made: Made, name: str) -> None:
    assert claims(made.pdfs[name]) == CLAIMED
    said = [str(one) for failures in made.broken[name].values() for one in failures]
    assert said == [], "\n".join(said)


@pytest.mark.parametrize("name", REPORTS)
def test_only_what_is_used_of_a_font_is_inside(made: Made, name: str) -> None:
    """veraPDF sees to it that each font is embedded; here, that none is whole."""
    with pikepdf.open(io.BytesIO(made.pdfs[name])) as document:
        fonts = [
            str(one["/BaseFont"]).removeprefix("/")
            for one in document.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/Font"
        ]
    assert any("CJK" in font for font in fonts)
    assert [font for font in fonts if font[6:7] != "+"] == []
    assert len(made.pdfs[name]) < 2_000_000  # one font of Noto CJK is more than ten


# --- that it can fail


def page(text: str = "明鉴", variant: str | None = "pdf/a-3b") -> bytes:
    html = f'<html lang="zh-CN"><title>明鉴</title><p style="opacity: .5">{text}</p></html>'
    document = weasyprint.HTML(string=html).render(pdf_variant=variant)
    document.metadata.attachments = [
        weasyprint.Attachment(string=b"{}", name="alert.json", relationship="Data")
    ]
    pdf = document.write_pdf(pdf_variant=variant)
    assert isinstance(pdf, bytes)
    return pdf


def changed(change: Callable[[pikepdf.Pdf], object]) -> bytes:
    """A sound file with one thing changed."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page())) as document:
        change(document)
        document.save(out, static_id=True)
    return out.getvalue()


def without_its_font_files(document: pikepdf.Pdf) -> None:
    for one in document.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor":
            for key in [key for key in one.keys() if key.startswith("/FontFile")]:  # noqa: SIM118
                del one[key]


def without_relationships(document: pikepdf.Pdf) -> None:
    for one in document.objects:
        if isinstance(one, pikepdf.Dictionary) and "/AFRelationship" in one:
            del one["/AFRelationship"]


# name -> (how it is made, clause and test that it breaks; none: it is sound)
EXAMPLES: dict[str, tuple[Callable[[], bytes], tuple[str, int] | None]] = {
    "sound": (page, None),
    "saved-again": (lambda: changed(lambda _: None), None),
    "ordinary-pdf": (lambda: page(variant=None), ("6.2.4.3", 2)),
    "of-another-part": (lambda: page(variant="pdf/a-2b"), ("6.6.4", 2)),
    "no-output-intent": (
        lambda: changed(lambda one: one.Root.__delitem__("/OutputIntents")),
        ("6.2.4.3", 2),
    ),
    "font-not-embedded": (lambda: changed(without_its_font_files), ("6.2.11.4.1", 1)),
    "sign-without-a-font": (lambda: page("\U0003ffff"), ("6.2.11.8", 1)),
    "attachment-of-no-relation": (lambda: changed(without_relationships), ("6.8", 3)),
    "no-metadata": (lambda: changed(lambda one: one.Root.__delitem__("/Metadata")), ("6.6.2.1", 1)),
    "cut-short": (lambda: page()[:1000], ("file", 0)),
    "empty": (lambda: b"", ("file", 0)),
}


@pytest.fixture(scope="module")
def examples() -> dict[str, list[verapdf.Failure]]:
    pdfs = [make() for make, _ in EXAMPLES.values()]
    return dict(zip(EXAMPLES, validate_all(pdfs, "3b"), strict=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_wrong_with_a_file_is_named(
    examples: dict[str, list[verapdf.Failure]], name: str
) -> None:
    _, breaks = EXAMPLES[name]
    found = {(one.clause, one.test): one for one in examples[name]}
    if breaks is None:
        assert found == {}
    else:
        assert breaks in found, found
        assert found[breaks].description
        assert found[breaks].times >= 1


@pytest.mark.parametrize(
    ("variant", "flavours"),
    [(None, set()), ("pdf/a-3b", {"3b"}), ("pdf/a-3a", {"3a"}), ("pdf/ua-1", {"ua1"})],
    ids=str,
)
def test_what_a_file_claims_is_told(variant: str | None, flavours: set[str]) -> None:
    assert claims(page(variant=variant)) == flavours


def test_the_command_tells_what_a_file_claims_and_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, ordinary = tmp_path / "sound.pdf", tmp_path / "ordinary.pdf"
    sound.write_bytes(page())
    ordinary.write_bytes(page(variant=None))
    assert verapdf.main([str(sound)]) == 0
    assert f"{sound}: conforms as 3b\n" in capsys.readouterr().out
    assert verapdf.main([str(ordinary)]) == 1
    assert "claims neither" in capsys.readouterr().out
    assert verapdf.main(["--flavour", "3a", str(sound)]) == 1
    assert "6.7.3.3-1 (1 times): " in capsys.readouterr().out  # it has no tags
    sound.write_bytes(b"no PDF")
    for wrong in (sound, tmp_path / "nothing.pdf"):
        assert verapdf.main([str(wrong)]) == EXIT_USAGE
        assert str(wrong) in capsys.readouterr().err


def test_a_program_that_is_not_the_pinned_one_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = program()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    copied = jars.cache_root() / real.parent.name / real.name
    copied.parent.mkdir(parents=True)
    shutil.copy(real, copied)
    assert program() == copied
    data = bytearray(copied.read_bytes())
    data[len(data) // 2] ^= 1
    copied.write_bytes(data)
    with pytest.raises(MingjianError, match="SHA-256"):
        validate(page(), "3b")
