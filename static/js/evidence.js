/** What speaks for each value: a check digit, a second reading, the guest, or nothing. */

import { element, icon } from "./dom.js";
import { STATUS_ICONS } from "./fields.js";
import { say } from "./i18n.js";

const PLACES = {
  // format -> field -> [line, first position, positions], from zero (Doc 9303 parts 4 to 7).
  TD3: {
    document_number: [1, 0, 10],
    nationality: [1, 10, 3],
    date_of_birth: [1, 13, 7],
    sex: [1, 20, 1],
    date_of_expiry: [1, 21, 7],
    issuing_state: [0, 2, 3],
  },
  TD2: {
    document_number: [1, 0, 10],
    nationality: [1, 10, 3],
    date_of_birth: [1, 13, 7],
    sex: [1, 20, 1],
    date_of_expiry: [1, 21, 7],
    issuing_state: [0, 2, 3],
  },
  TD1: {
    document_number: [0, 5, 10],
    issuing_state: [0, 2, 3],
    date_of_birth: [1, 0, 7],
    sex: [1, 7, 1],
    date_of_expiry: [1, 8, 7],
    nationality: [1, 15, 3],
  },
};
PLACES["MRV-A"] = PLACES.TD3;
PLACES["MRV-B"] = PLACES.TD2;

/** The characters that were put right within a field while reading. */
export function corrections(result, name) {
  const place = PLACES[result?.document?.format]?.[name];
  if (!place) return [];
  const [line, first, length] = place;
  return (result.mrz?.corrections ?? []).filter(
    (each) => each.line === line && each.position >= first && each.position < first + length,
  );
}

const isolated = (text) => `\u2068${text}\u2069`; // keeps its direction in a text of another

/** A line that tells which characters were put right; null when none were. */
export function correctionNote(result, name) {
  const found = corrections(result, name);
  if (!found.length) return null;
  const note = element("p", { className: "hint" });
  const list = found.map(({ read, corrected }) => isolated(`${read} → ${corrected}`)).join(", ");
  say(note, "review.put_right", () => ({ list }));
  return note;
}

/**
 * What the document prints for people, where that says more than the zone: a name with its own
 * letters, or another value. `use(text)` is called when it is chosen; null where there is nothing.
 */
export function printedNote(read, isName, use) {
  const other = read?.printed && read.printed !== read.value;
  if (!other || !(read.status === "conflict" || (isName && read.status === "corroborated"))) return null;
  const note = element("p", { className: "hint printed" });
  const words = element("span");
  say(words, "review.printed", () => ({ value: isolated(read.printed) }));
  note.append(words);
  if (use) {
    const button = element("button", { type: "button", className: "quiet" });
    say(button, "review.use_printed");
    button.addEventListener("click", () => use(read.printed));
    note.append(" ", button);
  }
  return note;
}

/** What was read, under a field that the guest has changed. */
export function readNote(value) {
  const note = element("p", { className: "hint was-read" });
  say(note, "review.was_read", () => ({ value: isolated(value) }));
  return note;
}

export function mark(node, status) {
  const words = element("span");
  say(words, `status.${status}`);
  node.replaceChildren(icon(STATUS_ICONS[status] ?? "eye"), words);
}

/** Explains every mark: what it proves, and what it does not. */
export function fillLegend(list) {
  const rows = Object.keys(STATUS_ICONS).map((status) => {
    const term = element("dt", { className: "evidence" });
    term.dataset.status = status;
    mark(term, status);
    const told = element("dd");
    say(told, `legend.${status}`);
    return element("div", {}, term, told);
  });
  list.replaceChildren(...rows);
}
