"""Rules that were read and checked once, as bytes to be kept: reading 10,000 files as YAML and
checking them takes seconds, and every worker does it.

What is kept is data and the classes of rules, by name, and nothing else can be named in it: what
somebody else wrote could give wrong rules, and run no code. Whoever keeps it sees to it that nobody
else writes it (`udfs.kept`). Rules are believed only where the files in the folder are, letter for
letter, those they were read from.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import platform
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from rules.beside import CALENDAR, beside
from rules.calendar import load_calendar
from rules.detectors import DETECTORS
from rules.detectors.found import Detector
from rules.lexicon import Lexicon
from rules.loader import read_rule_text
from rules.model import RuleFile
from rules.named import Named
from rules.ruleset import Others, RuleSet, assemble, digest_of, load_ruleset, rule_files
from rules.scan import Keep

_BLOCK = 100  # files made at once: meanwhile nothing else of the process runs
_FORM = b"mingjian rules 1\n"
_ALLOWED = {
    "rules.alert": {"RuleRef"},
    "rules.conditions": {
        "And", "AtLeast", "Detected", "InLexicon", "Not", "Or", "Until", "Words", "regex",
    },
    "rules.correlation.model": {"Bound", "Clause", "Comparison", "Correlation", "Usually"},
    "rules.field_conditions": {"Asked", "Compare", "Concerns", "InList"},
    "rules.filters": {"GlobalFilter"},
    "rules.lexicon": {"Lexicon"},
    "rules.model": {"CorrelationRule", "DetectionRule", "Intercept", "RuleFile", "Suppress"},
    "rules.named": {"Named"},
    "rules.reference": {"Period", "RefList", "Reference"},
    "rules.sigma.questions": {
        "Equal", "Network", "Number", "Part", "SameAs", "Text", "compiled_pattern",
    },
    "rules.time_conditions": {
        "DayOfWeek", "InPeriod", "OfficeTime", "PublicHoliday", "TimeRange", "WorkingDay",
    },
    "rules.yaml_document": {"Document"},
    "rules.zone": {"Zone"},
    "builtins": {"frozenset"},
    "datetime": {"date"},
    "fractions": {"Fraction"},
    "msgspec._utils": {"rebuild"},
    "re": {"_compile"},
}  # fmt: skip


class _Pickler(pickle.Pickler):
    """Detectors and lexicons are called by their names."""

    def __init__(self, to: io.BytesIO, lexicons: frozenset[int] = frozenset()) -> None:
        super().__init__(to, pickle.HIGHEST_PROTOCOL)
        self._lexicons = lexicons

    def persistent_id(self, made: Any) -> Any:
        """See pickle.Pickler."""
        if type(made) is Detector:
            return ("detector", made.name)
        if type(made) is Lexicon and id(made) in self._lexicons:
            return ("lexicon", made.name)
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, lexicons: dict[str, Lexicon]) -> None:
        super().__init__(io.BytesIO(data))
        self._known: dict[str, Any] = {"detector": DETECTORS, "lexicon": lexicons}

    def find_class(self, module: str, name: str) -> Any:
        """See pickle.Unpickler: nothing but data and the classes of rules."""
        if name not in _ALLOWED.get(module, ()):
            message = f"{module}.{name} is no part of a rule"
            raise pickle.UnpicklingError(message)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """See pickle.Unpickler."""
        kind, name = pid
        return self._known[kind][name]


class _Text(msgspec.Struct, frozen=True):
    path: str
    text: str


def load_kept(folder: Path, digest: str, keep: Keep) -> RuleSet | None:
    """The rules of a folder whose digest this is, as they were kept; None where they were not, or
    the folder is not theirs.

    Raises:
        RuleError: a file that cannot be read.
    """
    found = open_kept(folder, digest, keep)
    if found is None:
        return None
    texts = [
        _Text(label, read_rule_text(file, label))
        for file in rule_files(folder)
        for label in (str(file.relative_to(folder)),)
    ]
    others = [(one.name, one.read_bytes()) for one in beside(folder).files()]
    return found if digest_of(texts, others) == digest else None


def open_kept(folder: Path, digest: str, keep: Keep) -> RuleSet | None:
    """The rules of that digest as they were kept, None where they were not. That those in the
    folder are still the same somebody else has to see.

    What is kept has the text of each file, and the digest is that of the texts.
    """
    data = keep.get(_name(digest))
    if data is None:
        return None
    try:
        named, others, files = _opened(data)
        if digest_of(files, others) != digest:
            return None
    except Exception:  # damaged, or of another version: no error of it says anything to anybody
        return None
    calendar = beside(folder).calendar
    own = None if calendar == CALENDAR else load_calendar(calendar)
    return assemble(files, digest, named.reference, own)


def keep_rules(
    files: list[RuleFile], named: Named, others: Others, digest: str, keep: Keep
) -> None:
    """Keep the files of a ruleset of this digest, if they are made of what may be kept."""
    lexicons = frozenset(map(id, named.lexicons.values()))
    try:
        blocks = [_pickled(named, frozenset()), msgspec.msgpack.encode(others)]
        for at in range(0, len(files), _BLOCK):
            blocks.append(_pickled(files[at : at + _BLOCK], lexicons))
        body = msgspec.msgpack.encode(blocks)
        data = _FORM + hashlib.sha256(body).digest() + body
        _opened(data)
    except (pickle.PickleError, TypeError, AttributeError):
        return  # they hold something of which nothing is known here: they are read each time
    keep.put(_name(digest), data)


def load_and_keep(path: str, keep: Keep, packs: Sequence[str] = ()) -> RuleSet:
    """See `load_ruleset`; what was read is kept."""
    return load_ruleset(path, packs=packs, read=partial(keep_rules, keep=keep))


def _pickled(made: Any, lexicons: frozenset[int]) -> bytes:
    to = io.BytesIO()
    _Pickler(to, lexicons).dump(made)
    return to.getvalue()


def _opened(data: bytes) -> tuple[Named, Others, list[RuleFile]]:
    head = len(_FORM) + hashlib.sha256().digest_size
    body = data[head:]
    if data[:head] != _FORM + hashlib.sha256(body).digest():
        message = "not as it was kept"
        raise ValueError(message)
    first, second, *blocks = msgspec.msgpack.decode(body, type=list[bytes])
    named = _Unpickler(first, {}).load()
    others = msgspec.msgpack.decode(second, type=list[tuple[str, bytes]])
    made = [one for block in blocks for one in _Unpickler(block, named.lexicons).load()]
    return named, others, made


def _name(digest: str) -> str:
    return f"rules-{digest}-{_program()}.kept"


@cache
def _program() -> str:
    """Of the program that reads rules: what another one kept is not what this one would read."""
    found = hashlib.sha256(platform.python_version().encode())
    for part in _parts():
        found.update(part)
    return found.hexdigest()[:16]


def _parts() -> Iterator[bytes]:
    here = Path(__file__).parent
    for file in sorted([*here.rglob("*.py"), *here.glob("detectors/*.yaml")]):
        yield str(file.relative_to(here)).encode()
        yield file.read_bytes()
