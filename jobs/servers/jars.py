"""Java archives the servers and the job need: pinned versions from Maven Central, kept in a cache.

Each set is fetched once by `mvn dependency:copy-dependencies` into
`$XDG_CACHE_HOME/mingjian/jars/<name>-<digest of its coordinates>`; a changed version is a new
folder, and a folder only appears when it is complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules.errors import MingjianError

FLINK_VERSION = "2.3.0"
KAFKA_VERSION = "4.2.0"
ELASTICSEARCH_VERSION = "8.19.21"

# name -> (coordinates, fetch what they depend on as well)
SETS: dict[str, tuple[tuple[str, ...], bool]] = {
    # shaded; no release names Flink 2.3 yet, the tests prove this one on it
    "flink-kafka": (("org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",), False),
    "flink-prometheus": ((f"org.apache.flink:flink-metrics-prometheus:{FLINK_VERSION}",), False),
    "kafka": (
        (
            f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
            f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}",
            "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",  # without it the broker is mute
        ),
        True,
    ),
    "elasticsearch": (
        (
            f"org.elasticsearch:elasticsearch:{ELASTICSEARCH_VERSION}",
            f"org.elasticsearch.plugin:transport-netty4:{ELASTICSEARCH_VERSION}",
        ),
        True,
    ),
    "s3proxy": (("org.gaul:s3proxy:2.6.0",), True),
}
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def connector_jar() -> Path:
    """The Kafka connector of the job (`pipeline.jars`). Fetched when it is not there yet."""
    return next(jar_folder("flink-kafka").glob("flink-sql-connector-kafka-*.jar"))


def prometheus_jar() -> Path:
    """Flink's Prometheus reporter, which the wheel does not carry."""
    return next(jar_folder("flink-prometheus").glob("flink-metrics-prometheus-*.jar"))


def cache_root() -> Path:
    """Where fetched archives are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mingjian" / "jars"


def jar_folder(name: str) -> Path:
    """Folder with the archives of the set `name`, fetched on first use.

    Raises:
        MingjianError: Maven is missing, or Maven Central cannot be reached.
    """
    coordinates, transitive = SETS[name]
    digest = hashlib.sha256("\n".join(coordinates).encode()).hexdigest()[:12]
    root = cache_root()
    folder = root / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{name}.lock"):
        if folder.is_dir():  # somebody else fetched it while we waited
            return folder
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as work:
            _copy_dependencies(Path(work), coordinates, transitive)
            (Path(work) / "jars").rename(folder)
    return folder


def _copy_dependencies(work: Path, coordinates: tuple[str, ...], transitive: bool) -> None:
    (work / "pom.xml").write_text(_pom(coordinates), encoding="utf-8")
    command = [
        find_maven(),
        "--batch-mode",
        "--quiet",
        "--strict-checksums",
        _PLUGIN,
        f"-DoutputDirectory={work / 'jars'}",
        "-DincludeScope=runtime",
        f"-DexcludeTransitive={'false' if transitive else 'true'}",
    ]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        why = lines[0].removeprefix("[ERROR] ") if lines else f"mvn exited with {done.returncode}"
        raise MingjianError(
            f"cannot fetch {', '.join(coordinates)} from Maven Central: {why}",
            f"无法从 Maven Central 取得 {'、'.join(coordinates)}：{why}",
            fix_en="check the network and ~/.m2/settings.xml (mirror, proxy), then run it again",
            fix_zh="请检查网络和 ~/.m2/settings.xml（镜像、代理），然后重试",
        )


def _pom(coordinates: tuple[str, ...]) -> str:
    dependencies = ""
    for coordinate in coordinates:
        group, artifact, version = coordinate.split(":")
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>mingjian</groupId><artifactId>jars</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def find_maven() -> str:
    """Path of `mvn`; installed through Debian's packages where this process may."""
    found = shutil.which("mvn")
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "--no-install-recommends", "maven"]
        subprocess.run(install, capture_output=True, check=False)
        found = shutil.which("mvn")
        if found:
            return found
    raise MingjianError(
        "Maven (mvn) is needed to fetch the servers' Java archives and is not installed",
        "下载服务器所需的 Java 包需要 Maven（mvn），但尚未安装",
        fix_en="run: apt-get install maven",
        fix_zh="请运行：apt-get install maven",
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
