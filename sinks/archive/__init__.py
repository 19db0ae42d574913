"""The archive: every message kept, sealed in segments, found again by what may be known of it."""
