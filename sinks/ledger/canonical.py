"""The one text of a value."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, UTF-8 (RFC 8785, no floats used)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
