"""Whether a broker lets us in, asked before a client is made.

The clients of kafka-python keep a broker's no to themselves: of wrong credentials, of a certificate
that is not trusted and of the wrong port they say, after a long while, that they could not reach
any broker.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

from ingest.kafka_refusal import other_protocol, refusal

_SECONDS = 2.5  # for all brokers together
_AGAIN = 4


def look_for_refusal(options: dict[str, Any]) -> None:
    """See whether a broker lets us in. What else keeps one from answering is not looked at.

    Args:
        options: how a client reaches the brokers (addresses, credentials).

    Raises:
        KafkaRefusal: it does not.
    """
    addresses, ours = options["bootstrap_servers"], options["security_protocol"]
    until = time.monotonic() + _SECONDS
    for place, address in enumerate(addresses):
        mine = {**options, "bootstrap_servers": [address]}
        error = _first_answer(mine, (until - time.monotonic()) / (len(addresses) - place))
        for _ in range(_AGAIN):
            if error is None or not _hung_up(error, ours) or refusal(address, error):
                break
            error = _first_answer(mine, (until - time.monotonic()) / (len(addresses) - place))
        if error is None:
            return
        if refused := refusal(address, error):
            raise refused
        # whoever is spoken to with TLS and does not know it, or without, hangs up without a word
        if _first_answer({**mine, **_other(ours)}, until - time.monotonic()) is None:
            raise other_protocol(address, ours)


def _hung_up(error: Exception, protocol: str) -> bool:
    """Whether it ended a TLS connection without a word: one that misses our certificate may do so,
    for what it says is lost when it hangs up on what we said meanwhile (TLS 1.3)."""
    return protocol.endswith("SSL") and ("EOF" in str(error) or "reset" in str(error).lower())


def _other(protocol: str) -> dict[str, Any]:
    """TLS instead of none, or none; without credentials, for who is there has not been proved."""
    if protocol.endswith("SSL"):
        return {"security_protocol": "PLAINTEXT"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return {"security_protocol": "SSL", "ssl_context": context}


def _first_answer(options: dict[str, Any], seconds: float) -> Exception | None:
    """What keeps a broker from answering; None: it does, and takes our credentials."""
    from kafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415
    from kafka.net.manager import (  # type: ignore[import-untyped]  # noqa: PLC0415
        KafkaConnectionManager,
    )
    from kafka.net.selector import NetworkSelector  # type: ignore[import-untyped]  # noqa: PLC0415

    loop = NetworkSelector()
    manager = KafkaConnectionManager(loop, **options)
    most_ms = max(seconds, 0.1) * 1000

    async def connected() -> None:
        first = manager.cluster.bootstrap_brokers()[0].node_id
        made = manager.get_connection(first, timeout_ms=most_ms)
        await manager.wait_for(made.init_future, most_ms)  # a TLS handshake has no limit of its own

    try:
        loop.run(connected)
    except (KafkaError, OSError, ValueError) as error:
        why: Exception = error
        return why
    finally:
        manager.close()
        loop.close()
    return None
