"""Who runs this process."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

LOGIN = Path("/proc/self/loginuid")
_NOBODY = (1 << 32) - 1  # of processes that no login started


def account(login: Path = LOGIN) -> str:
    """The account somebody logged in with, which `sudo` and `su` do not change (the audit system's
    login id, see pam_loginuid(8)); where no login started the process, the one whose rights it
    has. Nothing of it comes from the environment. The number where it has no name.

    Args:
        login: where the kernel tells the login id.
    """
    try:
        number = int(login.read_text())
    except (OSError, ValueError):  # a kernel without audit
        number = _NOBODY
    if number == _NOBODY:
        number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number nobody registered
        return f"uid {number}"
