"""The installation's SM2 key as what signs the heads of a ledger."""

from __future__ import annotations

import os
from pathlib import Path

from config.settings import Settings
from reports.signing import PASSPHRASE_VARIABLE, PRIVATE_FILE, Signer, verify
from reports.standalone.sm2 import public_point
from rules.errors import MingjianError
from sinks.archive.sink import LEDGER_FOLDER, origin_of
from sinks.ledger.checkpoint import Note, key_id
from sinks.ledger.heads import ever_signed


class NoteSigner:
    """See `sinks.ledger.checkpoint.HeadSigner`."""

    def __init__(self, signer: Signer, name: str) -> None:
        self.name = name
        self.key_id = key_id(name, public_point(signer.public_pem)[1])
        self._signer = signer

    def sign(self, text: bytes) -> bytes:
        """SM2 over the text, as DER."""
        return self._signer.sign(text)

    def signed(self, note: Note) -> bool:
        """See `signed_by`."""
        return signed_by(note, self.name, self._signer.public_pem)


def note_signer(settings: Settings) -> NoteSigner:
    """What signs this tenant's ledger; the key is made on first use.

    Raises:
        MingjianError: see `Signer.from_dir`; or there is no key, and a ledger that was signed.
    """
    private = Path(settings.keys_dir) / PRIVATE_FILE
    for target in settings.targets:
        folder = Path(target.path) / LEDGER_FOLDER
        if target.kind == "archive" and ever_signed(folder) and not private.exists():
            raise MingjianError(
                f"the ledger in {folder} was signed, and the key it was signed with, {private}, is"
                " not there",
                f"{folder} 中的账本已签过名，而签名所用的密钥 {private} 不在了",
                fix_en="restore it from its copy; a new one would hide that it is missing",
                fix_zh="请从副本恢复；生成新的会掩盖它已丢失",
            )
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    return NoteSigner(signer, origin_of(settings.tenant))


def signed_by(note: Note, name: str, public_pem: bytes) -> bool:
    """Whether the head carries a valid signature of this key under this name."""
    wanted = key_id(name, public_point(public_pem)[1])
    mine = [one for one in note.signatures if (one.name, one.key_id) == (name, wanted)]
    text = note.checkpoint.text()
    return bool(mine) and all(verify(public_pem, text, one.value) for one in mine)
