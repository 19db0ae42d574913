# ruff: noqa: F811 - parameters are fixtures, which are imported
"""Files that commands write for somebody: beside nothing that Mingjian keeps, and nobody has them
before the custody book has the line."""

from __future__ import annotations

import pytest

from rules.errors import EXIT_OK, EXIT_USAGE
from sinks.archive import custody
from sinks.whole_file import KeptFolder, new_file
from tests.unit.test_cli_archive import book
from tests.unit.test_cli_retention import (
    CUSTOMER,
    archived,  # noqa: F401 - fixtures
    call,  # noqa: F401
    folder,  # noqa: F401
)

SUBJECT = ("zhao", "retention", "subject", CUSTOMER, "--why", "T-1", "--export")
CUSTODY = ("shen", "archive", "custody", "--why", "T-1", "--out")
COMMANDS = pytest.mark.parametrize("command", [SUBJECT, CUSTODY], ids=["subject", "custody"])
KEPT = ["keys/access.yaml", "archive/alerts.jsonl", "archive/media.jsonl", "var/x",
        "messages/messages-7.jsonl", "outputs/alerts/x.jsonl", "link/access.yaml",
        "archive/segments/../deep/x"]  # fmt: skip


@COMMANDS
def test_nothing_is_written_where_mingjian_keeps_its_own(call, folder, command):
    for one in ("var", "outputs/alerts", "archive/deep", "archive/segments"):
        (folder / one).mkdir(parents=True, exist_ok=True)
    (folder / "link").symlink_to(folder / "keys")
    for place in KEPT:
        code, said = call(*command, folder / place)
        assert (code, "where Mingjian keeps its own files" in said) == (EXIT_USAGE, True), place
        assert not (folder / place).exists()
        assert not list(folder.rglob(".draft*"))
    assert not [one for one in book(folder) if one["action"].startswith("exported")]
    assert call(*command, folder / "copy")[0] == EXIT_OK


def test_a_folder_that_is_exchanged_meanwhile_leads_nowhere_else(tmp_path):
    """As somebody does who may write to a folder on the way: what was looked at is what is used."""
    for one in ("mine", "keys"):
        (tmp_path / one).mkdir()
    with new_file(tmp_path / "mine" / "access.yaml", mode=0o600, kept=[tmp_path / "keys"]) as file:
        file.write(b"x")
        (tmp_path / "mine").rename(tmp_path / "aside")
        (tmp_path / "mine").symlink_to(tmp_path / "keys")
    assert list((tmp_path / "keys").iterdir()) == []
    assert (tmp_path / "aside" / "access.yaml").read_bytes() == b"x"


def test_a_kept_folder_that_is_not_there_yet_is_not_made_a_file(tmp_path):
    with pytest.raises(KeptFolder), new_file(tmp_path / "keys", mode=0o600,
                                             kept=[tmp_path / "keys"]):  # fmt: skip
        pytest.fail("it was begun")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def at_the_line(folder, monkeypatch):
    """What is done when the line is about to be in the book that somebody exports."""
    deeds = []
    write = custody.CustodyBook.write

    def noting(self, deed):
        line = write(self, deed)
        for one in deeds if deed.action.startswith("exported") else ():
            one()
        return line

    monkeypatch.setattr(custody.CustodyBook, "write", noting)
    return deeds.append


@COMMANDS
def test_nothing_is_on_the_disk_before_the_line_is_in_the_book(call, folder, command, at_the_line):
    """So that who ends the command there has nothing that no line tells of."""
    out, seen = folder / "out", []
    out.mkdir()
    at_the_line(lambda: seen.extend((one.name, one.stat().st_size) for one in out.iterdir()))
    assert call(*command, out / "copy")[0] == EXIT_OK
    assert [size for _, size in seen] == [0]
    assert [one.name for one in out.iterdir()] == ["copy"]


@COMMANDS
def test_what_was_noted_and_could_not_be_written_is_noted_too(call, folder, command, at_the_line):
    place = folder / "copy"
    at_the_line(lambda: place.write_text("theirs"))
    code, said = call(*command, place)
    assert (code, "is there already" in said) == (EXIT_USAGE, True)
    assert place.read_text() == "theirs"
    exported, undone = book(folder)[-2:]
    assert exported["action"].startswith("exported")
    assert (undone["action"], undone["why"]) == ("not_exported", "T-1")
    assert undone["details"] == {"of_line": exported["n"]}
    assert "could not write what was exported" in call("shen", "archive", "custody")[1]
