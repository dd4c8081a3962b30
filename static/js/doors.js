/** The server's HTTP doors. Secrets stay in this module and never reach the page's address. */

export const ANSWER_MS = 8000;
const STILL_MS = 2000;

/** HTTP status -> the problem that the page explains. */
const PROBLEMS = { 401: "access", 403: "access", 429: "busy", 503: "busy" };

/** A door that stays shut; `kind` selects the texts `problem.<kind>.*`. */
export class Refused extends Error {
  constructor(kind, retryAfterS = 0) {
    super(kind);
    this.kind = kind;
    this.retryAfterS = retryAfterS;
  }
}

let token = "";

/** Takes `#token=...` out of the address, so that no history, bookmark or photo shows it. */
export function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!found) return;
  token = found;
  history.replaceState(null, "", location.pathname + location.search);
}

/** A host page hands it over on its port, never in an address. */
export function setToken(text) {
  token = text;
}

function headers(extra = {}) {
  return token ? { ...extra, Authorization: `Bearer ${token}` } : extra;
}

/**
 * What `read` makes of the answer. A body that is cut off, comes too late, or is some network's own
 * page in the place of ours is no answer either. `problems`: of statuses that mean more at this door.
 */
async function request(path, options, signal, { answerMs = ANSWER_MS, read = json, problems = {} } = {}) {
  const limit = AbortSignal.timeout(answerMs);
  try {
    const answer = await fetch(path, {
      cache: "no-store",
      ...options,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.ok) return await read(answer);
    const seconds = Number(answer.headers.get("Retry-After")) || 0;
    throw new Refused({ ...PROBLEMS, ...problems }[answer.status] ?? "server", seconds);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("server");
  }
}

const json = (answer) => answer.json();

/** The ICE servers to offer with. */
export async function iceServers(signal) {
  return (await request("/api/webrtc/config", { headers: headers() }, signal)).ice_servers;
}

/**
 * {sdp, session_id, resume_token}. With `resumed`, a session's id, it goes to that session's own
 * address, so that a balancer finds its machine; "expired" is the answer when that comes too late.
 * `answerMs`: how long the answer is waited for.
 */
export async function offer(sdp, session, signal, resumed, answerMs) {
  const path = resumed ? `/api/sessions/${encodeURIComponent(resumed)}/offer` : "/api/webrtc/offer";
  const body = JSON.stringify({ sdp, type: "offer", session });
  const options = { method: "POST", headers: headers({ "Content-Type": "application/json" }), body };
  return request(path, options, signal, { answerMs, problems: resumed ? { 404: "expired" } : {} });
}

/**
 * Hands in the still of a `picture`; true when it came in time to be looked at. On a link that takes longer than the
 * server waits, it would only be in the video's way.
 */
export async function still(sessionId, jpeg, picture) {
  const named = new URLSearchParams({ picture });
  const path = `/api/sessions/${encodeURIComponent(sessionId)}/still?${named}`;
  const options = { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: jpeg };
  return (await request(path, options, undefined, { answerMs: STILL_MS })).taken;
}

/** The card as a PDF blob. */
export async function card(path) {
  return request(path, { headers: headers() }, undefined, { read: (answer) => answer.blob() });
}

/** Ends a session; a beacon, because it is also sent while the page goes away. */
export function close(sessionId) {
  navigator.sendBeacon(`/api/sessions/${encodeURIComponent(sessionId)}/close`);
}
