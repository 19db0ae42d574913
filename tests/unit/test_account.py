"""Who somebody is, is not for the environment to say."""

from __future__ import annotations

import os
import pwd

import pytest

from jobs.account import account

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
