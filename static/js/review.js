/** The form in which the guest checks what was read, with the evidence for each field. */

import { byId, element, icon } from "./dom.js";
import { documentFields, guestFields } from "./asked.js";
import { STATUS_ICONS, isDate, today } from "./fields.js";
import { say, t } from "./i18n.js";

const LEADS = {
  complete: "review.lead",
  needs_review: "review.lead_review",
  failed: "review.lead_failed",
  manual: "review.lead_manual",
};

function control({ name, options, input, words = "sex" }, value) {
  const id = `field-${name}`;
  const common = { id, name, className: "control", autocomplete: "off" };
  if (!options) return element("input", { type: "text", ...common, ...input, value });
  const choices = options.map((code) => {
    const option = element("option", { value: code });
    say(option, `${words}.${code || "none"}`);
    return option;
  });
  const select = element("select", common, ...choices);
  select.value = options.includes(value) ? value : "";
  return select;
}

export class Review {
  #form = byId("review-form");
  #error = byId("review-error");
  #expiry = byId("review-expiry");
  #read = {}; // name -> the field as read
  #result = null;

  /** `confirmed(values)` when the guest has confirmed a form that the card can take. */
  constructor(confirmed) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) return;
      if (this.#check()) confirmed(this.values());
    });
    this.#form.addEventListener("input", ({ target }) => this.#edited(target));
  }

  /** Fills the form from a result message, or for typing when `result` is null. */
  fill(result) {
    this.clear();
    this.#read = result ? { ...result.fields } : {};
    if (result && !this.#read.issuing_state) {
      const value = result.document?.issuing_state ?? null;
      this.#read.issuing_state = { value, status: value ? "read" : "missing" };
    }
    say(byId("review-title"), result ? "review.title" : "review.title_manual");
    say(byId("review-lead"), LEADS[result ? result.status : "manual"] ?? LEADS.needs_review);
    this.#result = result;
    const rows = documentFields().map((field) => this.#row(field, result !== null));
    byId("document-fields").append(...rows);
    byId("guest-fields").append(...guestFields().map((field) => this.#row(field, false)));
    const arrival = byId("field-arrival_date");
    if (arrival) arrival.value = today();
    this.#warnOfExpiry();
  }

  /** The card asks for other fields now; what was typed into those that stay is kept. */
  refill() {
    const entries = [...this.#form.querySelectorAll(".control")];
    if (!entries.length || this.busy) return;
    const typed = entries.map(({ name, value }) => [name, value]);
    this.fill(this.#result);
    for (const [name, value] of typed) {
      const entry = byId(`field-${name}`);
      if (!entry) continue;
      entry.value = value;
      this.#edited(entry);
    }
  }

  #row(field, withEvidence) {
    const read = this.#read[field.name];
    const entry = control(field, read?.value ?? "");
    const label = element("label", { htmlFor: entry.id });
    say(label, `field.${field.name}`);
    const row = element("div", { className: field.wide ? "field wide" : "field" }, label, entry);
    if (field.required) entry.required = true; // the form is checked here, not by the browser
    if (withEvidence) {
      const evidence = element("p", { className: "evidence", id: `${entry.id}-evidence` });
      entry.setAttribute("aria-describedby", evidence.id);
      row.append(evidence);
      this.#showStatus(row, this.#statusOf(entry));
      if (read?.truncated) row.append(this.#hint("review.truncated"));
      if (read?.century_inferred && field.name === "date_of_birth") row.append(this.#hint("review.century"));
    }
    return row;
  }

  #hint(key) {
    const hint = element("p", { className: "hint" });
    say(hint, key);
    return hint;
  }

  #statusOf(entry) {
    const read = this.#read[entry.name];
    if (!entry.value.trim()) return "missing";
    return read && (read.value ?? "") === entry.value ? read.status : "edited";
  }

  #showStatus(row, status) {
    const evidence = row.querySelector(".evidence");
    if (!evidence || row.dataset.status === status) return;
    row.dataset.status = status;
    const words = element("span");
    say(words, `status.${status}`);
    evidence.replaceChildren(icon(STATUS_ICONS[status] ?? "eye"), words);
  }

  #edited(entry) {
    const row = entry.closest(".field");
    entry.removeAttribute("aria-invalid");
    row.querySelector(".complaint")?.remove();
    this.#showStatus(row, this.#statusOf(entry));
    if (entry.name === "date_of_expiry") this.#warnOfExpiry();
  }

  #warnOfExpiry() {
    const value = byId("field-date_of_expiry")?.value ?? this.#read.date_of_expiry?.value ?? "";
    this.#expiry.hidden = !(isDate(value) && value < today());
  }

  /** Complains about what the card cannot take: nothing where it needs a value, a wrong date. */
  #check() {
    this.#error.hidden = true;
    for (const old of this.#form.querySelectorAll(".complaint")) old.remove();
    let first = null;
    for (const { name, date, required } of [...documentFields(), ...guestFields()]) {
      const entry = byId(`field-${name}`);
      const value = entry.value.trim();
      if (value ? !date || isDate(value) : !required) continue;
      this.#blame(entry, value ? "review.bad_date" : "review.needed");
      first ??= entry;
    }
    first?.focus();
    return !first;
  }

  #blame(entry, key) {
    entry.setAttribute("aria-invalid", "true");
    const complaint = element("p", { className: "complaint", role: "alert" });
    say(complaint, key);
    entry.closest(".field").append(complaint);
  }

  /** What the form says: every field of the document, and what the guest added. */
  values() {
    const values = {};
    for (const { name } of documentFields()) values[name] = byId(`field-${name}`).value.trim();
    for (const { name } of guestFields()) {
      const value = byId(`field-${name}`).value.trim();
      if (value) values[name] = value;
    }
    return values;
  }

  get busy() {
    return byId("confirm").getAttribute("aria-busy") === "true";
  }

  set busy(flag) {
    byId("confirm").setAttribute("aria-busy", String(flag));
    if (flag) this.#error.hidden = true;
  }

  /** A text of the page (`key`), or of the server; `field` is the entry it speaks of. */
  showError({ key, values, text, field }) {
    this.#error.textContent = key ? t(key, values) : text;
    this.#error.hidden = false;
    const entry = field ? byId(`field-${field}`) : null;
    entry?.setAttribute("aria-invalid", "true");
    (entry ?? this.#error).focus();
  }

  /** The server's error message. A field or a character that it names is shown as itself. */
  showRefusal({ code, message, field }) {
    const point = code === "MISSING_GLYPH" && /U\+([0-9A-F]{4,6})/.exec(message);
    const name = field ?? message.split(" ")[0];
    if (point) {
      const character = String.fromCodePoint(parseInt(point[1], 16));
      this.showError({ key: "review.missing_glyph", values: { character } });
    } else if (byId(`field-${name}`)) {
      const label = t(`field.${name}`);
      this.showError({ key: "review.refused", values: { field: label }, field: name });
    } else {
      this.showError({ text: message });
    }
  }

  /** Said without taking the focus: somebody may be typing. */
  set offline(flag) {
    this.#error.textContent = flag ? t("review.offline") : "";
    this.#error.hidden = !flag;
  }

  /** Leaves no value behind, neither in the document nor here. */
  clear() {
    this.#read = {};
    this.#result = null;
    this.#form.reset();
    for (const entry of this.#form.querySelectorAll("input, select")) entry.value = "";
    byId("document-fields").replaceChildren();
    byId("guest-fields").replaceChildren();
    this.#error.textContent = "";
    this.#error.hidden = this.#expiry.hidden = true;
    this.busy = false;
  }
}
