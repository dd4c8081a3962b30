"""The cards that come with the project: what each asks for, refuses, and which law says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import DocumentFillingError, SettingsError
from core.settings import PipelineSettings
from pipeline.card.box import CardBox
from pipeline.card.fill import CardFiller
from pipeline.card.layout import card_layout, load_plan
from pipeline.card.order import AskedOf, CardOrder
from pipeline.card.rules import load_rules
from pipeline.engine import Engine, load_parts
from pipeline.types import Document, DocumentStatus, Field, FieldStatus
from tests.pipeline.card_names import FOLDERS, TEMPLATES, filler, values

EVERY_CARD = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
GERMANY = TEMPLATES / "germany_bmg"
ITALY = TEMPLATES / "italy_alloggiati"
SPAIN = TEMPLATES / "spain_rd933"
READ = {
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
    "sex": "F",
    "document_number": "L898902C3",
    "optional_data": "ZE184226B",
}
STAY = {
    "address": "1 High Street, Utopia City",
    "arrival_date": "2026-11-20",
    "departure_date": "2026-11-27",
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(PipelineSettings(hotel_name="Hotel Utopia"))


def _document() -> Document:
    fields = {name: Field(value, value, FieldStatus.READ, 0.99) for name, value in READ.items()}
    return Document("d1", DocumentStatus.COMPLETE, None, fields)


def test_the_cards_that_come_with_the_project() -> None:
    assert [folder.name for folder in FOLDERS] == [
        "germany_bmg",
        "italy_alloggiati",
        "registration_card",
        "schengen_art45",
        "spain_rd933",
    ]


@EVERY_CARD
def test_every_field_names_the_text_that_asks_for_it(folder: Path) -> None:
    card = filler(folder)
    rules = card.rules
    assert rules.counsel == "have counsel confirm"
    assert rules.law
    assert rules.retention is not None and rules.retention.source
    assert card.names | {"signature"} >= rules.sources.keys() >= card.names
    assert all(source.strip() for source in rules.sources.values())
    assert rules.forbidden <= rules.left_out.keys()
    assert "optional_data" in rules.forbidden
    assert not rules.forbidden & card.names


@EVERY_CARD
def test_plan_mapping_and_labels_agree(folder: Path) -> None:
    plan = load_plan(folder / "form.json")
    mapping = filler(folder).mapping
    assert plan.labels.keys() == mapping.fields.keys()
    assert all(name == rule.source for name, rule in mapping.fields.items())
    layout = card_layout(plan)
    assert [cell.name for cell in layout.cells] == list(mapping.fields)
    lowest = min(cell.bottom_pt for cell in layout.cells)
    assert lowest > layout.declaration[0][1] + 8
    if folder.name != "registration_card":
        assert any("have counsel confirm" in note for note, _ in layout.notes)


@EVERY_CARD
def test_a_card_of_a_law_says_what_it_was_read_against(folder: Path) -> None:
    rules = load_rules(folder / "rules.json")
    assert bool(rules.read_against) is (folder.name != "registration_card")
    for address, seen in rules.read_against.items():
        assert address.startswith("https://") and len(seen) > 20
    assert not rules.read_against or rules.counsel == "have counsel confirm"


@EVERY_CARD
def test_each_required_value_is_asked_for_by_name(folder: Path) -> None:
    card = filler(folder)
    assert card.fill(values(folder)).startswith(b"%PDF")
    for name in card.rules.required:
        told = values(folder)
        del told[name]
        with pytest.raises(DocumentFillingError, match=f"^{name} is required") as caught:
            card.fill(told)
        assert caught.value.field == name


@EVERY_CARD
def test_a_guest_with_one_name_only_gets_a_card(folder: Path) -> None:
    """Doc 9303 Part 3, 4.6: there may be no secondary identifier."""
    told = values(folder)
    del told["secondary_identifier"]
    assert filler(folder).fill(told).startswith(b"%PDF")


@EVERY_CARD
def test_each_forbidden_value_is_refused_by_name(folder: Path) -> None:
    card = filler(folder)
    for name in card.forbidden:
        with pytest.raises(DocumentFillingError, match=f"^{name} must not") as caught:
            card.fill(values(folder, **{name: "SECRET77"}))
        assert caught.value.field == name
        assert "SECRET77" not in caught.value.message
        assert b"SECRET77" not in card.fill(values(folder, **{name: " "}))


def test_germany_lists_what_its_law_lists_and_nothing_else() -> None:
    """BMG § 30 (2) sentence 1, numbers 1 to 8, and whose card it is."""
    assert filler(GERMANY).names == {
        "hotel_name",
        "arrival_date",
        "departure_date",
        "primary_identifier",
        "secondary_identifier",
        "date_of_birth",
        "nationality",
        "address",
        "companions",
        "companions_nationality",
        "document_number",
    }
    retention = filler(GERMANY).rules.retention
    assert retention is not None
    assert (retention.days, retention.destroy_within_days) == (365, 90)


@pytest.mark.parametrize("nationality", ["D", "DEU", " deu "])
def test_germany_s_card_is_for_foreign_guests(nationality: str) -> None:
    with pytest.raises(DocumentFillingError, match="foreign guests") as caught:
        filler(GERMANY).fill(values(GERMANY, nationality=nationality))
    assert caught.value.field == "nationality"


@pytest.mark.parametrize(
    ("folder", "name", "value", "complaint"),
    [
        (ITALY, "guest_type", "99", "none of 16, 17, 18, 19, 20"),
        (ITALY, "nights", "seven", "number"),
        (ITALY, "nights", "\u0667", "number"),
        (SPAIN, "arrival_time", "24:00", "HH:MM"),
        (SPAIN, "arrival_time", "3 pm", "HH:MM"),
        (SPAIN, "payment_type", "shells", "none of card, cash"),
    ],
)
def test_a_value_of_the_wrong_shape_is_named(
    folder: Path, name: str, value: str, complaint: str
) -> None:
    with pytest.raises(DocumentFillingError, match=complaint) as caught:
        filler(folder).fill(values(folder, **{name: value}))
    assert caught.value.field == name


def test_the_engine_fills_the_ordered_card(engine: Engine) -> None:
    pdf = engine.fill_card(_document(), STAY, CardOrder("germany_bmg"))
    assert b"Meldeschein" in pdf
    assert b"Registration card" in engine.fill_card(_document(), STAY)
    with pytest.raises(DocumentFillingError, match=r"^address is required"):
        engine.fill_card(_document(), {}, CardOrder("germany_bmg"))


def test_what_was_read_but_is_forbidden_is_left_out_and_what_was_typed_is_refused(
    engine: Engine,
) -> None:
    order = CardOrder("germany_bmg")
    engine.fill_card(_document(), STAY, order)  # the zone gave a sex and optional data
    with pytest.raises(DocumentFillingError, match=r"^sex must not"):
        engine.fill_card(_document(), {**STAY, "sex": "F"}, order)


@pytest.mark.parametrize("name", ["nowhere", "../templates/germany_bmg", "", "."])
def test_an_unknown_card_is_refused(engine: Engine, name: str) -> None:
    if not name:
        assert engine.card_form(name).name == "registration_card"
        return
    with pytest.raises(DocumentFillingError) as caught:
        engine.fill_card(_document(), STAY, CardOrder(name))
    assert caught.value.field == "card"
    assert name not in caught.value.message


def test_a_form_tells_what_it_asks_for(engine: Engine) -> None:
    form = engine.card_form("italy_alloggiati")
    asked = {field.name: field for field in form.fields}
    assert asked["guest_type"].options["16"] == "16 Ospite singolo"
    assert asked["guest_type"].required
    assert asked["primary_identifier"].asked_of is AskedOf.DOCUMENT
    assert asked["hotel_name"].asked_of is AskedOf.HOTEL
    assert asked["birth_state"].labels == {"it": "Stato di nascita", "en": "State of birth"}
    assert "email" in form.forbidden and form.counsel
    assert engine.card_form("italy_alloggiati") is form


def test_the_setting_chooses_the_card() -> None:
    box = CardBox(TEMPLATES, "spain_rd933")
    assert box.get() is box.get("spain_rd933")
    assert box.form().name == "spain_rd933"
    with pytest.raises(SettingsError, match="there are: germany_bmg"):
        CardBox(TEMPLATES, "atlantis")
    missing = Path("/no/such/folder")
    told = rf"registration_card \(pipeline.card\) in {missing} \(pipeline.templates\)"
    with pytest.raises(SettingsError, match=told):
        CardBox(missing, "registration_card")
    with pytest.raises(SettingsError, match=rf"pipeline\.fonts: there is no folder {missing}"):
        load_parts(PipelineSettings(fonts=[missing]))
    with pytest.raises(ValueError, match="card"):
        PipelineSettings(card="../etc")


def _card(tmp_path: Path, **changes: object) -> Path:
    folder = tmp_path / "card"
    shutil.copytree(TEMPLATES / "registration_card", folder)
    rules = json.loads((folder / "rules.json").read_text()) | changes
    (folder / "rules.json").write_text(json.dumps(rules))
    return folder


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"forbidden": ["room"]}, "must not hold.*room"),
        ({"required": ["shoe_size"]}, "no place for.*shoe_size"),
        ({"colour": "red"}, "colour"),
        ({"retention": {"days": 3}}, "retention"),
    ],
)
def test_rules_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        CardFiller.of(_card(tmp_path, **changes))


def test_missing_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"rules\.json"):
        load_rules(tmp_path / "rules.json")
    with pytest.raises(SettingsError, match=r"form\.json"):
        load_plan(tmp_path / "form.json")


def test_a_plan_that_is_too_long_is_refused(tmp_path: Path) -> None:
    plan = json.loads((SPAIN / "form.json").read_text())
    plan["row_pitch_pt"] = 44
    path = tmp_path / "form.json"
    path.write_text(json.dumps(plan))
    with pytest.raises(SettingsError, match="do not fit on the page"):
        card_layout(load_plan(path))
