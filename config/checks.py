"""What each setting may be, and one clear line for what cannot work.

A value is refused here when nothing could ever run with it: a port that does not exist, a kind
nobody knows, an address no client can read. Whether a server answers or a folder can be written
is found out by whoever uses it; for folders there is `writable`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from config.access import check_access
from config.channels import check_channels
from config.places import wrong_place
from config.ranges import MAX_PORT, NOT, RANGES, TARGET_RANGES
from config.stamps import check_stamps
from config.written import Key, Written, nearest, refusal, shown, usage
from rules.errors import MingjianError

if TYPE_CHECKING:
    from config.settings import Settings, Target

_TOPIC_CHARS = 249  # Kafka's own limit
_TARGET_CHARS = 100

CHOICES: dict[str, tuple[str, ...]] = {
    "profile": ("embedded", "cluster"),
    "source.kind": ("files", "kafka"),
    "source.event_time": ("timestamp", "record"),
    "outputs.kind": ("files", "kafka"),
    "kafka.security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "kafka.sasl_mechanism": ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    "flink.state_backend": ("hashmap", "rocksdb"),
    "keys.kind": ("keystore", "pkcs11"),
    "targets[].kind": ("sqlite", "redis", "elasticsearch", "archive"),
    "targets[].objects": ("file", "s3"),
    "targets[].s3_style": ("path", "virtual"),
    "targets[].index": ("sqlite", "postgres"),
}
_FOLDERS = (
    "data_dir", "keys_dir", "source.path", "outputs.path", "rules.path", "rules.registry",
    "ingest.archive.keys_dir",
)  # fmt: skip
_NEVER_EMPTY = ("tenant", *(key for key in _FOLDERS if key != "rules.path"))
_ADDRESSES = {
    "redis": (
        "redis://HOST:PORT/NUMBER, rediss://… or unix://PATH",
        "redis://主机:端口/编号、rediss://… 或 unix://路径",
    ),
    "elasticsearch": (
        "http://HOST:PORT or https://HOST:PORT",
        "http://主机:端口 或 https://主机:端口",
    ),
}
_TLS_OPTIONS = {
    "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname",
}  # fmt: skip
# what Elasticsearch takes in the name of an index
_INDEX = re.compile(r'(?![-_+.])[^A-Z\\/*?"<>|,#:\s]{1,100}')
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def check(settings: Settings, written: Written) -> None:
    """Refuse the first value that cannot work.

    Raises:
        MingjianError: names the place, the key, what was given and what is allowed.
    """
    for name, (low, high) in RANGES.items():
        value = _value(settings, name)
        if not low <= value <= high or value == NOT.get(name):
            raise _refused(written, name, value, _range(name))
    for name, allowed in CHOICES.items():
        if "[]" not in name:
            _choose(written, _key(name), _value(settings, name), allowed)
    for name in _NEVER_EMPTY:
        if not _value(settings, name):
            raise _refused(written, name, "", ("a text that is not empty", "非空文本"))
    for name in _FOLDERS:
        if (path := _value(settings, name)) and (file := _file_on_the_way(path)):
            raise _refused(
                written, name, path, (f"a folder ({file} is a file)", f"目录（{file} 是文件）")
            )
    _check_kafka(settings, written)
    _check_keys(settings, written)
    if settings.flink.rest_url and not _is_rest_url(settings.flink.rest_url):
        allowed_url = "http://HOST:PORT, or empty for Flink inside the command's own process"
        allowed_zh = "http://主机:端口；留空则 Flink 在本命令的进程内运行"
        raise _refused(
            written, "flink.rest_url", settings.flink.rest_url, (allowed_url, allowed_zh)
        )
    check_targets(settings.targets, written)
    check_channels(settings.channels, (target.name for target in settings.targets), written)
    taken = [*(one.name for one in settings.targets), *(one.name for one in settings.channels)]
    check_stamps(settings.stamps, taken, written)
    check_access(settings.access, written)


def check_targets(targets: tuple[Target, ...], written: Written | None = None) -> None:
    """Refuse a target that could never be written to: its kind, name or address.

    Raises:
        MingjianError: names the target's key, what was given and what is allowed.
    """
    written = written or Written("", None)
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            raise usage(
                f"two targets are called {shown(name)}",
                f"有两个投递目标都叫 {shown(name)}",
                "give every target its own name (targets[].name)",
                "请给每个目标取不同的名字（targets[].name）",
            )
    for index, target in enumerate(targets):
        at = ("targets", str(index))
        for name in ("kind", "objects", "s3_style", "index"):
            _choose(written, (*at, name), getattr(target, name), CHOICES[f"targets[].{name}"])
        if wrong := _wrong_in(target) or wrong_place(target):
            name, en, zh = wrong
            key = (*at, name)
            raise refusal(written.place(key), key, getattr(target, name), (en, zh))
        for name, (low, high) in TARGET_RANGES.items():
            days, where = _of(target, name), (*at, *name.split(".")[1:])
            if not low <= days <= high:
                raise refusal(
                    written.place(where), where, days, (f"{low} to {high}", f"{low} 到 {high}")
                )


def writable(path: str | Path, key: str, mode: int = 0o777) -> Path:
    """The folder of a setting, made when it is not there, after a file could be written to it.

    For commands that write; it has the side effect of making the folder.

    Args:
        key: the setting that names it ("data_dir").
        mode: permissions of a folder that is made here; 0o700 for keys.

    Raises:
        MingjianError: it cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise usage(
            f"{key} is {folder}, which cannot be written: {why}",
            f"{key} 的值是 {folder}，该目录无法写入：{why}",
            f"make it writable, or name another folder: --set {key}=FOLDER",
            f"请使其可写，或换一个目录：--set {key}=目录",
        ) from None
    return folder


