/** The front desk's page: who is at a camera, how it goes, and help. */

import * as dates from "./dates.js";
import { byId, element } from "./dom.js";
import { newEntry } from "./entry.js";
import { DOCUMENT_FIELDS, GUEST_FIELDS } from "./fields.js";
import * as i18n from "./i18n.js";
import { loadProperty } from "./property.js";
import { Refused, Staff } from "./staff_doors.js";

const LIST_MS = 2000;
const LOG_LINES = 30;
const AGAIN_MS = 1000; // until a stream that broke is asked for again; each time twice as long
const MOST_AGAIN_MS = 15_000;
/** What a clerk may want to say; the guest reads it in the guest's language. */
const HINTS = ["MOVE_CLOSER", "MOVE_BACK", "HOLD_STILL", "GLARE", "TILTED", "ROTATE",
  "MRZ_NOT_VISIBLE", "MRZ_COVERED", "TURN_OVER", "WRONG_SIDE", "ASK_STAFF"];

const staff = new Staff();
const { say, t } = i18n;
let label = ""; // of the session that shows
let watching = null; // AbortController of its stream
let cut = false; // whether that stream has broken
let form = null; // {label, documentId, entry} of the one taken over

let latest = []; // the sessions as last told
let notices = []; // {at, notice} of the session that shows, the newest first
const NONE = "–";

function ago(seconds) {
  const [value, unit] = seconds < 60 ? [seconds, "second"] : [Math.floor(seconds / 60), "minute"];
  const style = { style: "unit", unit, unitDisplay: "short" };
  return new Intl.NumberFormat(i18n.language(), style).format(value);
}

/** The page's word for one of the protocol's; the protocol's own where there is none. */
const word = (kind, code) => (code ? t(`${kind}.${code}`) || code : NONE);
const words = (code) => word("guidance", code);

function summary({ session, capture, guidance, result, confirmed }) {
  if (session !== "connected") return word("staff.state", session);
  if (confirmed) return t("staff.card_ready");
  if (result) return t("staff.reviewing", { status: word("staff.status", result) });
  return guidance ? words(guidance) : word("staff.stage", capture);
}

function row(session) {
  const button = element(
    "button",
    { type: "button" },
    element("span", { className: "label", textContent: session.label, dir: "ltr" }),
    element("span", { textContent: session.language.toUpperCase(), dir: "ltr" }),
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
  latest = sessions;
  const focused = document.activeElement?.dataset.label;
  byId("list").replaceChildren(...sessions.map(row));
  byId("nobody").hidden = sessions.length > 0;
  if (focused) byId("list").querySelector(`[data-label="${focused}"]`)?.focus();
}

async function refresh() {
  try {
    list(await staff.sessions());
    hush();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return ask();
    say(byId("state"), "staff.silent");
  }
  setTimeout(refresh, LIST_MS);
  return undefined;
}

function fact(name, value) {
  return element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }));
}

const seen = {};

/** What the picture looks like, as a clerk is told; a warning, never a verdict. */
function looks(codes) {
  return codes.map((code) => word("staff.warning", code)).join(", ") || NONE;
}

/** Whether the guest is at the form: something was read, not confirmed yet, and nothing is taken. */
function checksForm() {
  const { result, confirmed, state } = seen;
  const confirmedSince = confirmed && confirmed.ts_ms >= result?.ts_ms;
  const atRest = ["searching", "done"].includes(state?.capture ?? "searching");
  return Boolean(result) && !confirmedSince && atRest;
}

function facts() {
  const read = Object.entries(seen.result?.fields ?? {});
  const doubtful = read.filter(([, status]) => ["conflict", "missing"].includes(status));
  byId("facts").replaceChildren(
    fact(t("staff.connection"), word("staff.state", seen.state?.session)),
    fact(t("staff.capture"), checksForm() ? NONE : word("staff.stage", seen.state?.capture)),
    fact(t("staff.told"), checksForm() ? t("staff.check_form") : words(seen.guidance?.code)),
    fact(t("staff.result"), word("staff.status", seen.result?.status)),
    fact(t("staff.looks"), looks(seen.result?.warnings ?? [])),
    fact(t("staff.doubtful"), doubtful.map(([name]) => word("field", name)).join(", ") || NONE),
  );
}

/** notice type -> what the log says; none for what the facts show already. */
const LINES = {
  guidance: ({ code }) => words(code),
  capture: ({ trigger }) => (trigger === "auto" ? t("staff.by_itself") : t("staff.by_hand")),
  result: ({ status, format }) =>
    t("staff.read", { status: word("staff.status", status), format: format ?? t("staff.no_zone") }),
  confirmed: ({ edited }) => t("staff.confirmed", { count: edited.length }),
  error: ({ code }) => t("staff.refused", { code }),
  hint: ({ code }) => (code ? t("staff.hint_sent", { hint: words(code) }) : t("staff.words_sent")),
  form: ({ holder }) => (holder === "clerk" ? t("staff.form_taken") : t("staff.form_back")),
};

function heard(notice) {
  seen[notice.type] = notice;
  facts();
  if (notice.type === "form" && notice.holder === "guest") dropForm();
  if (!(notice.type in LINES)) return;
  notices = [{ at: new Date(notice.ts_ms), notice }, ...notices].slice(0, LOG_LINES);
  log();
}

