"""The pure core on one core: bytes of records in, packed hits out, as the job calls it.

CPU seconds of this thread, batches of 1,000 records, a matcher of its own for each round (one that
has seen a message does not judge it again), the collector of cycles as a worker has it. What is
compared takes turns in one run.
"""
