"""Templates filled in: HTML in which all text from records is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from reports.pieces import Whole
from rules.alert import sm3_raw

TEMPLATES = Path(__file__).parent / "templates"
_LONGEST, _SHOWN = 1_500, 300  # characters of one value on a page


def page(template: str, variables: dict[str, Any]) -> str:
    """The template with these variables."""
    return _environment().get_template(template).render(**variables)


@cache
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_short,
    )
    environment.filters["sm3"] = sm3_raw
    return environment


def _short(value: Any) -> Any:
    """A record may carry ids and names of any length, which no table can hold."""
    if type(value) is str and len(value) > _LONGEST and not isinstance(value, Whole):
        return f"{value[:_SHOWN]}…… ({len(value):,})"
    return value
