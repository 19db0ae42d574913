"""Presidio over texts, in an environment of its own; nothing of ours is imported: see `presidio`.

`python -P presidio_texts.py TEXTS`: JSON, a list of texts. Prints the pairs of a text and a kind of
those that both know, and CPU seconds of one pass, the first pass not counted.
"""

import json
import sys
import time
from pathlib import Path

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    PhoneRecognizer,
)

COMMON = {"CREDIT_CARD", "PHONE_NUMBER", "CRYPTO"}
_WARM = 200  # texts


def main(file: str) -> None:
    """Judge the texts."""
    texts = json.loads(Path(file).read_text(encoding="utf-8"))
    recognizers = [
        CreditCardRecognizer(),
        CryptoRecognizer(),
        EmailRecognizer(),
        IbanRecognizer(),
        PhoneRecognizer(supported_regions=("CN",)),
    ]
    analyzer = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
    )
    for text in texts[:_WARM]:
        analyzer.analyze(text, language="en")
    hits, begun = 0, time.process_time()
    for text in texts:
        found = analyzer.analyze(text, language="en")
        if found:
            hits += len({one.entity_type for one in found} & COMMON)
    print(hits, time.process_time() - begun)


if __name__ == "__main__":
    main(sys.argv[1])
