"""A server that speaks the S3 protocol: S3Proxy, which checks signatures and keeps objects as files
of a folder."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import NamedTuple

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


class KeyStore(NamedTuple):
    """A file of PKCS #12 with the server's key and certificate, and the password of the file."""

    path: Path
    password: str


def launch(
    folder: Path,
    port: int = 0,
    heap_mb: int = 256,
    *,
    keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY),
    buckets: tuple[str, ...] = (),
    tls: KeyStore | None = None,
) -> Server:
    """Start a server that keeps its data in `folder`, a bucket as a folder of `data`.

    Args:
        keys: access key and secret key that every request has to be signed with.
        buckets: that are to be there.
        tls: to speak https, and nothing else.
    """
    port = take_port(port, NAME)
    data, temporary = folder / "data", folder / "tmp"
    for one in (data, temporary, *(data / name for name in buckets)):
        one.mkdir(parents=True, exist_ok=True)
    address = f"{'https' if tls else 'http'}://{HOST}:{port}"
    access, secret = keys
    values = {
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": access,
        "s3proxy.credential": secret,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": access,  # asked for, and of no use to a folder
        "jclouds.credential": secret,
        "jclouds.filesystem.basedir": str(data),
        "s3proxy.secure-endpoint" if tls else "s3proxy.endpoint": address,
    }
    if tls:
        values |= {
            "s3proxy.keystore-path": str(tls.path),
            "s3proxy.keystore-password": tls.password,
        }
    properties = folder / "s3proxy.properties"
    text = "".join(f"{key}={value}\n" for key, value in values.items())
    properties.touch(mode=0o600)
    properties.write_text(text, encoding="utf-8")
    logging = folder / "logback.xml"
    logging.write_text(_LOGGING, encoding="utf-8")
    command = [
        str(java_home() / "bin" / "java"),
        f"-Xmx{heap_mb}m",
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # small work: starting is what costs
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlogback.configurationFile={logging}",
        "-cp",
        f"{jar_folder('s3proxy')}/*",
        "org.gaul.s3proxy.Main",
        "--properties",
        str(properties),
    ]
    pid_file, log = start(NAME, command, folder)
    return Server(NAME, address, port, pid_file, log, lambda: _ready(port, secure=tls is not None))


def _ready(port: int, *, secure: bool) -> bool:
    """Whether it answers. Who it is, is for its clients to look at: they know its authority."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    if secure:
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(HOST, port, timeout=1, context=anybody)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0  # it wants a signature, so it is there
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
