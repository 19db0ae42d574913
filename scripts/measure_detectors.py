"""Measures how often each detector fires where it should not, and prints a table.

By hand: `.venv/bin/python -m scripts.measure_detectors`; a few minutes on one core. Every draw
comes from a seed, so two runs print the same. What is counted is texts, not findings.

* digits: runs of random digits, 8 to 20 of them (each length as often), alone in a message
* with keyword: the same runs right after a keyword of the detector: the worst case, since a person
  who writes 护照 or 卡号 before a number mostly means it
* named otherwise: the same runs after a word for another number: 订单号：, 工号是, 时间戳 and so on
* codes: one or two random letters and 6 to 10 random digits, as articles and parcels carry
* clean: messages of the simulator without planted cases, chat texts first to last
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from random import Random

from ingest.simulate.mint import line
from ingest.simulate.run import Parameters, Run
from rules.decode import Decoder
from rules.detectors import DETECTORS
from rules.fold import fold

SEED = 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"
KEYWORDS = {
    "cn_resident_id": "身份证",
    "bank_card": "卡号",
    "cn_mobile": "手机",
    "uscc": "税号",
    "credential": "密码",
    "wechat_id": "微信",
    "cn_passport": "护照",
    "cn_travel_permit": "台胞证",
    "cn_plate": "车牌",
    "hk_id": "香港身份证",
    "tw_id": "台湾身份证",
    "wallet_address": "钱包",
}
OTHERS = (
    "订单号：", "快递单号是", "流水号 ", "合同编号：", "编号 ", "工号是", "时间戳",
    "受理号：", "单号", "timestamp: ",
)  # fmt: skip
_PREFILTERS = {name: re.compile(one.prefilter).search for name, one in DETECTORS.items()}


def digit_runs(count: int) -> Iterator[str]:
    """`count` runs of 8 to 20 random digits."""
    rng = Random(SEED)  # noqa: S311 (draws that can be repeated are the point)
    for _ in range(count):
        size = rng.randint(8, 20)
        yield f"{rng.randrange(10**size):0{size}}"


def named_otherwise(count: int) -> Iterator[str]:
    """The same runs, each after one of `OTHERS`."""
    for at, digits in enumerate(digit_runs(count)):
        yield OTHERS[at % len(OTHERS)] + digits


def codes(count: int) -> Iterator[str]:
    """`count` codes such as ab12345678."""
    rng = Random(SEED)  # noqa: S311 (draws that can be repeated are the point)
    for _ in range(count):
        head = "".join(rng.choices(LETTERS, k=rng.randint(1, 2)))
        size = rng.randint(6, 10)
        yield head + f"{rng.randrange(10**size):0{size}}"


def clean_texts(count: int) -> list[str]:
    """The texts of `count` clean messages, as rules see them; a message without text is empty."""
    run = Run(Parameters(messages=count, first_day=date(2026, 3, 5), days=1, violations=0))
    decoder = Decoder("demo")
    texts = [
        decoder.decode(line(item, "demo", at).encode()).text or ""
        for at, item in enumerate(run.records(), 1)
    ]
    return texts[:count]


def fired(texts: Iterable[str], keyword: bool = False) -> Counter[str]:
    """Detector -> in how many texts it found something; `keyword` puts its keyword before each."""
    counts: Counter[str] = Counter()
    for text in texts:
        folded = fold(text)
        for name, detector in DETECTORS.items():
            if keyword:
                folded = fold(KEYWORDS[name] + text)
            if _PREFILTERS[name](folded.text) and next(detector.look(folded), None):
                counts[name] += 1
    return counts


def main() -> None:
    """Print the method's sizes and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--digits", type=int, default=1_000_000, help="digit runs")
    parser.add_argument("--codes", type=int, default=200_000, help="codes of letters and digits")
    parser.add_argument("--clean", type=int, default=10_000, help="messages of the simulator")
    sizes = parser.parse_args()
    clean = clean_texts(sizes.clean)
    columns = {
        f"digits ({sizes.digits:,})": fired(digit_runs(sizes.digits)),
        f"with keyword ({sizes.digits:,})": fired(digit_runs(sizes.digits), keyword=True),
        f"named otherwise ({sizes.digits:,})": fired(named_otherwise(sizes.digits)),
        f"codes ({sizes.codes:,})": fired(codes(sizes.codes)),
        f"clean ({len(clean):,})": fired(clean),
    }
    print(f"seed {SEED}; {sum(map(bool, clean)):,} of the clean messages have text\n")
    print("| detector | " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name in DETECTORS:
        print(f"| `{name}` | " + " | ".join(f"{one[name]:,}" for one in columns.values()) + " |")


if __name__ == "__main__":
    main()