def _check_kafka(settings: Settings, written: Written) -> None:
    kafka = settings.kafka
    if not all(_is_host_port(one.strip()) for one in kafka.bootstrap.split(",")):
        allowed = "host:port, several with commas", "主机:端口，多个用逗号分隔"
        raise _refused(written, "kafka.bootstrap", kafka.bootstrap, allowed)
    if kafka.security_protocol.startswith("SASL"):
        for name in ("sasl_mechanism", "sasl_username"):
            if not getattr(kafka, name):
                choices = ", ".join(CHOICES.get(f"kafka.{name}", ("",))[1:])
                raise _refused(
                    written, f"kafka.{name}", "",
                    (f"{choices or 'a name'}, because kafka.security_protocol is "
                     f"{kafka.security_protocol}",
                     f"{choices or '用户名'}（kafka.security_protocol 为 "
                     f"{kafka.security_protocol} 时必填）"),
                )  # fmt: skip
    topic, prefix = settings.source.topic, settings.outputs.topic_prefix
    if not _is_topic(topic):
        raise _refused(written, "source.topic", topic, _topic(_TOPIC_CHARS))
    # the longest name it goes before is rejected.<target>
    longest = _TOPIC_CHARS - len("rejected.") - _TARGET_CHARS
    if prefix and not (_NAME.fullmatch(prefix) and len(prefix) <= longest):
        raise _refused(written, "outputs.topic_prefix", prefix, _topic(longest))


def _check_keys(settings: Settings, written: Written) -> None:
    keys = settings.keys
    if keys.kind != "pkcs11":
        return
    if not keys.library:
        allowed = "the path of the vendor's PKCS#11 library", "厂商 PKCS#11 库的路径"
        raise _refused(written, "keys.library", "", allowed)
    if not (keys.token or keys.serial):
        allowed = "the label of a token, or keys.serial", "令牌标签；或填写 keys.serial"
        raise _refused(written, "keys.token", "", allowed)


def _wrong_in(target: Target) -> tuple[str, str, str] | None:
    """(field, what it may be in English and Chinese) of the first one that cannot work."""
    if not _NAME.fullmatch(target.name) or len(target.name) > _TARGET_CHARS:
        chars = f"{_TARGET_CHARS} of A-Z a-z 0-9 . _ -"
        return "name", f"1 to {chars}", f"1 到 {chars.replace('of', '个字符，限')}"
    if target.kind == "sqlite":
        if not target.path or target.path.endswith("/") or os.path.isdir(target.path):
            return "path", "the path of a file", "文件路径"
        return None
    if target.kind == "archive":
        if not target.path or _file_on_the_way(target.path):
            return "path", "the path of a folder", "目录路径"
        if target.ca_certs and not os.path.isfile(target.ca_certs):
            return "ca_certs", "a file of certificates that is there", "存在的证书文件"
        return None
    if not (_is_redis if target.kind == "redis" else _is_elasticsearch)(target.url):
        return "url", *_ADDRESSES[target.kind]
    if target.ca_certs and not target.url.startswith(("https:", "rediss:")):
        return "ca_certs", "empty, because the url is without TLS", "留空（url 未使用 TLS）"
    if target.ca_certs and not os.path.isfile(target.ca_certs):
        return "ca_certs", "a file of certificates that is there", "存在的证书文件"
    if target.kind == "elasticsearch" and not _INDEX.fullmatch(target.index_prefix):
        return (
            "index_prefix",
            "1 to 100 characters that Elasticsearch takes in a name, in lower case",
            "1 到 100 个 Elasticsearch 名称允许的字符，须小写",
        )
    return None


