/** The form in which the guest checks what was read, with the evidence for each field. */

import { documentFields, guestFields, takesSignature } from "./asked.js";
import { control } from "./control.js";
import * as dates from "./dates.js";
import { correctionNote, fillLegend, mark, printedNote, readNote } from "./evidence.js";
import { byId, element, english } from "./dom.js";
import { hush, say, t } from "./i18n.js";
import { SignaturePad } from "./signature.js";

const LEADS = {
  complete: "review.lead",
  needs_review: "review.lead_review",
  barcode: "review.lead_barcode",
  failed: "review.lead_failed",
  manual: "review.lead_manual",
};

const OFFLINE = Object.freeze({ key: "review.offline" });

const everyField = () => [...documentFields(), ...guestFields()];
/** Names of the date fields that the form holds now. */
const dateNames = () => new Set(everyField().filter(({ date }) => date).map(({ name }) => name));

/** Stands alone: a function made within `fill` would keep the document that it was called with. */
const dateExample = () => ({ example: dates.example() });

/** What the entry means, as the protocol has it: a date as YYYY-MM-DD where it is one. */
function meaning(entry) {
  const text = entry.value.trim();
  return dateNames().has(entry.name) ? dates.toIso(text) || text : text;
}

export class Review {
  #form = byId("review-form");
  #error = byId("review-error");
  #expiry = byId("review-expiry");
  #read = {}; // name -> the field as read
  #result = null;
  #refusal = null; // what showError was given, as long as it holds
  #refillDue = false; // the card asks for other fields since it was confirmed
  #pad = new SignaturePad();
  /** Does the property let its guests sign on the screen? */
  maySign = false;

