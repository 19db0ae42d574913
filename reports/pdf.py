"""The readable report as PDF/A-3b with the case's data attached."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from rules.alert import sm3_raw
from rules.errors import MingjianError

TEMPLATES = Path(__file__).parent / "templates"
_LONGEST, _SHOWN = 1_500, 300  # characters of one value on a page
_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"
_HAN_FONT = re.compile(r"cjk|han|heiti|songti|wenquan|simsun|yahei", re.I)
_ANNEXES = {
    "inner-manifest.json": "inner manifest: digests of the attached files",
    "alert.json": "the alert and its evidence records",
    "events.jsonl": "raw bytes of every record",
    "rule.yaml": "the rule as written",
    "rule.canonical": "the content the rule's digest covers",
    "device.json": "device and network facts",
    "custody.jsonl": "custody chain",
    "completeness.json": "completeness statement",
    "signer.json": "who signs",
}


def render(variables: dict[str, Any], attachments: dict[str, bytes], created_at: int) -> bytes:
    """The PDF. Equal arguments give equal bytes.

    Args:
        variables: see `reports.view.view`.
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
    html = page(variables, created_at)
    created = dt.datetime.fromtimestamp(created_at / 1000, dt.UTC)
    document = weasyprint.HTML(
        string=html, base_url="mingjian:/", url_fetcher=_no_network(weasyprint)
    ).render(
        stylesheets=[weasyprint.CSS(string=(TEMPLATES / "report.css").read_text("utf-8"))],
        pdf_variant="pdf/a-3b",
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
    pdf = document.write_pdf(pdf_variant="pdf/a-3b", pdf_identifier=identifier.digest()[:16])
    # Known only once the text is drawn.
    families = {str(font.family) for font in document.fonts.values()}
    if not any(_HAN_FONT.search(family) for family in families):
        raise _missing("there is no Chinese font", "系统中没有中文字体")
    assert isinstance(pdf, bytes)  # noqa: S101 - without a target it returns the bytes
    return pdf


class Whole(str):
    """Text that is shown however long it is."""

    __slots__ = ()


def _short(value: Any) -> Any:
    """A record may carry ids and names of any length, which no table can hold."""
    if type(value) is str and len(value) > _LONGEST:
        return f"{value[:_SHOWN]}……（共 {len(value):,} 字，其余略）"
    return value


def page(variables: dict[str, Any], created_at: int) -> str:
    """The report as HTML; all text from records is escaped."""
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_short,
    )
    environment.filters["sm3"] = sm3_raw
    date = dt.datetime.fromtimestamp(created_at / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return environment.get_template("report.html.j2").render(
        **{**variables, "rule_text": Whole(variables["rule_text"])}, created_iso=date
    )


def _no_network(weasyprint: Any) -> Any:
    """A fetcher that fetches nothing: a message can name an address, the report never opens it."""
    return weasyprint.urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)


def _missing(en: str, zh: str) -> MingjianError:
    return MingjianError(
        en, zh,
        fix_en=f"run: apt-get install -y {_PACKAGES}",
        fix_zh=f"请执行：apt-get install -y {_PACKAGES}",
    )  # fmt: skip
