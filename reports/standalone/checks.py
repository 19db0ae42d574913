"""The checks of a pack, one after another; nothing in a pack makes them raise."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
import zlib
from typing import Any

from reports.standalone.contents import pdf_attachments, raw_id
from reports.standalone.ledger_checks import ledger_checks
from reports.standalone.sm2 import SIGNER_ID, public_point, sm2_verify
from reports.standalone.words import INSIDE, TRUST, Check, Damaged, Outcome, why
from sinks.ledger.canonical import canonical
from sinks.ledger.sm3 import sm3

MANIFEST, SIGNATURE, KEY, SIGNER = "manifest.json", "manifest.sm2.sig", "signer.pem", "signer.json"
INNER, PDF = "inner-manifest.json", "report.pdf"
UNLISTED = (MANIFEST, SIGNATURE)  # the manifest can list neither itself nor what signs it
ROLES = ("member", "context", "event")
# What reading a damaged file raises; RecursionError: JSON nested to no end
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


class Verifier:
    """Runs all checks of one pack in reading order. Nothing in a pack makes it raise.

    Args:
        files: contents by name.
        fingerprint: SM3 of the public key one expects; "" leaves the trust in the key open.
    """

    def __init__(self, files: dict[str, bytes], fingerprint: str = "") -> None:
        self.files, self.fingerprint = files, fingerprint
        self.checks: list[Check] = []
        self.key = ""  # fingerprint of the key in the pack, once it is read
        self._public: tuple[tuple[int, int], bytes] | None = None  # that key: point and DER

    def say(self, name: str, ok: bool | None, en: str, zh: str) -> None:
        """Record one outcome."""
        self.checks.append(Check(name, ok, en, zh))

    def run(self) -> Outcome:
        """All checks; one that fails does not keep the others from being made."""
        manifest = self._manifest(MANIFEST)
        if manifest:
            self._digests(manifest, "")
            listed = {row["name"] for row in manifest["files"]} | set(UNLISTED)
            for name in sorted(set(self.files) - listed):
                self.say(name, False, "is not in the manifest", "不在清单之中")
        self._signature()
        inner = self._manifest(INNER)
        if inner:
            self._digests(inner, INSIDE)
            self._pdf(inner)
        self._custody(inner or {})
        events = self._events()
        try:
            self._case(events)
        except _DAMAGED as error:  # values of kinds no pack of ours has
            self._damaged("alert members", error)
        try:
            self.checks += ledger_checks(self.files, self._public, events, self._alerts())
        except _DAMAGED as error:
            self._damaged("ledger entries", error)
        return Outcome(self.checks, self.key)

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise Damaged(f"{name} is not in the pack", f"证据包中没有 {name}")
        return self.files[name]

    def _json(self, name: str) -> Any:
        return json.loads(self._file(name))

    def _damaged(self, name: str, error: Exception) -> None:
        en, zh = why(error)
        self.say(name, False, f"missing or damaged: {en}", f"缺失或损坏：{zh}")

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
            sha256 = hashlib.sha256(data).hexdigest()
            found = {"size": len(data), "sm3": sm3(data), "sha256": sha256}
            wrong = [what for what in found if row[what] != found[what]]
            if wrong:
                en, zh = ", ".join(wrong), "、".join(wrong)
                self.say(prefix + name, False, f"altered: {en} differs", f"已被改动：{zh} 不一致")
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
        command = ["openssl", "dgst", "-sm3", "-sigopt", f"distid:{SIGNER_ID.decode()}"]
        command += ["-verify", KEY, "-signature", SIGNATURE, MANIFEST]
        with tempfile.TemporaryDirectory() as folder:
            for name in (KEY, SIGNATURE, MANIFEST):
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(self.files[name])
            try:
                said = subprocess.run(
                    command, cwd=folder, capture_output=True, timeout=30, check=False
                ).stdout
            except (OSError, subprocess.SubprocessError):
                said = b""
        if said.startswith(b"Verified OK"):
            self.say("openssl", True, "agrees on the signature", "对签名的判定一致")
        elif said.startswith(b"Verification fail"):
            self.say("openssl", False, "says the signature is not valid", "判定签名无效")
        else:
            self.say("openssl", None, "no program with SM2 here", "本机没有支持 SM2 的 openssl")

    def _pdf(self, inner: dict[str, Any]) -> None:
        name = "PDF attachments"
        try:
            inside = sorted(sm3(data) for data in pdf_attachments(self._file(PDF)))
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

    def _custody(self, inner: dict[str, Any]) -> None:
        name, before, lines = "custody chain", "0" * 64, self._lines("custody.jsonl")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                good = entry["n"] == number and entry["prev"] == before and canonical(entry) == line
            except _DAMAGED:
                good = False
            if not good:
                self.say(
                    name,
                    False,
                    f"broken at line {number}: removed, reordered or altered",
                    f"在第 {number} 行断开：被删除、调换或改动",
                )
                return
            before = sm3(line)
        if not lines or inner.get("custody") != {"lines": len(lines), "head_sm3": before}:
            self.say(name, False, "its end is not the one stated", "末端与内层清单所载不一致")
        else:
            count = len(lines)
            self.say(name, True, f"{count} lines, unbroken", f"{count} 行，次序完整")

    def _events(self) -> list[dict[str, Any]]:
        """The rows that can be read. The first thing wrong is said; the rest is still checked."""
        events: list[dict[str, Any]] = []
        wrong: list[tuple[str, str]] = []
        for number, line in enumerate(self._lines("events.jsonl"), 1):
            try:
                row = json.loads(line)
                raw, which = base64.b64decode(row["raw"], validate=True), row["msgid"]
                digests = (len(raw), sm3(raw), hashlib.sha256(raw).hexdigest())
                fits = digests == (row["size"], row["sm3"], row["sha256"])
                in_order = row["n"] == number and row["role"] in ROLES
                same_id = raw_id(raw) == which
                if not isinstance(which, str) or not isinstance(row["evidence_id"], str):
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
            elif not same_id:
                en, zh = "the raw bytes carry another id", "原始字节中的编号不同"
                wrong.append((f"{which}: {en}", f"{which}：{zh}"))
        if wrong:
            self.say("records", False, *wrong[0])
        else:
            count = len(events)
            self.say("records", True, f"{count} raw, all fit", f"{count} 条原始记录，均与摘要一致")
        return events

    def _alerts(self) -> list[dict[str, Any]]:
        return [self._json("alert.json")["alert"]]

    def _case(self, events: list[dict[str, Any]]) -> None:
        name = "alert members"
        try:
            case = self._json("alert.json")
            alert, digest = case["alert"], case["alert"]["rule"]["digest"]
            recorded = {
                row["evidence_id"]: (row["msgid"], row["raw_sm3"], row["raw_sha256"])
                for row in case["evidence"]
            }
            wanted = {member["evidence_id"]: member["msgid"] for member in alert["members"]}
            stated = self._json("completeness.json")["counts"]
            stated = {role: stated[role] for role in ROLES}
            text_sm3 = case["rule_text_sm3"]
        except _DAMAGED as error:
            en, zh = why(error)
            self.say(name, False, f"the case is damaged: {en}", f"案件数据损坏：{zh}")
            return
        here = {
            row.get("evidence_id"): (row["msgid"], row["sm3"], row["sha256"])
            for row in events
            if row["role"] == "member"
        }
        lost = [which for key, which in wanted.items() if here.get(key, ("",))[0] != which]
        other = [found[0] for key, found in here.items() if recorded.get(key) != found]
        if lost:
            en, zh = ", ".join(map(str, lost)), "、".join(map(str, lost))
            self.say(name, False, f"not in the pack: {en}", f"证据包中缺少：{zh}")
        elif other:
            en, zh = ", ".join(other), "、".join(other)
            self.say(name, False, f"not what raised the alert: {en}", f"不是触发告警的记录：{zh}")
        else:
            self.say(name, True, f"all {len(here)} are here", f"{len(here)} 条全部在内")
        counts = {role: sum(row["role"] == role for row in events) for role in ROLES}
        if counts == stated:
            self.say("completeness", True, "stated counts fit", "声明的数量与实际一致")
        else:
            (en, zh), (found_en, found_zh) = _counted(stated), _counted(counts)
            self.say(
                "completeness",
                False,
                f"states {en}; the pack holds {found_en}",
                f"声明为{zh}；实际为{found_zh}",
            )
        self._rule(digest, text_sm3)

    def _rule(self, digest: str, text_sm3: str) -> None:
        """A rule's digest is SM3 over length (4 bytes, big endian) and canonical content."""
        meaning = self.files.get("rule.canonical", b"")
        if sm3(len(meaning).to_bytes(4, "big") + meaning) != digest:
            self.say(
                "rule",
                False,
                "rule.canonical did not raise the alert",
                "规则内容不是触发告警的规则",
            )
        elif sm3(self.files.get("rule.yaml", b"")) != text_sm3:
            self.say("rule", False, "rule.yaml is another text", "rule.yaml 不是所载的规则文本")
        else:
            self.say("rule", True, f"digest as in the alert, {digest}", f"摘要与告警一致，{digest}")


def _counted(counts: dict[str, Any]) -> tuple[str, str]:
    member, context, event = (counts[role] for role in ROLES)
    return (
        f"members {member}, context {context}, acts {event}",
        f"命中 {member} 条、上下文 {context} 条、行为 {event} 条",
    )
