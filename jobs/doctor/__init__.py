"""Whether the system can be trusted right now, and why not: looks, judgements, one verdict."""
