/** The front desk's page: who is at a camera, how it goes, and help. */

import { documentFields, guestFields, setForm } from "./asked.js";
import { control } from "./control.js";
import * as dates from "./dates.js";
import { byId, element, english } from "./dom.js";
import { newEntry } from "./entry.js";
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
let unanswered = false; // whether the list was asked for in vain
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

const rows = new Map(); // label -> its row: it stays, else a press that lasts would be no click

function newRow(of) {
  const button = element("button", { type: "button" });
  for (const className of ["label", "lang", "age", "detail"]) {
    button.append(element("span", { className }));
  }
  for (const ltr of [...button.children].slice(0, 2)) ltr.dir = "ltr";
  button.dataset.label = of;
  button.addEventListener("click", () => show(of));
  return element("li", {}, button);
}

/** What has not changed is not written: it would be read aloud once more. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function row(session) {
  const found = rows.get(session.label) ?? newRow(session.label);
  rows.set(session.label, found);
  const [button] = found.children;
  const texts = [session.label, session.language.toUpperCase(), ago(session.age_s), summary(session)];
  texts.forEach((text, index) => write(button.children[index], text));
  button.setAttribute("aria-pressed", String(session.label === label));
  return found;
}

function list(sessions) {
  latest = sessions;
  const told = new Set(sessions.map((session) => session.label));
  for (const [gone, node] of rows) {
    if (told.has(gone)) continue;
    node.remove();
    rows.delete(gone);
  }
  const shown = byId("list").children;
  sessions.map(row).forEach((node, index) => {
    if (shown[index] !== node) byId("list").insertBefore(node, shown[index] ?? null);
  });
  byId("nobody").hidden = sessions.length > 0;
}

async function refresh() {
  try {
    list(await staff.sessions());
    unanswered = false;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if ([401, 403].includes(error.status)) return ask(error);
    unanswered = true;
  }
  tellSilence();
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
    tellSilence();
    await new Promise((done) => setTimeout(done, pauseMs));
    pauseMs = Math.min(2 * pauseMs, MOST_AGAIN_MS);
  }
}

async function show(chosen) {
  watching?.abort();
  watching = new AbortController();
  if (form) help(giveBack);
  label = chosen;
  list(latest); // marks it
  dropForm();
  byId("words").value = ""; // they were for the guest before
  i18n.hush(byId("state"));
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
    if (error.status) {
      i18n.hush(byId("state"));
      byId("state").replaceChildren(sentence(error));
    } else {
      say(byId("state"), "staff.silent");
    }
    if (!mine || form !== mine) return; // the form that shows says what is wrong with itself
    byId("refusal").replaceChildren(error.status ? sentence(error) : t("staff.silent"));
    byId("refusal").hidden = false;
  }
}

/** The server's own, which says more than a code could. */
const sentence = (error) => english(error.message);

/** Whether what shows may be out of date. What else was said stays. */
function tellSilence() {
  if (cut || unanswered) say(byId("state"), "staff.silent");
  else if (byId("state").dataset.i18n === "staff.silent") i18n.hush(byId("state"));
}

async function takeForm() {
  const mine = label;
  const taken = await staff.takeForm(mine);
  // The clerk has gone on to another guest; whose form it is fills it in.
  if (label !== mine) return staff.giveBack(mine);
  form = { label: mine, documentId: taken.document_id, entry: newEntry() };
  setForm(taken.card_form);
  const fields = [...documentFields(), ...guestFields()];
  byId("fields").replaceChildren(...fields.map((field) => formRow(field, taken.fields[field.name] ?? "")));
  const arrival = byId("staff-arrival_date");
  if (arrival) arrival.value ||= dates.today();
  byId("form").hidden = false;
  byId("fields").querySelector(".control").focus();
  return undefined;
}

function formRow(field, value) {
  const entry = control(field, value, "staff");
  entry.required = Boolean(field.required);
  if (field.date) entry.placeholder = "YYYY-MM-DD";
  const caption = element("label", { htmlFor: entry.id });
  say(caption, `field.${field.name}`);
  return element("div", { className: field.wide ? "field wide" : "field" }, caption, entry);
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
  const entries = [...byId("fields").querySelectorAll(".control")];
  const ofDocument = new Set(documentFields().map(({ name }) => name));
  const fields = Object.fromEntries(
    entries.map(({ name, value }) => [name, value.trim()])
      .filter(([name, value]) => value || ofDocument.has(name)),
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

/** For the token; `refused` is what the server said to the one that was given. */
function ask(refused) {
  watching?.abort(); // whoever may not see the list is not let in there either
  cut = unanswered = false;
  label = "";
  dropForm(); // its values are not for whoever comes with a token next
  list([]);
  byId("gate-refusal").replaceChildren(...(staff.token ? [sentence(refused)] : []));
  byId("gate-refusal").hidden = !staff.token;
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
