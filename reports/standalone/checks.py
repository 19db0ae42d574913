"""The checks of a pack, one after another; nothing in a pack makes them raise."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

from reports.standalone.asked_checks import asked_checks
from reports.standalone.case_checks import ROLES, case_checks, case_rows
from reports.standalone.contents import other_facts, pdf_attachments, raw_id, too_much
from reports.standalone.custody_checks import custody_check
from reports.standalone.ledger_checks import ledger_checks
from reports.standalone.media_checks import media_checks
from reports.standalone.month_checks import month_checks
from reports.standalone.name_checks import name_checks, same_case
from reports.standalone.redaction_checks import UNOPENED, redaction_checks
from reports.standalone.second_opinion import openssl_says
from reports.standalone.sm2 import SIGNER_ID, public_point, sm2_verify
from reports.standalone.words import INSIDE, TRUST, Check, Damaged, Outcome, why
from sinks.ledger.canonical import canonical
from sinks.ledger.sm3 import sm3

MANIFEST, SIGNATURE, KEY, SIGNER = "manifest.json", "manifest.sm2.sig", "signer.pem", "signer.json"
INNER, PDF = "inner-manifest.json", "report.pdf"
UNLISTED = (MANIFEST, SIGNATURE)  # the manifest can list neither itself nor what signs it
# What reading a damaged file raises; RecursionError: JSON nested to no end
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)


class NotThere(Damaged):
    """A file that every pack has and this one has not."""


class Verifier:
    """Runs all checks of one pack in reading order. Nothing in a pack makes it raise.

    Args:
        files: contents by name.
        fingerprint: SM3 of the public key one expects; "" leaves the trust in the key open.
        openings: what was taken out of records, where it is at hand; b"": it is not.
        given: a head of the ledger that one was given earlier; b"": none.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        fingerprint: str = "",
        openings: bytes = b"",
        given: bytes = b"",
    ) -> None:
        self.files, self.fingerprint = files, fingerprint
        self.openings, self.given = openings, given
        self.checks: list[Check] = []
        self._opened = UNOPENED
        self.key = ""  # fingerprint of the key in the pack, once it is read
        self._public: tuple[tuple[int, int], bytes] | None = None  # that key: point and DER
        self._found: dict[str, dict[str, Any]] = {}  # size and digests by name, once they are known

    def say(self, name: str, ok: bool | None, en: str, zh: str) -> None:
        """Record one outcome."""
        self.checks.append(Check(name, ok, en, zh))

    def run(self) -> Outcome:
        """All checks; one that fails does not keep the others from being made."""
        if large := too_much(self.files):  # to look at the rest could take all the memory
            return Outcome([Check(name, False, en, zh) for name, en, zh in large], "")
        manifest = self._manifest(MANIFEST)
        if manifest:
            self._part(MANIFEST, lambda: self._digests(manifest, ""))
            self._part(MANIFEST, lambda: name_checks(self.files, manifest))
            listed = {row["name"] for row in manifest["files"]} | set(UNLISTED)
            for name in sorted(set(self.files) - listed):
                self.say(name, False, "is not in the manifest", "不在清单之中")
        self._part("signature", self._signature)
        inner = self._manifest(INNER)
        if inner:
            self._part(INNER, lambda: self._digests(inner, INSIDE))
            self._part("PDF attachments", lambda: self._pdf(inner))
            self._part(INNER, lambda: same_case(self.files, manifest or inner, inner))
        self._part("custody chain", lambda: self._custody(manifest or {}, inner or {}))
        about: dict[str, Any] = manifest or inner or {}
        events: list[dict[str, Any]] = []
        if about.get("kind") == "month":
            self._part("figures", lambda: month_checks(self.files, about))
        else:
            self._part("records", lambda: self._events(events))
            self._part("alert members", lambda: case_checks(self.files, events))
            if len(events) == len(self._lines("events.jsonl")):  # else that is what is wrong
                self._part("asked for", lambda: asked_checks(self.files, about, events))
        self._part("redactions", lambda: self._redactions(events))
        self._part("ledger entries", lambda: self._ledger(events))
        self._part("media", lambda: media_checks(self.files, events))
        return Outcome(self.checks, self.key)

    def _part(self, name: str, checks: Callable[[], list[Check] | None]) -> None:
        """Checks of one kind. Whatever a file nobody foresaw makes them raise, it fails them."""
        try:
            self.checks += checks() or ()
        except MemoryError:
            raise
        except Exception as error:  # there is no list of what a hostile file can raise
            self._damaged(name, error)

    def _redactions(self, events: list[dict[str, Any]]) -> list[Check]:
        checks, self._opened = redaction_checks(self.files, events, self.openings)
        return checks

    def _ledger(self, events: list[dict[str, Any]]) -> list[Check]:
        alerts = [row["alert"] for row in case_rows(self.files)]
        return ledger_checks(
            self.files, self._public, events, alerts, opened=self._opened, given=self.given
        )

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise NotThere(f"{name} is missing from the pack", f"证据包中缺少 {name}")
        return self.files[name]

    def _json(self, name: str) -> Any:
        return json.loads(self._file(name))

    def _damaged(self, name: str, error: Exception) -> None:
        en, zh = why(error)
        if not isinstance(error, NotThere):
            en, zh = f"damaged: {en}", f"已损坏：{zh}"
        self.say(name, False, en, zh)

    def _lines(self, name: str) -> list[bytes]:
        return [line for line in self.files.get(name, b"").split(b"\n") if line]

    def _manifest(self, name: str) -> dict[str, Any] | None:
        try:
            value: dict[str, Any] = self._json(name)
            for row in value["files"]:
                stated = tuple(type(row[key]) for key in ("name", "size", "sm3", "sha256"))
                if stated != (str, int, str, str):
                    raise Damaged("an entry about a file is incomplete", "有一项文件记载不完整")
            if canonical(value) != self.files[name]:
                raise Damaged("it is not in canonical form", "不是规范形式")
        except _DAMAGED as error:
            self._damaged(name, error)
            return None
        return value

    def _digests(self, manifest: dict[str, Any], prefix: str) -> None:
        for row in manifest["files"]:
            name, data = row["name"], self.files.get(row["name"])
            if data is None:
                self.say(prefix + name, False, "missing from the pack", "证据包中缺少此文件")
                continue
            if name not in self._found:  # or a manifest that says it a thousand times takes hours
                sha256 = hashlib.sha256(data).hexdigest()
                self._found[name] = {"size": len(data), "sm3": sm3(data), "sha256": sha256}
            found = self._found[name]
            wrong = [what for what in found if row[what] != found[what]]
            if wrong:
                en, zh = ", ".join(wrong), "、".join(wrong)
                differ = "differs" if len(wrong) == 1 else "differ"
                self.say(prefix + name, False, f"altered: {en} {differ}", f"已被改动：{zh} 不一致")
            elif not prefix:
                self.say(name, True, "size, SM3, SHA-256 match", "大小、SM3、SHA-256 一致")

    def _signature(self) -> None:
        try:
            point, der = public_point(self._file(KEY))
        except ValueError as error:
            en, zh = why(error)
            self.say(KEY, False, f"no usable key: {en}", f"没有可用的公钥：{zh}")
            en, zh = "cannot be judged without the key", "没有公钥，无法判定"
            self.say("signature", None, en, zh)
            self._signer()
            return
        self.key, self._public = sm3(der), (point, der)
        self._signer()
        self._signed(point)
        self._trust()

    def _signed(self, point: tuple[int, int]) -> None:
        name, key = "signature", self.key
        try:
            manifest, signature = self._file(MANIFEST), self._file(SIGNATURE)
            good = sm2_verify(point, manifest, signature)
            other_id = not good and sm2_verify(point, manifest, signature, b"")
        except ValueError as error:
            self._damaged(name, error)
            return
        if good:
            self.say(name, True, f"SM2/SM3 valid, key {key}", f"SM2/SM3 有效，公钥 {key}")
            self._openssl()
        elif other_id:
            self.say(
                name,
                False,
                "made with an empty SM2 signer id instead of 1234567812345678",
                "签名使用了空的 SM2 签名者标识，而非 1234567812345678",
            )
        else:
            self.say(
                name,
                False,
                "does not fit this manifest, this key and signer id 1234567812345678",
                "与清单、公钥及签名者标识 1234567812345678 不符",
            )

    def _trust(self) -> None:
        expected = re.sub(r"[\s:]", "", self.fingerprint).lower()
        if not expected:
            self.say(
                TRUST,
                None,
                "compare the key's fingerprint with one you got another way (--fingerprint)",
                "请将公钥指纹与另行获得的指纹比对（--fingerprint）",
            )
        elif expected == self.key:
            self.say(TRUST, True, "the key you expect", "与预期公钥一致")
        else:
            self.say(TRUST, False, "not the key you expect", "不是预期的公钥")

    def _signer(self) -> None:
        try:
            signer = self._json(SIGNER)
            named, signer_id = signer["key_sm3"], signer["signer_id"]
        except _DAMAGED as error:
            self._damaged(SIGNER, error)
            return
        if self.key and named != self.key:
            self.say(
                KEY, False, "not the key that the report names", "不是报告与 signer.json 所载的公钥"
            )
        if signer_id != SIGNER_ID.decode():
            self.say(SIGNER, False, "names another SM2 signer id", "所载 SM2 签名者标识不是默认值")

    def _openssl(self) -> None:
        """A second opinion on a signature that was found valid."""
        said = openssl_says(*(self.files[name] for name in (KEY, SIGNATURE, MANIFEST)))
        if said.startswith(b"Verified OK"):
            self.say("openssl", True, "agrees on the signature", "对签名的判定一致")
        elif said.startswith(b"Verification fail"):
            self.say("openssl", False, "says the signature is not valid", "判定签名无效")
        else:
            self.say("openssl", None, "no program with SM2 here", "本机没有支持 SM2 的 openssl")

    def _pdf(self, inner: dict[str, Any]) -> None:
        name = "PDF attachments"
        try:
            room = sum(row["size"] for row in inner["files"]) + len(self.files[INNER])
            inside = sorted(sm3(data) for data in pdf_attachments(self._file(PDF), room))
            expected = sorted([row["sm3"] for row in inner["files"]] + [sm3(self.files[INNER])])
        except (*_DAMAGED, zlib.error) as error:
            en, zh = why(error)
            self.say(name, False, f"cannot be read: {en}", f"无法读取：{zh}")
            return
        if inside == expected:
            count = len(inside)
            self.say(name, True, f"{count}, equal to the pack's", f"{count} 个，与证据包一致")
        else:
            self.say(name, False, "differ from the pack's files", "与证据包中的文件不一致")

    def _custody(self, outer: dict[str, Any], inner: dict[str, Any]) -> None:
        lines = self._lines("custody.jsonl")
        whole = [name for name in ("custody.jsonl", INNER) if self._as_listed(outer, name)]
        self.checks.append(custody_check(lines, inner.get("custody"), whole))

    def _as_listed(self, manifest: dict[str, Any], name: str) -> bool:
        """Whether a file is the one that the manifest lists."""
        rows = [row for row in manifest.get("files", ()) if row["name"] == name]
        found = self._found.get(name, {})
        return bool(found) and all(row[key] == one for row in rows for key, one in found.items())

    def _events(self, events: list[dict[str, Any]]) -> None:
        """Adds the rows that can be read. The first thing wrong is said; the rest is checked."""
        wrong: list[tuple[str, str]] = []
        for number, line in enumerate(self._lines("events.jsonl"), 1):
            try:
                row = json.loads(line)
                raw, which = base64.b64decode(row["raw"], validate=True), row["msgid"]
                digests = (len(raw), sm3(raw), hashlib.sha256(raw).hexdigest())
                if row.get("redacted"):  # its digests are of what it was; see redactions
                    fits, ids = digests[0] == row["size"], [row["digest"]]
                else:
                    fits = digests == (row["size"], row["sm3"], row["sha256"])
                    ids = [row["sm3"], row["sha256"]]
                ids += [which, *row["evidence"], row["sender"], row["conversation"]]
                others = other_facts(raw, row)
                in_order = row["n"] == number and row["role"] in ROLES
                same_id = raw_id(raw) == which
                if not isinstance(row["evidence"], list) or not all(type(i) is str for i in ids):
                    raise Damaged("an id is no text", "编号不是文本")
            except _DAMAGED as error:
                en, zh = why(error)
                wrong.append((f"line {number}: {en}", f"第 {number} 行：{zh}"))
                continue
            events.append(row)
            if not in_order:
                en = f"line {number} ({which}) is out of sequence: one was dropped or moved"
                wrong.append((en, f"第 {number} 行（{which}）序号不连续：有记录被删除或调换"))
            elif not fits:
                en, zh = "digest differs from the raw bytes", "摘要与原始字节不符"
                wrong.append((f"{which}: {en}", f"{which}：{zh}"))
            elif others:
                names = ", ".join(others)
                en, zh = f"the raw bytes say another {names}", f"原始字节中的 {names} 不同"
                wrong.append((f"{which}: {en}", f"{which}：{zh}"))
            elif not same_id:
                en, zh = "the raw bytes carry another id", "原始字节中的编号不同"
                wrong.append((f"{which}: {en}", f"{which}：{zh}"))
        if wrong:
            self.say("records", False, *wrong[0])
        else:
            count, out = len(events), sum(bool(row.get("redacted")) for row in events)
            en, zh = f"{count} raw, all fit", f"{count} 条原始记录，均与摘要一致"
            if out:
                are = "is" if out == 1 else "are"
                en = f"{count} raw, {count - out} fit, {out} {are} redacted"
                zh = f"{count} 条原始记录，{count - out} 条与摘要一致，{out} 条有遮盖"
            self.say("records", True, en, zh)
