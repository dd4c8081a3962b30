"""What hotels' forms call their fields, in the languages of the cards of this project."""

from __future__ import annotations

import re
import unicodedata

from pipeline.card.specimen import SPECIMEN

_NAMES = {
    "primary_identifier": "surname last_name family_name name nachname familienname nom "
    "nom_de_famille apellido apellidos primer_apellido cognome",
    "second_surname": "segundo_apellido",
    "secondary_identifier": "first_name given_names given_name forename forenames vorname vornamen "
    "prenom prenoms nombre nombres nome",
    "nationality": "citizenship nationalitaet nationalitat staatsangehorigkeit "
    "staatsangehoerigkeit nationalite nacionalidad nazionalita cittadinanza",
    "date_of_birth": "birth_date birthdate birthday dob born geburtsdatum geburtstag "
    "date_de_naissance ne_le fecha_de_nacimiento fecha_nacimiento data_di_nascita",
    "sex": "gender geschlecht sexe sexo sesso",
    "document_number": "passport_number passport_no passport_nr passport document_no id_number "
    "id_no passnummer pass_nr reisepassnummer ausweisnummer ausweis_nr numero_de_passeport "
    "no_de_passeport numero_du_document numero_de_pasaporte numero_de_documento pasaporte "
    "numero_documento numero_passaporto passaporto",
    "document_code": "document_type dokumentenart type_de_document tipo_de_documento "
    "tipo_documento",
    "issuing_state": "issued_by issuing_country ausstellender_staat pays_emetteur",
    "date_of_expiry": "expiry_date expiry expires valid_until gueltig_bis gultig_bis "
    "date_d_expiration fecha_de_caducidad scadenza",
    "address": "home_address street street_address anschrift adresse strasse wohnanschrift "
    "direccion domicilio indirizzo residenza",
    "city": "town ort stadt wohnort ville localidad ciudad citta",
    "country": "land staat pays pais paese",
    "arrival_date": "check_in checkin arrival anreise ankunft anreisedatum date_d_arrivee arrivee "
    "llegada fecha_de_entrada entrada arrivo data_di_arrivo",
    "departure_date": "check_out checkout departure abreise abreisedatum date_de_depart depart "
    "salida fecha_de_salida partenza data_di_partenza",
    "nights": "number_of_nights naechte nachte nuits noches notti",
    "phone": "telephone phone_number telephone_number telefon telefonnummer telefono",
    "mobile_phone": "mobile cell_phone handy mobiltelefon portable movil cellulare",
    "email": "e_mail mail email_address courriel correo correo_electronico",
    "room": "room_number room_no zimmer zimmernummer chambre habitacion camera",
    "vehicle_plate": "licence_plate license_plate kennzeichen immatriculation matricula targa",
    "hotel_name": "hotel",
}
_SOURCES = {word: source for source, words in _NAMES.items() for word in words.split()}
SIGNATURES = frozenset(
    [
        "signature",
        "guest_signature",
        "guests_signature",
        "unterschrift",
        "firma",
        "firma_del_viajero",
    ]
)
"""What a text field to sign in is called, as `plain_words` gives it."""


def plain_words(name: str) -> str:
    """The last part of a field's name as lower-case words between underscores, without accents."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rsplit(".", 1)[-1]).replace("\u00df", "ss")
    letters = unicodedata.normalize("NFKD", words)
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return re.sub(r"\W+|_+", "_", bare).strip("_").lower()


def source_of(name: str) -> str | None:
    """The JSON name that a field's own name speaks of, None where it says nothing."""
    plain = plain_words(name)
    plain = _SOURCES.get(plain, plain)
    return plain if plain in SPECIMEN else None
