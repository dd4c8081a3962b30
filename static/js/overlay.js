/**
 * The live picture with the document's outline.
 *
 * An overlay speaks of a frame that the guest saw some 50 to 100 ms ago; drawn on today's picture
 * the outline would trail behind a moving hand. So the canvas shows the overlay's own frame, from
 * the ring, and the outline sits exactly on the document. Where that frame cannot be found, or no
 * overlay came for a while, the plain video shows through the canvas again, with the outline.
 */

import { FrameClock } from "./clock.js";
import { FrameRing } from "./frames.js";
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
  #video;
  #context;
  #ring;
  #clock = new FrameClock();
  #smoother = new Smoother();
  #newest = null; // {message, arrivalMs}
  #drawn = null;
  #request = 0;
  #state = "searching";

  constructor(stage, video, canvas) {
    this.#stage = stage;
    this.#video = video;
    this.#context = canvas.getContext("2d");
    this.#ring = new FrameRing(video);
  }

  start() {
    this.#ring.start();
    if (!this.#request) this.#tick();
  }

  /** Stops drawing and wipes every picture held. */
  stop() {
    cancelAnimationFrame(this.#request);
    this.#request = 0;
    this.#ring.stop();
    this.restart();
    this.#erase();
    this.#context.canvas.width = 1; // lets the browser free the pixels
  }

  /** A new peer counts RTP time from a new start. */
  restart() {
    this.#clock.reset();
    this.#smoother.clear();
    this.#newest = this.#drawn = null;
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
    this.#newest = { message, arrivalMs, captureMs };
  }

  #erase() {
    const { canvas } = this.#context;
    this.#context.clearRect(0, 0, canvas.width, canvas.height);
  }

  #fit(width, height) {
    const { canvas } = this.#context;
    if (width && (canvas.width !== width || canvas.height !== height)) {
      canvas.width = width;
      canvas.height = height;
    }
  }

  #tick() {
    this.#request = requestAnimationFrame(() => this.#tick());
    const newest = this.#newest;
    if (!newest) {
      if (this.#drawn) this.#erase();
      this.#drawn = null;
      return;
    }
    const age = performance.now() - newest.arrivalMs;
    if (newest === this.#drawn) {
      if (age > STALE_MS) this.#fallBack(newest.message, age);
      return;
    }
    this.#drawn = newest;
    // Without a document there is nothing to keep in step with: the guest sees the live video.
    const wanted = newest.message.detected && newest.captureMs !== null;
    const frame = wanted ? this.#ring.at(newest.captureMs) : null;
    if (frame) {
      this.#fit(frame.canvas.width, frame.canvas.height);
      this.#context.drawImage(frame.canvas, 0, 0);
    } else {
      this.#fit(this.#video.videoWidth, this.#video.videoHeight);
      this.#erase();
    }
    this.#outline(newest.message, true);
  }

  #fallBack(message, age) {
    this.#erase();
    if (age < GONE_MS) this.#outline(message, false);
    else this.#newest = null;
  }

  #outline(message, moved) {
    if (!message.detected || !message.corners) {
      this.#smoother.clear();
      return;
    }
    drawOutline(this.#context, {
      corners: moved ? this.#smoother.next(message.corners) : message.corners,
      progress: this.#state === "holding" ? message.progress : 0,
      cut: message.cut,
      colours: this.#colours(),
    });
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
