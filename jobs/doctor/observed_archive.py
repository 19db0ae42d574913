"""What looks at the archive bring back: plain values, no judgement. Times are UTC ms. What went
wrong is a `Trouble`; None: nothing did."""

from __future__ import annotations

from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.key_versions import Use


class Trouble(NamedTuple):
    """What is wrong and what to do, in both languages. `passes`: it may go away by itself."""

    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""
    passes: bool = False

    @classmethod
    def of(cls, error: MingjianError | OSError | ValueError) -> Trouble:
        """What an error says of itself."""
        if isinstance(error, MingjianError):
            return cls(error.en, error.zh, error.fix_en, error.fix_zh)
        words = str(getattr(error, "strerror", "") or error or type(error).__name__)[:200]
        return cls(words, words, passes=True)


class Rights(NamedTuple):
    """Who may do what. `people`: how many are named; `open`: nobody is told apart; `beside_keys`:
    whether the file beside the keys says so; `wrong`: why nobody is let in."""

    target: str
    people: int = 0
    open: bool = False
    beside_keys: bool = False
    wrong: Trouble | None = None


class Segments(NamedTuple):
    """Where segments are. `closed`: why it would take none; `absent`: because there is no such
    bucket, and nothing was archived yet; `newest`: the name of the newest segment, "" where there
    is none or `unknown` says why that is not known; `lost`: what is wrong with it."""

    target: str
    place: str
    closed: Trouble | None = None
    absent: bool = False
    newest: str = ""
    unknown: Trouble | None = None
    lost: Trouble | None = None


class Index(NamedTuple):
    """The index. `away`: why it cannot be read; `entries`: of the ledger that it accounts for;
    None: nothing was archived yet; `signed`: how many the newest head covers, None: not known."""

    target: str
    place: str
    away: Trouble | None = None
    entries: int | None = None
    signed: int | None = None


class TenantKeys(NamedTuple):
    """The tenant's keys. `needed`: what each version wrapped the keys of, None: nothing was
    archived yet; `here`: versions that are here; `faults`: of versions that are missing
    or wrong; `untried`: why none of what they wrapped could be opened to find out."""

    target: str
    needed: dict[int, Use] | None = None
    here: tuple[int, ...] = ()
    faults: tuple[Trouble, ...] = ()
    untried: Trouble | None = None


class Book(NamedTuple):
    """A book beside the archive whose every line is entered in the ledger: the custody book, or
    that of files. `lines`: how many it has; `entered`: how many the ledger has; `wrong`: what is
    not what was written; `renewed`: the line at which it was begun anew after a damage, 0: it was
    not."""

    target: str
    file: str
    lines: int = 0
    entered: int = 0
    wrong: Trouble | None = None
    renewed: int = 0


class Stamped(NamedTuple):
    """The newest stamp of an authority: of how many entries, and when their head was signed; 0:
    there is none. `wrong`: why it proves nothing."""

    authority: str
    size: int = 0
    at: int = 0
    wrong: Trouble | None = None


class Ledger(NamedTuple):
    """The newest signed head: how many entries, and when; 0: none was ever signed. `wrong`: why it
    cannot be read, or what is wrong with its newest entries; `looked_at`: how many of them were
    looked at; `entries`: how many the index accounts for, None: not known; `sign_ms`: so often
    heads are signed; `stamps_ms`: so often they are stamped."""

    target: str
    size: int = 0
    at: int = 0
    wrong: Trouble | None = None
    looked_at: int = 0
    entries: int | None = None
    sign_ms: int = 60_000
    stamps: tuple[Stamped, ...] = ()
    stamps_ms: int = 0
