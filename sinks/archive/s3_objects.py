"""Segments in object storage that speaks the S3 protocol.

A put is one request with the length and the MD5 of what is sent, so the server keeps all of it or
nothing, and nobody sees half an object. A name that is put again replaces what was there. What may
pass by itself is tried again a few times, with growing waits of random length, and is then an
OSError; what waits for a person (a wrong key, no right, no such bucket, a clock that is wrong) is a
MingjianError that says what to do.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError

from rules.errors import MingjianError
from sinks.archive.objects import NoObject

ACCESS_VARIABLE, SECRET_VARIABLE = "MINGJIAN_S3_ACCESS_KEY", "MINGJIAN_S3_SECRET_KEY"
_CONNECT_S, _ANSWER_S, _ATTEMPTS = 5, 30, 3
# what the library would read of the machine's own settings for AWS: nothing of it is meant for us
_NOT_OURS = ("profile", "config_file", "credentials_file", "ca_bundle", "data_path")
_GONE = {"NoSuchKey", "404"}
_NO_BUCKET = {"NoSuchBucket"}
_OTHER_DIGEST = {"BadDigest", "InvalidDigest"}
_BOUNDED = {"request_checksum_calculation": "when_required",  # others than AWS know no newer ones
            "response_checksum_validation": "when_required"}  # fmt: skip
_PASSING = 500  # and what is above

_REFUSALS: dict[str, tuple[str, str]] = {
    "InvalidAccessKeyId": (
        f"check {ACCESS_VARIABLE}: the storage does not know this key",
        f"请检查 {ACCESS_VARIABLE}：存储不认识该密钥",
    ),
    "SignatureDoesNotMatch": (
        f"check {SECRET_VARIABLE}: it does not belong to {ACCESS_VARIABLE}",
        f"请检查 {SECRET_VARIABLE}：它与 {ACCESS_VARIABLE} 不匹配",
    ),
    "RequestTimeTooSkewed": (
        "set this machine's clock: it differs from the storage's by too much",
        "请校准本机时钟：它与存储的时钟相差过大",
    ),
    "AccessDenied": (
        "give the key the rights to put, get, delete and list objects of the bucket",
        "请为该密钥授予在此存储桶中写入、读取、删除和列出对象的权限",
    ),
    "NoSuchBucket": (
        "make the bucket, or give the key the right to make it; or correct targets[].s3_bucket",
        "请创建该存储桶，或授予该密钥创建的权限；或更正 targets[].s3_bucket",
    ),
    "AuthorizationHeaderMalformed": (
        "correct targets[].s3_region",
        "请更正 targets[].s3_region",
    ),
    "PermanentRedirect": (
        "correct targets[].s3_endpoint and targets[].s3_region: the bucket is elsewhere",
        "请更正 targets[].s3_endpoint 和 targets[].s3_region：存储桶不在此处",
    ),
}
# codes below 500 that pass by themselves
_PASSES = {
    "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestTimeout",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted", "BadDigest",
    "IncompleteBody",
}  # fmt: skip


class Bucket(NamedTuple):
    """Where objects are: `endpoint` is http://HOST:PORT or https://HOST:PORT, names of objects
    begin with `prefix`; `style` is how a bucket is named, "path" or "virtual" (as part of the
    host). `timeout_s` bounds each wait for the server, `attempts` how often something is tried;
    `page` is how many names are asked for at once."""

    endpoint: str
    bucket: str
    prefix: str
    region: str = "us-east-1"
    style: str = "path"
    ca_certs: str = ""
    timeout_s: float = _ANSWER_S
    attempts: int = _ATTEMPTS
    page: int = 1_000


class S3Objects:
    """See `Objects`. The bucket is made with the first put where it is missing and the key may.

    The keys come from MINGJIAN_S3_ACCESS_KEY and MINGJIAN_S3_SECRET_KEY.

    Raises:
        MingjianError: the keys are not set.
    """

    def __init__(self, where: Bucket) -> None:
        self._where = where
        self._client = _client(where)

    def put(self, name: str, data: bytes) -> None:
        """See `Objects`. Raises MingjianError: the storage refuses it."""
        given = {
            "Bucket": self._where.bucket,
            "Key": self._key(name),
            "Body": data,
            # no checksum of theirs is asked of the storage, and this one everybody knows
            "ContentMD5": base64.b64encode(
                hashlib.md5(data, usedforsecurity=False).digest()
            ).decode(),
        }
        try:
            try:
                self._client.put_object(**given)
            except ClientError as error:
                if _code(error) not in _NO_BUCKET:
                    raise
                self._make_bucket(error)
                self._client.put_object(**given)
        except (ClientError, BotoCoreError) as error:
            raise self._told(error, name) from None

    def try_put(self) -> None:
        """Come back when the storage would take an object from us. It is sent one with a digest
        that is not its own: whoever may not put is refused for that, whoever may for the digest.

        Raises:
            MingjianError, OSError: as `put`. A bucket that is missing is not made.
        """
        name, wrong = "no-segment", hashlib.md5(b"", usedforsecurity=False).digest()
        given = {"Bucket": self._where.bucket, "Key": self._key(name), "Body": b"x"}
        try:
            self._client.put_object(**given, ContentMD5=base64.b64encode(wrong).decode())
        except ClientError as error:
            if _code(error) not in _OTHER_DIGEST:
                raise self._told(error, "") from None
        except BotoCoreError as error:
            raise self._told(error, "") from None
        else:  # a storage that looks at no digest
            self.delete(name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Objects`. Raises MingjianError: the storage refuses it."""
        if length == 0:  # the protocol has no such range
            self.get(name, offset, 1)
            return b""
        given = {"Bucket": self._where.bucket, "Key": self._key(name)}
        if offset or length is not None:
            end = "" if length is None else offset + length - 1
            given["Range"] = f"bytes={offset}-{end}"
        try:
            answer = self._client.get_object(**given)
            found: bytes = answer["Body"].read()
        except ClientError as error:
            if _code(error) in {"InvalidRange", "416"}:  # it ends before
                return b""
            raise self._told(error, name) from None
        except BotoCoreError as error:
            raise self._told(error, name) from None
        if answer["ContentLength"] != len(found):
            raise OSError(f"{self._shown()}: segment {name} came in part")
        if "Range" in given and "ContentRange" not in answer:  # the storage knows no ranges
            return found[offset:] if length is None else found[offset : offset + length]
        return found

    def delete(self, name: str) -> None:
        """See `Objects`. Raises MingjianError: the storage refuses it."""
        try:
            self._client.delete_object(Bucket=self._where.bucket, Key=self._key(name))
        except ClientError as error:
            if _code(error) not in _GONE | _NO_BUCKET:
                raise self._told(error, name) from None
        except BotoCoreError as error:
            raise self._told(error, name) from None

    def names(self) -> Iterator[str]:
        """See `Objects`. Raises MingjianError: the storage refuses it."""
        prefix = self._key("")
        where = self._where
        given: dict[str, Any] = {"Bucket": where.bucket, "Prefix": prefix, "MaxKeys": where.page}
        while True:
            try:
                page = self._client.list_objects_v2(**given)
            except ClientError as error:
                if _code(error) in _NO_BUCKET:  # nothing was ever put
                    return
                raise self._told(error, "") from None
            except BotoCoreError as error:
                raise self._told(error, "") from None
            for one in page.get("Contents", ()):
                yield one["Key"].removeprefix(prefix)
            if not page.get("IsTruncated"):
                return
            given["ContinuationToken"] = page["NextContinuationToken"]

    def _key(self, name: str) -> str:
        return f"{self._where.prefix.strip('/')}/{name}" if self._where.prefix else name

    def _make_bucket(self, missing: ClientError) -> None:
        given: dict[str, Any] = {"Bucket": self._where.bucket}
        if self._where.region != "us-east-1":  # the protocol's only region that must not be named
            given["CreateBucketConfiguration"] = {"LocationConstraint": self._where.region}
        try:
            self._client.create_bucket(**given)
        except ClientError as error:
            if _code(error) == "BucketAlreadyOwnedByYou":  # somebody else made it meanwhile
                return
            told = self._told(error, "")
            raise (self._told(missing, "") if isinstance(told, MingjianError) else told) from None
        except BotoCoreError as error:
            raise self._told(error, "") from None

    def _told(self, error: ClientError | BotoCoreError, name: str) -> OSError | MingjianError:
        """What an error of the library means; never with a key in it."""
        if isinstance(error, SSLError):
            words = str(error)[:200]
            return MingjianError(
                f"no TLS with {self._shown()}: {words}",
                f"无法与 {self._shown()} 建立 TLS：{words}",
                fix_en="name its authority's certificate in targets[].ca_certs",
                fix_zh="请在 targets[].ca_certs 中指明其 CA 证书",
            )
        if not isinstance(error, ClientError):
            words = str(error) if isinstance(error, HTTPClientError) else type(error).__name__
            return OSError(f"{self._shown()}: {words[:200]}")
        code, status = _code(error), error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        if name and code in _GONE:
            return NoObject(name, self._shown())
        if code in _PASSES or status >= _PASSING or status == 429:  # noqa: PLR2004
            return OSError(f"{self._shown()}: {code}")
        said = str(error.response.get("Error", {}).get("Message", ""))[:200]
        fix = _REFUSALS.get(code, _REFUSALS["AccessDenied"] if status == 403 else ("", ""))  # noqa: PLR2004
        return MingjianError(
            f"{self._shown()} refused it: {code} {said}".rstrip(),
            f"{self._shown()} 拒绝了请求：{code} {said}".rstrip(),
            fix_en=fix[0],
            fix_zh=fix[1],
        )

    def _shown(self) -> str:
        return f"bucket {self._where.bucket} at {self._where.endpoint}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _client(where: Bucket) -> Any:
    """Typed as Any: the library makes its methods when it runs."""
    access, secret = os.environ.get(ACCESS_VARIABLE), os.environ.get(SECRET_VARIABLE)
    if not access or not secret:
        missing = SECRET_VARIABLE if access else ACCESS_VARIABLE
        raise MingjianError(
            f"{missing} is not set; the archive's object storage wants it",
            f"未设置 {missing}，归档的对象存储需要它",
            fix_en=f"set {ACCESS_VARIABLE} and {SECRET_VARIABLE} in the environment",
            fix_zh=f"请在环境变量中设置 {ACCESS_VARIABLE} 和 {SECRET_VARIABLE}",
        )
    session = botocore.session.Session(
        session_vars=dict.fromkeys(_NOT_OURS, (None, None, None, None)),
        include_builtin_handlers=True,
    )
    return session.create_client(
        "s3",
        endpoint_url=where.endpoint,
        region_name=where.region,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        verify=where.ca_certs or None,
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=where.timeout_s,
            retries={"mode": "standard", "total_max_attempts": where.attempts},
            s3={"addressing_style": where.style, "payload_signing_enabled": True},
            proxies={},
            ignore_configured_endpoint_urls=True,
            user_agent="mingjian",
            **_BOUNDED,
        ),
    )
