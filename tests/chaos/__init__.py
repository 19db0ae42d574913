"""The chaos harness: real servers, planted violations, faults by seed, an oracle of its own."""
