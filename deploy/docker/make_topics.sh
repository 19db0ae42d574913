#!/bin/bash
# Makes the topics of the job and of those who run it. A topic that is there stays as it is.
set -euo pipefail

# One partition a TaskManager at the least; more cannot be had later without moving conversations
# to other partitions, so there is room to grow.
PARTITIONS=${PARTITIONS:-8}
DAY=$((24 * 3600 * 1000))

make_topic() { # NAME DAYS
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --create --if-not-exists \
        --topic "$1" --partitions "$PARTITIONS" --replication-factor 1 \
        --config retention.ms=$(($2 * DAY)) --config max.message.bytes=16777216 \
        --config cleanup.policy=delete \
        --config message.timestamp.after.max.ms=9223372036854775807 # see jobs/topics.py
}

make_topic messages 7
make_topic alerts 30
make_topic evidence 30
make_topic quarantine 30
make_topic late 30
make_topic incidents 30
make_topic handled 30
# what a target refused (docs/delivery.md)
make_topic rejected.redis 30
make_topic rejected.elasticsearch 30
make_topic rejected.archive 30
