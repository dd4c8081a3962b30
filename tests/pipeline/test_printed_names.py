"""Names on the card in the letters of the data page, where the hotel wants them."""

from __future__ import annotations

import pytest

from core.settings import PipelineSettings, VisualSettings
from pipeline.engine import Engine, Parts
from pipeline.types import Document, DocumentStatus, Field, FieldStatus
from tests.pipeline.posed import ScriptedDetector
from tests.pipeline.test_engine import RecordingCards, ScriptedZones, specimen_read


@pytest.mark.parametrize(
    ("wanted", "status", "confirmed", "on_card"),
    [
        (True, FieldStatus.CORROBORATED, {}, "Müller"),
        (True, FieldStatus.CORROBORATED, {"primary_identifier": "MUELLER"}, "Müller"),
        (True, FieldStatus.CORROBORATED, {"primary_identifier": "MULLER"}, "MULLER"),
        (True, FieldStatus.CONFLICT, {}, "MUELLER"),
        (False, FieldStatus.CORROBORATED, {}, "MUELLER"),
    ],
)
def test_a_name_is_put_as_printed_unless_somebody_chose_otherwise(
    wanted: bool, status: FieldStatus, confirmed: dict[str, str], on_card: str
) -> None:
    name = Field("MUELLER", "MUELLER", status, 1.0, printed="Müller")
    read = specimen_read()
    document = Document("d1", DocumentStatus.COMPLETE, read, {"primary_identifier": name})
    cards = RecordingCards()
    settings = PipelineSettings(visual=VisualSettings(printed_names=wanted))
    Engine(settings, Parts(ScriptedDetector(), ScriptedZones(read), cards)).fill_card(
        document, confirmed
    )
    assert cards.filled == [{"primary_identifier": on_card}]
