"""How long a card takes, as multiples of the plain one.

``python -m benchmarks.cards [--rounds 40]``: medians of the same run; the baseline is the plain
registration card with a name in Latin letters. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.order import CardOrder, Variant
from pipeline.card.specimen import specimen_value

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
NAMES = {"Chinese": "王小明", "Arabic": "محمد عبد الله", "Devanagari": "सिद्धार्थ त्रिपाठी"}


def _median_ms(work: Callable[[], bytes], rounds: int) -> float:
    work()  # the first one opens the fonts
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Time the filling of cards.")
    parser.add_argument("--rounds", type=int, default=40)
    rounds: int = parser.parse_args().rounds
    shelf = FontShelf()
    cards = {f.parent.name: CardFiller.of(f.parent, shelf) for f in TEMPLATES.glob("*/form.pdf")}
    plain = cards["registration_card"]

    def fill(card: CardFiller, order: CardOrder, **changes: str) -> Callable[[], bytes]:
        rules = card.mapping.fields.values()
        told = {rule.source: specimen_value(rule) for rule in rules} | changes
        return lambda: card.fill(told, order)

    works = {"plain card, Latin name": fill(plain, CardOrder())}
    for script, name in NAMES.items():
        works[f"plain card, {script} name"] = fill(plain, CardOrder(), secondary_identifier=name)
    works["editable"] = fill(plain, CardOrder(variant=Variant.EDITABLE))
    works["archival"] = fill(plain, CardOrder(archival=True))
    works |= {name: fill(card, CardOrder()) for name, card in sorted(cards.items())}
    baseline = 0.0
    for name, work in works.items():
        median = _median_ms(work, rounds)
        baseline = baseline or median
        sys.stdout.write(f"{name:32} {median:7.1f} ms   {median / baseline:5.2f} x\n")


if __name__ == "__main__":
    main()
