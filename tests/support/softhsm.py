"""SoftHSM tokens for tests: each in a folder of its own, so that one can be unplugged."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pkcs11
from pkcs11 import Attribute, KeyType, ObjectClass

from sinks.archive.pkcs11_keys import Pkcs11Keys
from sinks.archive.pkcs11_token import HsmToken

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "48151623"


class Slots(NamedTuple):
    """SoftHSM with its tokens below `folder`; in force while SOFTHSM2_CONF names `conf`."""

    folder: Path
    conf: Path

    def new_token(self, label: str = "") -> str:
        """A new token: its label, by default one that no other test has."""
        label = label or f"t{uuid.uuid4().hex[:12]}"
        command = ["softhsm2-util", "--init-token", "--free", "--label", label]
        subprocess.run(
            [*command, "--so-pin", "87654321", "--pin", PIN],
            check=True, capture_output=True, env={"SOFTHSM2_CONF": str(self.conf)},
        )  # fmt: skip
        return label

    def unplug(self) -> None:
        """All tokens are gone, and the module starts anew."""
        self.folder.rename(self.folder.with_name("unplugged"))
        self.folder.mkdir()
        restart()

    def plug(self) -> None:
        """They are there again."""
        self.folder.rmdir()
        self.folder.with_name("unplugged").rename(self.folder)


def slots(folder: Path) -> Slots:
    made = Slots(folder / "tokens", folder / "softhsm2.conf")
    made.folder.mkdir()
    made.conf.write_text(f"directories.tokendir = {made.folder}\nlog.level = ERROR\n")
    return made


def restart() -> None:
    """What a module does when it is started anew behind the product's back."""
    pkcs11.lib(LIBRARY).reinitialize()


def token_of(label: str, pin: str = PIN) -> HsmToken:
    return HsmToken(LIBRARY, label=label, pin=pin)


def keys_of(label: str, tenant: str = "acme", **options: Any) -> Pkcs11Keys:
    return Pkcs11Keys(token_of(label), tenant, at=1, **options)


def objects(label: str, name: str) -> list[Any]:
    """Secret keys of this name in a token, as a vendor's own tool sees them."""
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: name}
    return token_of(label).run(lambda session: list(session.get_objects(wanted)))


def destroy(label: str, name: str) -> None:
    """Remove a key from a token, as an administrator would by mistake."""

    def removed(session: pkcs11.Session) -> None:
        with session.token.open(rw=True) as writing:
            for one in list(writing.get_objects({Attribute.LABEL: name})):
                one.destroy()

    token_of(label).run(removed)


def put(label: str, name: str) -> None:
    """Make a key of this name that the product did not make."""

    def made(session: pkcs11.Session) -> None:
        with session.token.open(rw=True) as writing:
            writing.generate_key(KeyType.AES, 256, label=name, store=True)

    token_of(label).run(made)


def flags(label: str) -> pkcs11.TokenFlag:
    """What the token says of its PIN now."""
    return pkcs11.lib(LIBRARY).get_token(token_label=label).flags
