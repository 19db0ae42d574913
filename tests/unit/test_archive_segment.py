"""Sealed segments: each record opens alone, and only as what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.archive.keys import KeyMissing, KeyRefused
from sinks.archive.keystore import Keystore
from sinks.archive.packing import pack, unpack
from sinks.archive.segment import (
    Entry,
    OpenSegment,
    SegmentDamaged,
    intact,
    open_all,
    read_head,
    seal_segment,
)

RECORD = (
    '{"v":1,"kind":"archive","time":1603876152141,"received_at":1603876154000,"tenant":"acme",'
    '"seq":%d,"payload":{"msgid":"m%d","action":"send","from":"zhangsan","tolist":["wmAAAAAAAAAAAAAA"],'
    '"roomid":"","msgtime":1603876152141,"msgtype":"text","text":{"content":"这款产品保本"}}}'
)


def entries(count):
    return [
        Entry(f"m{number}", number, (RECORD % (number, number)).encode())
        for number in range(1, count + 1)
    ]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keystore(tmp_path_factory.mktemp("keys"), "acme", at=1)


@pytest.fixture(scope="module")
def sealed(keys):
    return seal_segment(entries(20), tenant="acme", name="s1", keys=keys, created_at=5)


def test_all_records_come_back_and_each_alone_by_its_place(keys, sealed):
    found = open_all(sealed.data, "s1", keys)
    assert [(one.msgid, one.seq, one.raw) for one in found] == entries(20)
    assert [one.place for one in found] == sealed.places
    head = read_head(sealed.data[:2000], "s1")
    assert (head.tenant, head.records, head.created_at) == ("acme", 20, 5)
    opened = OpenSegment(head, keys)
    for number, (entry, place) in enumerate(zip(entries(20), sealed.places, strict=True), 1):
        body = sealed.data[place.offset : place.offset + place.length]
        assert opened.record(number, entry.msgid, entry.seq, body) == entry.raw
    assert intact(sealed.data)


def test_nothing_of_a_message_can_be_read_in_it(sealed):
    for clear in ("保本".encode(), b"zhangsan", b"m17", b"wmAAAA"):
        assert clear not in sealed.data


def test_a_record_takes_less_room_than_it_had(sealed):
    assert len(sealed.data) < sum(len(entry.raw) for entry in entries(20)) / 2


def test_two_segments_of_the_same_messages_have_nothing_in_common(keys, sealed):
    other = seal_segment(entries(20), tenant="acme", name="s1", keys=keys, created_at=5)
    one, two = sealed.places[3], other.places[3]
    assert one == two
    assert (
        sealed.data[one.offset : one.offset + one.length]
        != other.data[two.offset : two.offset + two.length]
    )


@pytest.mark.parametrize(
    ("number", "msgid", "seq"), [(2, "m1", 1), (1, "m2", 1), (1, "m1", 2), (1, "", 0)]
)
def test_a_record_does_not_pass_for_another(keys, sealed, number, msgid, seq):
    opened = OpenSegment(read_head(sealed.data, "s1"), keys)
    place = sealed.places[0]
    body = sealed.data[place.offset : place.offset + place.length]
    with pytest.raises(SegmentDamaged, match=rf"record {number} \({msgid}\) was altered"):
        opened.record(number, msgid, seq, body)


def test_a_segment_does_not_pass_for_another(keys, sealed, tmp_path):
    with pytest.raises(SegmentDamaged, match="its head is damaged"):
        open_all(sealed.data, "s2", keys)
    other = Keystore(tmp_path, "acme", at=1)
    with pytest.raises(KeyRefused):
        open_all(sealed.data, "s1", other)
    later = seal_segment(entries(1), tenant="acme", name="s9", keys=keys, created_at=5)
    renamed = later.data.replace(b'"segment":"s9"', b'"segment":"s1"')
    with pytest.raises(KeyRefused):
        open_all(renamed, "s1", keys)


def test_a_key_that_is_gone_is_named(keys, tmp_path):
    mine = Keystore(tmp_path, "acme", at=1)
    mine.rotate(2)
    made = seal_segment(entries(1), tenant="acme", name="s1", keys=mine, created_at=5)
    with pytest.raises(KeyMissing, match="version 2"):
        open_all(made.data, "s1", keys)


def test_every_flipped_byte_is_found_and_the_other_records_can_be_read(keys, sealed):
    """Each byte of a segment of 20 records: found, and where it is in a record, that one named."""
    data, total = sealed.data, entries(20)
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        assert not intact(altered)
        hit = [n for n, place in enumerate(sealed.places) if 0 <= at - place.offset < place.length]
        try:
            found = open_all(altered, "s1", keys)
        except (SegmentDamaged, KeyRefused, KeyMissing):
            assert at < sealed.places[0].offset
            continue
        bad = [one for one in found if one.raw is None]
        if hit:
            assert [one.number for one in bad] == [hit[0] + 1]
            assert f"record {hit[0] + 1} (m{hit[0] + 1})" in bad[0].damage.en
        for one in found:
            assert one.raw in (None, total[one.number - 1].raw)


@pytest.mark.parametrize("cut", [0, 3, 7, 11, 200, 500, 2000])
def test_a_segment_that_was_cut_short(keys, sealed, cut):
    try:
        found = open_all(sealed.data[:cut], "s1", keys)
    except SegmentDamaged:
        assert cut < sealed.places[0].offset
    else:
        assert found[-1].raw is None
        for one, place in zip(found, sealed.places, strict=True):
            assert (one.raw is not None) == (place.offset + place.length <= cut)


def test_an_empty_segment(keys):
    made = seal_segment([], tenant="acme", name="s0", keys=keys, created_at=5)
    assert open_all(made.data, "s0", keys) == []


@given(st.binary(max_size=5_000))
def test_whatever_is_packed_comes_back(raw):
    assert unpack(pack(raw)) == raw


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (b"", "another version"),
        (b"\x01", "cut short"),
        (b"\x02" + pack(b"x")[1:], "another version"),
        (pack(b"x")[:-1], "cut short"),
        (pack(b"x") + b"y", "cut short"),
        (b"\x01" + b"\xff" * 9, "Error"),
    ],
)
def test_what_was_not_packed_is_refused(packed, says):
    with pytest.raises(ValueError, match=says):
        unpack(packed)
