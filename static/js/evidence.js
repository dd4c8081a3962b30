/** What speaks for each value: a check digit, a second reading, the guest, or nothing. */

import { element, icon } from "./dom.js";
import { STATUS_ICONS } from "./fields.js";
import { say } from "./i18n.js";

/** The characters that were put right within a field while reading. */
export const corrections = (result, name) =>
  (result?.mrz?.corrections ?? []).filter(({ field }) => field === name);

const isolated = (text) => `\u2068${text}\u2069`; // keeps its direction in a text of another
const fromLeft = (text) => `\u2066${text}\u2069`; // digits alone would change places beside an arrow

/** A line that tells which characters were put right; null when none were. */
export function correctionNote(result, name) {
  const found = corrections(result, name);
  if (!found.length) return null;
  const note = element("p", { className: "hint" });
  const list = found.map(({ read, corrected }) => fromLeft(`${read} → ${corrected}`)).join(", ");
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
