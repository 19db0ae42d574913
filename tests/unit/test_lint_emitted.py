"""Which fields a type of record fills, as `check` believes, is what the decoders do."""

from __future__ import annotations

import pytest

from rules import feeds
from rules.decode import Decoder
from rules.fields import DIRECTORY_FIELDS, FIELDS
from rules.lint.emitted import ALL, TYPES_OF, possible
from rules.message import DIRECT_FIELDS
from rules.sigma_parse import Named, parse_detection
from tests.unit.test_decode_samples import RAW, RECEIVED


@pytest.mark.parametrize("kind", RAW)
def test_a_sample_has_no_field_that_check_thinks_it_cannot_have(kind: str) -> None:
    message = Decoder("demo", assume_received_at=RECEIVED).decode(RAW[kind])
    filled = [*message.fields, *(name for name in ("text", "quoted") if message.field(name))]
    assert message.type in ALL
    assert [name for name in filled if message.type not in TYPES_OF[name]] == []


def test_every_field_of_a_type_is_known() -> None:
    of_everybody = (DIRECT_FIELDS | DIRECTORY_FIELDS | {"event.source"}) - {"text", "quoted"}
    assert set(TYPES_OF) == FIELDS - of_everybody
    assert all(types and types <= ALL for types in TYPES_OF.values())
    for event in feeds.events().values():
        assert event.type in TYPES_OF["text"]


@pytest.mark.parametrize(
    ("selection", "types"),
    [
        ({"type": "file"}, {"file"}),
        ({"type": ["file", "link"], "file.name|endswith": ".pdf"}, {"file"}),
        ({"type": "text", "file.name": "x"}, set()),
        ({"type": "text", "file.name": None}, {"text"}),
        ({"type": "text", "file.name|exists": False}, {"text"}),
        ({"revoke.pre_msgid|exists": True}, {"revoke"}),
        ({"sender": "zhangwei"}, ALL),
        ([{"type": "file"}, {"type": "link"}], {"file", "link"}),
        ({"type": "a-type-nobody-knows"}, {"*"}),
    ],
)  # fmt: skip
def test_the_types_a_selection_may_hold_for(selection: object, types: set[str]) -> None:
    tree = parse_detection({"it": selection, "condition": "it"}, Named({}))
    assert possible(tree) == types


def test_what_is_not_of_a_type_may_be_of_any_other() -> None:
    section = {"it": {"type": "file"}, "condition": "not it"}
    assert possible(parse_detection(section, Named({}))) == ALL - {"file"}
