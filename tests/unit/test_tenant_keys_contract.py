"""The local key store does what every holder of a tenant's keys does."""

from __future__ import annotations

import pytest

from sinks.archive.keystore import Keystore
from tests.support.tenant_keys_contract import TenantKeysContract, laws


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return lambda tenant: Keystore(folder / tenant, tenant, at=1)


@pytest.fixture(scope="module")
def two_versions(opened):
    return laws(opened)


class TestKeystore(TenantKeysContract):
    pass
