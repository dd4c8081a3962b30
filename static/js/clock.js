/**
 * Joins two clocks: the RTP timestamps that overlays speak of, and the page's own.
 *
 * A sender stamps each frame with its capture time in 1/90000 s from a random start (RFC 3550,
 * 5.1; RFC 7741, 4.1), so page time = RTP time + one constant. No API tells the constant; but
 *   arrival of the overlay - the server's own part - RTP time
 * is that constant plus what encoding and the network took, never less. The smallest value seen
 * in the last seconds, less the encoder's and the network's average from getStats, is off by a
 * few milliseconds: far less than half a frame, and the nearest frame is what we look for.
 */

const RTP_PER_MS = 90;
const WRAP = 2 ** 32;
const WINDOW_MS = 5000;

export class FrameClock {
  #last = null; // newest RTP timestamp, unwrapped
  #old = Infinity; // smallest sample of the window before
  #young = Infinity; // and of the one that is filling
  #turn = 0;
  /** Average time from capture to the server's reception, in ms; see peer.js. */
  transportMs = 0;

  reset() {
    this.#last = null;
    this.#old = this.#young = Infinity;
    this.#turn = 0;
  }

  #unwrap(timestamp) {
    if (this.#last === null) return timestamp;
    const step = ((((timestamp - this.#last) % WRAP) + WRAP + WRAP / 2) % WRAP) - WRAP / 2;
    return this.#last + step;
  }

  /**
   * Page time (ms) at which a frame was captured. `timestamp`: its RTP timestamp; `arrivalMs`:
   * page time of its overlay; `serverMs`: how long the server had it.
   */
  captureMs(timestamp, arrivalMs, serverMs) {
    const unwrapped = this.#unwrap(timestamp);
    this.#last = this.#last === null ? unwrapped : Math.max(this.#last, unwrapped);
    const rtpMs = unwrapped / RTP_PER_MS;
    if (arrivalMs - this.#turn > WINDOW_MS) {
      this.#old = this.#young;
      this.#young = Infinity;
      this.#turn = arrivalMs;
    }
    this.#young = Math.min(this.#young, arrivalMs - serverMs - rtpMs);
    return rtpMs + Math.min(this.#old, this.#young) - this.transportMs;
  }
}
