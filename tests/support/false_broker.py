"""As much of a Kafka broker as a producer needs, on a real socket: it can say no to everything.

Like a real one it hangs up without a word on whoever does not speak as it does."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.protocol.admin import CreateTopicsRequest, CreateTopicsResponse
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    MetadataRequest,
    MetadataResponse,
)
from kafka.protocol.producer import (
    InitProducerIdRequest,
    InitProducerIdResponse,
    ProduceRequest,
    ProduceResponse,
)
from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

# errors of Kafka's protocol, by their numbers
UNKNOWN_TOPIC, UNKNOWN_VERSION = 3, 35
NO_RIGHT_TO_TOPIC, NO_RIGHT_TO_CLUSTER, NO_SUCH_MECHANISM = 29, 31, 33
POLICY_VIOLATION, NOT_AUTHENTICATED = 44, 58
# the newest version of each request that is understood
VERSIONS: dict[Any, int] = {
    ApiVersionsRequest: 0,
    MetadataRequest: 7,
    CreateTopicsRequest: 3,
    InitProducerIdRequest: 1,
    ProduceRequest: 7,
    SaslHandshakeRequest: 1,
    SaslAuthenticateRequest: 1,
}
LARGEST = 100 << 20  # bytes of a request that are read
BY_KEY = {request.API_KEY: request for request in VERSIONS}


class Broker(socketserver.ThreadingTCPServer):
    """Each topic has one partition.

    `topics` are those that are there, with the error that asking for one brings (0: none); the
    other fields are the errors of requests. `taken` counts batches that were written, by topic.

    Args:
        tls: it speaks TLS with this.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.tls = tls
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.topics: dict[str, int] = {}
        self.authentication = self.creating = self.numbering = self.writing = 0
        self.mechanisms = ["PLAIN"]
        self.taken: dict[str, int] = {}

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that went away, or does not speak TLS as we do: nothing to be told."""

    def answer(self, asked: Any) -> Any:
        """The response to a request."""
        return getattr(self, f"_{type(asked).__name__.removesuffix('Request')}")(asked)

    def _ApiVersions(self, _: Any) -> Any:
        key = ApiVersionsResponse.ApiVersion
        keys = [
            key(api_key=request.API_KEY, min_version=0, max_version=version)
            for request, version in VERSIONS.items()
        ]
        return ApiVersionsResponse(error_code=0, api_keys=keys)

    def _SaslHandshake(self, asked: Any) -> Any:
        error = 0 if asked.mechanism in self.mechanisms else NO_SUCH_MECHANISM
        return SaslHandshakeResponse(error_code=error, mechanisms=self.mechanisms)

    def _SaslAuthenticate(self, _: Any) -> Any:
        error = self.authentication
        return SaslAuthenticateResponse(
            error_code=error, error_message="no" if error else None, auth_bytes=b"",
            session_lifetime_ms=0,
        )  # fmt: skip

    def _Metadata(self, asked: Any) -> Any:
        host, port = self.server_address
        broker = MetadataResponse.MetadataResponseBroker(node_id=1, host=host, port=port, rack=None)
        topic = MetadataResponse.MetadataResponseTopic
        partition = topic.MetadataResponsePartition(
            error_code=0, partition_index=0, leader_id=1, leader_epoch=0, replica_nodes=[1],
            isr_nodes=[1], offline_replicas=[],
        )  # fmt: skip
        names = [one.name for one in asked.topics] if asked.topics is not None else self.topics
        errors = {name: self.topics.get(name, UNKNOWN_TOPIC) for name in names}
        return MetadataResponse(
            throttle_time_ms=0, brokers=[broker], cluster_id="false", controller_id=1,
            topics=[
                topic(error_code=error, name=name, is_internal=False,
                      partitions=[] if error else [partition])
                for name, error in errors.items()
            ],
        )  # fmt: skip

    def _CreateTopics(self, asked: Any) -> Any:
        if not self.creating:
            self.topics.update({one.name: 0 for one in asked.topics})
        result = CreateTopicsResponse.CreatableTopicResult
        results = [
            result(name=one.name, error_code=self.creating, error_message=None)
            for one in asked.topics
        ]
        return CreateTopicsResponse(throttle_time_ms=0, topics=results)

    def _InitProducerId(self, _: Any) -> Any:
        return InitProducerIdResponse(
            throttle_time_ms=0, error_code=self.numbering, producer_id=7, producer_epoch=0
        )

    def _Produce(self, asked: Any) -> Any:
        topic = ProduceResponse.TopicProduceResponse
        results = []
        for one in asked.topic_data:
            partitions = [
                topic.PartitionProduceResponse(
                    index=part.index, error_code=self.writing, base_offset=0,
                    log_append_time_ms=-1, log_start_offset=0,
                )
                for part in one.partition_data
            ]  # fmt: skip
            results.append(topic(name=one.name, partition_responses=partitions))
            if not self.writing:
                self.taken[one.name] = self.taken.get(one.name, 0) + len(partitions)
        return ProduceResponse(throttle_time_ms=0, responses=results)


class _Connection(socketserver.StreamRequestHandler):
    def setup(self) -> None:
        assert isinstance(self.server, Broker)
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(
                self.request, server_side=True, do_handshake_on_connect=False
            )
            try:
                self.request.do_handshake()
            except OSError:
                _hang_up(self.request)
                raise
        super().setup()

    def handle(self) -> None:
        while len(size := self.rfile.read(4)) == 4:
            if (length := struct.unpack(">i", size)[0]) > LARGEST:
                return
            data = self.rfile.read(length)
            key, version, number = struct.unpack(">hhi", data[:8])
            assert isinstance(self.server, Broker)
            if version > VERSIONS[BY_KEY[key]]:  # only of the first one: then they are known
                response = self.server.answer(ApiVersionsRequest())
                response.error_code, version = UNKNOWN_VERSION, 0
            else:
                asked = BY_KEY[key].decode(data, version=version, header=True)
                response = self.server.answer(asked)
            response.API_VERSION = version
            response.with_header(correlation_id=number)
            self.wfile.write(response.encode(header=True, framed=True))


def _hang_up(request: ssl.SSLSocket) -> None:
    """Close so that what was said last arrives: with bytes unread it might be thrown away."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(request.fileno())) as plain:
        plain.shutdown(socket.SHUT_WR)
        plain.settimeout(1.0)
        while plain.recv(4096):
            pass


@contextmanager
def broker(tls: ssl.SSLContext | None = None) -> Iterator[Broker]:
    """A broker that runs."""
    with Broker(tls) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
