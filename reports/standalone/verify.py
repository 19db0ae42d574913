#!/usr/bin/env python3
"""Verifies a Mingjian evidence pack offline. 明鉴证据包离线校验程序。

    python3 verify.py PACK.zip [--fingerprint KEY_SM3] [--json] [--lang zh|en]

Needs Python 3.9 or later and nothing else: no network, no Mingjian, no other package. SM2 is
GB/T 32918.2-2016 with the default signer id of GM/T 0009-2012; SM3 is GB/T 32905-2016. If the
`openssl` program (3.0 or later) is there, it gives a second opinion on the signature.
One file on purpose: it travels inside the pack and can be read in one sitting.

Exit code: 0 all checks passed, 1 a check failed, 2 wrong call.
"""

from __future__ import annotations

import argparse
import json
import locale
import os
import sys
import zipfile

from reports.standalone.checks import MAX_BYTES, Check, Verifier


def read_zip(path: str) -> tuple[dict[str, bytes], list[Check]]:
    """(files by name, what was wrong with the archive itself)."""
    files: dict[str, bytes] = {}
    problems, total = [], 0
    try:
        with zipfile.ZipFile(path) as pack:
            for info in pack.infolist():
                name, total = info.filename, total + info.file_size
                if name in files:
                    problems.append((f"{name} is in it twice", f"{name} 出现两次"))
                elif total > MAX_BYTES:
                    problems.append((f"{name}: beyond 1 GiB unpacked", f"{name}：解压超过 1 GiB"))
                else:
                    try:
                        files[name] = pack.read(info)
                    except Exception as error:  # zipfile raises many kinds for damaged members
                        problems.append((f"{name}: {error}", f"{name} 无法解压：{error}"))
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        problems.append((f"not a readable ZIP: {error}", f"不是可读的 ZIP：{error}"))
    return files, [Check("archive", False, en, zh) for en, zh in problems]


def verify(path: str, fingerprint: str = "") -> list[Check]:
    """All checks of the pack at `path`, in reading order; a pack is good if none is False."""
    files, problems = read_zip(path)
    return problems + Verifier(files, fingerprint).run() if files else problems


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="明鉴证据包离线校验 · verify a Mingjian evidence pack"
    )
    parser.add_argument("pack", help="证据包 · the pack (.zip)")
    parser.add_argument("--fingerprint", default="", help="预期公钥指纹 · expected key fingerprint")
    parser.add_argument("--json", action="store_true", help="JSON output")
    parser.add_argument("--lang", choices=("zh", "en"))
    options = parser.parse_args(arguments)
    place = options.lang or os.environ.get("MINGJIAN_LANG") or locale.getlocale()[0] or "zh"
    lang = "en" if place.lower().startswith("en") else "zh"
    checks = verify(options.pack, options.fingerprint)
    passed = bool(checks) and all(check.ok is not False for check in checks)
    if options.json:
        print(json.dumps({"ok": passed, "checks": [check._asdict() for check in checks]}))
        return 0 if passed else 1
    for check in checks:
        mark = {True: "[ ok ]", False: "[FAIL]", None: "[note]"}[check.ok]
        print(mark, f"{check.name}:", check.zh if lang == "zh" else check.en)
    verdict = {
        ("zh", True): "结论：证据包完整，未见改动。",
        ("zh", False): "结论：校验未通过，此证据包不可采信。",
        ("en", True): "Verdict: the pack is whole and unaltered.",
        ("en", False): "Verdict: verification FAILED; do not rely on this pack.",
    }
    print(verdict[lang, passed])
    return 0 if passed else 1


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main())
