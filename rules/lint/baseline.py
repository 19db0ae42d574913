"""Rules compared with the same rules as they were published: what judges differently has to say so
by a higher version, or two alerts of one version mean different things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rules.errors import RuleError
from rules.lint.source import Source
from rules.loader import judging
from rules.yaml_source import Document

Path = tuple[str, ...]


def unraised(now: Sequence[Source], before: Sequence[Source]) -> Iterator[RuleError]:
    """A rule of `now` that judges otherwise than in `before` under the same version."""
    published = {document.value.get("name"): source for source, document in _alerting(before)}
    for source, document in _alerting(now):
        name = document.value.get("name")
        old = published.get(name)
        if old is None or judging(old.documents) == judging(source.documents):
            continue
        was = next(_version(one) for _, one in _alerting([old]))
        if _version(document) <= was:
            yield document.error(
                ("mingjian", "version"),
                f"'{name}' judges otherwise than the published version {was}, under the same"
                " version",
                f"“{name}”的判断方式与已发布的版本 {was} 不同，版本号却没有增加",
                fix_en=f"write version: {was + 1}",
                fix_zh=f"请写 version: {was + 1}",
                code="MJ624",
            )


def _alerting(sources: Iterable[Source]) -> Iterator[tuple[Source, Document]]:
    for source in sources:
        for document in source.documents:
            if not _ours(document).get("signal"):
                yield source, document


def _ours(document: Document) -> dict[str, Any]:
    return document.value.get("mingjian") or {}


def _version(document: Document) -> int:
    version = _ours(document).get("version")
    return version if type(version) is int else 0
