"""Results of rule tests as JUnit XML, which build servers read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # only written, never read
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

_NO_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(NamedTuple):
    """One case: where it stands, how long it took (seconds), `problem` "" when it passed."""

    file: str
    line: int
    rule: str
    name: str
    seconds: float
    problem: str
    details: str


def junit(cases: Iterable[Case]) -> str:
    """The XML: a suite for each file, in the order given."""
    root = ET.Element("testsuites", name="mingjian rules test")
    every = []
    for file, group in groupby(cases, key=lambda case: case.file):
        members = list(group)
        every += members
        suite = ET.SubElement(root, "testsuite", name=_text(file), **_totals(members))
        for case in members:
            one = ET.SubElement(
                suite,
                "testcase",
                name=_text(case.name),
                classname=_text(case.rule),
                file=_text(case.file),
                line=str(case.line),
                time=f"{case.seconds:.3f}",
            )
            if case.problem:
                failure = ET.SubElement(one, "failure", message=_text(case.problem))
                failure.text = _text(f"{case.file}:{case.line}: {case.problem}\n{case.details}")
    root.attrib.update(_totals(every))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _totals(cases: list[Case]) -> dict[str, str]:
    failed = sum(bool(case.problem) for case in cases)
    seconds = sum(case.seconds for case in cases)
    return {"tests": str(len(cases)), "failures": str(failed), "time": f"{seconds:.3f}"}


def _text(text: str) -> str:
    """Without characters that XML cannot hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
