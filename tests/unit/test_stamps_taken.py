"""Who stamps is in the settings; one authority that is away is told of and keeps no other."""

from __future__ import annotations

import pytest
import structlog

from config.settings import load
from jobs.stamping import stamp_newest
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.heads import append_note, publish
from sinks.ledger.stamps import stamps
from tests.support.time_authority import (
    made_by_kind,
    note_of,
    now,
    openssl_reply,
    reply_of,
    served,
)

MINUTE = 60_000


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    return made_by_kind(tmp_path_factory.mktemp("tsa"))


def authority(name, **given):
    fields = {"name": name, **given}
    return "{" + ", ".join(f"{key}: '{value}'" for key, value in fields.items()) + "}"


def settings_of(tmp_path, *given, every=60, archives=("archive",)):
    targets = ", ".join(f"{{kind: archive, name: {a}, path: {tmp_path / a}}}" for a in archives)
    return load(
        overrides=(
            f"targets=[{targets}]",
            f"stamps.authorities=[{', '.join(given)}]",
            f"stamps.every_minutes={every}",
        )
    )


def signed(tmp_path, size, at, archive="archive"):
    folder = tmp_path / archive / "ledger"
    folder.mkdir(parents=True, exist_ok=True)
    append_note(folder, note_of(size, at))
    publish(folder, note_of(size, at))
    return folder


def test_the_newest_head_is_stamped_by_each_authority_once_in_an_interval(tmp_path, authorities):
    start = now()
    folder = signed(tmp_path, 10, start - 5)
    signed(tmp_path, 20, start)
    with (
        served(reply_of(authorities["rsa"][1])) as one,
        served(reply_of(authorities["sm2"][1])) as two,
    ):
        settings = settings_of(
            tmp_path,
            authority("one", url=one.url, hash="sha256", ca_file=authorities["rsa"][0].roots_file),
            authority("two", url=two.url, ca_file=authorities["sm2"][0].roots_file),
        )
        first = stamp_newest(settings, now=start)
        assert [(asked.target, asked.authority, asked.size, asked.en) for asked in first] == [
            ("archive", "one", 20, ""),
            ("archive", "two", 20, ""),
        ]
        assert [(asked.proven.algorithm, asked.proven.sm2) for asked in first] == [
            ("sha256", False),
            ("sm3", True),
        ]
        assert [asked.until for asked in first] == [start, start]
        assert stamp_newest(settings, now=start + 90 * MINUTE)[0].proven is None  # the same head
        signed(tmp_path, 30, start + 1)
        again = stamp_newest(settings, now=start + 59 * MINUTE)
        assert [(asked.proven, asked.until) for asked in again] == [(None, start)] * 2
        assert all(asked.proven for asked in stamp_newest(settings, now=start + 60 * MINUTE))
        signed(tmp_path, 40, start + 2)
        assert all(asked.proven for asked in stamp_newest(settings, now=start + 3, at_once=True))
        assert len(one.asked) == len(two.asked) == 3
    assert [(kept.size, kept.authority) for kept in stamps(folder)] == [
        (size, name) for size in (20, 30, 40) for name in ("one", "two")
    ]
    assert len({query.nonce for _, query in one.asked + two.asked}) == 6


def test_an_authority_that_is_away_is_told_of_and_keeps_no_other(tmp_path, authorities):
    start = now()
    folder = signed(tmp_path, 10, start)
    certificates, signer = authorities["rsa"]
    with (
        served(reply_of(signer)) as gone,
        served(reply_of(signer)) as good,
        served(lambda query: openssl_reply(signer, query, "reply_sha256_only")) as refuses,
    ):
        gone.status = 503
        roots = certificates.roots_file
        other = authorities["ecdsa"][0].roots_file
        lost = tmp_path / "lost.pem"
        lost.write_bytes(certificates.roots)
        settings = settings_of(
            tmp_path,
            authority("away", url=gone.url, ca_file=roots),
            authority("refuses", url=refuses.url, ca_file=roots),
            authority("stranger", url=good.url, ca_file=other),
            authority("lost", url=good.url, ca_file=lost),
            authority("good", url=good.url, ca_file=roots),
        )
        lost.unlink()
        with structlog.testing.capture_logs() as lines:
            found = stamp_newest(settings, now=start)
        told = {asked.authority: asked for asked in found}
        for name, en, zh in (
            ("away", "HTTP 503", "HTTP 503"),
            ("refuses", "badAlg", "不接受该摘要算法"),
            ("stranger", "does not lead to an authority that is trusted", "不能追溯到"),
            ("lost", "No such file", "lost.pem"),
        ):
            assert en in told[name].en
            assert zh in told[name].zh
            assert name in told[name].en
            assert (told[name].proven, told[name].until) == (None, 0)
        assert told["good"].proven
        events = [(line["event"], line["log_level"], line["authority"]) for line in lines]
        assert events == [
            ("no_time_stamp", "warning", name) for name in ("away", "refuses", "stranger", "lost")
        ] + [("time_stamp", "info", "good")]
        assert good.url not in str(lines)
        gone.status = 200
        assert [asked.authority for asked in stamp_newest(settings, now=start) if asked.proven] == [
            "away"
        ]
    assert [kept.authority for kept in stamps(folder)] == ["away", "good"]


