"""A stored file is what was sealed, or it is said not to be, whatever was done to it."""

from __future__ import annotations

import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MingjianError
from sinks.archive import media
from sinks.archive.keystore import Keystore
from sinks.archive.media import MediaDamaged, MediaStore, media_name, name_key
from sinks.archive.objects import LocalObjects, NoObject

KEY = name_key(b"k" * 16)


class Memory:
    """Object storage that says how much it was given and asked for at once."""

    def __init__(self):
        self.held, self.most = {}, 0

    def put(self, name, data):
        self.most = max(self.most, len(data))
        self.held[name] = data

    def get(self, name, offset=0, length=None):
        if name not in self.held:
            raise NoObject(name, "memory")
        data = self.held[name][offset:] if length is None else self.held[name][offset:][:length]
        self.most = max(self.most, len(data))
        return data

    def delete(self, name):
        self.held.pop(name, None)

    def names(self):
        yield from self.held


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keystore(tmp_path_factory.mktemp("keys"), "acme", at=1)


@pytest.fixture
def small(monkeypatch):
    """Frames of 16 bytes, two in a piece, so that short files have many of both."""
    monkeypatch.setattr(media, "FRAME", 16)
    monkeypatch.setattr(media, "PIECE_FRAMES", 2)


def name_of(content):
    return media_name(KEY, hashlib.new("sm3", content).hexdigest())


def stored(keys, content, objects=None):
    store = MediaStore(objects or Memory(), keys)
    store.store(name_of(content), io.BytesIO(content), len(content))
    return store, store._objects


def opened(store, name):
    return b"".join(store.open(name))


@given(content=st.binary(max_size=150))
@pytest.mark.usefixtures("small")
def test_what_is_stored_comes_out_again(keys, content):
    store, objects = stored(keys, content)
    name = name_of(content)
    assert opened(store, name) == content
    found = store.digests(name)
    assert found.size == len(content)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert media_name(KEY, found.sm3) == name
    assert len(objects.held) == max(1, -(-len(content) // 32))
    store.remove(name, len(content))
    assert objects.held == {}
    assert not store.has(name)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 64, 80])
@pytest.mark.usefixtures("small")
def test_every_flipped_byte_is_found(keys, size):
    content = bytes(range(size))
    store, objects = stored(keys, content)
    name = name_of(content)
    for piece, data in list(objects.held.items()):
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            objects.held[piece] = bytes(changed)
            with pytest.raises(MingjianError):
                opened(store, name)
        objects.held[piece] = data
    assert opened(store, name) == content


@pytest.mark.parametrize("size", [0, 16, 17, 33, 80])
@pytest.mark.usefixtures("small")
def test_every_cut_and_everything_added_is_found(keys, size):
    content = bytes(range(size))
    store, objects = stored(keys, content)
    name = name_of(content)
    for piece, data in list(objects.held.items()):
        for cut in range(1, len(data) + 1):
            objects.held[piece] = data[:-cut]
            with pytest.raises(MingjianError):
                opened(store, name)
        for more in (b"\0", data, os.urandom(33)):
            objects.held[piece] = data + more
            with pytest.raises(MediaDamaged, match="added to"):
                opened(store, name)
        del objects.held[piece]
        with pytest.raises(MediaDamaged, match="is not there"):
            opened(store, name)
        objects.held[piece] = data


