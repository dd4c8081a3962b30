/**
 * The live picture with the document's outline.
 *
 * An overlay speaks of a frame that the guest saw some 50 to 100 ms ago; drawn on today's picture
 * the outline would trail behind a moving hand. So a canvas shows the overlay's own frame, from
 * the ring, and the outline sits exactly on the document. Where that frame cannot be found, or no
 * overlay came for a while, the plain video shows again, and the outline on a canvas of its own:
 * the one with the frame is opaque, so that a browser need not draw the video beneath it, which
 * without a graphics processor costs it more than anything else on the page.
 */

import { FrameClock } from "./clock.js";
import { FrameRing, show } from "./frames.js";
import { Smoother, drawOutline } from "./outline.js";
import * as stats from "./stats.js";

const STALE_MS = 250;
const GONE_MS = 1200; // an outline without news for this long is taken away

const STATE_COLOURS = {
  searching: "--outline-searching",
  aligning: "--outline-aligning",
  holding: "--outline-holding",
  captured: "--outline-captured",
  reading: "--outline-captured",
  done: "--outline-captured",
};

export class OverlayView {
  #stage;
  #box;
  #ring;
  #over; // an outline alone, over the live video
  #still; // a frame with its outline
  #clock = new FrameClock();
  #smoother = new Smoother();
  #newest = null; // {message, captureMs}
  #request = 0;
  #waiting = 0;
  #state = "searching";

  /**
   * `over` and `still`: canvases that cover the video, one at a time. The video's parent has the
   * class `covered` while nothing of the video can be seen.
   */
  constructor({ stage, video, over, still }) {
    this.#stage = stage;
    this.#box = video.parentElement;
    this.#ring = new FrameRing(video);
    this.#over = over.getContext("2d");
    this.#still = still.getContext("2d", { alpha: false });
    this.#clear();
  }

  start() {
    this.#ring.start();
  }

  /** Stops drawing and wipes every picture held. */
  stop() {
    this.#ring.stop();
    this.restart();
    for (const { canvas } of [this.#over, this.#still]) canvas.width = canvas.height = 1;
  }

  /** A new peer counts RTP time from a new start. */
  restart() {
    this.#clock.reset();
    this.#clear();
  }

  #clear() {
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#waiting);
    this.#request = 0;
    this.#newest = null;
    this.#smoother.clear();
    this.#show(null);
  }

  set transportMs(ms) {
    this.#clock.transportMs = ms;
  }

  set state(name) {
    this.#state = name;
  }

  receive(message) {
    const arrivalMs = performance.now();
    const stamp = message.frame?.rtp_timestamp;
    const serverMs = message.latency_ms ?? 0;
    const captureMs = stamp == null ? null : this.#clock.captureMs(stamp, arrivalMs, serverMs);
    // Unordered channel: an overlay that was overtaken on its way is of no more use.
    if (this.#newest && message.seq < this.#newest.message.seq) return;
    const frame = captureMs === null ? null : this.#ring.at(captureMs);
    if (frame) {
      stats.count("matched");
      stats.overlayAge(arrivalMs - frame.shownMs);
    }
    if (message.detected) this.#ring.wantedUntilMs = arrivalMs + GONE_MS;
    this.#newest = { message, captureMs };
    this.#request ||= requestAnimationFrame(() => this.#draw());
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#fallBack(), STALE_MS);
  }

  #draw() {
    this.#request = 0;
    if (!this.#newest) return;
    const { message, captureMs } = this.#newest;
    // Without a document there is nothing to keep in step with: the guest sees the live video.
    if (!message.detected || !message.corners) {
      this.#smoother.clear();
      this.#show(null);
      return;
    }
    const corners = this.#smoother.next(message.corners);
    const frame = captureMs === null ? null : this.#ring.at(captureMs);
    if (frame?.picture) {
      this.#fit(this.#still, frame.picture);
      show(this.#still, frame.picture);
      this.#outline(this.#still, message, corners);
    } else {
      this.#overVideo(message, corners);
    }
  }

  /** No news for a while: the picture goes on, and the outline stays a little longer. */
  #fallBack() {
    const message = this.#newest?.message;
    if (!message?.detected || !message.corners) {
      this.#clear();
      return;
    }
    this.#overVideo(message, message.corners);
    this.#waiting = setTimeout(() => this.#clear(), GONE_MS - STALE_MS);
  }

  #overVideo(message, corners) {
    const size = this.#ring.size();
    this.#fit(this.#over, size);
    this.#over.clearRect(0, 0, size.width, size.height);
    this.#outline(this.#over, message, corners);
  }

  #fit({ canvas }, { width, height }) {
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
  }

  #outline(context, message, corners) {
    drawOutline(context, {
      corners,
      progress: this.#state === "holding" ? message.progress : 0,
      cut: message.cut,
      colours: this.#colours(),
    });
    this.#show(context);
  }

  /** One of the canvases, or none. */
  #show(context) {
    for (const each of [this.#over, this.#still]) each.canvas.hidden = each !== context;
    this.#box.classList.toggle("covered", context === this.#still);
  }

  #colours() {
    const style = getComputedStyle(this.#stage);
    const name = STATE_COLOURS[this.#state] ?? STATE_COLOURS.searching;
    return {
      line: style.getPropertyValue(name).trim(),
      fill: style.getPropertyValue(`${name}-fill`).trim(),
    };
  }
}
