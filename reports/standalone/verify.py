#!/usr/bin/env python3
"""Verifies a Mingjian evidence pack offline. 明鉴证据包离线校验程序。

    python3 verify.py PACK.zip [--fingerprint KEY_SM3] [--openings FILE] [--given FILE]
                      [--json] [--lang zh|en]

Needs Python 3.9 or later and nothing else: no network, no Mingjian, no other package. SM2 is
GB/T 32918.2-2016 with the default signer id of GM/T 0009-2012; SM3 is GB/T 32905-2016. If the
`openssl` program (3.0 or later) is there, it gives a second opinion on the signature.
One file on purpose: it travels inside the pack and can be read in one sitting.

Exit code: 0 all checks passed, 1 a check failed, 2 wrong call or no such file. Without
--fingerprint, 0 says that the pack is unaltered since it was signed, not who signed it.
"""

from __future__ import annotations

import argparse
import json
import locale
import sys
import zipfile

from reports.standalone.beside import head_at, openings_at
from reports.standalone.checks import Verifier
from reports.standalone.contents import MAX_BYTES
from reports.standalone.words import (
    GIVEN,
    NO_FINGERPRINT,
    OPENED,
    PACK,
    Check,
    Damaged,
    Outcome,
    fingerprint_in,
    language,
    shown,
    unreadable,
    why,
)
from reports.standalone.zip_checks import around, salvaged, unpacked


def read_zip(path: str) -> tuple[dict[str, bytes], list[Check]]:
    """(files by name, what was wrong with the archive itself). Of a damaged file there is what can
    still be read of it."""
    files: dict[str, bytes] = {}
    problems: list[tuple[str, str]] = []
    try:
        with zipfile.ZipFile(path) as pack, open(path, "rb") as whole:
            members, total = pack.infolist(), 0
            for info in members:
                total += info.file_size
                if total > MAX_BYTES:
                    name = info.filename
                    return {}, [Check("archive", False, f"{name}: beyond 1 GiB unpacked",
                                      f"{name}：解压超过 1 GiB")]  # fmt: skip
            data = whole.read(MAX_BYTES)
            problems += around(data, members)
            for info in members:
                name = info.filename
                if name in files:
                    problems.append((f"{name} is in it twice", f"{name} 出现两次"))
                    continue
                try:
                    files[name] = unpacked(pack, info)
                except MemoryError:
                    raise
                except Exception as error:  # zipfile raises many kinds for damaged members
                    en, zh = why(error)
                    problems.append((f"{name}: {en}", f"{name} 无法解压：{zh}"))
                    files[name] = salvaged(data, info)  # it is there
    except MemoryError:
        raise
    except Exception:  # and for what is no archive
        en = "this is no ZIP, or its end is missing; give the .zip of the pack"
        problems.append((en, "这不是 ZIP 文件，或文件不完整；请指定证据包的 .zip"))
    return files, [Check("archive", False, en, zh) for en, zh in problems]


def verify(path: str, fingerprint: str = "", openings: bytes = b"", given: bytes = b"") -> Outcome:
    """All checks of the pack at `path`, in reading order; a pack is good if none is False.
    `openings`: what was taken out of it, `given`: an earlier head, where they are at hand."""
    files, problems = read_zip(path)
    if not files:
        empty = [Check("archive", False, "it holds no file", "其中没有任何文件")]
        return Outcome(problems or empty, "")
    checks, key = Verifier(files, fingerprint, openings, given).run()
    return Outcome(problems + checks, key)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="明鉴证据包离线校验 · verify a Mingjian evidence pack"
    )
    parser.add_argument("pack", help="证据包 · the pack (.zip)")
    parser.add_argument("--fingerprint", help="预期公钥指纹 · expected key fingerprint")
    parser.add_argument("--openings", help="遮盖内容的披露文件 · what was taken out, opened")
    parser.add_argument("--given", help="此前给出的账本签名头 · a head of the ledger given earlier")
    parser.add_argument("--json", action="store_true", help="JSON output")
    parser.add_argument("--lang", choices=("zh", "en"))
    options = parser.parse_args(arguments)
    lang = language(options.lang, locale.getlocale()[0])
    beside = ((options.pack, PACK), (options.openings, OPENED), (options.given, GIVEN))
    for path, what in beside:
        problem = path and unreadable(path, what)
        if problem:
            print(problem[lang == "zh"], file=sys.stderr)
            return 2
    try:
        openings = openings_at(options.openings) if options.openings else b""
        given = head_at(options.given) if options.given else b""
    except (Damaged, OSError) as error:
        print(why(error)[lang == "zh"], file=sys.stderr)
        return 2
    fingerprint = fingerprint_in(options.fingerprint or "")
    if options.fingerprint is not None and not fingerprint:
        print(NO_FINGERPRINT[lang == "zh"], file=sys.stderr)
        return 2
    try:
        found = verify(options.pack, fingerprint, openings, given)
    except MemoryError:
        en, zh = "this machine has too little memory for this pack", "本机内存不足以校验此证据包"
        print(zh if lang == "zh" else en, file=sys.stderr)
        return 1
    if options.json:
        rows = [check._asdict() for check in found.checks]
        known = {"key_sm3": found.key, "key_known": found.key_known}
        print(json.dumps({"ok": found.passed, **known, "checks": rows}))
        return 0 if found.passed else 1
    for check in found.checks:
        mark = {True: "[ ok ]", False: "[FAIL]", None: "[note]"}[check.ok]
        print(mark, f"{shown(check.title(lang))}:", shown(check.zh if lang == "zh" else check.en))
    print("结论：" if lang == "zh" else "Verdict: ", found.verdict(lang), sep="")
    return 0 if found.passed else 1


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
