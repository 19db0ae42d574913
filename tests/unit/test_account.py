"""Who somebody is, is not for the environment to say."""

from __future__ import annotations

import os
import pwd

import pytest

from config.settings import load
from jobs.account import account
from jobs.quarantine.desk import Desk

ME = pwd.getpwuid(os.getuid()).pw_name
DAEMON = pwd.getpwnam("daemon")


@pytest.mark.parametrize(
    ("told", "who"),
    [
        (f"{DAEMON.pw_uid}\n", "daemon"),
        ("4294967295", ME),  # no login
        ("", ME),
        ("x", ME),
        ("4123456789", "uid 4123456789"),
    ],
)
def test_the_login_counts_whatever_the_environment_says(tmp_path, monkeypatch, told, who):
    for name in ("USER", "LOGNAME", "SUDO_USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody")
    login = tmp_path / "loginuid"
    login.write_text(told)
    assert account(login) == who


def test_a_kernel_that_does_not_tell(tmp_path):
    assert account(tmp_path / "none") == ME


def test_who_works_off_the_quarantine_is_not_for_the_environment_to_say(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setenv("USER", "somebody")
    settings = load(overrides=(f"data_dir={tmp_path}",))
    assert Desk(settings).by == account() != "somebody"
    assert Desk(settings, "lina").by == "lina"
