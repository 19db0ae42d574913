"""The process that is the Elasticsearch node. Started by `jobs.servers.elasticsearch`.

Arguments: HOME HTTP_PORT TRANSPORT_PORT LIBJVM HEAP_MB. Ends on SIGTERM after closing the node.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import jpype


def run(home: str, http_port: str, transport_port: str, library: str, heap_mb: str) -> None:
    """Start the node and stay until asked to end."""
    asked_to_end = threading.Event()
    jpype.startJVM(
        library,
        f"-Xms{heap_mb}m",
        f"-Xmx{heap_mb}m",
        "-Xrs",  # signals stay with Python, which closes the node
        f"--module-path={home}/lib",
        "--add-modules=jdk.net,jdk.management.agent,ALL-MODULE-PATH",
        f"-Des.path.home={home}",
        f"-Des.path.conf={home}/config",
        "-Dlog4j2.disable.jmx=true",
    )
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())
    node = _node(home, http_port, transport_port)
    node.start()
    asked_to_end.wait()
    node.close()


def _node(home: str, http_port: str, transport_port: str) -> Any:
    path = jpype.JClass("java.nio.file.Path").of
    settings = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for key, value in {
        "path.home": home,
        "node.name": "mingjian",
        "cluster.name": "mingjian-local",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": http_port,
        "transport.port": transport_port,
        # a developer's disk is often nearly full, and an index that turns read-only helps nobody
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }.items():
        settings = settings.put(key, value)
    logging = jpype.JClass("org.elasticsearch.common.logging.LogConfigurator")
    logging.configureESLogging()
    logging.setNodeName("mingjian")
    environment = jpype.JClass("org.elasticsearch.env.Environment")(
        settings.build(), path(home, "config")
    )
    bundles = jpype.JClass("org.elasticsearch.plugins.PluginsUtils").getModuleBundles(
        path(home, "modules")
    )
    loader = jpype.JClass("org.elasticsearch.plugins.PluginsLoader").createPluginsLoader(
        bundles, jpype.JClass("java.util.Set").of(), jpype.JClass("java.util.HashMap")()
    )
    return jpype.JClass("org.elasticsearch.node.Node")(environment, loader)


if __name__ == "__main__":
    run(*sys.argv[1:6])
