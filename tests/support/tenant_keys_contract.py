"""What every holder of a tenant's keys does (`sinks.archive.keys.TenantKeys`), as tests.

A test module makes a class of it and gives two fixtures of the module: `opened` opens, each time
anew, the keys of a tenant in one and the same place; `two_versions` is `laws(opened)`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.archive.keys import KeyMissing, KeyRefused, TenantKeys
from sinks.archive.segment import Entry, open_all, seal_segment

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
Opened = Callable[[str], TenantKeys]


def laws(opened: Opened) -> TenantKeys:
    """Keys of a tenant of their own, rotated once."""
    keys = opened("laws")
    keys.wrap(KEY, b"")
    keys.rotate(2)
    return keys


class TenantKeysContract:
    def test_a_key_comes_back_also_after_a_rotation_and_when_opened_anew(self, opened: Opened):
        keys = opened("acme")
        first = keys.wrap(KEY, b"segment 1")
        assert (keys.current(), keys.versions()) == (1, (1,))
        assert keys.rotate(2) == 2
        second = keys.wrap(KEY, b"segment 1")
        assert (first.version, second.version) == (1, 2)
        again = opened("acme")
        assert (again.current(), again.versions()) == (2, (1, 2))
        assert again.unwrap(first, b"segment 1") == again.unwrap(second, b"segment 1") == KEY
        assert again.rotate(3) == 3
        assert again.versions() == (1, 2, 3)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors],  # each holder has its own class
    )
    @given(
        key=st.binary(min_size=16, max_size=16),
        bound=st.binary(max_size=300),
        other=st.binary(max_size=300),
        version=st.integers(1, 2),
    )
    def test_what_is_wrapped_opens_as_what_it_is_alone(
        self, two_versions, key, bound, other, version
    ):
        wrapped = two_versions.wrap(key, bound)
        assert wrapped.version == 2
        assert key not in wrapped.body
        asked = wrapped._replace(version=version)
        if (other, version) == (bound, 2):
            assert two_versions.unwrap(asked, other) == key
        else:
            with pytest.raises(KeyRefused):
                two_versions.unwrap(asked, other)
        assert two_versions.unwrap(wrapped, bound) == key
        assert two_versions.wrap(key, bound).body != wrapped.body

    def test_every_flipped_byte_and_every_cut_is_refused(self, two_versions):
        wrapped = two_versions.wrap(KEY, b"segment 1")
        body = wrapped.body
        for at in range(len(body)):
            flipped = body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1 :]
            for altered in (flipped, body[:at]):
                with pytest.raises(KeyRefused, match="the key of segment 1 does not open"):
                    two_versions.unwrap(wrapped._replace(body=altered), b"segment 1")
        assert two_versions.unwrap(wrapped, b"segment 1") == KEY

    def test_a_version_that_is_not_there_is_named(self, two_versions):
        wrapped = two_versions.wrap(KEY, b"x")
        for version in (0, 3, 1 << 40):
            with pytest.raises(KeyMissing, match=f"version {version} of the key of tenant laws"):
                two_versions.unwrap(wrapped._replace(version=version), b"x")

    def test_another_tenants_key_does_not_open_it(self, opened: Opened, two_versions):
        wrapped = two_versions.wrap(KEY, b"x")
        other = opened("other")
        other.rotate(other.wrap(KEY, b"").version)
        assert wrapped.version in other.versions()
        with pytest.raises(KeyRefused):
            other.unwrap(wrapped, b"x")

    def test_a_segment_is_sealed_and_opened(self, opened: Opened, two_versions):
        entries = [Entry(f"m{n}", n, b'{"n":%d}' % n) for n in range(3)]
        sealed = seal_segment(entries, tenant="laws", name="s1", keys=two_versions, created_at=5)
        found = open_all(sealed.data, "s1", opened("laws"))
        assert [(one.msgid, one.seq, one.raw) for one in found] == entries
