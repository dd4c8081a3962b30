"""Messages, their JSON Schema and docs/protocol.md move together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidMessage
from media import reports
from media.desk import masked
from media.messages import parse_client_message
from media.schema import protocol_schema
from pipeline.types import (
    CaptureState,
    Correction,
    Detection,
    Guidance,
    GuidanceCode,
    Observation,
    PageWarning,
    Severity,
    Side,
    Stability,
)
from tests.fakes import QUALITY, specimen_document

DOCS = Path(__file__).resolve().parents[2] / "docs"


def observation(detection: Detection | None) -> Observation:
    return Observation(
        frame_index=7,
        rtp_timestamp=4_000_000_000,
        width_px=1280,
        height_px=720,
        found=detection,
        detection=detection,
        stability=Stability(0.01, 330.0, 8, 8),
        quality=QUALITY,
        guidance=Guidance(GuidanceCode.HOLD_STILL, Severity.HINT, 1000, Side.BACK),
        state=CaptureState.HOLDING,
        capture=None,
        analysis_ms=9.0,
    )


def schema_for(name: str) -> dict[str, Any]:
    schema = protocol_schema()
    return {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}


def test_the_committed_schema_is_the_one_of_the_code() -> None:
    committed = json.loads((DOCS / "protocol.schema.json").read_text())
    assert committed == protocol_schema(), "write it anew: make schema"


def test_the_page_tells_of_every_message_and_field() -> None:
    page = (DOCS / "protocol.md").read_text()
    for name, definition in protocol_schema()["$defs"].items():
        for field in definition.get("properties", {}):
            assert f"`{field}`" in page, f"docs/protocol.md lacks {name}.{field}"
    for code in GuidanceCode:
        assert f"`{code.value}`" in page


@pytest.mark.parametrize("cut", [False, True])
def test_overlays_follow_the_schema(cut: bool) -> None:
    quad = np.array([[-20, 10], [1000, 10], [1000, 700], [0, 700]], np.float32)
    seen = observation(Detection(quad, 0.93, cut))
    data = json.loads(reports.overlay(seen, 21.04).model_dump_json())
    jsonschema.validate(data, schema_for("server_message"))
    assert data["corners"][0] == [-0.01562, 0.01389]
    assert data["ready_for_capture"] is True and data["latency_ms"] == 21.0


def test_an_empty_frame_follows_the_schema() -> None:
    data = json.loads(reports.overlay(observation(None), 1).model_dump_json())
    jsonschema.validate(data, schema_for("server_message"))
    assert data["detected"] is False and data["corners"] is None


def test_results_and_guidance_follow_the_schema() -> None:
    result = reports.result(specimen_document("d1"))
    guidance = reports.guidance(observation(None), {"HOLD_STILL": "Hold still"})
    for message in (result, guidance):
        jsonschema.validate(json.loads(message.model_dump_json()), schema_for("server_message"))
    assert result.document["format"] == "TD3"
    assert (guidance.text, guidance.side) == ("Hold still", "back")


def test_a_correction_says_whose_character_it_is() -> None:
    document = specimen_document("d1")
    assert document.mrz is not None
    put_right = (Correction(1, 9, "G", "6", "format"), Correction(1, 43, "O", "0", "format"))
    read = replace(document.mrz, corrections=put_right)
    told = reports.result(replace(document, mrz=read)).model_dump(mode="json")
    jsonschema.validate(told, schema_for("server_message"))
    fields = [each["field"] for each in told["mrz"]["corrections"]]
    assert fields == ["document_number", None], "the composite digit is nobody's alone"


def test_a_field_of_two_types_is_named_by_its_own_name() -> None:
    for wrong in ([1], "x" * 101):
        with pytest.raises(InvalidMessage) as caught:
            parse_client_message(json.dumps({"type": "ping", "id": wrong}), 1000)
        assert caught.value.field == "id"


@given(st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(InvalidMessage):
        parse_client_message(text, 1000)


@given(
    st.dictionaries(
        st.sampled_from(["type", "id", "fields", "language", "sides", "document_id", "actor"]),
        st.sampled_from(
            [
                "configure",
                "confirm",
                "ping",
                "capture",
                "",
                None,
                1,
                -1,
                1.5,
                True,
                [],
                {},
                "x" * 400,
            ]
        ),
    )
)
def test_no_object_raises_anything_else_and_nothing_is_repeated(data: dict[str, Any]) -> None:
    try:
        parse_client_message(json.dumps(data), 10_000)
    except InvalidMessage as error:
        assert "xxx" not in error.message


def test_the_desk_is_told_what_a_page_looks_like_and_nothing_else_changes() -> None:
    document = specimen_document("d1")
    plain = reports.result(document)
    warned = reports.result(replace(document, warnings=(PageWarning.SCREEN_SUSPECTED,)))
    assert (plain.warnings, warned.warnings) == ([], ["screen_suspected"])
    assert warned.model_copy(update={"warnings": []}) == plain
    notice = masked(warned)
    assert notice is not None and notice["warnings"] == ["screen_suspected"]