def _is_redis(text: str) -> bool:
    try:
        url = urlsplit(text)
        if url.scheme == "unix":
            return bool(url.path) and not url.query
        # redis-py takes a database that is no number for database 0, in silence, and breaks on
        # an option it does not know only when it connects
        options = {key for key, _ in parse_qsl(url.query, keep_blank_values=True)}
        return (
            (url.scheme == "rediss" and options <= _TLS_OPTIONS)
            or (url.scheme == "redis" and not options)
        ) and _is_server(text) and bool(re.fullmatch(r"/?[0-9]{0,5}", url.path))  # fmt: skip
    except ValueError:
        return False


def _is_elasticsearch(text: str) -> bool:
    try:
        url = urlsplit(text)
        # the client wants the port said
        plain = url.scheme in {"http", "https"} and not url.query and not url.fragment
        return plain and _is_server(text) and url.port is not None
    except ValueError:
        return False


def _is_server(text: str) -> bool:
    """Whether a URL names a host. Raises ValueError for a port or a bracket that cannot be."""
    url = urlsplit(text)
    host = bool(url.hostname) and not re.search(r"[^\w.:-]", url.hostname or "")
    return host and url.port != 0 and not re.search(r"\s", text)


def _is_host_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or re.search(r"[\s/@\[\]]", bare) or (":" in bare and bare == host):
        return False
    return bool(re.fullmatch(r"[0-9]{1,5}", port)) and 0 < int(port) <= MAX_PORT


def _is_rest_url(url: str) -> bool:
    """http://HOST:PORT and nothing else: Flink's client is given host and port."""
    address = url.removeprefix("http://")
    return address != url and not address.startswith("[") and _is_host_port(address)


def _is_topic(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and len(name) <= _TOPIC_CHARS and name not in {".", ".."}


def _topic(longest: int) -> tuple[str, str]:
    return (
        f"1 to {longest} of A-Z a-z 0-9 . _ -, as Kafka wants it",
        f"1 到 {longest} 个字符，限 A-Z a-z 0-9 . _ -（Kafka 的要求）",
    )


def _range(name: str) -> tuple[str, str]:
    low, high = RANGES[name]
    if NOT.get(name) == 0:
        return f"{low}, or 1 to {high}", f"{low}，或 1 到 {high}"
    return f"{low} to {high}", f"{low} 到 {high}"


def _choose(written: Written, key: Key, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        en = ", ".join(one or "empty" for one in allowed)
        zh = "、".join(one or "留空" for one in allowed)
        raise refusal(written.place(key), key, value, (en, zh), nearest(value, allowed))


def _file_on_the_way(path: str) -> str:
    """The file that stands where this folder, or one above it, should be; "" when none does.

    Only looks: a command that reads must not make folders.
    """
    for one in (Path(path), *Path(path).parents):
        if os.path.exists(one):
            return "" if one.is_dir() else str(one)
    return ""


def _key(name: str) -> Key:
    return tuple(name.split("."))


def _value(settings: Settings, name: str) -> Any:
    value: Any = settings
    for step in _key(name):
        value = getattr(value, step)
    return value


def _of(target: Target, name: str) -> Any:
    """The value of "targets[].…" in one target."""
    value: Any = target
    for step in name.split(".")[1:]:
        value = getattr(value, step)
    return value


def _refused(written: Written, name: str, given: Any, allowed: tuple[str, str]) -> MingjianError:
    return refusal(written.place(_key(name)), _key(name), given, allowed)
