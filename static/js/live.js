/** The live screen: picture, outline, guidance, and what is offered when it takes too long. */

import { byId } from "./dom.js";
import { hush, say } from "./i18n.js";
import { OverlayView } from "./overlay.js";
import * as stats from "./stats.js";
import * as torch from "./torch.js";

const OFFER_MANUAL_MS = 10_000;

export class Live {
  #stage = byId("stage");
  #box = byId("picture-box");
  #video = byId("preview");
  #banner = byId("banner");
  #overlay = new OverlayView({
    stage: byId("stage"),
    video: byId("preview"),
    over: byId("outline"),
    still: byId("still"),
  });
  #manualTimer = 0;

  constructor(guidance) {
    this.guidance = guidance;
    this.#video.addEventListener("resize", () => {
      const { videoWidth, videoHeight } = this.#video;
      if (videoWidth) this.#stage.style.setProperty("--picture-ratio", videoWidth / videoHeight);
    });
  }

  enter() {
    this.#say("live.connecting");
    // How the picture before went; what was told since, while another screen showed, comes no more.
    if (this.#stage.dataset.state !== "connecting") this.#state("searching");
    this.#offer(false);
    this.offerOnward(false);
    clearTimeout(this.#manualTimer);
    this.#manualTimer = setTimeout(() => this.#offer(true), OFFER_MANUAL_MS);
  }

  /** Another way: the shutter and typing, offered when the picture does not take itself. */
  #offer(flag) {
    byId("live-manual").hidden = byId("live-shutter").hidden = !flag;
    if (flag) say(byId("live-slow"), "live.slow");
    else hush(byId("live-slow"));
  }

  /** On to the form with one side of a card, for a guest who cannot show the other. */
  offerOnward(flag) {
    byId("live-onward").hidden = !flag;
  }

  /** Another screen shows: no picture is kept or drawn meanwhile. */
  leave() {
    clearTimeout(this.#manualTimer);
    torch.offer(null);
    this.#overlay.stop();
    this.guidance.clear();
  }

  /** Plays a feed; the guest sees a mirror, the server never does. */
  show(feed) {
    this.#box.classList.toggle("mirrored", feed.mirrored);
    if (this.#video.srcObject !== feed.stream) this.#video.srcObject = feed.stream;
    this.#video.play().catch(() => {}); // autoplay refused: the stream is analysed all the same
    this.#overlay.start();
    torch.offer(feed.track);
  }

  up() {
    this.#overlay.restart(); // a new peer counts its frames anew
    this.#banner.hidden = true;
    if (this.#stage.dataset.state === "connecting") this.#state("searching");
  }

  down() {
    this.#say("live.reconnecting");
    this.#overlay.restart();
  }

  receive(message) {
    if (message.type === "overlay") {
      stats.count("overlays");
      stats.markFirst("firstOverlay");
      if (message.detected) stats.markFirst("firstDetected");
      this.#banner.hidden = true;
      this.#overlay.receive(message);
    } else if (message.type === "guidance") {
      this.guidance.show(message);
    } else if (message.type === "state") {
      this.#state(message.capture);
    } else if (message.type === "capture") {
      stats.mark("captured");
      this.#state("captured");
    }
  }

  setTransport(ms) {
    this.#overlay.transportMs = ms;
  }

  reword() {
    this.guidance.reword();
  }

  /** Ends the picture; the screen itself may stay. */
  clear() {
    this.#overlay.stop();
    this.guidance.clear();
    this.#video.pause();
    this.#video.srcObject = null;
    this.#stage.style.removeProperty("--picture-ratio");
    this.#state("connecting");
  }

  #state(name) {
    this.#stage.dataset.state = name;
    this.#overlay.state = name;
  }

  #say(key) {
    say(byId("banner-text"), key);
    this.#banner.hidden = false;
  }
}
