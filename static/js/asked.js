/** What the session's card asks for: the server's `card_form` in terms of the review form. */

import { DOCUMENT_FIELDS, GUEST_FIELDS } from "./fields.js";
import * as i18n from "./i18n.js";

const KNOWN = new Map([...DOCUMENT_FIELDS, ...GUEST_FIELDS].map((field) => [field.name, field]));
const INPUTS = {
  date: () => KNOWN.get("arrival_date").input,
  time: () => ({ inputMode: "numeric", maxLength: 5, placeholder: "HH:MM" }),
  number: () => ({ inputMode: "numeric", maxLength: 4 }),
  text: ({ max_length }) => ({ maxLength: max_length }),
};

let form = null;
let signed = false;

/** Takes a `card_form` message; true when other fields are asked for than before. */
export function setForm(message) {
  const before = outline();
  signed = Boolean(message.signature);
  form = message.fields.filter(({ asked_of }) => asked_of !== "hotel").map(field);
  const order = [...KNOWN.keys()];
  const place = ({ name }) => (KNOWN.has(name) ? order.indexOf(name) : order.length);
  form.sort((first, second) => place(first) - place(second)); // known ones as the page has them
  return outline() !== before;
}

function outline() {
  const told = ({ name, required, options }) => [name, Boolean(required), options ?? null];
  return JSON.stringify([documentFields().map(told), guestFields().map(told)]);
}

/** A field of the card; what the page knows better (keyboard, words) stays the page's. */
function field(asked) {
  const { name, format, required, asked_of, labels, options } = asked;
  if (!i18n.knows(`field.${name}`)) i18n.lend(`field.${name}`, labels);
  const known = KNOWN.get(name);
  if (known) return { ...known, required, asked_of };
  const made = { name, required, asked_of, date: format === "date", wide: asked.max_length > 80 };
  if (format !== "choice") return { ...made, input: INPUTS[format](asked) };
  for (const [code, text] of Object.entries({ none: "\u2013", ...options })) {
    i18n.lend(`choice.${name}.${code}`, { en: text });
  }
  return { ...made, options: ["", ...Object.keys(options)], words: `choice.${name}` };
}

/** Has the card a place for a drawn signature? */
export const takesSignature = () => signed;

/** Fields that a document fills; one the page has no words for is shown only where it is needed. */
export function documentFields() {
  const asked = form?.filter(({ asked_of }) => asked_of === "document");
  return asked?.filter(({ name, required }) => required || KNOWN.has(name)) ?? DOCUMENT_FIELDS;
}

/** Fields that only the guest knows. */
export function guestFields() {
  return form?.filter(({ asked_of }) => asked_of === "guest") ?? GUEST_FIELDS;
}
