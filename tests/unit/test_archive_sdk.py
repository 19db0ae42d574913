"""The binding of the SDK against a small C library that has its interface (tests/support)."""

from __future__ import annotations

import ctypes
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from ingest.archive.media import fetch
from ingest.archive.port import ArchiveError
from ingest.archive.sdk import SdkClient
from ingest.archive.simulator import Stored, page
from rules.errors import MingjianError
from tests.support.archive import Company, ids, private_key, said

SOURCE = Path(__file__).parents[1] / "support/finance_sdk.c"


def compiled(source: Path, library: Path) -> Path:
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(SOURCE, tmp_path_factory.mktemp("sdk") / "libsim.so")


@pytest.fixture
def sim(library: Path) -> Iterator[ctypes.CDLL]:
    """The library's own side: what it was asked, what it is to answer. Nothing may be left."""
    sim = ctypes.CDLL(str(library))
    sim.sim_living.restype = ctypes.c_long
    sim.sim_asked_seq.restype = ctypes.c_ulonglong
    sim.sim_asked_proxy.restype = sim.sim_asked_password.restype = ctypes.c_char_p
    sim.sim_answer(0)
    assert sim.sim_living() == 0
    yield sim
    assert sim.sim_living() == 0, "something was made and not freed"


@pytest.fixture
def client(library: Path, sim: ctypes.CDLL) -> Iterator[SdkClient]:
    client = SdkClient(library, "ww1", "right", "http://proxy:1", "user:pass")
    yield client
    client.close()
    client.close()


def xored(plaintext: bytes, key: bytes) -> str:
    """As the C library "encrypts"."""
    return bytes(one ^ key[n % len(key)] for n, one in enumerate(plaintext)).hex()


@pytest.mark.parametrize("seq", [0, 1, 2**31, 2**32 + 1, 2**53 + 1, 2**63, 2**64 - 1])
def test_a_page_is_asked_for_with_the_whole_number(
    client: SdkClient, sim: ctypes.CDLL, seq: int
) -> None:
    answer = b'{"errcode":0,"a":"\0 and behind it"}'
    sim.sim_page(answer, len(answer))
    assert client.get_chat_data(seq, 1000, 7) == answer
    assert (sim.sim_asked_seq(), sim.sim_asked_limit(), sim.sim_asked_timeout()) == (seq, 1000, 7)
    assert (sim.sim_asked_proxy(), sim.sim_asked_password()) == (b"http://proxy:1", b"user:pass")


@pytest.mark.parametrize(("seq", "limit"), [(-1, 1), (2**64, 1), (0, 0), (0, 1001)])
def test_numbers_that_c_would_cut_off_are_refused(client: SdkClient, seq: int, limit: int) -> None:
    with pytest.raises(ArchiveError) as raised:
        client.get_chat_data(seq, limit, 1)
    assert raised.value.code == 10000


def test_an_empty_answer_is_empty(client: SdkClient, sim: ctypes.CDLL) -> None:
    sim.sim_page(b"", 0)
    assert client.get_chat_data(0, 1, 1) == b""
    assert client.decrypt(b"key", "") == b""


@pytest.mark.parametrize("code", [*range(10000, 10012), 1, -1])
@pytest.mark.parametrize("call", ["page", "decrypt", "media"])
def test_every_code_comes_out_as_it_is_and_everything_is_freed(
    client: SdkClient, sim: ctypes.CDLL, code: int, call: str
) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "page": lambda: client.get_chat_data(0, 1, 1),
        "decrypt": lambda: client.decrypt(b"key", "00"),
        "media": lambda: client.get_media("", "known", 1),
    }
    before = sim.sim_living()
    sim.sim_answer(code)
    with pytest.raises(ArchiveError) as raised:
        calls[call]()
    assert raised.value.code == code
    assert raised.value.again == (code in {10001, 10002, 10003, -1})
    assert str(code) in raised.value.text()[1]
    assert sim.sim_living() == before


def test_a_plaintext_comes_out_byte_for_byte(client: SdkClient) -> None:
    plaintext = bytes(range(256)) + "明鉴".encode()
    assert client.decrypt(b"some key", xored(plaintext, b"some key")) == plaintext


@pytest.mark.parametrize(
    ("key", "message", "code"),
    [(b"", "00", 10008), (b"key", "zz", 10006), (b"a\0b", "00", 10006), (b"key", "0\0", 10006)],
)
def test_what_cannot_be_decrypted_says_so(
    client: SdkClient, key: bytes, message: str, code: int
) -> None:
    with pytest.raises(ArchiveError) as raised:
        client.decrypt(key, message)
    assert raised.value.code == code


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 100])
def test_media_come_in_parts(
    client: SdkClient, sim: ctypes.CDLL, tmp_path: Path, size: int
) -> None:
    content = bytes(n % 256 for n in range(size))
    sim.sim_media(content, size, 4)
    fetched = fetch(client, "known", tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes() == content
    assert fetched.size == size
    with pytest.raises(ArchiveError) as raised:
        fetch(client, "another", tmp_path / "nothing")
    assert raised.value.code == 10005
    assert not (tmp_path / "nothing").exists()


def test_a_wrong_secret_is_refused_at_once(library: Path, sim: ctypes.CDLL) -> None:
    with pytest.raises(ArchiveError) as raised:
        SdkClient(library, "ww1", "wrong")
    assert raised.value.code == 10000


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"no library", "cannot be loaded"), ("int NewSdk;", "no function")],
)
def test_what_is_not_the_library_is_named(
    tmp_path: Path, content: bytes | str | None, said: str
) -> None:
    library = tmp_path / "lib.so"
    if isinstance(content, bytes):
        library.write_bytes(content)
    elif content:
        source = tmp_path / "lib.c"
        source.write_text(content)
        compiled(source, library)
    with pytest.raises(MingjianError, match=said) as raised:
        SdkClient(library, "ww1", "right")
    assert raised.value.fix_en
    assert raised.value.fix_zh


def test_the_puller_collects_through_the_binding(
    client: SdkClient, sim: ctypes.CDLL, tmp_path: Path
) -> None:
    company = Company(tmp_path)
    key = private_key(1).public_key()

    def sealed(seq: int) -> Stored:
        random_key = b"key of message %d" % seq
        locked = b64encode(key.encrypt(random_key, padding.PKCS1v15())).decode()
        message = said(seq, company.clock.ms)
        return Stored(seq, 0, f"m{seq}", 1, locked, xored(message, random_key))

    everything = page([sealed(seq) for seq in range(1, 30)])
    ended = page([])
    real = client.get_chat_data

    def asked(seq: int, limit: int, timeout: int) -> bytes:
        answer = ended if seq else everything
        sim.sim_page(answer, len(answer))
        return real(seq, limit, timeout)

    client.get_chat_data = asked  # type: ignore[method-assign]
    company.pull(client=client)
    assert company.taken == ids(*range(1, 30))
