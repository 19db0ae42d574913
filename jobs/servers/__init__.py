"""Real servers as plain processes, for machines without Docker and for the integration tests."""
