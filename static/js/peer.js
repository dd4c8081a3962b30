/** One RTCPeerConnection, from offer to the end. A lost one is replaced, see connection.js. */

import * as doors from "./doors.js";
import * as stats from "./stats.js";

const GATHER_MS = 300; // host candidates come at once; slow STUN servers must not hold us up
const CONNECT_MS = 10_000;

function gathered(pc) {
  return new Promise((resolve) => {
    if (pc.iceGatheringState === "complete") return resolve();
    const timer = setTimeout(resolve, GATHER_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
    return undefined;
  });
}

function opened(pc, channel, signal) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new doors.Refused("network"));
    const timer = setTimeout(fail, CONNECT_MS);
    const settle = (act) => () => {
      clearTimeout(timer);
      act();
    };
    channel.addEventListener("open", settle(resolve), { once: true });
    channel.addEventListener("close", settle(fail), { once: true });
    signal.addEventListener("abort", settle(fail), { once: true });
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "failed") settle(fail)();
    });
  });
}

const WIDEST_VIDEO_PX = 1920; // wider pictures go as stills; no encoder keeps up with 4K video

/**
 * Print is detail (W3C MST Content Hints): Chromium then codes the camera's picture as it does a
 * screen's, without smoothing it before, which takes less time.
 */
function keepDetail(track) {
  if ("contentHint" in track) track.contentHint = "detail";
}

/** Small print must stay readable on a busy machine: rather fewer frames than coarser ones. */
async function preferSharpness(sender) {
  try {
    const parameters = sender.getParameters();
    parameters.degradationPreference = "maintain-resolution";
    const width = sender.track.getSettings().width ?? 0;
    for (const encoding of parameters.encodings) {
      encoding.scaleResolutionDownBy = Math.max(1, width / WIDEST_VIDEO_PX);
    }
    await sender.setParameters(parameters);
  } catch {
    // Not every browser takes it; its own choice then stands.
  }
}

/**
 * Three temporal layers where the browser has them (W3C WebRTC-SVC): a server that is busy, or
 * sees no document, then leaves out every other frame without decoding it.
 */
function addVideo(pc, track) {
  const direction = "sendonly";
  try {
    const sendEncodings = [{ scalabilityMode: "L1T3" }];
    return pc.addTransceiver(track, { direction, sendEncodings });
  } catch {
    return pc.addTransceiver(track, { direction });
  }
}

/** A limit as setParameters takes it: no key at all where there is none. */
function limit(encoding, name, value) {
  if (value === null) delete encoding[name];
  else encoding[name] = value;
}

export class Peer {
  #pc;
  #sender;
  #events;
  #profile = null; // the newest one asked for
  #adjusting = Promise.resolve();

  /**
   * Resolves once the events channel is open. Throws doors.Refused. `hurry`, a signal: the answer is
   * waited for no longer; nor is it for longer than `answerMs`.
   */
  static async open(options) {
    const peer = new Peer();
    try {
      await peer.#connect(options);
    } catch (error) {
      peer.close();
      throw error;
    }
    return peer;
  }

  async #connect({ track, session, resumed, iceServers, received, answered, signal, hurry, answerMs }) {
    const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#pc = pc;
    keepDetail(track);
    this.#sender = addVideo(pc, track).sender;
    const overlay = pc.createDataChannel("overlay", { ordered: false, maxRetransmits: 0 });
    this.#events = pc.createDataChannel("events");
    const take = (message) => {
      if (message.type === "profile") this.follow(message);
      received(message);
    };
    for (const channel of [overlay, this.#events]) {
      channel.addEventListener("message", ({ data }) => take(JSON.parse(data)));
    }
    const open = opened(pc, this.#events, signal);
    open.catch(() => {}); // awaited below; until then a refusal must not count as unhandled
    await pc.setLocalDescription();
    await gathered(pc);
    stats.mark("offerSent");
    const either = hurry ? AbortSignal.any([signal, hurry]) : signal;
    this.answer = await doors.offer(pc.localDescription.sdp, session, either, resumed, answerMs);
    answered(this.answer);
    stats.mark("answered");
    await pc.setRemoteDescription({ type: "answer", sdp: this.answer.sdp });
    this.#adjust(() => preferSharpness(this.#sender));
    await open;
  }

  get down() {
    return (
      ["disconnected", "failed", "closed"].includes(this.#pc.connectionState) ||
      this.#events.readyState !== "open"
    );
  }

  /** True when the message was handed to the channel. */
  send(message) {
    if (this.#events?.readyState !== "open") return false;
    this.#events.send(JSON.stringify(message));
    return true;
  }

  async replaceTrack(track) {
    keepDetail(track);
    await this.#sender.replaceTrack(track);
    if (this.#profile) this.follow(this.#profile);
    else this.#adjust(() => preferSharpness(this.#sender));
  }

  /**
   * Changes to the sender, one after the other. Nobody waits for them: Chromium may say that one is
   * made (setParameters) only when the next picture is coded, and an empty form sends hardly any.
   */
  #adjust(change) {
    this.#adjusting = this.#adjusting.then(change).catch(() => {});
  }

  /**
   * Sends the pictures that the server wants from now on, and says so. Nothing is negotiated
   * anew (W3C WebRTC, 5.2): the encoder alone changes. A browser that cannot says nothing, and is
   * served as it is.
   */
  follow(profile) {
    this.#profile = profile;
    this.#adjust(() => this.#apply(profile));
  }

  async #apply(profile) {
    if (profile !== this.#profile) return; // there is a newer one already
    const { width, height } = this.#sender.track.getSettings();
    const parameters = this.#sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding || !width || !height) return;
    // The shorter side counts: a phone held upright sends 360 pixels across.
    const side = Math.min(width, height);
    const widest = Math.max(1, width / WIDEST_VIDEO_PX);
    encoding.scaleResolutionDownBy = Math.max(widest, side / (profile.max_height ?? side));
    limit(encoding, "maxFramerate", profile.max_fps);
    limit(encoding, "maxBitrate", profile.max_kbps === null ? null : profile.max_kbps * 1000);
    await this.#sender.setParameters(parameters);
    stats.mark(`profile_${profile.name}`);
    this.send({ type: "profile", name: profile.name, full_width: Math.floor(width / widest) });
  }

  /** Average ms from capture to the server: encoder, pacer, half a round trip. */
  async transportMs() {
    let total = 0;
    for (const report of (await this.#pc.getStats()).values()) {
      if (report.type === "outbound-rtp" && report.framesEncoded) {
        total += ((report.totalEncodeTime ?? 0) / report.framesEncoded) * 1000;
        total += ((report.totalPacketSendDelay ?? 0) / (report.packetsSent || 1)) * 1000;
      } else if (report.type === "candidate-pair" && report.nominated) {
        total += ((report.currentRoundTripTime ?? 0) / 2) * 1000;
      }
    }
    return total;
  }

  close() {
    this.#pc?.close();
  }
}
