"""Options that the commands which make packs and reports share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Language(StrEnum):
    """Of the readable part."""

    zh = "zh"
    en = "en"


class Redact(StrEnum):
    """What is taken out of the raw records too."""

    numbers = "numbers"
    others = "others"


AlertOption = Annotated[
    list[str],
    typer.Option(
        "--alert",
        "-a",
        help="告警编号或其前缀，或 worst；可多次 · id, its prefix, or worst; repeatable",
    ),
]
CaseOption = Annotated[
    str,
    typer.Option("--case", help="多条告警合为一案时的案件名 · name of a case of several alerts"),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="输出目录 · directory; default DATA_DIR/packs")
]
ReasonOption = Annotated[
    str,
    typer.Option(
        "--reason", "-r", "--why", help="事由或工单号，写入保管链 · why, for the custody chain"
    ),
]
ByOption = Annotated[
    str, typer.Option("--by", help="制作人，默认为系统用户 · who; default: system user")
]
RuleOption = Annotated[
    Path | None, typer.Option("--rule", help="当时的规则文件 · the rule file as it was")
]
ContextOption = Annotated[
    bool, typer.Option("--context/--no-context", help="是否收入上下文 · with surroundings")
]
MediaOption = Annotated[
    bool, typer.Option("--media/--no-media", help="是否收入文件内容 · with contents of files sent")
]
GivenOption = Annotated[
    Path | None,
    typer.Option(
        "--given",
        help="此前给出的账本签名头，证明账本由它延续 · a head of the ledger given before",
    ),
]
UnmaskOption = Annotated[
    bool, typer.Option("--unmask", help="可读部分不脱敏 · show numbers in the PDF unmasked")
]
RedactOption = Annotated[
    list[Redact],
    typer.Option(
        "--redact",
        help="从原始记录中遮盖：numbers 证件卡号等长数字，others 案外人的发言；可多次"
        " · take out of the raw records too: long numbers, words of others; repeatable",
    ),
]
LangOption = Annotated[
    Language | None, typer.Option("--lang", help="报告语言，默认为界面语言 · of the report")
]