  /** `confirmed(values, signature)` when the guest has confirmed a form that the card can take. */
  constructor(confirmed) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) return;
      if (this.#check()) confirmed(this.values(), this.#pad.signature);
    });
    this.#form.addEventListener("input", ({ target }) => this.#edited(target));
    fillLegend(byId("legend-list"));
  }

  /** Fills the form from a result message, or for typing when `result` is null. */
  fill(result) {
    this.clear();
    this.offerPad();
    this.#learn(result);
    say(byId("review-title"), result ? "review.title" : "review.title_manual");
    say(byId("review-how"), "review.as_printed", dateExample);
    byId("legend").hidden = !result;
    const rows = documentFields().map((field) => this.#row(field, result !== null));
    byId("document-fields").append(...rows);
    byId("guest-fields").append(...guestFields().map((field) => this.#row(field, false)));
    const arrival = byId("field-arrival_date");
    if (arrival) arrival.value = dates.toLocal(dates.today());
    this.#echoDates();
    this.#warnOfExpiry();
  }

  /** What was read, in fields and in one sentence; null where nothing was. */
  #learn(result) {
    this.#result = result;
    this.#read = result ? { ...result.fields } : {};
    if (result && !this.#read.issuing_state) {
      const value = result.document?.issuing_state ?? null;
      this.#read.issuing_state = { value, status: value ? "read" : "missing" };
    }
    const lead = result?.barcode ? "barcode" : (result?.status ?? "manual");
    say(byId("review-lead"), LEADS[lead] ?? LEADS.needs_review);
  }

  /** Signing is offered where the property wants it and the card has a place for it. */
  offerPad() {
    this.#pad.offered = this.maySign && takesSignature();
  }

  /** The card asks for other fields now; what was typed into those that stay is kept. */
  refill() {
    const entries = [...this.#form.querySelectorAll(".control")];
    if (!entries.length) return;
    this.#refillDue = this.busy; // what was confirmed stays until it is answered
    if (this.busy) return;
    const typed = entries.map(({ name, value }) => [name, value]);
    const goOn = this.#typing(entries);
    const { held } = this;
    const { strokes } = this.#pad;
    this.fill(this.#result);
    this.#pad.strokes = strokes;
    this.held = held;
    for (const [name, value] of typed) {
      const entry = byId(`field-${name}`);
      if (!entry) continue;
      entry.value = value;
      this.#edited(entry);
    }
    goOn();
  }

  /** Where the guest types just now; what is given goes on there in entries made anew. */
  #typing(entries) {
    const active = entries.find((entry) => entry === document.activeElement);
    if (!active) return () => {};
    const { name, selectionStart, selectionEnd } = active; // null where a browser tells none
    return () => {
      const entry = byId(`field-${name}`);
      (entry ?? byId("review-title")).focus({ preventScroll: true });
      if (entry && selectionEnd != null) entry.setSelectionRange(selectionStart, selectionEnd);
    };
  }

  #row(field, withEvidence) {
    const read = this.#read[field.name];
    const value = read?.value ?? "";
    const entry = control(field, field.date ? dates.toLocal(value) : value, "field");
    const label = element("label", { htmlFor: entry.id });
    say(label, `field.${field.name}`);
    const row = element("div", { className: field.wide ? "field wide" : "field" }, label, entry);
    if (field.required) entry.required = true; // the form is checked here, not by the browser
    if (field.date) row.append(element("p", { className: "hint echo", id: `${entry.id}-echo` }));
    if (withEvidence) {
      const evidence = element("p", { className: "evidence", id: `${entry.id}-evidence` });
      row.append(evidence);
      this.#showStatus(row, this.#statusOf(entry));
      const note = correctionNote(this.#result, field.name);
      if (note) row.append(note);
      this.#showPrinted(row);
      if (read?.truncated) row.append(this.#hint("review.truncated"));
      if (read?.century_inferred && field.name === "date_of_birth") row.append(this.#hint("review.century"));
    }
    const said = [...row.querySelectorAll(":scope > p[id]")].map(({ id }) => id);
    if (said.length) entry.setAttribute("aria-describedby", said.join(" "));
    return row;
  }

  /** The spelling on the page is offered for names and numbers; a date is compared by eye. */
  #showPrinted(row) {
    row.querySelector(".printed")?.remove();
    const entry = row.querySelector(".control");
    const plain = !entry.options && !dateNames().has(entry.name);
    const use = (text) => {
      entry.value = text;
      this.#edited(entry);
      entry.focus();
    };
    const read = this.#read[entry.name];
    const note = printedNote(read, entry.name.endsWith("_identifier"), plain && use);
    if (note) row.querySelector(".evidence").after(note);
  }

  /** The same document, compared with its print since: new evidence, and nothing typed is lost. */
  revise(result) {
    if (!this.#result || this.busy) return;
    const before = this.#read;
    this.#learn(result);
    for (const row of this.#form.querySelectorAll("#document-fields .field")) {
      const entry = row.querySelector(".control");
      const now = this.#read[entry.name];
      const untouched = meaning(entry) === (before[entry.name]?.value ?? "");
      if (now?.value && untouched && now.value !== before[entry.name]?.value) {
        entry.value = dateNames().has(entry.name) ? dates.toLocal(now.value) : now.value;
      }
      this.#showStatus(row, this.#statusOf(entry));
      this.#showPrinted(row);
    }
    this.#echoDates();
    this.#warnOfExpiry();
  }

  #hint(key) {
    const hint = element("p", { className: "hint" });
    say(hint, key);
    return hint;
  }

  #statusOf(entry) {
    const read = this.#read[entry.name];
    if (!entry.value.trim()) return "missing";
    if (!read) return "edited";
    const asPrinted = read.status === "corroborated" && read.printed === meaning(entry);
    return asPrinted || (read.value ?? "") === meaning(entry) ? read.status : "edited";
  }

  #showStatus(row, status) {
    const evidence = row.querySelector(".evidence");
    if (!evidence || row.dataset.status === status) return;
    row.dataset.status = status;
    mark(evidence, status);
    row.querySelector(".was-read")?.remove();
    const entry = row.querySelector(".control");
    const read = this.#read[entry.name]?.value;
    if (status !== "edited" || !read) return;
    const told = entry.options ? t(`sex.${read}`) : dateNames().has(entry.name) ? dates.toLocal(read) : read;
    row.append(readNote(told));
  }

  /** Under each date, the same in words: 03/04 is March in one country and April in another. */
  #echoDates() {
    for (const name of dateNames()) {
      const entry = byId(`field-${name}`);
      if (!entry) continue;
      const iso = dates.toIso(entry.value);
      byId(`${entry.id}-echo`).textContent = iso ? dates.inWords(iso) : "";
    }
  }

  /** The language changes, and with it how dates are written. `change()` makes it, at once. */
  reword(change) {
    const entries = [...dateNames()].map((name) => byId(`field-${name}`)).filter(Boolean);
    const held = entries.map((entry) => [entry, meaning(entry)]);
    change();
    for (const [entry, value] of held) entry.value = dates.toLocal(value);
    if (entries.length) this.#echoDates();
  }

  /** A clerk fills in the form: the guest sees it and can take it back. */
  set held(flag) {
    byId("review-desk").hidden = !flag;
    if (flag) window.scrollTo(0, 0); // where it is said
    for (const part of this.#form.querySelectorAll("fieldset")) part.disabled = flag;
    byId("confirm").disabled = flag;
  }

  get held() {
    return !byId("review-desk").hidden;
  }

  #edited(entry) {
    const row = entry.closest(".field");
    entry.removeAttribute("aria-invalid");
    row.querySelector(".complaint")?.remove();
    this.#showStatus(row, this.#statusOf(entry));
    if (dateNames().has(entry.name)) this.#echoDates();
    if (entry.name === "date_of_expiry") this.#warnOfExpiry();
  }

  /** By the property's own date, which the server knows; by this browser's where it was typed. */
  #warnOfExpiry() {
    const entry = byId("field-date_of_expiry");
    const read = this.#read.date_of_expiry?.value ?? "";
    const day = entry ? dates.toIso(entry.value) : read;
    const told = day === read ? this.#result?.checks?.expiry : null;
    const past = ["pass", "fail"].includes(told) ? told === "fail" : day < dates.today();
    this.#expiry.hidden = !(day && past);
  }

  /** Complains about what the card cannot take: nothing where it needs a value, a wrong date. */
  #check() {
    this.#tell(null);
    for (const old of this.#form.querySelectorAll(".complaint")) old.remove();
    let first = null;
    for (const { name, date, required } of everyField()) {
      const entry = byId(`field-${name}`);
      const value = entry.value.trim();
      if (value ? !date || dates.toIso(value) : !required) continue;
      this.#blame(entry, value ? "review.bad_date" : "review.needed");
      first ??= entry;
    }
    first?.focus();
    return !first;
  }

  #blame(entry, key) {
    entry.setAttribute("aria-invalid", "true");
    const complaint = element("p", { className: "complaint", role: "alert", id: `${entry.id}-complaint` });
    say(complaint, key, dateExample);
    entry.after(complaint); // before what else is told of the entry
    const said = new Set([complaint.id, ...(entry.getAttribute("aria-describedby") ?? "").split(" ")]);
    entry.setAttribute("aria-describedby", [...said].join(" ").trim());
  }

  /** What the form says: every field of the document, and what the guest added. */
  values() {
    const values = {};
    for (const { name } of documentFields()) values[name] = meaning(byId(`field-${name}`));
    for (const { name } of guestFields()) {
      const value = meaning(byId(`field-${name}`));
      if (value) values[name] = value;
    }
    return values;
  }

  get busy() {
    return byId("confirm").getAttribute("aria-busy") === "true";
  }

  set busy(flag) {
    byId("confirm").setAttribute("aria-busy", String(flag));
    if (flag) this.#tell(null);
    else if (this.#refillDue) this.refill();
  }

  /** A text of the page (`key`, `values()`), or of the server; `field` is the entry it speaks of. */
  showError({ key, values, text, field }) {
    this.#tell({ key, values, text });
    const entry = field ? byId(`field-${field}`) : null;
    entry?.setAttribute("aria-invalid", "true");
    (entry ?? this.#error).focus();
  }

  /** null where nothing is wrong any more. */
  #tell(error) {
    this.#refusal = error;
    this.#show(error);
  }

  /** In the guest's language, also in the one that is chosen next. */
  #show(error) {
    if (error?.key) {
      say(this.#error, error.key, error.values);
    } else {
      hush(this.#error);
      if (error) this.#error.append(english(error.text));
    }
    this.#error.hidden = !error;
  }

  /** The server's error message. A field or a character that it names is shown as itself. */
  showRefusal({ code, message, field }) {
    const point = code === "MISSING_GLYPH" && /U\+([0-9A-F]{4,6})/.exec(message);
    const name = field ?? message.split(" ")[0];
    if (point) {
      const character = String.fromCodePoint(parseInt(point[1], 16));
      this.showError({ key: "review.missing_glyph", values: () => ({ character }) });
    } else if (byId(`field-${name}`)) {
      const values = () => ({ field: t(`field.${name}`) });
      this.showError({ key: "review.refused", values, field: name });
    } else {
      this.showError({ text: message });
    }
  }

  /** Said without taking the focus: somebody may be typing. What was refused is so afterwards too. */
  set offline(flag) {
    if (flag) this.#show(OFFLINE);
    else if (this.#error.dataset.i18n === OFFLINE.key) this.#show(this.#refusal);
  }

  /** Leaves no value behind, neither in the document nor here. */
  clear() {
    this.#read = {};
    this.#result = null;
    this.#refillDue = false;
    this.held = false;
    byId("legend").open = false;
    byId("legend").hidden = true;
    this.#form.reset();
    for (const entry of this.#form.querySelectorAll("input, select")) entry.value = "";
    byId("document-fields").replaceChildren();
    byId("guest-fields").replaceChildren();
    this.#pad.clear();
    this.#tell(null);
    this.#expiry.hidden = true;
    this.busy = false;
  }
}