def frames(objects, name, size):
    """The sealed frames of a stored file, and its head."""
    whole = b"".join(objects.held[one] for one in media.piece_names(name, size))
    count = max(1, -(-size // 16))
    lengths = [min(16, size - n * 16) + 16 for n in range(count)]
    head = whole[: len(whole) - sum(lengths)]
    found, at = [], len(head)
    for length in lengths:
        found.append(whole[at : at + length])
        at += length
    return head, found


def laid(objects, name, head, parts):
    """Put frames back as pieces."""
    for piece in range(-(-len(parts) // 2)):
        data = b"".join(parts[piece * 2 : piece * 2 + 2])
        objects.held[media.piece_name(name, piece)] = (b"" if piece else head) + data


@given(order=st.permutations(range(5)), twice=st.integers(0, 4), into=st.integers(0, 4))
@pytest.mark.usefixtures("small")
def test_frames_that_were_moved_or_come_twice_are_found(keys, order, twice, into):
    content = bytes(range(80))
    store, objects = stored(keys, content)
    name = name_of(content)
    head, parts = frames(objects, name, 80)
    laid(objects, name, head, parts)
    assert opened(store, name) == content
    changed = [parts[n] for n in order]
    changed[into] = parts[twice]
    if changed == parts:
        return
    laid(objects, name, head, changed)
    with pytest.raises(MediaDamaged):
        opened(store, name)


@pytest.mark.usefixtures("small")
def test_another_file_and_an_older_sealing_are_found(keys):
    mine, other = bytes(70), b"x" * 70
    objects = Memory()
    store, _ = stored(keys, mine, objects)
    stored(keys, other, objects)
    name = name_of(mine)
    before = dict(objects.held)
    for piece in range(3):
        objects.held[media.piece_name(name, piece)] = before[
            media.piece_name(name_of(other), piece)
        ]
        with pytest.raises(MediaDamaged):
            opened(store, name)
        objects.held.update(before)
    store.store(name, io.BytesIO(mine), len(mine))  # the same content, sealed anew
    assert opened(store, name) == mine
    objects.held[f"{name}.1"] = before[f"{name}.1"]
    with pytest.raises(MediaDamaged, match="part 3 of 5"):
        opened(store, name)


@pytest.mark.usefixtures("small")
def test_a_head_that_names_another_size_is_found_and_costs_nothing(keys):
    content = bytes(40)
    store, objects = stored(keys, content)
    name = name_of(content)
    data = objects.held[name]
    for size in (b'"size":39', b'"size":41', b'"size":99', b'"size":-1', b'"size":4e9'):
        objects.held[name] = data.replace(b'"size":40', size.ljust(9))
        with pytest.raises(MediaDamaged):
            opened(store, name)
    head = data[11:].partition(b"}")[0] + b"}"
    huge = head.replace(b'"size":40', b'"size":%d' % (1 << 62))
    objects.held[name] = data[:7] + len(huge).to_bytes(4, "big") + huge + data[11 + len(head) :]
    with pytest.raises(MediaDamaged, match="part 1 of"):
        opened(store, name)


def test_a_large_file_is_never_held_whole(keys):
    size = 20 * media.FRAME + 5
    content = os.urandom(1024) * (size // 1024 + 1)
    content = content[:size]
    asked = []

    class Counted(io.BytesIO):
        def read(self, length=-1):
            asked.append(length)
            return super().read(length)

    objects = Memory()
    store = MediaStore(objects, keys)
    name = name_of(content)
    store.store(name, Counted(content), size)
    assert max(asked) == media.FRAME
    assert min(asked) > 0
    assert objects.most < media.PIECE_FRAMES * (media.FRAME + 64)
    assert sorted(objects.held) == [name, f"{name}.1", f"{name}.2"]
    objects.most = 0
    digest = hashlib.sha256()
    for part in store.open(name):
        assert len(part) <= media.FRAME
        digest.update(part)
    assert digest.digest() == hashlib.sha256(content).digest()
    assert objects.most <= media.FRAME + 17


@pytest.mark.parametrize("size", [2, 4])
def test_a_file_that_is_not_as_long_as_was_said_is_not_stored(keys, size):
    objects = Memory()
    with pytest.raises(ValueError, match="than"):
        MediaStore(objects, keys).store("media-x", io.BytesIO(b"abc"), size)
    assert objects.held == {}


def test_nothing_of_the_content_can_be_read_in_the_storage(keys):
    _, objects = stored(keys, "这份合同的金额是三百万元".encode() * 20)
    assert not any("三百万".encode() in data for data in objects.held.values())


def test_the_name_shows_equality_to_nobody_without_the_key(keys):
    sm3 = hashlib.new("sm3", b"known").hexdigest()
    assert media_name(KEY, sm3) == media_name(KEY, sm3)
    assert media_name(KEY, sm3) != media_name(name_key(b"j" * 16), sm3)
    assert sm3 not in media_name(KEY, sm3)


def test_the_key_of_another_tenant_opens_nothing(keys, tmp_path):
    _, objects = stored(keys, b"abc")
    other = MediaStore(objects, Keystore(tmp_path, "other", at=1))
    with pytest.raises(MediaDamaged, match="head"):
        opened(other, name_of(b"abc"))


def test_in_a_folder(keys, tmp_path):
    content = os.urandom(media.FRAME * 9)
    store, _ = stored(keys, content, LocalObjects(tmp_path / "objects"))
    assert opened(store, name_of(content)) == content
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "objects").glob("*/*")} == {0o400}