def test_ledgers_that_cannot_be_stamped_keep_no_other(tmp_path, authorities):
    start = now()
    damaged = signed(tmp_path, 10, start, "damaged")
    (damaged / "checkpoints").write_bytes(b"nonsense\n\nnonsense\n\n")
    signed(tmp_path, 10, start, "whole")
    certificates, signer = authorities["ecdsa"]
    with served(reply_of(signer)) as server:
        settings = settings_of(
            tmp_path,
            authority("one", url=server.url, ca_file=certificates.roots_file),
            archives=("damaged", "never-signed", "whole"),
        )
        found = stamp_newest(settings, now=start)
    assert [(asked.target, asked.authority, bool(asked.proven)) for asked in found] == [
        ("damaged", "", False),
        ("whole", "one", True),
    ]
    assert (
        "checkpoints is cut short at byte 20 (line 4), with no whole head behind byte 0"
        in found[0].en
    )
    assert found[0].zh


def test_nobody_is_asked_where_nobody_is_named(tmp_path):
    signed(tmp_path, 10, 1)
    assert stamp_newest(settings_of(tmp_path), now=1) == []
    assert stamp_newest(load(), now=1) == []


def test_the_password_comes_from_the_environment(tmp_path, authorities, monkeypatch):
    settings = settings_of(
        tmp_path,
        authority(
            "my.tsa", url="https://127.0.0.1/tsa", username="me",
            ca_file=authorities["rsa"][0].roots_file,
        ),
    )  # fmt: skip
    (one,) = settings.stamps.authorities
    assert one.password() == ""
    monkeypatch.setenv("MINGJIAN_MY_TSA_PASSWORD", "secret")
    assert one.password() == "secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "key", "allowed"),
    [
        ({"name": "a/b"}, "name", "1 to 100 of"),
        ({"name": ".hidden"}, "name", "1 to 100 of"),
        ({"name": "archive"}, "name", "no other authority, target or channel"),
        ({"url": "ftp://x"}, "url", "https://HOST/PATH"),
        ({"url": "https://"}, "url", "https://HOST/PATH"),
        ({"url": "https://me:secret@x/y"}, "url", "without password"),
        ({"url": "https://x/a b"}, "url", "https://HOST/PATH"),
        ({"hash": "md5"}, "hash", "sm3, sha256"),
        ({"ca_file": "/nowhere.pem"}, "ca_file", "a file of certificates"),
        ({"ca_file": "/dev/null"}, "ca_file", "a file of certificates"),
        ({"username": "me"}, "username", "empty, because the url is without TLS"),
        ({"ca_certs": "/nowhere.pem"}, "ca_certs", "empty, because the url is without TLS"),
        ({"url": "https://x", "ca_certs": "/dev/null"}, "ca_certs", "a file of certificates"),
    ],
    ids=lambda value: "-".join(f"{k} {v}" for k, v in value.items()) if type(value) is dict else "",
)
def test_an_authority_that_could_never_stamp_is_refused(tmp_path, authorities, given, key, allowed):
    fields = {
        "name": "tsa",
        "url": "http://127.0.0.1:1/tsa",
        "ca_file": authorities["sm2"][0].roots_file,
    }
    settings_of(tmp_path, authority(**fields))
    with pytest.raises(MingjianError) as found:
        settings_of(tmp_path, authority(**{**fields, **given}))
    assert f"stamps.authorities[0].{key} is" in found.value.en
    assert allowed in found.value.en
    assert "secret" not in found.value.en
    assert found.value.exit_code == EXIT_USAGE


def test_two_authorities_of_one_name_would_share_a_password(tmp_path, authorities):
    fields = {"url": "http://x/y", "ca_file": authorities["rsa"][0].roots_file}
    with pytest.raises(MingjianError, match=r"stamps.authorities\[1\].name is 'A_b'"):
        settings_of(tmp_path, authority("a.b", **fields), authority("A_b", **fields))
