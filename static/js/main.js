/** The page: joins the screens, the guest's visit and what is shown of it. */

import { setForm } from "./asked.js";
import { openCamera } from "./camera.js";
import * as cameras from "./cameras.js";
import { Card } from "./card.js";
import { commands } from "./commands.js";
import { byId } from "./dom.js";
import * as doors from "./doors.js";
import { Guidance } from "./guidance.js";
import { Host } from "./host.js";
import * as i18n from "./i18n.js";
import { Idle } from "./idle.js";
import { Live } from "./live.js";
import * as note from "./note.js";
import { showProblem } from "./problem.js";
import { loadProperty } from "./property.js";
import { Review } from "./review.js";
import { Sound } from "./sound.js";
import { openBlank, openSpecimen } from "./specimen_camera.js";
import { Screens } from "./state.js";
import * as stats from "./stats.js";
import * as torch from "./torch.js";
import { Visit } from "./visit.js";
import * as welcome from "./welcome.js";

const THANKS_MS = 10_000;
const BUSY_RETRY_S = 5;
const CLERK_S = 300; // a clerk who fills in the form is given more time than a guest who has gone
const PRESENT_MS = 20_000;

const guidance = new Guidance();
const live = new Live(guidance);
const card = new Card();
const sound = new Sound();
const idle = new Idle({ gone: () => leave("idle"), present: () => configure() });
const review = new Review((values, signature) => confirm(values, signature));
const screens = new Screens((screen) => entered(screen));
const host = new Host({ connected: hostConnected, command: (name, options) => COMMANDS[name](options) });

let property = null;
let visit = null;
let timer = 0; // of the screen that shows: thanks, busy
let lastOpen = openCamera; // what "try again" tries
let alone = false; // has the page gone on by itself, since a guest has or a session was there?

function entered(screen) {
  stats.setScreen(screen);
  clearTimeout(timer);
  if (screen === "attract" || screen === "thanks") idle.stop();
  else idle.start({ quiet: screen === "language" || screen === "start", alone });
  if (screen === "thanks") timer = setTimeout(() => leave("finished"), THANKS_MS);
  if (screen === "live") live.enter();
  else live.leave();
}

function problem(kind, retryAfterS = 0) {
  endVisit();
  showProblem(kind);
  screens.go("problem");
  cameras.refresh();
  host.tell("error", { code: kind.toUpperCase(), message: i18n.t(`problem.${kind}.title`) });
  if (kind === "busy") timer = setTimeout(retryAlone, (retryAfterS || BUSY_RETRY_S) * 1000);
}

/** What a visit tells; one that has ended tells nothing any more. */
const HANDLERS = {
  message: onMessage,
  up({ resumed }) {
    alone = false;
    if (!resumed) letGo(); // no clerk has the form of a new session
    live.up();
    review.offline = false;
  },
  down() {
    live.down();
    review.offline = true;
  },
  failed,
  transport: (ms) => live.setTransport(ms),
  unanswered,
};

/** Opens a picture source and a session with it; a visit that was left meanwhile is dropped. */
async function start(open, { watch = true } = {}) {
  endVisit();
  const mine = new Visit(HANDLERS);
  visit = mine;
  stats.forget(["firstOverlay", "firstDetected", "captured", "result", "confirmed"]);
  stats.mark("begin");
  try {
    const feed = await open();
    if (visit !== mine) return feed.stop();
    stats.mark("cameraGranted");
    feed.track.enabled = watch;
    if (watch) show(feed);
    await mine.connect(feed, i18n.language());
  } catch (error) {
    if (visit !== mine) return;
    if (!error.kind) console.error(error);
    failed(error.kind ?? "camera", error.retryAfterS);
  }
}

function show(feed) {
  feed.track.onended = () => {
    if (screens.now === "live") problem("gone");
  };
  screens.go("granted"); // no move when the live screen shows already
  live.show(feed);
  cameras.refresh(feed.deviceId);
}

