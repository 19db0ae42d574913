"""Writes a pack: the files, the inner manifest, the PDF, the outer manifest, the signature."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from reports.custody import head
from reports.evidence import Bundle, Item
from reports.pdf import render
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.checks import INNER, KEY, MANIFEST, PDF, SIGNATURE, SIGNER
from reports.view import case_id, view
from rules.alert import sm3_raw
from rules.errors import MingjianError
from sinks.ledger.canonical import canonical

VERIFIER, HOWTO = "verify.py", "VERIFY.md"
_HOWTO = Path(__file__).parent / "templates" / "VERIFY.md"


class Pack(NamedTuple):
    """A finished pack, in memory."""

    alert_id: str
    case: str
    archive: bytes
    pdf: bytes
    manifest_sm3: str


def build_pack(bundle: Bundle, signer: Signer) -> Pack:
    """The pack of a bundle. Equal bundles and keys give equal bytes but for the signature."""
    request, alert = bundle.request, bundle.alert
    files = {
        "alert.json": canonical(
            {
                "v": 1,
                "alert": alert,
                "evidence": list(bundle.evidence),
                "rule_text_sm3": sm3_raw(bundle.rule.text.encode()),
                "tool": request.tool,
            }
        ),
        "events.jsonl": b"".join(canonical(event_row(item)) + b"\n" for item in bundle.items),
        "rule.yaml": bundle.rule.text.encode(),
        "rule.canonical": bundle.rule.canonical,
        "device.json": canonical({"v": 1, "rows": list(bundle.devices)}),
        "custody.jsonl": b"".join(line + b"\n" for line in bundle.custody),
        "completeness.json": canonical(bundle.completeness),
        SIGNER: canonical(signer.info()),
        **(bundle.ledger.files if bundle.ledger else {}),
    }
    case = case_id(alert)
    about = {"v": 1, "case": case, "alert_id": alert["alert_id"], "created_at": request.created_at}
    inner = canonical({**about, "custody": head(bundle.custody), "files": _rows(files)})
    attachments = {INNER: inner, **files}
    pdf = render(
        view(bundle, sm3_raw(inner), signer.info()), attachments, created_at=request.created_at
    )
    files = {
        PDF: pdf,
        **attachments,
        KEY: signer.public_pem,
        VERIFIER: single_file(),
        HOWTO: _HOWTO.read_bytes(),
    }
    manifest = canonical({**about, "tool": request.tool, "files": _rows(files)})
    signed = {MANIFEST: manifest, SIGNATURE: signer.sign(manifest), **files}
    archive = _zip(signed, request.created_at)
    return Pack(alert["alert_id"], case, archive, pdf, sm3_raw(manifest))


def event_row(item: Item) -> dict[str, Any]:
    """One line of events.jsonl. `raw` is the record exactly as it stood in the source."""
    message, place = item.message, item.position
    return {
        "n": item.number,
        "role": item.role,
        "evidence_id": item.evidence_id,
        "kind": message.kind,
        "type": message.type,
        "msgid": message.msgid,
        "seq": message.seq,
        "time": message.time,
        "sender": message.sender,
        "conversation": message.conversation,
        "position": {
            "source": place.source,
            "partition": place.partition,
            "offset": place.offset,
            "line": place.line,
        },
        "size": len(item.raw),
        "sm3": sm3_raw(item.raw),
        "sha256": hashlib.sha256(item.raw).hexdigest(),
        "raw": base64.b64encode(item.raw).decode(),
    }


def save(pack: Pack, folder: str | Path) -> tuple[Path, Path]:
    """(zip, pdf) written to `folder`, each whole or not at all, readable by the owner only."""
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        paths = target / f"{pack.alert_id}.zip", target / f"{pack.alert_id}.pdf"
        for path, data in zip(paths, (pack.archive, pack.pdf), strict=True):
            handle, draft = tempfile.mkstemp(dir=target, prefix=".pack-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(draft, path)
            except OSError:
                os.unlink(draft)
                raise
    except OSError as error:
        raise MingjianError(
            f"cannot write the pack to {target}: {error.strerror}",
            f"无法将证据包写入 {target}：{error.strerror}",
            fix_en="name a folder you may write to with --out",
            fix_zh="请用 --out 指定可写的目录",
        ) from None
    return paths


def _rows(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "size": len(data),
            "sm3": sm3_raw(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for name, data in sorted(files.items())
    ]


def _zip(files: dict[str, bytes], created_at: int) -> bytes:
    moment = dt.datetime.fromtimestamp(created_at / 1000, dt.UTC)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same bytes on every system
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()
