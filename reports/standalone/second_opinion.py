"""What the `openssl` program says of a signature, where there is one that knows SM2."""

from __future__ import annotations

import os
import subprocess
import tempfile

from reports.standalone.sm2 import SIGNER_ID


def openssl_says(key: bytes, signature: bytes, data: bytes) -> bytes:
    """What it prints; b"" where there is no such program.

    Args:
        key: a public key, PEM.
        signature: of `data`, DER.
    """
    command = ["openssl", "dgst", "-sm3", "-sigopt", f"distid:{SIGNER_ID.decode()}"]
    command += ["-verify", "key", "-signature", "signature", "data"]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", key), ("signature", signature), ("data", data)):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.SubprocessError):
            return b""
    return done.stdout
