"""A broker that does not let us in, told from one that is away: waiting does not mend it."""

from __future__ import annotations

import re
import ssl

from rules.errors import MingjianError

_IN_WORDS = re.compile(r"\w+AuthorizationFailedError")
# the other end went away in the middle of a handshake, which is no answer
_GONE = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class KafkaRefusal(MingjianError):
    """The broker does not take our credentials, or gives us no right to what we want; or one of us
    does not take the other's TLS."""


def refusal(where: str, error: BaseException | None) -> KafkaRefusal | None:
    """What to say of the client's error, when it is a no.

    Args:
        where: the broker's address.
    """
    from kafka import errors  # type: ignore[import-untyped]  # noqa: PLC0415

    noes = (
        errors.SaslAuthenticationFailedError,
        errors.UnsupportedSaslMechanismError,
        errors.IllegalSaslStateError,
        errors.AuthorizationError,
    )
    if (tls := _of_tls(error)) is not None:
        return _tls_refusal(where, tls)
    # what is refused to an idempotent producer is wrapped into an error that only has its name
    wrapped = _IN_WORDS.search(str(error)) if type(error) is errors.KafkaError else None
    if not isinstance(error, noes) and not wrapped:
        return None
    name = wrapped[0] if wrapped else type(error).__name__
    return KafkaRefusal(
        f"Kafka at {where} refuses us: {name}",
        f"Kafka（{where}）拒绝访问：{name}",
        fix_en="check kafka.sasl_mechanism, kafka.sasl_username, MINGJIAN_KAFKA_PASSWORD and the"
        " rights on the topics",
        fix_zh="请检查 kafka.sasl_mechanism、kafka.sasl_username、MINGJIAN_KAFKA_PASSWORD"
        " 和主题权限",
    )


def other_protocol(where: str, ours: str) -> KafkaRefusal:
    """The port speaks TLS and we do not, or the other way round.

    Args:
        ours: `kafka.security_protocol`.
    """
    tls = ours.endswith("SSL")
    theirs = ours.replace("PLAINTEXT", "SSL")
    if tls:
        theirs = "SASL_PLAINTEXT" if ours.startswith("SASL") else "PLAINTEXT"
    does_en, does_zh = ("does not speak TLS", "不使用 TLS") if tls else ("speaks TLS", "使用 TLS")
    return KafkaRefusal(
        f"Kafka at {where} {does_en}, and kafka.security_protocol is {ours}",
        f"Kafka（{where}）{does_zh}，而 kafka.security_protocol 是 {ours}",
        fix_en=f"set kafka.security_protocol to {theirs}, or name another port in kafka.bootstrap",
        fix_zh=f"请将 kafka.security_protocol 设为 {theirs}，或在 kafka.bootstrap 中改用其他端口",
    )


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind the client's own, when it is an answer."""
    if error is None:
        return None
    behind = (error.__context__, *error.args)  # during the handshake, and after it
    return next(
        (one for one in behind if isinstance(one, ssl.SSLError) and not isinstance(one, _GONE)),
        None,
    )


def _tls_refusal(where: str, error: ssl.SSLError) -> KafkaRefusal:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return KafkaRefusal(
            f"the certificate of Kafka at {where} is not trusted: {why}",
            f"Kafka（{where}）的证书不受信任：{why}",
            fix_en="name it in kafka.bootstrap as its certificate does, and name the file of its"
            " authority in SSL_CERT_FILE",
            fix_zh="请在 kafka.bootstrap 中使用证书上的名称，并用 SSL_CERT_FILE 指定其签发机构的"
            "证书文件",
        )
    why = error.reason or type(error).__name__
    return KafkaRefusal(
        f"Kafka at {where} and we do not agree on TLS: {why}",
        f"与 Kafka（{where}）的 TLS 协商失败：{why}",
        fix_en="it has to speak TLS 1.2 or newer on that port, and to ask for no certificate of a"
        " client; else name another port in kafka.bootstrap",
        fix_zh="该端口须支持 TLS 1.2 或更高版本，且不要求客户端证书；否则请在 kafka.bootstrap"
        " 中改用其他端口",
    )
