/**
 * One guest's session with the server, over as many peers as it takes.
 *
 * A peer counts as lost when ICE says so, when its channel closes, or when nothing arrived for
 * three seconds although pings are answered every second. It is replaced by a new one that carries
 * the same camera track and the session's resume token: the session and its results live on.
 */

import * as doors from "./doors.js";
import { Peer } from "./peer.js";
import * as stats from "./stats.js";

const PING_MS = 1000;
const SILENCE_MS = 3000;
const WATCH_MS = 500;
const GIVE_UP_MS = 20_000;
const BACK_OFF_MS = [0, 300, 700, 1500];
// A network that was lost answers nothing, not even with a refusal, and a connection begun before
// it came back is tried again ever less often. So none is waited for as long as usual; the first
// two hardly, the others as long as a server takes that waits for a STUN server in vain.
const RESUMED_WITHIN_MS = [2500, 2500, 5000];

/** Waits, until `signal` is aborted at the latest. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    return undefined;
  });
}

/** What is due at this attempt; the last stands for all after it. */
const step = (steps, attempt) => steps[Math.min(attempt, steps.length - 1)];

export class Connection {
  #peer = null;
  #track;
  #language;
  #session = null; // {id, resumeToken}
  #attempt = 0; // offers so far: one that the network holds is known by it when it comes at last
  #abort = new AbortController();
  #timers = [];
  #heardMs = 0;
  #pingId = 0;
  #replacing = false;
  #hurry = null; // while a peer is replaced: what is waited for is given up, the next attempt begins

  /**
   * `hooks.message(message)`; `hooks.up({resumed})` when a peer is ready, `hooks.down()` when one
   * is lost, `hooks.ended(kind)` when none comes back, `hooks.transport(ms)` now and then.
   */
  constructor(hooks) {
    this.hooks = hooks;
  }

  /** Opens the session; throws doors.Refused. */
  async open(track, language) {
    this.#track = track;
    this.#language = language;
    await this.#join();
    if (this.#closed) throw new doors.Refused("closed");
    const { signal } = this.#abort;
    window.addEventListener("online", () => this.#hurry?.abort(), { signal });
    this.#timers = [setInterval(() => this.#ping(), PING_MS), setInterval(() => this.#watch(), WATCH_MS)];
    this.hooks.up({ resumed: false });
  }

  get #closed() {
    return this.#abort.signal.aborted;
  }

  async #join(answerMs = doors.ANSWER_MS) {
    const { signal } = this.#abort;
    // A page's own token is used up by then; the answer told the servers to come back by.
    const iceServers = this.#session?.iceServers ?? (await doors.iceServers(signal));
    let track = this.#track;
    const session = { language: this.#language, stills: true, attempt: (this.#attempt += 1) };
    if (this.#session) session.resume_token = this.#session.resumeToken;
    const peer = await Peer.open({
      track,
      session,
      resumed: this.#session?.id,
      iceServers,
      signal,
      hurry: this.#hurry?.signal,
      answerMs,
      received: (message) => this.#receive(message),
      // At once, as the token before is spent when the server sees this peer connected.
      answered: ({ session_id, resume_token, ice_servers }) => {
        this.#session = { id: session_id, resumeToken: resume_token, iceServers: ice_servers };
      },
    });
    try {
      // Another camera may have been chosen while this peer connected.
      while (track !== this.#track && !this.#closed) await peer.replaceTrack((track = this.#track));
    } catch (error) {
      peer.close();
      throw error;
    }
    if (this.#closed) {
      peer.close();
      doors.close(peer.answer.session_id);
      return;
    }
    this.#peer = peer;
    this.#heardMs = performance.now();
    stats.mark("connected");
  }

  #receive(message) {
    this.#heardMs = performance.now();
    if (!this.#closed) this.hooks.message(message);
  }

  #ping() {
    this.#peer?.send({ type: "ping", id: ++this.#pingId });
    this.#peer?.transportMs().then((ms) => this.hooks.transport(ms), () => {});
  }

  #watch() {
    if (this.#replacing || !this.#peer) return;
    if (this.#peer.down || performance.now() - this.#heardMs > SILENCE_MS) this.#replace();
  }

  async #replace() {
    this.#replacing = true;
    stats.mark("lost");
    this.#peer.close();
    this.hooks.down();
    const before = this.#session.id;
    let kind = "network";
    const giveUp = performance.now() + GIVE_UP_MS;
    for (let attempt = 0; performance.now() < giveUp && !this.#closed; attempt += 1) {
      await pause(step(BACK_OFF_MS, attempt), this.#hurry?.signal ?? this.#abort.signal);
      if (this.#closed) return;
      this.#hurry = new AbortController();
      try {
        await this.#join(step(RESUMED_WITHIN_MS, attempt));
        stats.count("reconnects");
        stats.mark("resumed");
        this.#replacing = false;
        this.#hurry = null;
        if (!this.#closed) this.hooks.up({ resumed: this.#session.id === before });
        return;
      } catch (error) {
        // One more attempt that failed, whatever it failed with: else the guest would wait for ever.
        if (!(error instanceof doors.Refused)) console.error(error);
        kind = error.kind ?? "network";
        if (kind === "expired") this.#session = null; // the next attempt starts anew
      }
    }
    // A session that is over is no news to the guest: that no other could be had is.
    if (!this.#closed) this.hooks.ended(kind === "expired" ? "network" : kind);
  }

  /** True when it was handed to the network. */
  send(message) {
    if (message.type === "configure" && message.language) this.#language = message.language;
    return !this.#replacing && Boolean(this.#peer?.send(message));
  }

  /** Hands in a still of the picture being taken; nothing is lost when it does not arrive. */
  async sendStill(jpeg, picture) {
    if (this.#closed || this.#replacing || !this.#session) return;
    try {
      if (await doors.still(this.#session.id, jpeg, picture)) stats.count("stills");
    } catch (error) {
      if (!(error instanceof doors.Refused)) throw error;
    }
  }

  /** At once, or with the peer that is on its way. */
  replaceTrack(track) {
    this.#track = track;
    return this.#replacing ? undefined : this.#peer?.replaceTrack(track);
  }

  /** Ends the session here and on the server. Safe to call at any time, and twice. */
  close() {
    this.#abort.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#peer?.close();
    if (this.#session) doors.close(this.#session.id);
    this.#session = this.#peer = null;
  }
}
