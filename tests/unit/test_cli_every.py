"""A command is loaded alone, and all of them where somebody asks what there is."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from jobs.cli.every import COMMANDS, assembled


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_is_the_whole_of_that_command(name):
    alone = typer.main.get_command(assembled([name])).commands
    of_all = typer.main.get_command(assembled()).commands
    assert set(alone) == {name}
    assert leaves(alone[name]) == leaves(of_all[name])


def leaves(command):
    """Names of what is below a command, and its own options."""
    return (
        {param.name for param in command.params},
        {key: leaves(one) for key, one in getattr(command, "commands", {}).items()},
    )


CLIENTS = ("kafka", "elasticsearch", "redis", "psycopg", "botocore", "weasyprint", "pyflink")


@pytest.mark.parametrize("words", [["--version"], ["report", "verify", "--help"]])
def test_what_a_command_does_not_need_is_not_loaded(words):
    code = (
        "import sys\nfrom jobs.cli.main import main\n"
        f"sys.argv = ['mingjian', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded', *[name for name in {CLIENTS!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.splitlines()[-1].split()[1:]
    assert "weasyprint" not in loaded
    assert "pyflink" not in loaded
    if words == ["--version"]:
        assert loaded == []
