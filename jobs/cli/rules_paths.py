"""The argument that names rules: a directory, a file, or nothing for the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

PathArgument = Annotated[
    str,
    typer.Argument(
        help="规则目录或文件，缺省为随产品的规则 · rule directory or file, default: the catalogue"
    ),
]
