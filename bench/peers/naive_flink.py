"""The job that one writes first, on PyFlink's DataStream: see `naive_job`.

Runs in a process of its own: `python -m bench.peers.naive_flink MESSAGES RULES OUTPUTS`, of which
RULES is JSON, a list of words for each rule.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyflink.common import Configuration, Encoder, Types, WatermarkStrategy
from pyflink.datastream import (
    KeyedProcessFunction,
    RuntimeContext,
    StreamExecutionEnvironment,
)
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat
from pyflink.datastream.state import ValueState, ValueStateDescriptor


class EveryRule(KeyedProcessFunction):  # type: ignore[misc] # pyflink is untyped
    """Counts the messages of a sender, and asks every rule of each."""

    def __init__(self, rules: list[list[str]]) -> None:
        self._rules = rules
        self._count: ValueState

    def open(self, runtime_context: RuntimeContext) -> None:
        """Called by Flink before the first message."""
        self._count = runtime_context.get_state(ValueStateDescriptor("count", Types.LONG()))

    def process_element(self, value: dict[str, Any], _ctx: Any) -> Iterator[str]:
        """One line for each rule that the message hits."""
        count = (self._count.value() or 0) + 1
        self._count.update(count)
        text = value["payload"]["text"]["content"]
        for number, words in enumerate(self._rules):
            for word in words:
                if word in text:
                    hit = {"rule": number, "msgid": value["payload"]["msgid"], "count": count}
                    yield json.dumps(hit)
                    break


def main(messages: str, rules: str, outputs: str) -> None:
    """Run the job to the end of the file."""
    options = Configuration()
    options.set_string("python.executable", sys.executable)
    options.set_string("python.execution-mode", "process")
    env = StreamExecutionEnvironment.get_execution_environment(options)
    env.set_parallelism(1)
    source = FileSource.for_record_stream_format(StreamFormat.text_line_format(), messages).build()
    sink = FileSink.for_row_format(outputs, Encoder.simple_string_encoder()).build()
    asked = EveryRule(json.loads(Path(rules).read_text(encoding="utf-8")))
    (
        env.from_source(source, WatermarkStrategy.no_watermarks(), "messages")
        .map(json.loads)
        .key_by(lambda message: message["payload"]["from"], key_type=Types.STRING())
        .process(asked, output_type=Types.STRING())
        .sink_to(sink)
    )
    env.execute("naive")


if __name__ == "__main__":
    main(*sys.argv[1:])
