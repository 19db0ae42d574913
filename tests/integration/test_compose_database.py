"""What PostgreSQL's image runs once for docker-compose.yml, on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from jobs.servers import postgres
from rules.errors import MingjianError
from sinks.archive.postgres_index import PostgresIndex
from sinks.archive.postgres_session import PASSWORD_VARIABLE, Server

SCRIPT = Path(__file__).resolve().parents[2] / "deploy/docker/make_database.sh"
OWN = "a'password\"with $signs"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server as the image leaves it to the script: one administrator, no other role."""
    made = postgres.launch(tmp_path_factory.mktemp("compose")).wait()
    try:
        as_first = {"user": postgres.USER, "password": postgres.PASSWORD, "autocommit": True}
        with psycopg.connect(made.address, **as_first) as one:
            one.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'admin'")
        with psycopg.connect(made.address, user="postgres", password="admin") as one:
            one.execute(f"ALTER ROLE {postgres.USER} RENAME TO of_the_test")
        environment = {
            "PATH": os.environ["PATH"], "PGHOST": "127.0.0.1", "PGPORT": str(made.port),
            "PGPASSWORD": "admin", "POSTGRES_USER": "postgres", PASSWORD_VARIABLE: OWN,
        }  # fmt: skip
        done = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.stop()


@pytest.fixture
def where(server, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, OWN)
    return Server(f"postgresql://127.0.0.1:{server.port}/mingjian", "mingjian")


def test_its_role_has_an_index_in_its_own_database(where):
    index = PostgresIndex(where, "mingjian_demo_archive")
    assert index.leaves() == 0
    index.close()


def test_its_role_may_do_nothing_beyond(where, server):
    with pytest.raises(MingjianError, match="permission denied"):
        PostgresIndex(where._replace(url=server.address), "mingjian_demo_archive")
    with psycopg.connect(where.url, user="mingjian", password=OWN, autocommit=True) as one:
        for asked in (
            "CREATE DATABASE other",
            "CREATE ROLE other",
            "SELECT pg_read_file('/etc/passwd')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                one.execute(asked)
