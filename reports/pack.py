"""Writes a pack: the files, the inner manifest, the PDF, the outer manifest, the signature."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reports.case import (
    ALERT,
    Bundle,
    Finding,
    Item,
    Request,
    Subject,
    case_day,
    pack_name,
)
from reports.custody import head
from reports.pdf import render
from reports.readable import readable
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.case_checks import ALERT_FILE, ALERTS_FILE
from reports.standalone.checks import INNER, KEY, MANIFEST, PDF, SIGNATURE, SIGNER
from reports.standalone.media_checks import MEDIA
from reports.standalone.name_checks import case_mark
from reports.standalone.redaction_checks import FORM, REDACTIONS
from reports.view import view
from reports.zipped import zipped
from rules.alert import sm3_raw
from rules.errors import MingjianError
from sinks.ledger.canonical import canonical

VERIFIER, HOWTO = "verify.py", "VERIFY.md"
VERSION = 2
_HOWTO = Path(__file__).parent / "templates" / "VERIFY.md"
_RULE_HEAD = 16  # hex digits of a rule's digest in the names of its files


class Pack(NamedTuple):
    """A finished pack, in memory. `name` is what its files are called, `case` the number people
    quote; `openings` is what was taken out of its records, canonical JSON, b"" if nothing was."""

    name: str
    case: str
    archive: bytes
    pdf: bytes
    manifest_sm3: str
    openings: bytes = b""


def nothing_there(name: str) -> bool:
    """No pack has this name."""
    return False


def build_pack(
    bundle: Bundle, signer: Signer, taken: Callable[[str], bool] = nothing_there
) -> Pack:
    """The pack of a bundle. Equal bundles, keys and names give equal bytes.

    Args:
        taken: whether there is a pack of such a name already.
    """
    inside = {
        **_alerts(bundle),
        "events.jsonl": b"".join(canonical(event_row(item)) + b"\n" for item in bundle.items),
        "device.json": canonical({"v": 1, "rows": list(bundle.devices)}),
        "completeness.json": canonical(bundle.completeness),
        **(bundle.ledger.files if bundle.ledger else {}),
        **_redactions(bundle.items),
    }
    if bundle.media:
        inside[MEDIA] = canonical(_media(bundle))
    drawn = view(bundle, signer.info())

    def beside(case: str) -> dict[str, bytes]:
        found = {one.file: one.data for one in bundle.media if one.file}
        return found if drawn["whole"] else {**found, "records.html": readable(bundle, case)}

    pack = sealed(
        bundle.subject, case_day(bundle.subject, bundle.request, bundle.alerts), inside, beside,
        bundle.custody, bundle.request, signer, "report.html.j2", drawn, taken,
    )  # fmt: skip
    return pack._replace(openings=_openings(bundle, pack.manifest_sm3))


def sealed(
    subject: Subject,
    day: str,
    inside: Mapping[str, bytes],
    beside: Callable[[str], Mapping[str, bytes]],
    custody: Sequence[bytes],
    request: Request,
    signer: Signer,
    template: str,
    drawn: Mapping[str, Any],
    taken: Callable[[str], bool],
) -> Pack:
    """A pack of these files. Its case number, which people quote, ends with the head of a digest of
    all that the pack says (`reports.standalone.name_checks.case_mark`).

    Args:
        day: the first part of the case number.
        inside: files that are attached to the PDF too.
        beside: files that are in the pack alone, which may name the case.
        custody: lines of custody.jsonl.
        template, drawn: what the PDF is made from; see `reports.pdf.render`.
        taken: whether there is a pack of such a name already.
    """
    files = {
        **inside,
        "custody.jsonl": b"".join(line + b"\n" for line in custody),
        SIGNER: canonical(signer.info()),
    }
    told = {
        "v": VERSION, "kind": subject.kind, "subject": subject.id,
        "since": subject.since, "until": subject.until, "created_at": request.created_at,
        "unmasked": request.unmask, "redacted": sorted(request.redact),
        "language": request.language,
    }  # fmt: skip
    listing = {"custody": head(tuple(custody)), "files": _rows(files)}
    case = told["case"] = f"MJ-{day}-{case_mark({**told, **listing})}"
    name = pack_name(subject, case, taken)
    inner = canonical({**told, **listing})
    attached = {INNER: inner, **files}
    variables = {**drawn, "case": case, "name": name, "inner_sm3": sm3_raw(inner)}
    pdf = render(template, variables, attached, request.created_at)
    files = {
        PDF: pdf,
        **attached,
        **beside(case),
        KEY: signer.public_pem,
        VERIFIER: single_file(),
        HOWTO: _HOWTO.read_bytes(),
    }
    manifest = canonical({**told, "tool": request.tool, "files": _rows(files)})
    signed = {MANIFEST: manifest, SIGNATURE: signer.sign_repeatably(manifest), **files}
    archive = zipped(signed, request.created_at)
    return Pack(name, case, archive, pdf, sm3_raw(manifest))


def _alerts(bundle: Bundle) -> dict[str, bytes]:
    """alert.json of one alert, alerts.jsonl of many, and the rules that judged."""
    single = bundle.subject.kind == ALERT
    hidden = {one: item for item in bundle.items if item.redacted for one in item.evidence}
    files: dict[str, bytes] = {}
    rows = []
    for finding in bundle.findings:
        stem = "rule" if single else f"rule-{finding.rule.digest[:_RULE_HEAD]}"
        files[f"{stem}.yaml"] = finding.rule.text.encode()
        files[f"{stem}.canonical"] = finding.rule.canonical
        rows.append(canonical(_alert_row(finding, stem, bundle.request.tool, hidden)))
    if single:
        return {ALERT_FILE: rows[0], **files}
    return {ALERTS_FILE: b"".join(row + b"\n" for row in rows), **files}


def _alert_row(
    finding: Finding, stem: str, tool: str, hidden: Mapping[str, Item]
) -> dict[str, Any]:
    return {
        "v": VERSION,
        "alert": finding.alert,
        "evidence": [
            _evidence_row(row, hidden.get(row["evidence_id"])) for row in finding.evidence
        ],
        "rule_files": [f"{stem}.yaml", f"{stem}.canonical"],
        "rule_text_sm3": sm3_raw(finding.rule.text.encode()),
        "tool": tool,
    }


def _evidence_row(row: dict[str, Any], hidden: Item | None) -> dict[str, Any]:
    """The evidence of a member; of a redacted one with the commitment to its digests."""
    if hidden is None or hidden.redacted is None:
        return row
    kept = {key: one for key, one in row.items() if key not in ("raw_sm3", "raw_sha256", "text")}
    return {**kept, "digest": hidden.redacted.commitment}


def event_row(item: Item) -> dict[str, Any]:
    """One line of events.jsonl. `raw` is the record exactly as it stood in the source; of one from
    which something was taken out with holes filled, and a commitment in place of its digests."""
    message, place = item.message, item.position
    row: dict[str, Any] = {
        "n": item.number,
        "role": item.role,
        "evidence": list(item.evidence),
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
        "size": len(item.record),
        "sm3": sm3_raw(item.record),
        "sha256": hashlib.sha256(item.record).hexdigest(),
        "raw": base64.b64encode(item.raw).decode(),
    }
    if item.redacted is None:
        return row
    del row["sm3"], row["sha256"]  # with them what was taken out could be guessed
    return {**row, "redacted": True, "digest": item.redacted.commitment}


def _redactions(items: Sequence[Item]) -> dict[str, bytes]:
    rows = [
        {"n": item.number, "at": hole.at, "length": hole.length, "what": hole.what,
         "commitment": hole.commitment}
        for item in items for hole in item.holes
    ]  # fmt: skip
    if not rows:
        return {}
    return {REDACTIONS: canonical({"v": FORM, "holes": rows})}


def _openings(bundle: Bundle, manifest_sm3: str) -> bytes:
    """What was taken out; holes are numbered as they stand in redactions.json."""
    holes = [(item.number, hole) for item in bundle.items for hole in item.holes]
    if not holes:
        return b""
    rows = [
        {"hole": number, "n": record, "salt": hole.salt.hex(),
         "value": base64.b64encode(hole.value).decode()}
        for number, (record, hole) in enumerate(holes)
    ]  # fmt: skip
    records = [
        {"n": item.number, "salt": item.redacted.salt.hex()}
        for item in bundle.items if item.redacted
    ]  # fmt: skip
    told: dict[str, Any] = {
        "v": FORM, "manifest_sm3": manifest_sm3, "openings": rows, "records": records, "proofs": [],
    }  # fmt: skip
    if bundle.ledger:
        told["proofs"] = list(bundle.ledger.withheld)
        if bundle.ledger.extends:
            told["extends"] = json.loads(bundle.ledger.extends)
    return canonical(told)


def _media(bundle: Bundle) -> dict[str, Any]:
    rows = [
        {"n": one.record, "number": one.number, "type": one.type, "name": one.name,
         "size": one.size, "md5": one.md5, "file": one.file, "state": one.state, "sm3": one.sm3}
        for one in bundle.media
    ]  # fmt: skip
    return {"v": 1, "files": rows}


def save(pack: Pack, folder: str | Path, **more: bytes) -> tuple[Path, Path]:
    """(zip, pdf) written to `folder`, each whole or not at all, readable by the owner only.

    Args:
        more: other files by their ending.
    """
    target = Path(folder)
    # the ZIP last: where it is, all of it is
    contents = {**more, "pdf": pack.pdf, "zip": pack.archive}
    drafts: dict[str, str] = {}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for ending, data in contents.items():
            handle, drafts[ending] = tempfile.mkstemp(dir=target, prefix=".pack-")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for ending in contents:
            os.replace(drafts[ending], target / f"{pack.name}.{ending}")
            del drafts[ending]
    except OSError as error:
        raise MingjianError(
            f"cannot write the pack to {target}: {error.strerror}",
            f"无法将证据包写入 {target}：{error.strerror}",
            fix_en="name a folder you may write to with --out",
            fix_zh="请用 --out 指定可写的目录",
        ) from None
    finally:
        for draft in drafts.values():
            Path(draft).unlink(missing_ok=True)
    return target / f"{pack.name}.zip", target / f"{pack.name}.pdf"


def _rows(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "size": len(data),
            "sm3": sm3_raw(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for name, data in sorted(files.items())
    ]
