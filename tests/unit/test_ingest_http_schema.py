"""The endpoint keeps to its own OpenAPI description, whatever is sent (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from config.settings import Ingest
from ingest.endpoint import build
from ingest.endpoint_tokens import Tokens
from tests.support.endpoint import TOKEN, TOKENS, serving

LIMITS = Ingest(wait_seconds=5)
# the same requests in every run: a failure here is one of the change that is tested
BOUNDED = settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DESCRIBED = build({}, Tokens(TOKENS), LIMITS, str).openapi()
OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(DESCRIBED).get_all_operations()
}


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("schema"), LIMITS) as (address, _):
        yield address


def test_all_that_is_served_is_described() -> None:
    assert set(OPERATIONS) == {"POST /v1/records", "GET /healthz", "GET /readyz"}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, GenerationMode.POSITIVE) for name in OPERATIONS),
        ("POST /v1/records", GenerationMode.NEGATIVE),  # the others take nothing
    ],
)
def test_every_answer_is_one_that_is_described(address: str, name: str, mode) -> None:
    operation = OPERATIONS[name]
    headers = {"Authorization": f"Bearer {TOKEN}"} if "records" in name else {}

    @BOUNDED
    @given(st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(base_url=address, headers=headers, timeout=30)

    check()
