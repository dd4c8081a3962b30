/** What the review form asks for; names are those of the protocol and of the printed card. */

const DATE = { maxLength: 20, spellcheck: false, dir: "ltr" };
const CODE = { autocapitalize: "characters", spellcheck: false, dir: "ltr" };
const NAME = { spellcheck: false, dir: "auto" };

/** Fields that a document fills; `required` as templates/registration_card/rules.json has it. */
export const DOCUMENT_FIELDS = Object.freeze([
  { name: "primary_identifier", required: true, input: { ...NAME, maxLength: 120 } },
  { name: "secondary_identifier", input: { ...NAME, maxLength: 120 } },
  { name: "document_number", required: true, input: { ...CODE, maxLength: 30 } },
  { name: "issuing_state", input: { ...CODE, maxLength: 40 } },
  { name: "nationality", required: true, input: { ...CODE, maxLength: 40 } },
  { name: "sex", options: ["", "F", "M", "X"] },
  { name: "date_of_birth", required: true, date: true, input: DATE },
  { name: "date_of_expiry", date: true, input: DATE },
]);

/** Fields that only the guest knows. */
export const GUEST_FIELDS = Object.freeze([
  { name: "address", wide: true, input: { dir: "auto", maxLength: 240 } },
  { name: "email", input: { type: "email", inputMode: "email", dir: "ltr", spellcheck: false, maxLength: 120 } },
  { name: "phone", input: { type: "tel", inputMode: "tel", dir: "ltr", maxLength: 40 } },
  { name: "arrival_date", date: true, input: DATE },
  { name: "departure_date", date: true, input: DATE },
  { name: "room", input: { maxLength: 16 } },
  { name: "vehicle_plate", input: { ...CODE, maxLength: 24 } },
]);

/** What speaks for a value -> its symbol; the words are `status.<name>`. */
export const STATUS_ICONS = Object.freeze({
  checksum: "check",
  corroborated: "check",
  read: "eye",
  edited: "pencil",
  conflict: "alert",
  missing: "blank",
});
