"""Measures messages per second: the pure core, the embedded job, and Kafka to Kafka."""