/** What the guest has typed outlives a lost session; the way to a card is then tried anew. */
function failed(kind, retryAfterS) {
  if (screens.now !== "review") return problem(kind, retryAfterS);
  endVisit();
  review.offline = false;
  if (review.busy) unanswered();
}

/** Messages that a host page sees as they are. */
const TOLD_TO_HOST = new Set(["guidance", "capture", "result", "confirmed", "error"]);

const ON_MESSAGE = {
  ready({ sides }) {
    visit.sides = sides;
  },
  overlay(message) {
    if (message.detected) idle.touch();
  },
  capture() {
    visit.feed.captured();
    sound.play("captured");
  },
  result(message) {
    if (visit.isPast(message.document_id)) return;
    if (screens.now === "live") onResult(message);
    // The same reading again: the document's print has been compared since.
    else if (screens.now === "review" && message.revised && message.document_id === visit.documentId) review.revise(message);
  },
  confirmed: onConfirmed,
  hint(message) {
    note.show(message);
    idle.touch();
  },
  form: onForm,
  card_form(message) {
    if (setForm(message)) review.refill();
    review.offerPad();
  },
  error: onError,
};

function onMessage(message, confirming) {
  if (screens.now === "live") live.receive(message);
  ON_MESSAGE[message.type]?.(message, confirming);
  if (TOLD_TO_HOST.has(message.type)) host.tell(message.type, message);
}

function onResult(message) {
  stats.mark("result");
  visit.read = message;
  // The guest is told to turn the card over; what was read of one side waits for the other.
  if (visit.wantsOtherSide) live.offerOnward(true);
  else toReview("result");
}

/** To the form, with what was read, or empty where nothing was. */
function toReview(event) {
  if (!screens.go(event)) return;
  const read = visit?.read ?? null;
  if (read) visit.documentId = read.document_id;
  visit?.reviewing();
  review.fill(read);
  if (visit) visit.watch(false);
  else start(openBlank, { watch: false });
}

async function onConfirmed(message) {
  const mine = visit;
  const awaited = () =>
    screens.now === "card" || (screens.now === "review" && (mine.asked || review.held));
  // The guest has left the form meanwhile, or is at the next one's.
  if (!awaited() || mine.isPast(message.document_id)) return;
  mine.documentId = message.document_id; // typed data have one from now on
  const shown = await card.show(message.card).then(() => true, () => false);
  if (visit !== mine || !awaited()) return card.clear();
  if (!shown) return unanswered();
  stats.mark("confirmed");
  review.busy = false;
  letGo();
  if (screens.go("confirmed")) sound.play("done");
}

/** The front desk takes over the form: shown at once, and the guest may take it back. */
function onForm({ holder }) {
  if (holder !== "clerk") return letGo();
  if (visit.resetting) return; // the guest has begun anew, which takes the form back
  if (screens.now === "live") manual();
  if (screens.now !== "review") return;
  review.held = true;
  idle.limitS = Math.max(CLERK_S, property.idle_s);
  idle.touch();
}

function letGo() {
  review.held = false;
  idle.limitS = property?.idle_s ?? idle.limitS;
}

function unanswered() {
  review.busy = false;
  review.showError({ key: "review.no_answer" });
}

function onError(message, confirming) {
  if (confirming) {
    review.busy = false;
    review.showRefusal(message);
  } else if (screens.now === "live") {
    guidance.note(message.message);
  }
}

function confirm(values, signature) {
  review.busy = true;
  if (visit) return visit.confirm(values, signature);
  const opened = start(openBlank, { watch: false });
  const mine = visit;
  return opened.then(() => visit === mine && mine?.confirm(values, signature));
}

function endVisit() {
  visit?.end();
  visit = null;
  live.clear();
  letGo(); // a clerk had the form of that session
}

/** Nothing of this guest stays in the page. */
function wipe() {
  endVisit();
  review.clear();
  card.clear();
  note.clear();
}

function reset() {
  wipe();
  lastOpen = openCamera;
  alone = false;
  sound.reset();
  screens.go("reset");
  return setLanguage(host.language ?? i18n.preferred());
}

