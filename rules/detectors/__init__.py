"""Detectors of identifiers and secrets: `DETECTORS[name].find(folded_text)`."""

from __future__ import annotations

from rules.detectors import bank_card, cn_mobile, cn_resident_id, credential, uscc, wechat_id
from rules.detectors.found import Detector, Found

DETECTORS: dict[str, Detector] = {
    module.DETECTOR.name: module.DETECTOR
    for module in (cn_resident_id, bank_card, cn_mobile, uscc, credential, wechat_id)
}

__all__ = ["DETECTORS", "Detector", "Found"]
