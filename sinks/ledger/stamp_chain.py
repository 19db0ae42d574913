"""What `openssl`, 3 or later, says of the certificates and the signature of a time stamp.

Its `ts -verify` leaves out SM2's signer id, so of tokens signed with SM2 the signature is checked
by `dgst -verify` with the id of GM/T 0009. Only what it says in so many words is good: an answer
that is not understood, or none in time, is no reason to leave open what a stamp is worth, since
whoever made the stamp may have seen to that.

Standard library only: it travels in packs.
"""

from __future__ import annotations

import os
import re
import subprocess

from sinks.ledger.certificates import Certificate, pem
from sinks.ledger.rfc3161 import Token
from sinks.ledger.stamp_words import wrong
from sinks.ledger.unproven import Unproven

SM2_ID = "distid:1234567812345678"  # GM/T 0009
OPENSSL_S = 30
NOT_HERE = ("no_openssl", "no_sm2")  # codes: this machine cannot check it, whatever it is
_OLDEST = 3
_VERSION = re.compile(rb"OpenSSL (\d+)\.")  # another program of that name says another word
_REASON = re.compile(rb"error (\d+) at \d+ depth lookup: ?(.*)")
_EXPIRED, _NOT_YET = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
_MOST_SAID = 200


def require_openssl(*, sm2: bool) -> None:
    """Whether there is a program here that can check a stamp. Nothing of the stamp is shown to it.

    Raises:
        Unproven: one of `NOT_HERE`.
    """
    try:
        version = _VERSION.match(_openssl(".", ["version"])[1])
        known = not sm2 or _openssl(".", ["ecparam", "-name", "SM2", "-noout"])[0] == 0
    except Unproven:
        raise wrong("no_openssl") from None
    if not version or int(version[1]) < _OLDEST:
        raise wrong("no_openssl")
    if not known:
        raise wrong("no_sm2")


class Workplace:
    """A folder in which openssl finds the parts of one time stamp.

    Args:
        folder: an empty one.
        token, der: what was stamped, read and in DER. query: what was asked, DER.
        certificate: whose signature it is.
        trusted: certificates of authorities, and those in between, DER.
    """

    def __init__(
        self, folder: str, token: Token, der: bytes, query: bytes, certificate: Certificate,
        trusted: list[bytes],
    ) -> None:  # fmt: skip
        self._folder, self._certificate, self._trusted = folder, certificate, trusted
        self._at = str(token.at // 1000)
        self._put("signer.pem", pem("CERTIFICATE", certificate.der))
        # those in between may be in the stamp or beside it; none of them is trusted for that
        between = (*token.certificates, certificate.der, *trusted)
        self._put("between.pem", b"".join(pem("CERTIFICATE", each) for each in between))
        self._put("key.pem", pem("PUBLIC KEY", certificate.key))
        self._put("token.der", der)
        self._put("query.tsq", query)
        self._put("signed.der", token.signer.attributes)
        self._put("signature.der", token.signer.signature)

    def root(self) -> bytes:
        """The certificate, of those that are trusted, in which the chain ends, DER. Each is tried
        alone: beside others it would not be known which one it was.

        Raises:
            Unproven: in none.
        """
        for der in self._trusted:
            if self._leads_to(der)[0]:
                return der
        # what is wrong is said best where all are there
        said, name = self._leads_to(*self._trusted)[1], self._certificate.subject
        found = _REASON.search(said)
        if not found:
            raise _not_understood(said)
        number, words = int(found[1]), found[2].decode("utf-8", "replace").strip()
        if number == _EXPIRED:
            raise wrong("expired", name)
        if number == _NOT_YET:
            raise wrong("not_yet_valid", name)
        raise wrong("chain", f"{name}, {words}", f"{name}，{words}")

    def require_signed(self, root: bytes) -> None:
        """Whether the signature is that of the certificate.

        Args:
            root: in which its chain ends, DER.

        Raises:
            Unproven: it is not.
        """
        if self._certificate.sm2:
            command = ["dgst", "-sm3", "-sigopt", SM2_ID, "-verify", "key.pem"]
            command += ["-signature", "signature.der", "signed.der"]
            good, bad = b"Verified OK", b"Verification"
        else:
            self._put("root.pem", pem("CERTIFICATE", root))
            command = ["ts", "-verify", "-queryfile", "query.tsq", "-in", "token.der", "-token_in"]
            command += ["-CAfile", "root.pem", "-attime", self._at, "-untrusted", "between.pem"]
            good, bad = b"Verification: OK", b"Verification"
        code, said = _openssl(self._folder, command)
        if code == 0 and good in said:
            return
        raise wrong("signature") if bad in said else _not_understood(said)

    def _leads_to(self, *roots: bytes) -> tuple[bool, bytes]:
        """(whether the chain ends in one of these, what was said)."""
        self._put("roots.pem", b"".join(pem("CERTIFICATE", each) for each in roots))
        command = ["verify", "-no-CApath", "-no-CAstore", "-CAfile", "roots.pem"]
        command += ["-purpose", "timestampsign", "-attime", self._at, "-untrusted", "between.pem"]
        # openssl 3 takes certificates signed with SM2's usual id only when it is told the id, and
        # then no others
        said = b""
        for options in ([], ["-vfyopt", SM2_ID]) if self._certificate.sm2 else ([],):
            code, said = _openssl(self._folder, [*command, *options, "signer.pem"])
            if code == 0 and b"signer.pem: OK" in said:
                return True, said
        return False, said

    def _put(self, name: str, data: bytes) -> None:
        with open(os.path.join(self._folder, name), "wb") as file:
            file.write(data)


def _openssl(folder: str, command: list[str]) -> tuple[int, bytes]:
    """(exit code, all it said) of the program, without the settings of this machine."""
    env = {**os.environ, "OPENSSL_CONF": os.devnull, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["openssl", *command], cwd=folder, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=OPENSSL_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        en, zh = f"no answer within {OPENSSL_S} s", f"{OPENSSL_S} 秒内没有结果"
        raise wrong("openssl", en, zh) from None
    except OSError:
        raise wrong("no_openssl") from None
    return done.returncode, done.stdout


def _not_understood(said: bytes) -> Unproven:
    words = " ".join(said.decode("utf-8", "replace").split())[:_MOST_SAID]
    return wrong("openssl", words or "it says nothing", words or "没有输出")
