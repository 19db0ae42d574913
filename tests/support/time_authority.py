"""A TEST time-stamping authority on this machine: its stamps are worth nothing outside of tests.

Keys, certificates and, for RSA and ECDSA, the stamps themselves are made by `openssl`. OpenSSL 3.0
cannot sign a stamp with SM2 ("signing not supported for this key type"), and refuses to stamp with
a certificate that is not for stamping; such stamps are put together here, signed by `openssl dgst`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from sinks.ledger.certificates import pem_certificates, read_certificate
from sinks.ledger.checkpoint import Checkpoint, Note, Signature
from sinks.ledger.der import (
    BIT_STRING,
    GENERALIZED_TIME,
    NULL,
    OCTET_STRING,
    SEQUENCE,
    SET,
    UTF8,
    encoded,
    encoded_integer,
    encoded_oid,
)
from sinks.ledger.proofs import leaf_hash
from sinks.ledger.rfc3161 import IMPRINTS, Query, read_query

KINDS = ("rsa", "ecdsa", "sm2")
POLICY = "1.2.3.4.1"
_ALGORITHM = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "sm2": ["-algorithm", "SM2"],
}
_DIGEST = {"rsa": "sha256", "ecdsa": "sha256", "sm2": "sm3"}
_SIGNATURE = {
    "rsa": "1.2.840.113549.1.1.1",
    "ecdsa": "1.2.840.10045.4.3.2",
    "sm2": "1.2.156.10197.1.501",
}
_SM2_ID = "distid:1234567812345678"
_CONF = f"""
[req]
distinguished_name = name
prompt = no
[name]
CN = test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamping]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
[not_critical]
extendedKeyUsage = timeStamping
[more]
extendedKeyUsage = critical, timeStamping, codeSigning
[none]
basicConstraints = critical, CA:FALSE
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = issued
policy = any
unique_subject = no
[any]
commonName = supplied
[reply]
serial = stamped
crypto_device = builtin
signer_digest = sha256
default_policy = {POLICY}
digests = sm3, sha256
accuracy = secs:1, millisecs:500
tsa_name = yes
ess_cert_id_alg = sha256
[reply_sha256_only]
serial = stamped
crypto_device = builtin
signer_digest = sha256
default_policy = {POLICY}
digests = sha256
"""


class Signer(NamedTuple):
    """A key and its certificate, and where both lie."""

    folder: Path
    kind: str
    name: str

    @property
    def certificate(self) -> bytes:
        return pem_certificates((self.folder / f"{self.name}.pem").read_bytes())[0]


class TestCertificates:
    """A certificate authority of one kind of key, in a folder; `name` is a part of its name."""

    __test__ = False

    def __init__(self, folder: Path, kind: str, name: str = "authority") -> None:
        folder.mkdir(parents=True)
        self.folder, self.kind = folder, kind
        self._id = ["-sigopt", _SM2_ID] if kind == "sm2" else []
        (folder / "openssl.cnf").write_text(_CONF)
        (folder / "index.txt").write_text("")
        for serial in ("issued", "stamped"):
            (folder / serial).write_text("1000\n")
        self._key("authority")
        self._run(
            "req", "-x509", "-new", "-key", "authority.key", f"-{_DIGEST[kind]}", "-days", "30",
            "-subj", f"/CN=Mingjian TEST {name} {kind}", "-config", "openssl.cnf",
            "-extensions", "authority", *self._id, "-out", "authority.pem",
        )  # fmt: skip

    @property
    def roots(self) -> bytes:
        return self.roots_file.read_bytes()

    @property
    def roots_file(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, name: str, extensions: str = "stamping", days: int = 30) -> Signer:
        """A certificate for stamping, or one that is not; `days` may lie in the past."""
        self._key(name)
        self._run(
            "req", "-new", "-key", f"{name}.key", f"-{_DIGEST[self.kind]}", "-subj",
            f"/CN=Mingjian TEST stamps {name}", "-config", "openssl.cnf", *self._id,
            "-out", f"{name}.csr",
        )  # fmt: skip
        if days > 0:
            dates = ["-days", str(days)]
        else:
            dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
        verify = ["-vfyopt", _SM2_ID] if self.kind == "sm2" else []
        self._run(
            "ca", "-batch", "-notext", "-config", "openssl.cnf", "-in", f"{name}.csr",
            "-cert", "authority.pem", "-keyfile", "authority.key", "-md", _DIGEST[self.kind],
            "-extensions", extensions, *dates, *self._id, *verify, "-out", f"{name}.pem",
        )  # fmt: skip
        return Signer(self.folder, self.kind, name)

    def _key(self, name: str) -> None:
        self._run("genpkey", *_ALGORITHM[self.kind], "-out", f"{name}.key")

    def _run(self, *command: str) -> None:
        run(self.folder, *command)


def run(folder: Path, *command: str, data: bytes = b"") -> bytes:
    """Output of openssl."""
    done = subprocess.run(
        ["openssl", *command], cwd=folder, input=data, capture_output=True, check=False,
        env={**os.environ, "OPENSSL_CONF": os.devnull},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def openssl_reply(signer: Signer, query: bytes, section: str = "reply") -> bytes:
    """TimeStampResp by `openssl ts`."""
    folder, name = signer.folder, f"query-{threading.get_ident()}"
    (folder / name).write_bytes(query)
    done = subprocess.run(
        ["openssl", "ts", "-reply", "-queryfile", name, "-config", "openssl.cnf", "-section",
         section, "-signer", f"{signer.name}.pem", "-inkey", f"{signer.name}.key"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr.decode()
    return done.stdout


def built_reply(
    signer: Signer,
    query: Query,
    at: str,
    *,
    alter: Callable[[bytes], bytes] = lambda info: info,
    certificate: bytes = b"",
    with_certificate: bool = True,
    signed_data: str = "1.2.840.113549.1.7.2",
) -> bytes:
    """TimeStampResp put together here.

    Args:
        at: the time it states, as in "20260729073000Z".
        alter: what happens to TSTInfo after it was signed.
        certificate: another one that the attributes name.
    """
    info = encoded(
        SEQUENCE,
        encoded_integer(1),
        encoded_oid(POLICY),
        encoded(
            SEQUENCE,
            _algorithm(IMPRINTS[query.algorithm]),
            encoded(OCTET_STRING, query.imprint),
        ),
        encoded_integer(77),
        encoded(GENERALIZED_TIME, at.encode()),
        encoded_integer(query.nonce),
    )
    digest = _DIGEST[signer.kind]
    number = IMPRINTS[digest]
    named = hashlib.new(digest, certificate or signer.certificate).digest()
    certificate_id = encoded(SEQUENCE, _algorithm(number), encoded(OCTET_STRING, named))
    attributes = sorted(
        encoded(SEQUENCE, encoded_oid(name), encoded(SET, value))
        for name, value in (
            ("1.2.840.113549.1.9.3", encoded_oid("1.2.840.113549.1.9.16.1.4")),
            (
                "1.2.840.113549.1.9.4",
                encoded(OCTET_STRING, hashlib.new(digest, info).digest()),
            ),
            (
                "1.2.840.113549.1.9.16.2.47",
                encoded(SEQUENCE, encoded(SEQUENCE, certificate_id)),
            ),
        )
    )
    sm2_id = ["-sigopt", _SM2_ID] if signer.kind == "sm2" else []
    signature = run(
        signer.folder, "dgst", f"-{digest}", *sm2_id, "-sign", f"{signer.name}.key",
        data=encoded(SET, *attributes),
    )  # fmt: skip
    mine = read_certificate(signer.certificate)
    signer_info = encoded(
        SEQUENCE,
        encoded_integer(1),
        encoded(SEQUENCE, mine.issuer, encoded_integer(mine.serial)),
        _algorithm(number),
        encoded(0xA0, *attributes),
        _algorithm(_SIGNATURE[signer.kind]),
        encoded(OCTET_STRING, signature),
    )
    content = encoded(
        SEQUENCE,
        encoded_oid("1.2.840.113549.1.9.16.1.4"),
        encoded(0xA0, encoded(OCTET_STRING, alter(info))),
    )
    signed = encoded(
        SEQUENCE,
        encoded_integer(3),
        encoded(SET, _algorithm(number)),
        content,
        *([encoded(0xA0, signer.certificate)] if with_certificate else []),
        encoded(SET, signer_info),
    )
    token = encoded(SEQUENCE, encoded_oid(signed_data), encoded(0xA0, signed))
    return encoded(SEQUENCE, encoded(SEQUENCE, encoded_integer(0)), token)


def refusing_reply(status: int, bit: int | None = None, text: str = "") -> bytes:
    """TimeStampResp without a token: PKIStatus, the bit of PKIFailureInfo, what it says."""
    said = encoded(SEQUENCE, encoded(UTF8, text.encode())) if text else b""
    failure = b""
    if bit is not None:
        value = bytearray(bit // 8 + 1)
        value[bit // 8] = 0x80 >> bit % 8
        failure = encoded(BIT_STRING, bytes([7 - bit % 8]), bytes(value))
    return encoded(SEQUENCE, encoded(SEQUENCE, encoded_integer(status), said, failure))


def _algorithm(number: str) -> bytes:
    return encoded(SEQUENCE, encoded_oid(number), NULL)


class Served:
    """What an authority over HTTP got, and how it answers.

    Attributes:
        reply: DER of a query -> DER of the answer.
        status, kind, headers: of the answer. drips: it sends a byte now and then and never ends.
    """

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self.reply, self.url = reply, ""
        self.status, self.kind = 200, "application/timestamp-reply"
        self.headers: Mapping[str, str] = {}
        self.drips = False
        self.asked: list[tuple[dict[str, str], Query]] = []

    def login(self) -> str:
        """User name and password of the last query."""
        return base64.b64decode(self.asked[-1][0]["Authorization"].removeprefix("Basic ")).decode()


@contextmanager
def served(reply: Callable[[bytes], bytes]) -> Iterator[Served]:
    """A time-stamping authority over HTTP on this machine."""
    seen, ended = Served(reply), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.asked.append((dict(self.headers), read_query(body)))
            answer = seen.reply(body)
            try:
                self.send_response(seen.status)
                self.send_header("Content-Type", seen.kind)
                self.send_header("Content-Length", str(len(answer)))
                for name, value in seen.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if seen.drips:
                    for at in range(len(answer)):
                        self.wfile.write(answer[at : at + 1])
                        if ended.wait(0.05):
                            return
                self.wfile.write(answer)
            except OSError:  # who asked is gone
                self.close_connection = True

        def log_message(self, *_given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_port}/tsa"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def made_by_kind(folder: Path) -> dict[str, tuple[TestCertificates, Signer]]:
    """By kind of key: certificates, and who stamps with one of them."""
    made = {}
    for kind in KINDS:
        certificates = TestCertificates(folder / kind, kind)
        made[kind] = certificates, certificates.issue("good")
    return made


def reply_of(signer: Signer) -> Callable[[bytes], bytes]:
    """How an authority answers: RSA and ECDSA by openssl, SM2 built here."""
    if signer.kind == "sm2":
        return lambda query: built_reply(signer, read_query(query), written(now()))
    return lambda query: openssl_reply(signer, query)


def now() -> int:
    """UTC ms."""
    return int(time.time() * 1000)


def written(at: int) -> str:
    """UTC ms as TSTInfo has it."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y%m%d%H%M%SZ}"


def note_of(size: int, at: int, root: bytes = b"root") -> Note:
    """A head as a ledger signs it."""
    head = Checkpoint("mingjian/acme/ledger", size, leaf_hash(root), at)
    return Note(head, (Signature(head.origin, b"abcd", b"signature"),))
