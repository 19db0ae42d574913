"""What was taken out of a pack, from the sealed file that lies beside it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings
from reports.redaction import openings_of
from reports.standalone.checks import MANIFEST
from reports.standalone.verify import read_zip
from rules.alert import sm3_raw
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.canonical import canonical
from sinks.sealing import Sealer, binding

_MOST_SEALED = 1 << 27  # bytes: more than what `Sealer.open` opens


class Opened(NamedTuple):
    """Openings of these records: the file's bytes, how many places, of which pack."""

    data: bytes
    records: list[int]
    holes: int
    manifest_sm3: str


def opened(settings: Settings, pack: Path, records: Collection[int] = ()) -> Opened:
    """What was taken out of these records; of all of them where none is named.

    Raises:
        MingjianError: no such pack, nothing was taken out of it or of these records, or what was
            kept of it is not here, damaged, or of another pack.
    """
    files, problems = read_zip(str(pack))
    manifest = files.get(MANIFEST)
    if manifest is None:
        raise _usage(
            f"{pack} is not an evidence pack, or is not there",
            f"{pack} 不是证据包，或不存在",
            "give the .zip of the pack",
            "请给出证据包的 .zip",
        )
    digest = sm3_raw(manifest)
    kept = pack.with_suffix(f".{openings_of(digest)}")
    try:
        with kept.open("rb") as file:  # what is larger does not open: it was not sealed here
            sealed = file.read(_MOST_SEALED).decode("ascii")
    except (OSError, UnicodeDecodeError):
        if problems:  # what its openings are called is not known either
            raise _usage(
                f"{pack} is damaged: {problems[0].en}",
                f"{pack} 已损坏：{problems[0].zh}",
                "see `mingjian report verify`; open an undamaged copy",
                "请用 `mingjian report verify` 查看；打开未损坏的副本",
            ) from None
        raise _usage(
            f"there is no {kept.name} beside {pack.name}: nothing was taken out of this pack, or"
            " the file was moved",
            f"{pack.name} 旁边没有 {kept.name}：该包没有遮盖内容，或文件已被移走",
            "keep the two files together where packs are made",
            "请在制作处将两个文件放在一起",
        ) from None
    sealer = Sealer.from_dir(settings.keys_dir, create=False)
    told = json.loads(sealer.open(sealed, binding(settings.tenant, digest)))
    rows = [one for one in told["openings"] if not records or one["n"] in records]
    found = sorted({one["n"] for one in rows})
    if lacking := sorted(set(records) - set(found)):
        raise _usage(
            f"nothing was taken out of record {lacking[0]}",
            f"第 {lacking[0]} 条记录没有遮盖内容",
            "redactions.json in the pack names the records",
            "包内 redactions.json 载明有遮盖的记录",
        )
    whole = len(rows) == len(told["openings"])
    shown = {
        **told,
        "openings": rows,
        "records": [one for one in told["records"] if one["n"] in found],
        # a proof of one record tells of its neighbours, so they come when all is opened
        "proofs": told["proofs"] if whole else [],
    }
    if not whole:
        shown.pop("extends", None)  # that it goes on from an earlier head tells of them too
    return Opened(canonical(shown), found, len(rows), digest)


def _usage(en: str, zh: str, fix_en: str, fix_zh: str) -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)
