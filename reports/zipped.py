"""The ZIP of a pack, in the one form that its verifier takes."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes], created_at: int) -> bytes:
    """The ZIP of these files: the one form that packs have, and that their verifier takes.

    Args:
        created_at: UTC ms; what the files are dated.
    """
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
