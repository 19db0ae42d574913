"""The installation's SM2 key as what signs the heads of a ledger."""

from __future__ import annotations

import os

from config.settings import Settings
from reports.signing import PASSPHRASE_VARIABLE, Signer, verify
from reports.standalone.sm2 import public_point
from sinks.archive.sink import origin_of
from sinks.ledger.checkpoint import Note, key_id


class NoteSigner:
    """See `sinks.ledger.checkpoint.Signs`."""

    def __init__(self, signer: Signer, name: str) -> None:
        self.name = name
        self.key_id = key_id(name, public_point(signer.public_pem)[1])
        self._signer = signer

    def sign(self, text: bytes) -> bytes:
        """SM2 over the text, as DER."""
        return self._signer.sign(text)


def note_signer(settings: Settings) -> NoteSigner:
    """What signs this tenant's ledger; the key is made on first use.

    Raises:
        MingjianError: see `Signer.from_dir`.
    """
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    return NoteSigner(signer, origin_of(settings.tenant))


def signed_by(note: Note, name: str, public_pem: bytes) -> bool:
    """Whether the head carries a valid signature of this key under this name."""
    wanted = key_id(name, public_point(public_pem)[1])
    mine = [one for one in note.signatures if (one.name, one.key_id) == (name, wanted)]
    text = note.checkpoint.text()
    return bool(mine) and all(verify(public_pem, text, one.value) for one in mine)
