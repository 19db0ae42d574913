"""What a person sees when Mingjian itself is wrong."""

from __future__ import annotations

import json

import pytest

from jobs.cli import main as entry
from jobs.cli.app import language


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", f"unexpected ZeroDivisionError in {__name__}:"),
        ("zh", f"意外错误 ZeroDivisionError（{__name__}:"),
    ],
)
def test_a_defect_names_its_place_and_quotes_nothing(monkeypatch, capsys, lang, says):
    def defect(*_: object) -> None:
        def hook(_: object) -> None:
            raise ZeroDivisionError("他的身份证是 11010519491231002X")

        json.loads("{}", object_hook=hook)

    monkeypatch.setenv("MINGJIAN_LANG", lang)
    monkeypatch.delenv("MINGJIAN_DEBUG", raising=False)
    monkeypatch.setattr(entry, "translate", defect)
    assert language() == lang
    with pytest.raises(SystemExit) as ended:
        entry.main()
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert says in said
    assert "jobs.cli.main:" in said
    assert "MINGJIAN_DEBUG=1" in said
    assert "11010519491231002X" not in said
