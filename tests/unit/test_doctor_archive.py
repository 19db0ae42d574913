"""What the doctor says of an archive: of each part one line, whatever is wrong with the others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Rules, Settings, Target
from config.stamps import Authority, Stamps
from jobs import deliver
from jobs.doctor import examine as examine_module
from jobs.doctor import judge_archive, judge_site, see_archive, see_site
from jobs.doctor.examine import examine
from jobs.doctor.findings import CHECKS, FAIL, NONE, OK, UNKNOWN, WARN, Finding, worst
from jobs.doctor.observed_archive import (
    Book,
    Index,
    Ledger,
    Rights,
    Segments,
    Stamped,
    TenantKeys,
    Trouble,
)
from jobs.doctor.see_delivery import lags
from sinks.archive.key_versions import Use
from sinks.archive.keystore import FILE
from sinks.archive.sqlite_index import SqliteIndex
from sinks.ledger.heads import CHECKPOINT
from sinks.ledger.http_authority import HttpAuthority
from sinks.ledger.reader import LedgerReader
from sinks.ledger.stamps import take
from sinks.sealing import Sealer
from sinks.tenant_keys import tenant_keys
from tests.support import collecting
from tests.support.rule_files import SIMPLE, write
from tests.support.time_authority import made_by_kind, now, reply_of, served
from tests.unit.test_archiver import record

NOW, MIN, HOUR = 1_790_000_000_000, 60_000, 3_600_000
PARTS = ("segments", "archive_index", "tenant_keys", "ledger")
NO_BOOK = {"custody": NONE, "access": NONE}  # nobody did anything yet, and nobody may
WRONG = Trouble("refused us", "拒绝了连接", "check the password", "请检查口令")
AWAY = Trouble("no connection", "无连接", passes=True)
SEGMENTS = Segments("archive", "bucket b at http://s3", newest="0000007-a")
INDEX = Index("archive", "PostgreSQL at pg:5432/m, schema s", entries=120, signed=100)
KEYS = TenantKeys("archive", {1: Use(3), 2: Use(1, 2, search=True)}, (1, 2))
RIGHTS = Rights("archive", 4, beside_keys=True)
BOOK = Book("archive", "custody.jsonl", 12, 10)
LEDGER = Ledger("archive", 100, NOW - 20_000, entries=120, looked_at=100)
STAMPED = Stamped("tsa", 100, NOW - 20_000)


def segments(**changes: Any) -> list[Finding]:
    return judge_archive.segments(SEGMENTS._replace(**changes))


def index(**changes: Any) -> list[Finding]:
    return judge_archive.index(INDEX._replace(**changes))


def rights(**changes: Any) -> list[Finding]:
    return judge_archive.rights(RIGHTS._replace(**changes))


def keys(**changes: Any) -> list[Finding]:
    return judge_archive.keys(KEYS._replace(**changes))


def ledger(**changes: Any) -> list[Finding]:
    return judge_archive.ledger(LEDGER._replace(**changes), NOW)


def books(**changes: Any) -> list[Finding]:
    return judge_archive.books([BOOK._replace(**changes)])


def stamped(**changes: Any) -> list[Finding]:
    return ledger(stamps=(STAMPED._replace(**changes),), stamps_ms=HOUR)


ARCHIVE_TABLE: list[tuple[str, Any, str, str]] = [
    ("segments", segments, OK, "takes segments, and has the newest (0000007-a)"),
    ("no segment yet", lambda: segments(newest=""), OK, "has none yet"),
    ("storage away", lambda: segments(closed=AWAY), FAIL, "does not answer: no connection"),
    ("storage refuses", lambda: segments(closed=WRONG), FAIL, "takes none: refused us"),
    ("no bucket", lambda: segments(closed=WRONG, newest=""), FAIL, "takes none"),
    ("no bucket yet", lambda: segments(closed=WRONG, newest="", absent=True), WARN, "no such"),
    ("segment gone", lambda: segments(lost=WRONG), FAIL, "the newest cannot be read"),
    ("newest not known", lambda: segments(newest="", unknown=AWAY), UNKNOWN, "is not known"),
    ("index", index, OK, "120 entries of the ledger accounted for"),
    ("index of nothing", lambda: index(entries=None, signed=None), NONE, "nothing archived"),
    ("index away", lambda: index(away=AWAY), FAIL, "no answer: no connection"),
    ("index refuses", lambda: index(away=WRONG), FAIL, "archive: refused us"),
    ("index behind", lambda: index(entries=90), FAIL, "10 of 100 signed entries"),
    ("index is gone", lambda: index(entries=None), FAIL, "100 of 100 signed entries"),
    ("ledger not known", lambda: index(signed=None), OK, "120 entries"),
    (
        "tenant keys",
        keys,
        OK,
        "versions 1, 2 are here, needed by 4 segments, 2 files and the search key, and open them",
    ),
    (
        "one version",
        lambda: keys(needed={3: Use(1)}),
        OK,
        "version 3 is here, needed by 1 segment, and opens them",
    ),
    ("no keys needed", lambda: keys(needed=None), NONE, "nothing archived"),
    ("keys not tried", lambda: keys(untried=AWAY), OK, "not tried"),
    ("key lost", lambda: keys(faults=(WRONG, WRONG)), FAIL, "refused us; and 1 more"),
    ("key lost, not tried", lambda: keys(faults=(WRONG,), untried=AWAY), FAIL, "refused us"),
    (
        "ledger",
        ledger,
        OK,
        "head of 100 entries, signed 20 s ago, 20 not signed yet; all 100 entries and the newest"
        " head were checked (earlier heads: mingjian ledger verify); no authority",
    ),
    (
        "a large ledger",
        lambda: ledger(size=2_000_000, entries=2_000_000, looked_at=100_096),
        OK,
        "; the newest 100,096 of 2,000,000 entries and the newest head were checked (all: mingjian"
        " ledger verify); no",
    ),
    ("an entry was altered", lambda: ledger(wrong=WRONG, size=100, looked_at=100), FAIL, "refused"),
    ("all signed", lambda: ledger(entries=100, at=NOW - HOUR), OK, "signed 1 h ago; all 100"),
    ("slow to sign", lambda: ledger(at=NOW - 5 * MIN), WARN, "20 not signed yet"),
    ("nobody signs", lambda: ledger(at=NOW - HOUR), FAIL, "20 not signed yet"),
    ("signed, index away", lambda: ledger(at=NOW - HOUR, entries=None), OK, "signed 1 h ago"),
    ("rarely signed", lambda: ledger(at=NOW - HOUR, sign_ms=2 * HOUR), OK, "not signed yet"),
    ("ledger damaged", lambda: ledger(wrong=WRONG), FAIL, "refused us"),
    ("never signed", lambda: ledger(size=0), WARN, "no signed head, and 120 entries"),
    ("no ledger", lambda: ledger(size=0, entries=0), NONE, "nothing signed yet"),
    ("stamped", stamped, OK, "tsa stamped the 100 entries of 20 s ago"),
    ("stamped once", lambda: stamped(size=50, at=NOW - 2 * HOUR), OK, "the 50 entries of 2 h ago"),
    ("stamped long ago", lambda: stamped(size=50, at=NOW - 4 * HOUR), WARN, "of 4 h ago"),
    ("nothing since", lambda: stamped(at=NOW - 4 * HOUR), OK, "the 100 entries"),
    ("never stamped", lambda: stamped(size=0, at=0), WARN, "never stamped by tsa"),
    ("rights", rights, OK, "4 people named beside the keys"),
    ("rights in settings", lambda: rights(people=1, beside_keys=False), WARN, "1 person named in"),
    ("open", lambda: rights(people=0, beside_keys=False, open=True), WARN, "nobody is told apart"),
    ("nobody", lambda: rights(people=0, beside_keys=False), NONE, "nobody is named"),
    ("rights wrong", lambda: rights(wrong=WRONG), FAIL, "nobody is let in: refused us"),
    ("custody", books, OK, "custody.jsonl: 12 lines, an unbroken chain; 2 not in the ledger yet"),
    (
        "custody begun anew",
        lambda: books(renewed=8),
        OK,
        "custody.jsonl: lines 8 to 12, an unbroken chain; the book before was damaged and is kept",
    ),
    (
        "custody of one",
        lambda: books(lines=1, entered=1),
        OK,
        "custody.jsonl: 1 line, an unbroken chain",
    ),
    ("custody entered", lambda: books(entered=12), OK, "an unbroken chain"),
    ("no custody", lambda: books(lines=0, entered=0), NONE, "no line yet"),
    ("custody damaged", lambda: books(wrong=WRONG), FAIL, "archive: refused us"),
    ("stamp of nothing", lambda: stamped(wrong=WRONG), FAIL, "proves nothing: refused us"),
]


@pytest.mark.parametrize(
    ("judge", "state", "words"),
    [row[1:] for row in ARCHIVE_TABLE],
    ids=[row[0] for row in ARCHIVE_TABLE],
)
def test_what_is_said_of_what_was_seen(judge, state, words):
    (found,) = judge()
    assert (found.state, found.check in CHECKS) == (state, True)
    assert words in found.en
    assert found.zh
    assert found.zh != found.en
    assert bool(found.fix_en) == bool(found.fix_zh)
    if state in (FAIL, WARN):
        assert found.fix_en, "who reads it knows what to do"


# ---- an archive in files, looked at as it is ----


@pytest.fixture
def site(tmp_path) -> Settings:
    write(tmp_path / "rules", SIMPLE)
    target = Target(kind="archive", name="archive", path=str(tmp_path / "archive"))
    settings = msgspec.structs.replace(
        collecting.settings(tmp_path), tenant="acme", targets=(target,),
        rules=Rules(path=str(tmp_path / "rules"), registry=str(tmp_path / "none")),
    )  # fmt: skip
    Sealer.from_dir(settings.keys_dir)
    for folder in (settings.source.path, settings.outputs.path):
        Path(folder).mkdir(parents=True)
    add(settings, 1, 5)
    deliver.run(settings, once=True)
    return settings


def add(settings: Settings, first: int, last: int) -> None:
    path = Path(settings.source.path) / f"messages-{first}.jsonl"
    path.write_bytes(b"".join(record(number) + b"\n" for number in range(first, last)))


def states(settings: Settings) -> dict[str, str]:
    looks = examine_module._of_archive(settings, settings.targets[0], now())
    return {look.check: worst(examine_module._tried(look)) for look in looks}


def _uses(settings: Settings) -> dict[int, tuple[int, int, bool]]:
    """By version, of how many segments and files it wrapped the keys, and of the search."""
    needed = see_archive.keys(settings, settings.targets[0]).needed or {}
    return {version: (one.segments, one.files, one.search) for version, one in needed.items()}


def archive_of(settings: Settings) -> Path:
    return Path(settings.targets[0].path)


def test_an_archive_in_order_is_so_in_every_part(site):
    page = examine(site)
    found = {one.check: one.state for one in page.findings if one.check in PARTS}
    assert found == dict.fromkeys(PARTS, OK)
    (keys_,) = [one for one in page.findings if one.check == "keys"]
    assert keys_.state == OK, "the public key that heads are signed with is for everybody"
    (target,) = site.targets
    seen = see_archive.index(site, target)
    assert (seen.entries, seen.signed) == (4, 4)
    assert _uses(site) == {1: (1, 0, True)}


def test_a_private_key_that_others_can_read_is_told_whatever_it_is_called(site):
    private = Path(site.keys_dir) / "signing.key"
    for name in ("signing.key", "other.pub.pem"):
        path = private.with_name(name)
        path.write_bytes(private.read_bytes())
        path.chmod(0o644)
        found = judge_site.keys(see_site.keys(site))
        assert [one.en for one in found if name in one.en], name
        path.chmod(0o600)


def test_before_the_first_message_nothing_is_wrong_and_nothing_is_made(site):
    shutil.rmtree(archive_of(site))
    assert states(site) == {
        "segments": OK, "archive_index": NONE, "tenant_keys": NONE, "ledger": NONE, **NO_BOOK,
    }  # fmt: skip
    assert not archive_of(site).exists()


def test_without_a_target_that_is_an_archive_nothing_is_said_of_one(site):
    other = Target(kind="sqlite", name="sqlite", path=str(archive_of(site) / "x.db"))
    page = examine(msgspec.structs.replace(site, targets=(other,)))
    assert {one.check for one in page.findings}.isdisjoint(PARTS)


def _lose_segment(site: Settings) -> None:
    for path in (archive_of(site) / "segments").glob("*/*"):
        path.unlink()


def _lose_keys(site: Settings) -> None:
    (Path(site.keys_dir) / FILE).unlink()


def _other_keys(site: Settings) -> None:
    _lose_keys(site)
    tenant_keys(site, create=True)


def _lose_ledger(site: Settings) -> None:
    shutil.rmtree(archive_of(site) / "ledger")


def _damage_head(site: Settings) -> None:
    path = archive_of(site) / "ledger" / "checkpoints"
    told = bytearray(path.read_bytes())
    told[len(told) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(told)


def _damage_entry(site: Settings) -> None:
    """An entry that the tail has; the head is as it was signed."""
    (path,) = (archive_of(site) / "ledger").glob("tile/entries/*.p/*")
    told = bytearray(path.read_bytes())
    told[len(told) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(told)


def _damage_index(site: Settings) -> None:
    path = archive_of(site) / "index.db"
    told = bytearray(path.read_bytes())
    told[:16] = bytes(one ^ 1 for one in told[:16])
    path.write_bytes(told)


def _lose_index(site: Settings) -> None:
    for path in archive_of(site).glob("index.db*"):
        path.unlink()


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (_lose_segment, {"segments": FAIL}),
        (_lose_keys, {"tenant_keys": FAIL}),
        (_other_keys, {"tenant_keys": FAIL}),
        (_lose_ledger, {"ledger": FAIL}),
        (_damage_head, {"ledger": FAIL}),
        (_damage_entry, {"ledger": FAIL}),
        (_damage_index, {"archive_index": FAIL, "segments": UNKNOWN, "tenant_keys": UNKNOWN}),
        (_lose_index, {"archive_index": FAIL, "tenant_keys": NONE}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_broken_is_said_and_the_rest_is_still_looked_at(site, harm, expected):
    harm(site)
    assert states(site) == {**dict.fromkeys(PARTS, OK), **NO_BOOK, **expected}


def test_what_was_not_looked_at_is_said_and_an_old_damage_is_not_denied(site, monkeypatch):
    monkeypatch.setattr(see_archive, "NEWEST", 10)
    add(site, 5, 600)
    deliver.run(site, once=True)
    (target,) = site.targets
    path = archive_of(site) / "ledger" / "tile" / "entries" / "000"
    told = bytearray(path.read_bytes())
    told[4_000] ^= 1
    path.chmod(0o600)
    path.write_bytes(told)
    (found,) = judge_archive.ledger(see_archive.ledger(site, target, now()), now())
    assert found.state == OK
    assert "the newest 87 of 599 entries and the newest head were checked" in found.en
    assert "(all: mingjian ledger verify)" in found.en
    monkeypatch.setattr(see_archive, "NEWEST", 599)
    (found,) = judge_archive.ledger(see_archive.ledger(site, target, now()), now())
    assert found.state == FAIL
    assert "tile/entries/000 entry 22" in found.en
    assert "the entry was altered" in found.en
    assert "mingjian ledger verify" in found.fix_en


def test_a_version_that_is_gone_is_named(site):
    tenant_keys(site).rotate(NOW)
    add(site, 5, 9)
    deliver.run(site, once=True)
    (target,) = site.targets
    assert _uses(site) == {1: (1, 0, True), 2: (1, 0, False)}
    _other_keys(site)  # version 1 is another one, and there is no version 2
    (found,) = judge_archive.keys(see_archive.keys(site, target))
    assert found.state == FAIL
    assert "version 2 of the key of tenant acme is not in" in found.en
    assert found.en.endswith("and 1 more")


def test_an_index_that_was_restored_from_an_older_copy_is_behind(site, tmp_path):
    older = tmp_path / "older.db"
    SqliteIndex(archive_of(site) / "index.db").close()
    shutil.copy(archive_of(site) / "index.db", older)
    add(site, 5, 9)
    deliver.run(site, once=True)
    _lose_index(site)
    shutil.copy(older, archive_of(site) / "index.db")
    (target,) = site.targets
    (found,) = judge_archive.index(see_archive.index(site, target))
    assert found.state == FAIL
    assert "4 of 8 signed entries" in found.en


def test_messages_that_wait_to_be_archived_are_counted(site):
    add(site, 5, 9)
    (lag,) = lags(site)
    assert (lag.target, lag.left) == ("archive", 4)
    deliver.run(site, once=True)
    (lag,) = lags(site)
    assert lag.left == 0


@pytest.mark.parametrize("trusted", [True, False], ids=["its-root", "another-root"])
def test_a_head_that_is_stamped_and_a_stamp_that_proves_nothing(site, tmp_path, trusted):
    certificates, signer = made_by_kind(tmp_path / "tsa")["ecdsa"]
    others, _ = made_by_kind(tmp_path / "other")["ecdsa"]
    roots = certificates if trusted else others
    authority = Authority(
        name="tsa", url="http://127.0.0.1:1", ca_file=str(roots.roots_file), hash="sha256"
    )
    settings = msgspec.structs.replace(site, stamps=Stamps(authorities=(authority,)))
    assert states(settings)["ledger"] == WARN
    folder, at = archive_of(site) / "ledger", now()
    with served(reply_of(signer)) as server:
        asked = HttpAuthority("tsa", server.url, "sha256")
        note = LedgerReader(folder).note
        take(folder, note, asked, roots=certificates.roots, nonce=9 << 60, now=at)
        asked.close()
    assert states(settings)["ledger"] == (OK if trusted else FAIL)
    assert (folder / CHECKPOINT).exists()
