/**
 * What the page measures about itself, for benchmarks and support; never guest data.
 *
 * `window.lobbylens.stats` is a getter that returns a fresh frozen copy:
 *   screen             the screen that shows
 *   marks              name -> performance.now() of the latest time it happened: begin,
 *                      cameraGranted, offerSent, answered, connected, firstOverlay,
 *                      firstDetected, captured, result, confirmed, lost, resumed,
 *                      profile_tracking, profile_capture (see docs/protocol.md)
 *   overlays           overlay messages received
 *   matched            overlays that were drawn on the very frame they belong to
 *   reconnects         peers that were replaced
 *   stills             full-resolution pictures that reached the server in time
 *   overlay_age_ms     the latest 1024 ages of an overlay at its arrival, counted from the moment
 *                      the preview showed its frame (matched overlays only)
 */

const AGES_KEPT = 1024;

const now = { screen: "start", marks: {}, overlays: 0, matched: 0, reconnects: 0, stills: 0, ages: [] };

export function mark(name) {
  now.marks[name] = performance.now();
}

export function markFirst(name) {
  if (!(name in now.marks)) mark(name);
}

/** Forgets the marks of the guest before. */
export function forget(names) {
  for (const name of names) delete now.marks[name];
}

export function count(name) {
  now[name] += 1;
}

export function setScreen(name) {
  now.screen = name;
}

export function overlayAge(ms) {
  if (now.ages.push(ms) > AGES_KEPT) now.ages.shift();
}

function snapshot() {
  const { screen, marks, overlays, matched, reconnects, stills, ages } = now;
  return Object.freeze({
    screen,
    marks: Object.freeze({ ...marks }),
    overlays,
    matched,
    reconnects,
    stills,
    overlay_age_ms: Object.freeze([...ages]),
  });
}

/** Puts the read-only hook on `window`; nothing else of the page is reachable from there. */
export function expose() {
  const hook = Object.freeze(Object.defineProperty({}, "stats", { get: snapshot, enumerable: true }));
  Object.defineProperty(window, "lobbylens", { value: hook });
}
