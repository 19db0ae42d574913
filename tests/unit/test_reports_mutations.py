"""Thousands of mutations of a whole pack, each of which a check must name.

What is only looked at again and again with the same bytes (signatures, OpenSSL's opinion) is kept
between mutations: these are functions of their arguments.
"""

from __future__ import annotations

import functools
import io
import json
import random
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.case import ALERT, Raised, Subject
from reports.context_files import FileContext
from reports.evidence import build_bundle
from reports.pack import build_pack
from reports.redaction import NUMBERS
from reports.signing import Signer
from reports.standalone import checks, ledger_checks
from reports.standalone.checks import Verifier
from reports.standalone.verify import verify
from rules.decode import Decoder
from sinks.ledger.canonical import canonical
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.unit.test_reports_anchor import Entered
from tests.unit.test_reports_pack import resealed

NOT_DATA = ("verify.py", "VERIFY.md", "report.pdf")


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pack(tmp_path_factory, signer):
    """A pack that has of everything: ledger, head given before, redactions."""
    home = tmp_path_factory.mktemp("home")
    sealer = Sealer("sample", {"sample": bytes(range(16))})
    alert, evidence = sample_case.alert_and_evidence(sealer)
    entered = Entered(home / "ledger", signer)
    entered.enter(alert)
    bundle = build_bundle(
        Subject(ALERT, alert["alert_id"]),
        [Raised(alert, evidence, sample_case.rule())],
        context=FileContext(sample_case.write_day(home / "day"), Decoder("demo")),
        sealer=sealer,
        decoder=Decoder("demo"),
        request=sample_case.request(redact=frozenset({NUMBERS})),
        anchors=entered.anchors(home / "ledger", entered.given),
    )
    entered.ledger.close()
    return build_pack(bundle, signer)


@pytest.fixture(scope="module")
def files(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module", autouse=True)
def same_arguments_same_answer():
    with pytest.MonkeyPatch.context() as patch:
        for module in (checks, ledger_checks):
            patch.setattr(module, "sm2_verify", functools.cache(module.sm2_verify))
        real, known = Verifier._openssl, {}

        def once(self):
            key = tuple(
                self.files[name] for name in (checks.KEY, checks.SIGNATURE, checks.MANIFEST)
            )
            if key not in known:
                before = len(self.checks)
                real(self)
                known[key] = self.checks[before:]
            else:
                self.checks += known[key]

        patch.setattr(Verifier, "_openssl", once)
        yield


def wrong(contents):
    return {one.name for one in Verifier(contents).run().checks if one.ok is False}


def test_the_pack_is_good_before_anything_is_done_to_it(files):
    assert wrong(files) == set()
    assert {"redactions.json", "ledger.json"} <= set(files)


def test_every_flip_of_a_bit_is_found_and_its_file_named(files):
    """A hundred places and more in each file, with both ends."""
    dice = random.Random(7)
    missed, count = [], 0
    for name, data in files.items():
        places = {0, len(data) - 1, *(dice.randrange(len(data)) for _ in range(140))}
        told = "signature" if name in ("manifest.json", "manifest.sm2.sig") else name
        for at in sorted(places):
            altered = bytearray(data)
            altered[at] ^= 1 << dice.randrange(8)
            count += 1
            if told not in wrong({**files, name: bytes(altered)}):
                missed.append((name, at))
    assert missed == []
    assert count > 2_000


def test_no_byte_of_the_archive_itself_can_be_another(pack, files, tmp_path):
    """Of the ZIP: contents, names, directory. Times and attributes of a file are no content."""
    dice = random.Random(8)
    path, missed = tmp_path / "pack.zip", []
    for _ in range(250):
        altered, at = bytearray(pack.archive), dice.randrange(len(pack.archive))
        altered[at] ^= 1 << dice.randrange(8)
        path.write_bytes(altered)
        if verify(str(path)).passed and unpacked(path) != files:
            missed.append(at)
    assert missed == []


def unpacked(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


JSON_LINES = ("events.jsonl", "custody.jsonl")
LINES = [(name, what) for name in JSON_LINES for what in ("drop", "swap", "double", "cut")]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(LINES), st.data())
def test_no_line_can_be_dropped_moved_doubled_or_cut_even_with_the_key(files, signer, which, data):
    """Both manifests are mended and signed again, so that no digest of a file tells."""
    name, what = which
    lines = files[name].splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    if what == "drop":
        del lines[at]
    elif what == "swap":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda n: n != at))
        lines[at], lines[other] = lines[other], lines[at]
    elif what == "double":
        lines.insert(at, lines[at])
    else:
        lines[at] = lines[at][: data.draw(st.integers(1, len(lines[at]) - 2))] + b"\n"
    found = wrong(resealed(files, signer, **{name.replace(".", "__"): b"".join(lines)}))
    assert found - {"PDF attachments"}


VALUES = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.just([]) | st.just({})
)


@st.composite
def forged(draw, files):
    """One value of one JSON text changed, in canonical form as ours are."""
    named = (n for n in files if n.endswith((".json", ".jsonl")) and n not in NOT_DATA)
    name = draw(st.sampled_from(sorted(named)))
    lines = files[name].split(b"\n") if name.endswith(".jsonl") else [files[name]]
    number = draw(st.integers(0, len(lines) - 1).filter(lambda n: lines[n]))
    owner = whole = json.loads(lines[number])
    while True:
        key = draw(st.sampled_from(sorted(owner) if isinstance(owner, dict) else range(len(owner))))
        if isinstance(owner[key], dict | list) and owner[key] and draw(st.integers(0, 3)):
            owner = owner[key]
            continue
        owner[key] = draw(VALUES)
        break
    lines[number] = canonical(whole)
    return name, b"\n".join(lines)


@settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_value_is_forged_is_found_and_raises_nothing(files, data):
    name, content = data.draw(forged(files))
    if content != files[name]:
        told = "signature" if name == "manifest.json" else name
        assert told in wrong({**files, name: content})
