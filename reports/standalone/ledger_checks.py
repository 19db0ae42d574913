"""Whether the records and the alert of a pack were entered in the ledger, as it was signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Optional

from reports.standalone.redaction_checks import UNOPENED, Opened
from reports.standalone.sm2 import sm2_verify
from reports.standalone.stamp_checks import STAMPS, stamp_checks
from reports.standalone.words import OPENINGS, Check, Damaged, counted, why
from sinks.ledger.canonical import canonical
from sinks.ledger.checkpoint import Note, key_id, read_note
from sinks.ledger.proofs import extends, includes, leaf_hash
from sinks.ledger.sm3 import sm3

LEDGER, CHECKPOINT, CONSISTENCY = "ledger.json", "checkpoint.txt", "consistency.json"
HANDLING = "handling.jsonl"  # lines of the custody book
LEDGER_FILES = (LEDGER, CHECKPOINT, CONSISTENCY, STAMPS, HANDLING)
HEAD = "head"  # of what is withheld: that the ledger goes on from an earlier one
_HEAD, _ENTRIES, _EXTENDS = "ledger head", "ledger entries", "ledger extends"
_WRONG = (KeyError, TypeError, ValueError, AttributeError, RecursionError, IndexError)
_NOT_SHOWN = (
    "the pack does not show that it goes on from yours",
    "本包未证明由您所持的签名头延续而来",
)
_NAMED = 5  # records that are named one by one


def ledger_checks(
    files: dict[str, bytes],
    key: tuple[tuple[int, int], bytes] | None,
    events: list[dict[str, Any]],
    alerts: list[dict[str, Any]],
    *,
    opened: Opened = UNOPENED,
    given: bytes = b"",
) -> list[Check]:
    """Every check of the ledger's files; where the pack has none, that is said.

    Args:
        key: the signing key as a point and as DER; None when it cannot be read.
        events: rows of events.jsonl.
        alerts: the alerts of the pack.
        opened: what was taken out of records, with the proofs that were withheld.
        given: a head that whoever asks was given earlier.
    """
    if not any(name in files for name in LEDGER_FILES):
        en, zh = "nothing here is shown to be in a ledger", "本包没有账本证明"
        none = [Check(_ENTRIES, None, en, zh)]
        return [*none, Check(_EXTENDS, False, *_NOT_SHOWN)] if given else none
    try:
        note = _signed_note(files[CHECKPOINT], key)
    except _WRONG as error:
        return [_failed(_HEAD, CHECKPOINT, error)]
    head = note.checkpoint
    checks = [
        Check(
            _HEAD,
            True,
            f"{counted(head.size, 'entry', 'entries')}, root {head.root.hex()},"
            " signed with the pack's key",
            f"{head.size} 条，根哈希 {head.root.hex()}，由本包密钥签名",
        )
    ]
    try:
        handled = [line for line in files.get(HANDLING, b"").split(b"\n") if line]
        rows = [{"sm3": opened.digests.get(row["n"]), **row} for row in events]
        told = json.loads(files[LEDGER])
        checks += _entries(told, note, rows, alerts, handled, opened.proofs)
    except Unreadable as error:
        checks.append(Check(_ENTRIES, False, error.en, error.zh))
    except _WRONG as error:
        checks.append(_failed(_ENTRIES, LEDGER, error))
    return checks + _extends(files, note, key, opened, given) + stamp_checks(files, note)


def _extends(
    files: dict[str, bytes],
    note: Note,
    key: tuple[tuple[int, int], bytes] | None,
    opened: Opened,
    given: bytes,
) -> list[Check]:
    """Whether it is shown that the ledger goes on from an earlier head, in the pack or in what was
    opened; none where nobody asks and nothing says so."""
    file = CONSISTENCY if CONSISTENCY in files else OPENINGS
    try:
        told = json.loads(files[file]) if file in files else opened.extends
        if told is not None:
            return [_extension(told, note, key, given)]
    except _WRONG as error:
        return [_failed(_EXTENDS, file, error)]
    if not given or _same_head(given, note):
        return []
    try:
        later = any(one["of"] == HEAD for one in json.loads(files[LEDGER])["withheld"])
    except _WRONG:
        later = False  # said of the file itself
    if later:
        en = "that it goes on from an earlier head is shown when all is opened (--openings)"
        return [Check(_EXTENDS, None, en, "由较早签名头延续的证明须在全部披露后核对（--openings）")]
    return [Check(_EXTENDS, False, *_NOT_SHOWN)]


class Unreadable(Damaged):
    """Another file than the one at hand."""


def _same_head(given: bytes, note: Note) -> bool:
    """Whether the head given earlier is the pack's own: there is nothing to go on from."""
    try:
        return read_note(given).checkpoint == note.checkpoint
    except _WRONG:
        return False


