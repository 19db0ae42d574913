"""The pure core: messages, rules, matching and behaviour over time.

Nothing in this package imports Flink, a client library or the clock. Time is an argument,
state is data, and the same code runs in a unit test, in a worker process and in the JVM.
"""

ENGINE_VERSION = "0.1.0"