function log() {
  const lines = notices.map(({ at, notice }) => {
    const time = element("time", { textContent: dates.timeOfDay(at) });
    return element("li", {}, time, element("span", { textContent: LINES[notice.type](notice) }));
  });
  byId("log").replaceChildren(...lines);
}

/** A stream tells first what there is to know: nothing heard before stays, to be told twice. */
function begin() {
  cut = false;
  for (const type of Object.keys(seen)) delete seen[type];
  notices = [];
  log();
  facts();
}

/** Resolves when the session has ended. A stream that only breaks is asked for again. */
async function follow(signal) {
  let pauseMs = AGAIN_MS;
  const begun = () => {
    pauseMs = AGAIN_MS;
    begin();
  };
  while (!signal.aborted) {
    try {
      await staff.watch(label, { begun, heard }, signal);
      return;
    } catch (error) {
      if (signal.aborted || error.status === 404) return;
    }
    cut = true;
    hush();
    await new Promise((done) => setTimeout(done, pauseMs));
    pauseMs = Math.min(2 * pauseMs, MOST_AGAIN_MS);
  }
}

async function show(chosen) {
  watching?.abort();
  watching = new AbortController();
  if (form) help(giveBack);
  label = chosen;
  dropForm();
  begin();
  byId("one").hidden = false;
  say(byId("one-title"), "staff.session", () => ({ label }));
  byId("one").focus();
  const { signal } = watching;
  await follow(signal);
  if (signal.aborted) return;
  cut = false;
  dropForm();
  seen.state = { session: "ended", capture: null };
  facts();
}

async function help(act) {
  const mine = form;
  byId("refusal").hidden = true;
  try {
    await act();
    say(byId("state"), "staff.done");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // The server's own sentence, which says more than a code could.
    const sentence = () => element("bdi", { lang: "en", textContent: error.message });
    if (error.status) {
      i18n.hush(byId("state"));
      byId("state").replaceChildren(sentence());
    } else {
      say(byId("state"), "staff.silent");
    }
    if (!mine || form !== mine) return; // the form that shows says what is wrong with itself
    byId("refusal").replaceChildren(error.status ? sentence() : t("staff.silent"));
    byId("refusal").hidden = false;
  }
}

/** Nothing more to say, but that what shows may be out of date. */
function hush() {
  if (cut) say(byId("state"), "staff.silent");
  else i18n.hush(byId("state"));
}

async function takeForm() {
  const mine = label;
  const taken = await staff.takeForm(mine);
  // The clerk has gone on to another guest; whose form it is fills it in.
  if (label !== mine) return staff.giveBack(mine);
  form = { label: mine, documentId: taken.document_id, entry: newEntry() };
  const rows = [...DOCUMENT_FIELDS, ...GUEST_FIELDS].map(({ name, required, date }) => {
    const id = `staff-${name}`;
    const value = taken.fields[name] ?? "";
    const entry = element("input", { id, name, value, className: "control", autocomplete: "off" });
    entry.required = Boolean(required);
    entry.dir = date ? "ltr" : "auto";
    if (date) entry.placeholder = "YYYY-MM-DD";
    const caption = element("label", { htmlFor: id });
    say(caption, `field.${name}`);
    return element("div", { className: "field" }, caption, entry);
  });
  byId("fields").replaceChildren(...rows);
  byId("form").hidden = false;
  byId("fields").querySelector("input").focus();
  return undefined;
}

/** The guest goes on with it; here it closes, also where the server knew of no clerk's. */
async function giveBack() {
  const mine = form;
  await staff.giveBack(mine.label);
  if (form === mine) dropForm();
}

function dropForm() {
  form = null;
  waiting(false);
  byId("fields").replaceChildren();
  byId("form").hidden = byId("refusal").hidden = true;
}

async function confirm() {
  const mine = form;
  const entries = [...byId("fields").querySelectorAll("input")];
  const fields = Object.fromEntries(
    entries.filter(({ name, value }) => value || DOCUMENT_FIELDS.some((each) => each.name === name))
      .map(({ name, value }) => [name, value.trim()]),
  );
  waiting(true);
  try {
    await staff.confirm(mine, fields);
    if (form === mine) dropForm();
  } finally {
    if (form === mine) waiting(false);
  }
}

/** While an answer is awaited the form is not sent once more: typed, it would be two documents. */
function waiting(flag) {
  for (const button of byId("form").querySelectorAll("button")) button.disabled = flag;
}

function ask() {
  watching?.abort(); // whoever may not see the list is not let in there either
  cut = false;
  byId("gate").hidden = false;
  byId("sessions").hidden = byId("one").hidden = true;
  byId("token").focus();
}

function open() {
  byId("gate").hidden = true;
  byId("sessions").hidden = false;
  refresh();
}

/** Everything that shows, in another language; what a clerk has typed stays. */
async function speak(code) {
  await i18n.use(code);
  document.title = `${t("staff.page")} – ${property.name}`;
  byId("language").value = i18n.language();
  const chosen = byId("hint").value || HINTS[0];
  byId("hint").replaceChildren(
    ...HINTS.map((each) => element("option", { value: each, textContent: words(each) })),
  );
  byId("hint").value = chosen;
  byId("words").placeholder = t("staff.words");
  list(latest);
  facts();
  log();
}

const property = await loadProperty();
i18n.offer(property.languages, property.language);
i18n.bindMenu(byId("language"), speak);
await speak(i18n.preferred());
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
byId("drop-form").addEventListener("click", () => help(giveBack));
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  help(confirm);
});
open();
