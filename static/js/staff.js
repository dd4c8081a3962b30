/** The front desk's page: who is at a camera, how it goes, and help. In English. */

import { byId, element } from "./dom.js";
import { DOCUMENT_FIELDS, GUEST_FIELDS } from "./fields.js";
import { Refused, Staff } from "./staff_doors.js";

const LIST_MS = 2000;
const LOG_LINES = 30;
/** What a clerk may want to say; the guest reads it in the guest's language. */
const HINTS = ["MOVE_CLOSER", "MOVE_BACK", "HOLD_STILL", "GLARE", "TILTED", "ROTATE",
  "MRZ_NOT_VISIBLE", "MRZ_COVERED", "TURN_OVER", "WRONG_SIDE", "ASK_STAFF"];

const staff = new Staff();
let texts = null; // the page's English, for the words of codes and fields
let label = ""; // of the session that shows
let watching = null; // AbortController of its stream
let documentId = null; // of the form taken over

function ago(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

const words = (code) => texts.guidance[code] ?? code ?? "–";

function summary({ session, capture, guidance, result, confirmed }) {
  if (session !== "connected") return session;
  if (confirmed) return "card is ready";
  if (result) return `reviewing (${result.replace("_", " ")})`;
  return guidance ? words(guidance) : capture;
}

function row(session) {
  const button = element(
    "button",
    { type: "button" },
    element("span", { className: "label", textContent: session.label }),
    element("span", { textContent: session.language.toUpperCase() }),
    element("span", { className: "age", textContent: ago(session.age_s) }),
    element("span", { className: "detail", textContent: summary(session) }),
  );
  button.setAttribute("aria-pressed", String(session.label === label));
  button.dataset.label = session.label;
  button.addEventListener("click", () => show(session.label));
  return element("li", {}, button);
}

/** Rows are made anew, but the focus stays where it was. */
function list(sessions) {
  const focused = document.activeElement?.dataset.label;
  byId("list").replaceChildren(...sessions.map(row));
  byId("nobody").hidden = sessions.length > 0;
  if (focused) byId("list").querySelector(`[data-label="${focused}"]`)?.focus();
}

async function refresh() {
  try {
    list(await staff.sessions());
    byId("state").textContent = "";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return ask();
    byId("state").textContent = "The server does not answer";
  }
  setTimeout(refresh, LIST_MS);
  return undefined;
}

function fact(name, value) {
  return element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }));
}

const seen = {};
/** Warnings of a result, for the clerk alone: hints to look at the document, never a verdict. */
const LOOKS = {
  screen_suspected: "a screen (compare with the original)",
  photocopy_suspected: "a photocopy (compare with the original)",
};

function facts() {
  const read = Object.entries(seen.result?.fields ?? {});
  const doubtful = read.filter(([, status]) => ["conflict", "missing"].includes(status));
  byId("facts").replaceChildren(
    fact("Connection", seen.state?.session ?? "–"),
    fact("Capture", seen.state?.capture ?? "–"),
    fact("Guest is told", seen.result ? "to check the form" : words(seen.guidance?.code)),
    fact("Result", seen.result?.status?.replace("_", " ") ?? "–"),
    fact("Looks like", (seen.result?.warnings ?? []).map((code) => LOOKS[code] ?? code).join(", ") || "–"),
    fact("To be checked", doubtful.map(([name]) => texts.field[name] ?? name).join(", ") || "–"),
  );
}

/** notice type -> what the log says; none for what the facts show already. */
const LINES = {
  guidance: ({ code }) => words(code),
  capture: ({ trigger }) => `Picture taken (${trigger})`,
  result: ({ status, format }) => `Read: ${status.replace("_", " ")}, ${format ?? "no code lines"}`,
  confirmed: ({ edited }) => `Confirmed, ${edited.length} field(s) changed`,
  error: ({ code }) => `Refused: ${code}`,
  hint: ({ code }) => `Hint sent${code ? `: ${words(code)}` : ""}`,
  form: ({ holder }) => (holder === "clerk" ? "Form taken over by the front desk" : "Form back"),
};

function heard(notice) {
  seen[notice.type] = notice;
  facts();
  const line = LINES[notice.type]?.(notice);
  if (!line) return;
  const time = element("time", { textContent: new Date().toLocaleTimeString() });
  byId("log").prepend(element("li", {}, time, element("span", { textContent: line })));
  while (byId("log").children.length > LOG_LINES) byId("log").lastChild.remove();
}

async function show(chosen) {
  watching?.abort();
  watching = new AbortController();
  label = chosen;
  dropForm();
  for (const type of Object.keys(seen)) delete seen[type];
  byId("log").replaceChildren();
  byId("one").hidden = false;
  byId("one-title").textContent = `Session ${label}`;
  facts();
  byId("one").focus();
  const mine = watching;
  await staff.watch(label, heard, mine.signal).catch(() => {});
  if (watching !== mine) return;
  dropForm();
  seen.state = { session: "ended", capture: "–" };
  facts();
}

async function help(act) {
  byId("refusal").hidden = true;
  try {
    await act();
    byId("state").textContent = "Done";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    byId("state").textContent = error.message;
    byId("refusal").textContent = error.message;
    byId("refusal").hidden = byId("form").hidden;
  }
}

async function takeForm() {
  const taken = await staff.takeForm(label);
  documentId = taken.document_id;
  const rows = [...DOCUMENT_FIELDS, ...GUEST_FIELDS].map(({ name, required, date }) => {
    const id = `staff-${name}`;
    const value = taken.fields[name] ?? "";
    const note = date ? " (YYYY-MM-DD)" : "";
    const entry = element("input", { id, name, value, className: "control", autocomplete: "off" });
    entry.required = Boolean(required);
    const caption = element("label", { htmlFor: id, textContent: texts.field[name] + note });
    return element("div", { className: "field" }, caption, entry);
  });
  byId("fields").replaceChildren(...rows);
  byId("form").hidden = false;
  byId("fields").querySelector("input").focus();
}

function dropForm() {
  documentId = null;
  byId("fields").replaceChildren();
  byId("form").hidden = byId("refusal").hidden = true;
}

async function confirm() {
  const entries = [...byId("fields").querySelectorAll("input")];
  const fields = Object.fromEntries(
    entries.filter(({ name, value }) => value || DOCUMENT_FIELDS.some((each) => each.name === name))
      .map(({ name, value }) => [name, value.trim()]),
  );
  await staff.confirm(label, documentId, fields);
  dropForm();
}

function ask() {
  byId("gate").hidden = false;
  byId("sessions").hidden = byId("one").hidden = true;
  byId("token").focus();
}

function open() {
  byId("gate").hidden = true;
  byId("sessions").hidden = false;
  refresh();
}

const answer = await fetch("/static/lang/en.json");
texts = await answer.json();
byId("hint").replaceChildren(
  ...HINTS.map((code) => element("option", { value: code, textContent: words(code) })),
);
byId("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  staff.token = byId("token").value;
  byId("token").value = "";
  open();
});
byId("send-hint").addEventListener("click", () => help(() => staff.hint(label, { code: byId("hint").value })));
byId("send-words").addEventListener("click", () =>
  help(async () => {
    await staff.hint(label, { text: byId("words").value });
    byId("words").value = "";
  }),
);
byId("picture").addEventListener("click", () => help(() => staff.picture(label)));
byId("take-form").addEventListener("click", () => help(takeForm));
byId("drop-form").addEventListener("click", dropForm);
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  help(confirm);
});
open();
