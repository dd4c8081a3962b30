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

export class Peer {
  #pc;
  #sender;
  #events;

  /** Resolves once the events channel is open. Throws doors.Refused. */
  static async open({ track, session, iceServers, received, signal }) {
    const peer = new Peer();
    try {
      await peer.#connect({ track, session, iceServers, received, signal });
    } catch (error) {
      peer.close();
      throw error;
    }
    return peer;
  }

  async #connect({ track, session, iceServers, received, signal }) {
    const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#pc = pc;
    this.#sender = pc.addTransceiver(track, { direction: "sendonly" }).sender;
    const overlay = pc.createDataChannel("overlay", { ordered: false, maxRetransmits: 0 });
    this.#events = pc.createDataChannel("events");
    for (const channel of [overlay, this.#events]) {
      channel.addEventListener("message", ({ data }) => received(JSON.parse(data)));
    }
    const open = opened(pc, this.#events, signal);
    open.catch(() => {}); // awaited below; until then a refusal must not count as unhandled
    await pc.setLocalDescription();
    await gathered(pc);
    stats.mark("offerSent");
    this.answer = await doors.offer(pc.localDescription.sdp, session, signal);
    stats.mark("answered");
    await pc.setRemoteDescription({ type: "answer", sdp: this.answer.sdp });
    await preferSharpness(this.#sender);
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
    await this.#sender.replaceTrack(track);
    await preferSharpness(this.#sender);
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