def _failed(name: str, file: str, error: Exception) -> Check:
    if isinstance(error, KeyError) and error.args == (file,):
        return Check(name, False, f"{file} is missing", f"缺少 {file}")
    en, zh = why(error)
    return Check(name, False, f"{file} is damaged: {en}", f"{file} 已损坏：{zh}")


def _signed_note(data: bytes, key: tuple[tuple[int, int], bytes] | None) -> Note:
    """The head in `data`, which the pack's key signed."""
    note = read_note(data)
    if key is None:
        raise Damaged("it cannot be judged without the key", "没有公钥，无法判定")
    point, der = key
    name = note.checkpoint.origin
    mine = [one.value for one in note.signatures
            if (one.name, one.key_id) == (name, key_id(name, der))]  # fmt: skip
    text = note.checkpoint.text()
    if not mine or not all(sm2_verify(point, text, value) for value in mine):
        raise Damaged("its signature is not of the pack's key", "签名不是本包密钥所签")
    return note


def _entries(
    told: dict[str, Any],
    note: Note,
    events: list[dict[str, Any]],
    alerts: list[dict[str, Any]],
    handled: list[bytes],
    shown: list[dict[str, Any]],
) -> list[Check]:
    """Each record, each alert and each line about them has an entry that leads to the signed
    root."""
    if told["v"] != 1:
        raise Damaged("it is of another version", "版本不同")
    hashes = [bytes.fromhex(one) for one in told["hashes"]]
    proofs = {(one["of"], one["id"]): one for one in told["entries"]}
    absent = {(one["of"], one["id"]) for one in told["missing"]}
    withheld = {(one["of"], one["id"]) for one in told["withheld"]}
    later_heads = {one for one in withheld if one[0] == HEAD}
    if len(told["entries"]) != len(proofs) or absent & proofs.keys() or withheld & proofs.keys():
        raise Damaged("it has an entry twice", "有条目重复")
    if withheld and not any(row.get("redacted") for row in events):
        raise Damaged(
            "proofs are withheld and nothing was taken out", "未遮盖任何内容，却有证明未附"
        )
    opened = {(one["of"], one["id"]): one for one in shown}
    wrong: list[tuple[str, str]] = []
    without: list[tuple[str, str]] = []
    later = 0
    wanted = (*_wanted_records(events), *_wanted_alerts(alerts), *_wanted_lines(handled))
    for of, which, (name, zh_name), fits in wanted:
        proof = proofs.pop((of, which), None)
        if proof is None and (of, which) in withheld:
            later += (of, which) not in opened
            if (of, which) in opened and (
                trouble := _wrong_proof(opened[of, which], None, note, fits)
            ):
                wrong.append((f"{name}: {trouble[0]}", f"{zh_name}：{trouble[1]}"))
        elif proof is None and (of, which) in absent:
            without.append((name, zh_name))
        elif proof is None:
            wrong.append((f"{name} has no entry", f"{zh_name}没有账本条目"))
        elif trouble := _wrong_proof(proof, hashes, note, fits):
            wrong.append((f"{name}: {trouble[0]}", f"{zh_name}：{trouble[1]}"))
    wrong += [(f"an entry of {of} {which} that the pack does not hold",
               f"多出条目：{_ENTRY_KINDS.get(of, of)} {which}")
              for of, which in proofs]  # fmt: skip
    if wrong:
        left = len(wrong) - _NAMED
        en = "; ".join(one for one, _ in wrong[:_NAMED]) + (f"; {left} more" if left > 0 else "")
        zh = "；".join(one for _, one in wrong[:_NAMED]) + (f"；另有 {left} 处" if left > 0 else "")
        return [Check(_ENTRIES, False, en, zh)]
    count = len(told["entries"]) + len(withheld - later_heads) - later
    checks = [Check(_ENTRIES, True, f"{count}, each leads to the signed root",
                    f"{count} 条，均可推出所签的根哈希")]  # fmt: skip
    if later:
        come = f"{counted(later, 'proof')} {'comes' if later == 1 else 'come'} when all is opened"
        checks.append(Check("ledger gaps", None, come, f"{later} 项证明须在全部披露后核对"))
    if without:
        en = ", ".join(one for one, _ in without[:_NAMED])
        zh = "、".join(one for _, one in without[:_NAMED])
        checks.append(Check("ledger gaps", None, f"{len(without)} not in the ledger: {en}",
                            f"{len(without)} 条未登入账本：{zh}"))  # fmt: skip
    return checks


