/** The page: joins the screens, the guest's visit and what is shown of it. */

import { setForm } from "./asked.js";
import { openCamera } from "./camera.js";
import * as cameras from "./cameras.js";
import { Card } from "./card.js";
import { byId } from "./dom.js";
import * as doors from "./doors.js";
import { Guidance } from "./guidance.js";
import * as i18n from "./i18n.js";
import { Idle } from "./idle.js";
import { Live } from "./live.js";
import { showProblem } from "./problem.js";
import { Review } from "./review.js";
import { openBlank, openSpecimen } from "./specimen_camera.js";
import { Screens } from "./state.js";
import * as stats from "./stats.js";
import { Visit } from "./visit.js";

const THANKS_MS = 10_000;
const BUSY_RETRY_S = 5;
const guidance = new Guidance();
const live = new Live(guidance);
const card = new Card();
const idle = new Idle({ gone: () => reset(), present: () => configure() });
const review = new Review((values) => confirm(values));
const screens = new Screens((screen, from) => entered(screen, from));

let visit = null;
let timer = 0; // of the screen that shows: thanks, busy
let lastOpen = openCamera; // what "try again" tries

function entered(screen) {
  stats.setScreen(screen);
  clearTimeout(timer);
  if (screen === "start" || screen === "thanks") idle.stop();
  else idle.start();
  if (screen === "thanks") timer = setTimeout(reset, THANKS_MS);
  if (screen === "live") live.enter();
  else live.leave();
}

function problem(kind, retryAfterS = 0) {
  endVisit();
  showProblem(kind);
  screens.go("problem");
  cameras.refresh();
  if (kind === "busy") timer = setTimeout(retry, (retryAfterS || BUSY_RETRY_S) * 1000);
}

/** What a visit tells; one that has ended tells nothing any more. */
const HANDLERS = {
  message: onMessage,
  up() {
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

function onMessage(message, confirming) {
  if (screens.now === "live") live.receive(message);
  if (message.type === "overlay" && message.detected) idle.touch();
  else if (message.type === "capture") visit.feed.captured();
  else if (message.type === "result" && screens.now === "live") onResult(message);
  else if (message.type === "card_form") setForm(message) && review.refill();
  else if (message.type === "confirmed") onConfirmed(message);
  else if (message.type === "error") onError(message, confirming);
}

function onResult(message) {
  stats.mark("result");
  visit.documentId = message.document_id;
  visit.watch(false);
  review.fill(message);
  screens.go("result");
}

async function onConfirmed(message) {
  const mine = visit;
  mine.documentId = message.document_id; // typed data have one from now on
  const shown = await card.show(message.card).then(() => true, () => false);
  if (visit !== mine) return card.clear();
  if (!shown) return unanswered();
  stats.mark("confirmed");
  review.busy = false;
  screens.go("confirmed");
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

function confirm(values) {
  review.busy = true;
  if (visit) visit.confirm(values);
  else start(openBlank, { watch: false }).then(() => visit?.confirm(values));
}

function endVisit() {
  visit?.end();
  visit = null;
  live.clear();
}

/** Nothing of this guest stays in the page. */
function wipe() {
  endVisit();
  review.clear();
  card.clear();
}

function reset() {
  wipe();
  lastOpen = openCamera;
  screens.go("reset");
  setLanguage(i18n.preferred());
}

function retry() {
  if (screens.go("retry")) start(lastOpen);
}

function manual() {
  if (!screens.go("manual")) return;
  review.fill(null);
  if (visit) visit.watch(false);
  else start(openBlank, { watch: false });
}

function rescan() {
  const canGoOn = visit?.connected && visit.mayWatch;
  if (!screens.go(canGoOn ? "rescan" : "rescan_anew")) return;
  review.clear();
  if (!canGoOn) return start(lastOpen);
  visit.rescan();
  live.show(visit.feed);
}

async function chooseCamera(deviceId) {
  lastOpen = () => openCamera(deviceId);
  if (screens.now === "problem") return retry();
  const mine = visit;
  try {
    await mine.changeFeed(lastOpen);
    if (visit === mine) show(mine.feed);
  } catch (error) {
    if (visit === mine) problem(error.kind ?? "camera");
  }
}

async function setLanguage(code) {
  await i18n.use(code);
  byId("language").value = i18n.language();
  configure();
  live.reword();
}

function configure() {
  visit?.send({ type: "configure", language: i18n.language() });
}

const ACTIONS = {
  begin() {
    lastOpen = openCamera;
    if (screens.go("begin")) start(lastOpen);
  },
  specimen() {
    lastOpen = openSpecimen;
    if (screens.go("specimen")) start(lastOpen);
  },
  manual,
  retry,
  rescan,
  reset,
  shutter: () => visit?.send({ type: "capture" }),
  edit: () => screens.go("edit"),
  finish() {
    wipe();
    screens.go("finish");
  },
};

stats.expose();
doors.takeToken();
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-action]");
  if (button) ACTIONS[button.dataset.action]();
});
// A page that goes away, also into the browser's back-forward store, takes nothing with it.
addEventListener("pagehide", wipe);
addEventListener("pageshow", ({ persisted }) => persisted && reset());
cameras.bind(chooseCamera);
i18n.bindMenu(byId("language"), setLanguage);
setLanguage(i18n.preferred());
