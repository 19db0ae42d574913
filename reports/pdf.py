"""The readable report as PDF/A-3 with the case's data attached."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
import zlib
from typing import Any

from reports.pages import TEMPLATES, page
from rules.alert import sm3_raw
from rules.errors import MingjianError

_SHEETS = {"en": ("report-en.css",)}  # beside report.css
_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"
_VARIANT = "pdf/a-3a"
_BEGINS, _ENDS = b"\nstream\n", b"\nendstream"  # ISO 32000-1, 7.3.8.1
_LEVEL = 6
_HAN_FONT = re.compile(r"cjk|han|heiti|songti|wenquan|simsun|yahei", re.I)
_ANNEXES = {
    "inner-manifest.json": "inner manifest: digests of the attached files",
    "alert.json": "the alert and its evidence records",
    "alerts.jsonl": "the alerts and their evidence records",
    "figures.json": "figures of the month",
    "redactions.json": "commitments to what was taken out",
    "media.json": "files that the messages carried",
    "handling.jsonl": "who looked at these records, from the custody book",
    "ledger.json": "inclusion proofs",
    "checkpoint.txt": "signed head of the ledger",
    "consistency.json": "that the ledger goes on from a head given earlier",
    "timestamps.json": "time stamps of heads of the ledger",
    "events.jsonl": "raw bytes of every record",
    "rule.yaml": "the rule as written",
    "rule.canonical": "the content the rule's digest covers",
    "device.json": "device and network facts",
    "custody.jsonl": "custody chain",
    "completeness.json": "completeness statement",
    "signer.json": "who signs",
}


def render(
    template: str, variables: dict[str, Any], attachments: dict[str, bytes], created_at: int
) -> bytes:
    """The PDF. Equal arguments give equal bytes.

    Args:
        template: a file of `templates`.
        variables: what it shows, see `reports.view.view`.
        attachments: files to embed, by name.
        created_at: UTC ms, the document's date.

    Raises:
        MingjianError: the libraries or fonts that draw Chinese text are missing.
    """
    try:
        # Imported here: it needs system libraries that only this command needs.
        import weasyprint  # type: ignore[import-untyped]  # noqa: PLC0415
    except OSError as error:
        raise _missing(f"a library for PDF is missing ({error})", "缺少生成 PDF 的系统库") from None
    for name in ("weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    created = dt.datetime.fromtimestamp(created_at / 1000, dt.UTC)
    iso = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    html = page(template, {**variables, "created_iso": iso})
    sheets = ("report.css", *_SHEETS.get(variables["language"], ()))
    document, pdf, unknown = _drawn(weasyprint, html, sheets, attachments, created)
    if unknown:
        # PDF/A allows no sign that has no glyph, and an empty box tells a reader nothing.
        html = html.translate({code: f"‹U+{code:04X}›" for code in unknown})
        document, pdf, _ = _drawn(weasyprint, html, sheets, attachments, created)
    # Known only once the text is drawn.
    families = {str(font.family) for font in document.fonts.values()}
    if not any(_HAN_FONT.search(family) for family in families):
        raise _missing("there is no Chinese font", "系统中没有中文字体")
    assert isinstance(pdf, bytes)  # noqa: S101 - without a target it returns the bytes
    return pdf


def _drawn(
    weasyprint: Any,
    html: str,
    sheets: tuple[str, ...],
    attachments: dict[str, bytes],
    created: dt.datetime,
) -> tuple[Any, Any, set[int]]:
    """(document, PDF, code points that no font has)."""
    document = weasyprint.HTML(
        string=html, base_url="mingjian:/", url_fetcher=_no_network(weasyprint)
    ).render(
        stylesheets=[
            weasyprint.CSS(string=(TEMPLATES / name).read_text("utf-8")) for name in sheets
        ],
        pdf_variant=_VARIANT,
    )
    document.metadata.attachments = [
        weasyprint.Attachment(
            string=data,
            name=name,
            description=_ANNEXES.get(name, name),
            created=created,
            modified=created,
            relationship="Data",
        )
        for name, data in attachments.items()
    ]
    identifier = hashlib.sha256(html.encode() + sm3_raw(repr(attachments).encode()).encode())
    with _UnknownSigns() as unknown:
        pdf = document.write_pdf(
            finisher=_compressed,
            pdf_variant=_VARIANT,
            pdf_identifier=identifier.digest()[:16],
        )
    return document, pdf, unknown


def _compressed(_: Any, pdf: Any) -> None:
    """Compress the streams of a PDF that is about to be written: it asks for each twice, to write
    it and for a digest, and would compress fonts, which are large, both times and at a level that
    takes twice as long for one part in a hundred."""
    for one in pdf.objects:
        if not getattr(one, "compress", False):
            continue
        one.compress = False
        body = one.data.partition(_BEGINS)[2].removesuffix(_ENDS)
        one.stream = [zlib.compress(body, _LEVEL)]
        one.extra["Filter"] = "/FlateDecode"


class _UnknownSigns(logging.Handler):
    """Code points that no font has: WeasyPrint warns of each while it draws."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._found: set[int] = set()
        self._logger = logging.getLogger("weasyprint")

    def __enter__(self) -> set[int]:
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self._found

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef") and isinstance(record.args, tuple):
            self._found.add(int(str(record.args[1])))


def _no_network(weasyprint: Any) -> Any:
    """A fetcher that fetches nothing: a message can name an address, the report never opens it."""
    return weasyprint.urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)


def _missing(en: str, zh: str) -> MingjianError:
    return MingjianError(
        en, zh,
        fix_en=f"run: apt-get install -y {_PACKAGES}",
        fix_zh=f"请执行：apt-get install -y {_PACKAGES}",
    )  # fmt: skip