# what it is, which, its name in both languages, and whether an entry is its own
_Wanted = tuple[str, Any, tuple[str, str], Callable[[dict[str, Any]], bool]]
_ENTRY_KINDS = {"record": "记录", "alert": "告警", "custody": "保管记录的行"}


def _wanted_records(events: list[dict[str, Any]]) -> Iterator[_Wanted]:
    for row in events:
        wanted = {key: row.get(key) for key in ("seq", "time", "sm3")}

        def fits(entry: dict[str, Any], row: dict[str, Any] = row, same: Any = wanted) -> bool:
            found = (entry["kind"], entry["id"], {key: entry[key] for key in same})
            return found == ("message", row["msgid"], same)

        names = f"record {row['n']} ({row['msgid']})", f"第 {row['n']} 条记录（{row['msgid']}）"
        yield "record", row["n"], names, fits


def _wanted_alerts(alerts: list[dict[str, Any]]) -> Iterator[_Wanted]:
    for alert in alerts:
        which, digest = alert["alert_id"], sm3(canonical(alert))

        def fits(entry: dict[str, Any], which: str = which, digest: str = digest) -> bool:
            return (entry["kind"], entry["id"], entry["sm3"]) == ("alert", which, digest)

        yield "alert", which, (f"alert {which}", f"告警 {which}"), fits


def _wanted_lines(handled: list[bytes]) -> Iterator[_Wanted]:
    before = 0
    for line in handled:
        try:
            number = json.loads(line)["n"]
        except (ValueError, KeyError, TypeError):
            raise Unreadable(f"{HANDLING} cannot be read", f"{HANDLING} 无法读取") from None
        if type(number) is not int or number <= before:
            raise Damaged(f"{HANDLING}: its lines are not in order", f"{HANDLING}：各行次序有误")
        before = number

        def fits(entry: dict[str, Any], line: bytes = line, number: int = number) -> bool:
            found = (entry["kind"], entry["id"], entry["sm3"])
            return found == ("custody", str(number), sm3(line))

        names = f"line {number} of the custody book", f"保管记录第 {number} 行"
        yield "custody", number, names, fits


def _wrong_proof(
    proof: dict[str, Any],
    hashes: Optional[list[bytes]],  # noqa: UP045 - Python 3.9; None: the path itself is hashes
    note: Note,
    fits: Callable[[dict[str, Any]], bool],
) -> tuple[str, str] | None:
    head = note.checkpoint
    try:
        entry = proof["entry"].encode()
        path = [bytes.fromhex(at) if hashes is None else hashes[at] for at in proof["path"]]
        if not includes(leaf_hash(entry), proof["leaf"], head.size, path, head.root):
            return "its proof does not lead to the signed root", "其证明推不出所签的根哈希"
        if not fits(json.loads(entry)):
            return "the ledger has another there", "账本中登记的与此不同"
    except _WRONG as error:
        en, zh = why(error)
        return f"its proof is damaged: {en}", f"其证明已损坏：{zh}"
    return None


def _extension(
    told: dict[str, Any], note: Note, key: tuple[tuple[int, int], bytes] | None, given: bytes
) -> Check:
    """That the head extends one that was given out earlier."""
    older, newest = _signed_note(told["old"].encode(), key), read_note(told["new"].encode())
    old, new = older.checkpoint, note.checkpoint
    path = [bytes.fromhex(one) for one in told["proof"]]
    if told["v"] != 1 or newest.checkpoint != new:
        raise Damaged("it is of another head than the pack's", "不是本包签名头的证明")
    if given and read_note(given).checkpoint not in (old, new):
        return Check(_EXTENDS, False, "the earlier head in it is not the one you gave",
                     "其中较早的签名头不是您所持的那一个")  # fmt: skip
    if (
        old.size
        and old.origin == new.origin
        and extends(old.size, old.root, new.size, new.root, path)
    ):
        en = f"the ledger of {old.size} entries given earlier, unchanged"
        zh = f"延续此前给出的 {old.size} 条账本，未见改动"
        if not given:
            root = old.root.hex()
            en += f"; compare its root with the one you were given (--given): {root}"
            zh += f"；请与您所持的根哈希比对（--given）：{root}"
        return Check(_EXTENDS, True, en, zh)
    en = f"it does not go on from the ledger of {old.size} entries given earlier"
    return Check(_EXTENDS, False, en, f"与此前给出的 {old.size} 条账本不相延续")
