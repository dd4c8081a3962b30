"""A guest of the fictitious state UTO (Doc 9303), for samples and for trying a form out."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.card.mapping import FieldFormat, FieldRule

SPECIMEN: Mapping[str, str] = {
    "hotel_name": "Hotel Utopia",
    "hotel_address": "1 Harbour Road, 10203 Utopia City",
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "second_surname": "UTOPÍA",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
    "sex": "F",
    "document_code": "P",
    "document_number": "L898902C3",
    "document_support_number": "UTO000001",
    "issuing_state": "UTO",
    "date_of_expiry": "2012-04-15",
    "address": "1 High Street, 10203 Utopia City, Utopia",
    "city": "Utopia City",
    "country": "Utopia",
    "email": "anna.maria@example.org",
    "phone": "+99 12 345 67 89",
    "mobile_phone": "+99 600 12 34 56",
    "arrival_date": "2026-11-20",
    "arrival_time": "15:30",
    "departure_date": "2026-11-27",
    "departure_time": "11:00",
    "nights": "7",
    "room": "214",
    "rooms": "1",
    "travellers": "2",
    "companions": "1",
    "companions_nationality": "UTO",
    "relationship": "mother and child",
    "vehicle_plate": "UT 123 AE",
    "booking_reference": "R-4711",
    "contract_date": "2026-10-01",
    "payment_means": "card ending in 4242",
    "payment_holder": "Anna Maria Eriksson",
    "payment_expiry": "08/29",
    "payment_date": "2026-11-20",
    "birth_state": "Utopia",
    "birth_municipality": "Utopia City (UT)",
    "document_issue_place": "Utopia",
}

_BY_FORMAT = {FieldFormat.DATE: "2026-11-20", FieldFormat.TIME: "15:30", FieldFormat.NUMBER: "2"}


def specimen_value(rule: FieldRule) -> str:
    """What the specimen guest says to a field; something of the right shape to unknown ones."""
    if rule.format is FieldFormat.CHOICE:
        return next(iter(rule.options))
    value = SPECIMEN.get(rule.source) or _BY_FORMAT.get(rule.format) or "SPECIMEN"
    return value if rule.format is not FieldFormat.TEXT else value[: rule.max_length]
