"""Quarantined records: reading them, and what people do with them."""
