"""Detectors of identifiers and secrets: `DETECTORS[name].find(folded_text)`."""

from __future__ import annotations

from rules.detectors import (
    bank_card,
    cn_mobile,
    cn_resident_id,
    credential,
    hk_id,
    passport,
    plate,
    travel_permit,
    tw_id,
    uscc,
    wallet,
    wechat_id,
)
from rules.detectors.found import Detector, Found

DETECTORS: dict[str, Detector] = {
    module.DETECTOR.name: module.DETECTOR
    for module in (
        cn_resident_id,
        bank_card,
        cn_mobile,
        uscc,
        credential,
        wechat_id,
        passport,
        travel_permit,
        plate,
        hk_id,
        tw_id,
        wallet,
    )
}

__all__ = ["DETECTORS", "Detector", "Found"]
