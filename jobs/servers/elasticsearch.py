"""A single-node Elasticsearch from Maven Central's archives, run inside a Python process.

The distribution's own launcher is not on Maven Central, so `elasticsearch_node` builds the node
from its Java classes. Security is off: it listens on this machine only and is meant for
development and tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from config.java import java_home
from jobs.servers.jars import ELASTICSEARCH_VERSION, jar_folder
from jobs.servers.process import HOST, Server, free_port, start, take_port
from rules.errors import MingjianError

NAME = "elasticsearch"
_NEEDED_MODULES = ("jdk.jlink", "jdk.jdi")  # read by the node while it starts
_TRANSPORT = ("netty-", "transport-netty4-")
_DESCRIPTOR = {
    "name": "transport-netty4",
    "description": "Netty 4 based transport implementation",
    "version": ELASTICSEARCH_VERSION,
    "elasticsearch.version": ELASTICSEARCH_VERSION,
    "java.version": "17",
    "classname": "org.elasticsearch.transport.netty4.Netty4Plugin",
}


def launch(folder: Path, port: int = 0, heap_mb: int = 512) -> Server:
    """Start a node that keeps its data in `folder`."""
    if find_spec("jpype") is None:
        raise MingjianError(
            "the Python package JPype1 is needed to start Elasticsearch and is not installed",
            "启动 Elasticsearch 需要 Python 包 JPype1，但尚未安装",
            fix_en="run: make setup",
            fix_zh="请运行：make setup",
        )
    library = _java_library()
    port = take_port(port, NAME)
    home = folder / "home"
    _lay_out(home, jar_folder("elasticsearch"))
    pid_file, log = start(
        NAME,
        [
            sys.executable,
            str(Path(__file__).with_name("elasticsearch_node.py")),
            *(str(home), str(port), str(free_port()), str(library), str(heap_mb)),
        ],
        folder,
    )
    url = f"http://{HOST}:{port}"
    return Server(NAME, url, port, pid_file, log, lambda: _ready(url))


def _lay_out(home: Path, jars: Path) -> None:
    """The folders a node expects, with links to the archives instead of copies."""
    library, module = home / "lib", home / "modules" / "transport-netty4"
    for path in (library, module, home / "config", home / "data", home / "logs", home / "plugins"):
        path.mkdir(parents=True, exist_ok=True)
    for jar in jars.glob("*.jar"):
        link = (module if jar.name.startswith(_TRANSPORT) else library) / jar.name
        if not link.exists():
            link.unlink(missing_ok=True)  # a link to an archive that has gone
            link.symlink_to(jar)
    text = "".join(f"{key}={value}\n" for key, value in _DESCRIPTOR.items())
    (module / "plugin-descriptor.properties").write_text(text, encoding="utf-8")


def _java_library() -> Path:
    """libjvm.so of a Java that has the modules the node needs."""
    home = java_home()
    listed = subprocess.run(
        [str(home / "bin" / "java"), "--list-modules"], capture_output=True, text=True, check=False
    ).stdout
    missing = [name for name in _NEEDED_MODULES if f"{name}@" not in listed]
    library = home / "lib" / "server" / "libjvm.so"
    if not library.is_file():
        missing.append("libjvm.so")
    if missing:
        raise MingjianError(
            f"the Java in {home} lacks {', '.join(missing)}, which Elasticsearch needs",
            f"{home} 中的 Java 缺少 Elasticsearch 所需的 {'、'.join(missing)}",
            fix_en="run: apt-get install openjdk-17-jre-headless, and set JAVA_HOME to it",
            fix_zh="请运行：apt-get install openjdk-17-jre-headless，并把 JAVA_HOME 指向它",
        )
    return library


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health", timeout=2) as answer:  # noqa: S310
            return json.load(answer)["status"] in ("yellow", "green")
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False
