"""A broker that does not let us in, told from one that is away: waiting does not mend it."""

from __future__ import annotations

import re
from typing import Any

from rules.errors import MingjianError

_CONNECT_MS = 5_000
_IN_WORDS = re.compile(r"\w+AuthorizationFailedError")


class KafkaRefusal(MingjianError):
    """The broker does not take our credentials, or gives us no right to what we want."""


def refusal(where: str, error: BaseException | None) -> KafkaRefusal | None:
    """What to say of the client's error, when it is the broker's no.

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


def show_credentials(options: dict[str, Any]) -> None:
    """Show them to a broker. What else keeps it from answering is not looked at.

    The clients of kafka-python keep this answer to themselves: of wrong credentials they say, after
    a long while, that they could not reach any broker.

    Raises:
        KafkaRefusal: it does not take them.
    """
    if "sasl_mechanism" not in options:
        return
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415
    from kafka.net.manager import (  # type: ignore[import-untyped]  # noqa: PLC0415
        KafkaConnectionManager,
    )
    from kafka.net.selector import NetworkSelector  # type: ignore[import-untyped]  # noqa: PLC0415

    loop = NetworkSelector()
    manager = KafkaConnectionManager(loop, **options)

    async def connected() -> None:
        first = manager.cluster.bootstrap_brokers()[0].node_id
        await manager.get_connection(first, timeout_ms=_CONNECT_MS)

    try:
        loop.run(connected)
    except (KafkaError, OSError, ValueError) as error:
        if refused := refusal(",".join(options["bootstrap_servers"]), error):
            raise refused from None
    finally:
        manager.close()
        loop.close()
