"""A server that speaks the S3 protocol: S3Proxy, which checks signatures and keeps objects as files
of a folder."""

from __future__ import annotations

import http.client
from pathlib import Path

from config.java import java_home
from jobs.servers.jars import jar_folder
from jobs.servers.process import HOST, Server, start, take_port

NAME = "s3"
_LOGGING = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %p %m \\(%c\\)%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""
ACCESS_KEY, SECRET_KEY = "mingjian", "mingjian-secret"


def launch(folder: Path, port: int = 0, heap_mb: int = 256) -> Server:
    """Start a server that keeps its data in `folder`, a bucket as a folder of `data`."""
    port = take_port(port, NAME)
    data, temporary = folder / "data", folder / "tmp"
    for one in (data, temporary):
        one.mkdir(parents=True, exist_ok=True)
    values = {
        "s3proxy.endpoint": f"http://{HOST}:{port}",
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": ACCESS_KEY,
        "s3proxy.credential": SECRET_KEY,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": ACCESS_KEY,  # asked for, and of no use to a folder
        "jclouds.credential": SECRET_KEY,
        "jclouds.filesystem.basedir": str(data),
    }
    properties = folder / "s3proxy.properties"
    text = "".join(f"{key}={value}\n" for key, value in values.items())
    properties.write_text(text, encoding="utf-8")
    logging = folder / "logback.xml"
    logging.write_text(_LOGGING, encoding="utf-8")
    command = [
        str(java_home() / "bin" / "java"),
        f"-Xmx{heap_mb}m",
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlogback.configurationFile={logging}",
        "-cp",
        f"{jar_folder('s3proxy')}/*",
        "org.gaul.s3proxy.Main",
        "--properties",
        str(properties),
    ]
    pid_file, log = start(NAME, command, folder)
    return Server(NAME, f"http://{HOST}:{port}", port, pid_file, log, lambda: _ready(port))


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0  # it wants a signature, so it is there
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