/** Back to the beginning; the host is told why. */
function leave(reason) {
  const began = !["attract", "language", "start"].includes(screens.now);
  reset();
  if (began) host.tell("close", { reason });
}

function retry() {
  if (screens.go("retry")) start(lastOpen);
}

/** Whoever has gone is not waited for: a kiosk would ask, and film, for ever. */
function retryAlone() {
  alone = true;
  retry();
}

const manual = () => toReview("manual");

/** Back to the camera, to read the same again or the next of a family; `event` is of state.js. */
function look(event, again) {
  const canGoOn = visit?.connected && visit.mayWatch;
  if (!screens.go(canGoOn ? event : `${event}_anew`)) return;
  review.clear();
  card.clear();
  letGo();
  if (!canGoOn) return start(lastOpen);
  again();
  show(visit.feed);
  configure(); // is answered with the guidance in force, which was told while another screen showed
}

const rescan = () => look("rescan", () => visit.rescan());
const another = () => look("another", () => visit.another());

async function chooseCamera(deviceId) {
  lastOpen = () => openCamera(deviceId);
  if (screens.now === "problem") return retry();
  const mine = visit;
  try {
    // Nobody is filmed who has gone on to type meanwhile.
    if ((await mine.changeFeed(lastOpen)) && visit === mine && screens.now === "live") show(mine.feed);
  } catch (error) {
    if (visit === mine) problem(error.kind ?? "camera");
  }
}

/** False where another language was chosen before this one's words had come. */
async function setLanguage(code) {
  const apply = await i18n.prepare(code);
  if (!apply) return false;
  review.reword(apply);
  byId("language").value = i18n.language();
  configure();
  live.reword();
  return true;
}

async function chooseLanguage(code) {
  if (await setLanguage(code)) screens.go("chosen");
}

function configure() {
  visit?.send({ type: "configure", language: i18n.language() });
}

function begin() {
  lastOpen = openCamera;
  if (screens.go("begin")) start(lastOpen);
}

function specimen() {
  lastOpen = openSpecimen;
  if (screens.go("specimen")) start(lastOpen);
}

/** The buttons of the page. */
const ACTIONS = {
  touch: () => screens.go(i18n.languages().length > 1 ? "touch" : "chosen"),
  begin,
  specimen,
  manual,
  onward: () => toReview("result"),
  retry,
  rescan,
  another,
  reset: () => leave("cancelled"),
  next: () => leave("finished"),
  shutter: () => visit?.send({ type: "capture" }),
  edit: () => screens.go("edit"),
  mine() {
    letGo();
    visit?.send({ type: "configure", form: "guest" });
  },
  finish() {
    wipe();
    screens.go("finish");
  },
};

/** A host has come: whoever stands at it is past being attracted. */
function hostConnected() {
  screens.home = "start";
  document.body.classList.add("embedded");
  reset();
  host.tell("ready", { v: 1, languages: i18n.languages().map(({ code }) => code) });
}

const COMMANDS = commands(host, {
  reset,
  begin: (wanted) => (wanted && property.specimen ? specimen() : begin()),
  leave,
});

stats.expose();
doors.takeToken();
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-action]");
  if (button) {
    alone = false;
    ACTIONS[button.dataset.action]();
  }
  setTimeout(() => sound.prepare());
});
// A page that goes away, also into the browser's back-forward store, takes nothing with it.
addEventListener("pagehide", wipe);
addEventListener("pageshow", ({ persisted }) => persisted && reset());
setInterval(() => review.held && configure(), PRESENT_MS);

property = await loadProperty();
idle.limitS = property.idle_s;
sound.usual = property.sound;
review.maySign = property.signature;
screens.home = property.attract ? "attract" : "start";
i18n.offer(property.languages, property.language);
cameras.bind(chooseCamera);
torch.bind();
welcome.bind(chooseLanguage);
i18n.bindMenu(byId("language"), setLanguage);
// No screen shows before its words; where they cannot be had, it shows all the same.
await setLanguage(i18n.preferred());
await reset();
host.allow(property.frame_ancestors);
