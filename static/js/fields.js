/** What the review form asks for; names are those of the protocol and of the printed card. */

const ISO_DATE = { inputMode: "numeric", maxLength: 10, placeholder: "YYYY-MM-DD" };
const CODE = { autocapitalize: "characters", spellcheck: false };

/** Fields that a document fills; `required` as templates/registration_card/rules.json has it. */
export const DOCUMENT_FIELDS = Object.freeze([
  { name: "primary_identifier", required: true, input: { spellcheck: false, maxLength: 120 } },
  { name: "secondary_identifier", input: { spellcheck: false, maxLength: 120 } },
  { name: "document_number", required: true, input: { ...CODE, maxLength: 30 } },
  { name: "issuing_state", input: { ...CODE, maxLength: 40 } },
  { name: "nationality", required: true, input: { ...CODE, maxLength: 40 } },
  { name: "sex", options: ["", "F", "M", "X"] },
  { name: "date_of_birth", required: true, date: true, input: ISO_DATE },
  { name: "date_of_expiry", date: true, input: ISO_DATE },
]);

/** Fields that only the guest knows. */
export const GUEST_FIELDS = Object.freeze([
  { name: "address", wide: true, input: { maxLength: 240 } },
  { name: "email", input: { type: "email", inputMode: "email", spellcheck: false, maxLength: 120 } },
  { name: "phone", input: { type: "tel", inputMode: "tel", maxLength: 40 } },
  { name: "arrival_date", date: true, input: ISO_DATE },
  { name: "departure_date", date: true, input: ISO_DATE },
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

/** A day that exists, written YYYY-MM-DD. */
export function isDate(text) {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return false;
  const [, year, month, day] = match.map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** Today where the guest is, written YYYY-MM-DD. */
export function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
