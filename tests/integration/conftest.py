"""Real servers for all tests of this folder: on free ports, data in temporary folders, ended by
pid."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Kafka, Outputs, Settings, Source, Target
from jobs.servers import elasticsearch, flink, postgres, s3
from jobs.servers import kafka as kafka_server
from jobs.servers import redis as redis_module
from jobs.servers.process import Server
from jobs.topics import ensure_topics


def _keep(server: Server) -> Iterator[Server]:
    try:
        yield server.wait()
    finally:
        server.stop()


@pytest.fixture(scope="package")
def kafka(tmp_path_factory) -> Iterator[Server]:
    """A broker; `.address` is its bootstrap address."""
    yield from _keep(kafka_server.launch(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="package")
def redis_server(tmp_path_factory) -> Iterator[Server]:
    """A Redis; `.address` is its URL."""
    yield from _keep(redis_module.launch(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="package")
def elasticsearch_server(tmp_path_factory) -> Iterator[Server]:
    """An Elasticsearch; `.address` is its URL."""
    yield from _keep(elasticsearch.launch(tmp_path_factory.mktemp("elasticsearch")))


@pytest.fixture(scope="package")
def postgres_server(tmp_path_factory) -> Iterator[Server]:
    """A PostgreSQL; `.address` is its URL. Tests may stop it, and start it again at its port."""
    yield from _keep(postgres.launch(tmp_path_factory.mktemp("postgres")))


@pytest.fixture(scope="package")
def s3_server(tmp_path_factory) -> Iterator[Server]:
    """Object storage; `.address` is its URL. Tests may stop it, and start it again at its port."""
    yield from _keep(s3.launch(tmp_path_factory.mktemp("s3")))


@pytest.fixture(scope="package")
def flink_cluster(tmp_path_factory) -> Iterator[Server]:
    """A JobManager with two single-slot TaskManagers; `.address` is its REST URL."""
    servers = flink.launch(tmp_path_factory.mktemp("flink"))
    try:
        for server in servers:
            server.wait()
        yield servers[0]
    finally:
        for server in reversed(servers):
            server.stop()


@pytest.fixture
def prefix() -> str:
    """Keeps the topics, indices and tenants of one test apart from those of all others."""
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cluster_settings(kafka, prefix, tmp_path) -> Settings:
    """Settings of the cluster profile on the one broker, its topics made, no targets yet."""
    settings = Settings(
        profile="cluster",
        tenant=prefix,
        data_dir=str(tmp_path),
        source=Source(kind="kafka", topic=f"{prefix}.messages"),
        outputs=Outputs(kind="kafka", topic_prefix=f"{prefix}."),
        kafka=Kafka(bootstrap=kafka.address),
        targets=(),
    )
    ensure_topics(settings, partitions=2)
    return settings


@pytest.fixture
def redis_target(redis_server) -> Target:
    return Target(kind="redis", name="redis", url=redis_server.address)


@pytest.fixture
def elasticsearch_target(elasticsearch_server, prefix) -> Target:
    return Target(
        kind="elasticsearch",
        name="elasticsearch",
        url=elasticsearch_server.address,
        index_prefix=prefix,
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything beneath this folder starts real servers."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)
