"""Keys of a tenant in a token behind PKCS#11: a real SoftHSM, with all that befalls a token."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pkcs11
import pytest
from pkcs11 import Attribute, TokenFlag

from config.settings import Keys, Outputs, Settings, Source, Target
from jobs.ledger_signer import note_signer
from rules.errors import MingjianError
from sinks.archive.key_ring import KeyRing
from sinks.archive.key_versions import version_states
from sinks.archive.keys import KeyMissing, KeyRefused
from sinks.archive.keystore import FILE, Keystore
from sinks.archive.objects import LocalObjects
from sinks.archive.pkcs11_keys import Pkcs11Keys
from sinks.archive.pkcs11_token import PIN_VARIABLE, HsmToken, PinRefused, TokenAway, not_to_try
from sinks.archive.segment import open_all
from sinks.archive.sqlite_index import SqliteIndex
from sinks.base import Record, SinkBusy
from sinks.targets import open_sinks
from sinks.tenant_keys import open_keystore, tenant_keys
from tests.support.softhsm import (
    LIBRARY,
    PIN,
    destroy,
    flags,
    keys_of,
    objects,
    put,
    restart,
    slots,
    token_of,
)
from tests.support.tenant_keys_contract import KEY, TenantKeysContract, laws
from tests.unit.test_archiver import record


@pytest.fixture
def hsm(tmp_path, monkeypatch):
    """SoftHSM without tokens."""
    made = slots(tmp_path)
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.conf))
    return made


@pytest.fixture
def label(hsm):
    """The label of its one token."""
    return hsm.new_token()


# ---- the contract ----


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    made = slots(tmp_path_factory.mktemp("contract"))
    label = made.new_token()

    def one(tenant):
        os.environ["SOFTHSM2_CONF"] = str(made.conf)
        return keys_of(label, tenant)

    yield one
    os.environ.pop("SOFTHSM2_CONF", None)


@pytest.fixture(scope="module")
def two_versions(opened):
    return laws(opened)


class TestPkcs11Keys(TenantKeysContract):
    pass


# ---- what is in the token ----


def test_a_key_is_made_in_the_token_and_cannot_be_taken_out(label):
    keys = keys_of(label)
    assert keys.versions() == ()
    assert keys.current() == 0
    keys.wrap(KEY, b"x")
    keys.rotate(1_700_000_000_000)
    first, second = objects(label, "mingjian/acme/1")[0], objects(label, "mingjian/acme/2")[0]
    for one in (first, second):
        said = {name: one[name] for name in _RIGHTS}
        assert said == _RIGHTS
        with pytest.raises(pkcs11.AttributeSensitive):
            one[Attribute.VALUE]
    assert int.from_bytes(second.id, "big") == 1_700_000_000_000


_RIGHTS = {
    Attribute.TOKEN: True, Attribute.PRIVATE: True, Attribute.SENSITIVE: True,
    Attribute.ALWAYS_SENSITIVE: True, Attribute.EXTRACTABLE: False,
    Attribute.NEVER_EXTRACTABLE: True, Attribute.ENCRYPT: True, Attribute.DECRYPT: True,
    Attribute.WRAP: False, Attribute.UNWRAP: False, Attribute.SIGN: False,
    Attribute.VALUE_LEN: 32,
}  # fmt: skip


def test_who_only_reads_makes_no_key(label):
    keys = keys_of(label, create=False)
    with pytest.raises(MingjianError, match="no key of tenant acme"):
        keys.wrap(KEY, b"x")
    assert objects(label, "mingjian/acme/1") == []


def test_keys_of_others_in_the_token_are_let_be(label):
    for name in ("mingjian/acme/01", "mingjian/acme/x", "mingjian/acm/9", "mingjian/acme/9/1",
                 "acme/9", "mingjian/acme/", "mingjian/acme/٣"):  # fmt: skip
        put(label, name)
    keys = keys_of(label)
    keys.wrap(KEY, b"x")
    assert keys_of(label).versions() == (1,)


def test_a_rotation_elsewhere_counts_from_the_next_key_on(label):
    mine, theirs = keys_of(label), keys_of(label)
    assert mine.wrap(KEY, b"x").version == 1
    assert theirs.rotate(2) == 2
    assert theirs.rotate(3) == 3
    assert mine.wrap(KEY, b"x").version == 3
    assert mine.versions() == (1, 2, 3)


def test_two_keys_of_one_version_are_refused(label):
    keys = keys_of(label)
    wrapped = keys.wrap(KEY, b"x")
    put(label, "mingjian/acme/1")
    with pytest.raises(MingjianError, match="two keys mingjian/acme/1"):
        keys_of(label)
    put(label, "mingjian/acme/2")
    put(label, "mingjian/acme/2")
    with pytest.raises(MingjianError, match="two keys mingjian/acme/2"):
        keys.wrap(KEY, b"x")
    destroy(label, "mingjian/acme/2")
    assert keys.unwrap(wrapped, b"x") == KEY


# ---- which token ----


def test_a_token_is_found_by_label_and_by_serial_number(hsm):
    labels = [hsm.new_token() for _ in range(3)]
    for label in labels:
        keys_of(label).wrap(KEY, label.encode())
    twin = hsm.new_token(labels[0])
    restart()
    there = pkcs11.lib(LIBRARY).get_tokens(token_label=twin)
    serials = sorted(one.serial.decode() for one in there)
    with pytest.raises(MingjianError, match=f"2 tokens .* are called {twin}") as caught:
        keys_of(twin)
    assert ", ".join(serials) in caught.value.fix_en
    found = []
    for serial in serials:
        for named in ("", twin):
            token = HsmToken(LIBRARY, label=named, serial=serial, pin=PIN)
            found.append(Pkcs11Keys(token, "acme").versions())
    assert sorted(found) == [(), (), (1,), (1,)]
    assert keys_of(labels[1]).versions() == (1,)


def test_a_token_that_is_not_there_is_named_with_those_that_are(label):
    with pytest.raises(TokenAway, match=rf"the token nobody .* is not there; there is {label}/"):
        keys_of("nobody")


def test_a_token_that_is_made_later_is_found(hsm, label):
    keys_of(label).wrap(KEY, b"x")
    assert keys_of(hsm.new_token()).versions() == ()
    assert keys_of(label).versions() == (1,)


@pytest.mark.parametrize(
    ("library", "why"),
    [
        ("/nonexistent/libhsm.so", "No such file"),
        ("/etc/passwd", "invalid ELF header"),
        ("libm.so.6", "C_GetFunctionList"),
    ],
)
def test_a_library_that_is_none(library, why):
    with pytest.raises(MingjianError, match=f"{library} cannot be used as a PKCS#11.*{why}") as got:
        Pkcs11Keys(HsmToken(library, label="x", pin=PIN), "acme")
    assert not isinstance(got.value, OSError)


# ---- PINs ----


def test_a_wrong_pin_is_tried_once_and_never_told(label, hsm):
    wrong = "31415926"
    with pytest.raises(PinRefused, match="is wrong") as caught:
        Pkcs11Keys(token_of(label, wrong), "acme")
    assert flags(label) & TokenFlag.USER_PIN_COUNT_LOW
    keys_of(label).wrap(KEY, b"x")  # the right one takes the mark away
    assert not flags(label) & TokenFlag.USER_PIN_COUNT_LOW
    restart()
    for _ in range(5):
        with pytest.raises(PinRefused, match="refused before") as again:
            Pkcs11Keys(token_of(label, wrong), "acme")
    assert not flags(label) & TokenFlag.USER_PIN_COUNT_LOW
    for error in (caught.value, again.value):
        for text in (*error.text("en"), *error.text("zh"), repr(error)):
            assert wrong not in text
    assert keys_of(label).versions() == (1,)


def test_without_a_pin_nothing_is_tried(label):
    with pytest.raises(PinRefused, match="is not given") as caught:
        Pkcs11Keys(token_of(label, ""), "acme")
    assert PIN_VARIABLE in caught.value.fix_en
    assert not flags(label) & TokenFlag.USER_PIN_COUNT_LOW


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (TokenFlag(0), None),
        (TokenFlag.USER_PIN_COUNT_LOW, None),
        (TokenFlag.USER_PIN_FINAL_TRY, "next wrong one locks"),
        (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_COUNT_LOW, "is locked"),
    ],
)
def test_the_last_try_is_left_to_people(flag, why):
    """SoftHSM never locks a token; a module that does says so by these flags."""
    told = not_to_try(flag)
    assert told is None if why is None else why in told[0]


# ---- a module that goes away ----


def test_a_module_that_was_started_anew_is_not_noticed(hsm, label):
    keys = keys_of(label)
    wrapped = keys.wrap(KEY, b"x")
    for _ in range(3):
        restart()
        hsm.new_token()
        assert keys.unwrap(wrapped, b"x") == KEY
        restart()
        assert keys.wrap(KEY, b"x").version == 1
        restart()
        assert keys.versions() == (1,)
    restart()
    assert keys.rotate(2) == 2
    restart()
    with pytest.raises(KeyRefused):
        keys.unwrap(wrapped, b"y")


def test_a_token_that_is_unplugged_is_waited_for(hsm, label):
    keys = keys_of(label)
    wrapped = keys.wrap(KEY, b"x")
    hsm.unplug()
    for _ in range(2):
        with pytest.raises(TokenAway, match=f"the token {label} .* is not there"):
            keys.unwrap(wrapped, b"x")
        with pytest.raises(OSError, match="is not there"):
            keys.wrap(KEY, b"x")
    hsm.plug()
    assert keys.unwrap(wrapped, b"x") == KEY
    assert keys.wrap(KEY, b"x").version == 1


def test_a_version_that_is_lost_while_we_run_stops_wrapping(label):
    keys = keys_of(label)
    keys.wrap(KEY, b"x")
    keys.rotate(2)
    wrapped = keys.wrap(KEY, b"x")
    destroy(label, "mingjian/acme/2")
    with pytest.raises(KeyMissing, match="version 2 of the key of tenant acme"):
        keys.wrap(KEY, b"x")
    with pytest.raises(KeyMissing, match="version 2"):
        keys.unwrap(wrapped, b"x")


def test_threads_and_keys_of_several_tenants_share_a_token(label):
    holders = [keys_of(label, tenant) for tenant in ("a", "b")]

    def work(number):
        keys, bound = holders[number % 2], b"%d" % number
        if number == 40:
            token_of(label).run(lambda _session: restart())
        return keys.unwrap(keys.wrap(KEY, bound), bound)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(200))) == {KEY}


def test_a_forked_process_is_refused_and_does_no_harm(label):
    keys = keys_of(label)
    wrapped = keys.wrap(KEY, b"x")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        for use in (lambda: keys.unwrap(wrapped, b"x"), lambda: keys_of(label)):
            try:
                use()
                said = "used"
            except MingjianError as error:
                said = error.en
            os.write(writing, said.encode() + b"\n")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        lines = told.read().splitlines()
    assert len(lines) == 2
    assert all("was loaded before this process was forked" in line for line in lines)
    assert keys.unwrap(wrapped, b"x") == KEY


# ---- the archive ----


@pytest.fixture
def settings(tmp_path, label, monkeypatch):
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    return Settings(
        profile="embedded",
        tenant="acme",
        data_dir=str(tmp_path / "var"),
        keys_dir=str(tmp_path / "keys"),
        keys=Keys(kind="pkcs11", library=LIBRARY, token=label),
        source=Source(kind="files", path=str(tmp_path / "messages")),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(Target(kind="archive", name="archive", path=str(tmp_path / "archive")),),
    )


def in_file(settings):
    return msgspec.structs.replace(settings, keys=Keys())


def opened_sink(settings):
    (sink,) = open_sinks(settings, lambda: note_signer(settings))
    sink.open()
    return sink


def archived(settings, *numbers):
    sink = opened_sink(settings)
    try:
        return sink.write([Record("messages", "", record(n)) for n in numbers]).written
    finally:
        sink.close()


def parts(settings):
    path = settings.targets[0].path
    return SqliteIndex(f"{path}/index.db"), LocalObjects(f"{path}/segments")


def sealed(settings):
    """(version, bytes) of every segment, the oldest first."""
    index, objects_ = parts(settings)
    found = {name: objects_.get(name) for name in sorted(objects_.names())}
    assert sum(count for count, _ in index.key_versions().values()) == len(found)
    return found


def read(settings):
    keys = tenant_keys(settings)
    return [
        one.raw for name, data in sealed(settings).items() for one in open_all(data, name, keys)
    ]


def states(settings):
    index, objects_ = parts(settings)
    folder = settings.targets[0].path
    found = version_states(tenant_keys(settings), index, objects_, folder)
    return [(one.version, one.segments, one.current, type(one.fault).__name__) for one in found]


def test_the_archive_waits_for_its_token_and_loses_nothing(settings, hsm):
    assert archived(settings, 1) == 1
    sink = opened_sink(settings)
    hsm.unplug()
    for _ in range(2):
        with pytest.raises(SinkBusy, match=r"the token .* is not there"):
            sink.write([Record("messages", "", record(2))])
    (other,) = open_sinks(settings, lambda: note_signer(settings))
    with pytest.raises(SinkBusy, match=r"the token .* is not there"):
        other.open()
    hsm.plug()
    assert sink.write([Record("messages", "", record(3))]).written == 2
    sink.close()
    assert sorted(read(settings)) == sorted(map(record, (1, 2, 3)))


def test_a_lost_or_exchanged_version_stops_the_archive_before_it_writes(settings, label):
    archived(settings, 1)
    tenant_keys(settings).rotate(2)
    archived(settings, 2)
    before = sealed(settings)
    assert states(settings) == [(1, 1, False, "NoneType"), (2, 1, True, "NoneType")]

    destroy(label, "mingjian/acme/1")
    assert states(settings) == [(1, 1, False, "KeyMissing"), (2, 1, True, "NoneType")]
    with pytest.raises(KeyMissing, match="version 1 of the key of tenant acme"):
        opened_sink(settings)

    put(label, "mingjian/acme/1")
    assert states(settings) == [(1, 1, False, "KeyRefused"), (2, 1, True, "NoneType")]
    with pytest.raises(KeyRefused, match="does not open with version 1"):
        opened_sink(settings)
    assert sealed(settings) == before


def test_from_the_key_store_to_a_token_without_writing_a_segment_anew(settings, hsm, tmp_path):
    assert archived(in_file(settings), 1) == 1
    open_keystore(in_file(settings)).rotate(2)
    assert archived(in_file(settings), 2) == 1
    before = sealed(settings)
    assert states(settings) == [(1, 1, False, "NoneType"), (2, 1, True, "NoneType")]
    assert archived(settings, 3) == 1
    tenant_keys(settings).rotate(3)
    assert archived(settings, 4) == 1
    after = sealed(settings)
    assert {name: after[name] for name in before} == before
    assert sorted(read(settings)) == sorted(map(record, (1, 2, 3, 4)))
    assert states(settings) == [
        (1, 1, False, "NoneType"), (2, 1, False, "NoneType"),
        (3, 1, False, "NoneType"), (4, 1, True, "NoneType"),
    ]  # fmt: skip
    ring = tenant_keys(settings)
    assert isinstance(ring.holder(2), Keystore)
    assert isinstance(ring.holder(3), Pkcs11Keys)

    store = tmp_path / "keys" / FILE
    store.rename(tmp_path / "elsewhere")
    with pytest.raises(KeyMissing, match="version 1"):
        opened_sink(settings)
    (tmp_path / "elsewhere").rename(store)
    with pytest.raises(KeyMissing, match="version 3"):
        opened_sink(in_file(settings))


def test_a_token_that_begins_without_the_key_store_makes_no_key(settings, label, tmp_path):
    archived(in_file(settings), 1)
    store = tmp_path / "keys" / FILE
    store.rename(tmp_path / "elsewhere")
    with pytest.raises(KeyMissing, match="version 1 of the key of tenant acme"):
        opened_sink(settings)
    assert objects(label, "mingjian/acme/1") == []
    (tmp_path / "elsewhere").rename(store)
    assert archived(settings, 2) == 1
    assert sorted(read(settings)) == sorted(map(record, (1, 2)))


def test_one_number_in_both_places_is_refused(settings, tmp_path):
    archived(settings, 1)
    earlier = Keystore(settings.keys_dir, "acme", at=1)
    with pytest.raises(MingjianError, match="version 1 of the key of tenant acme is in the key"):
        tenant_keys(settings)
    with pytest.raises(MingjianError, match="version 1"):
        KeyRing(earlier, Keystore(tmp_path / "other", "acme", at=1))
