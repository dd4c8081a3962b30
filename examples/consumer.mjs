/**
 * The least that a consumer of the JSON needs, in Node: RTP video in, one JSON line a message out.
 *
 *   npm ci --prefix examples
 *   node examples/consumer.mjs http://127.0.0.1:8080 5004
 *   ffmpeg -f v4l2 -video_size 1280x720 -i /dev/video0 -c:v libvpx -deadline realtime -b:v 2M \
 *     -g 48 -f rtp rtp://127.0.0.1:5004
 *
 * Node has no camera of its own; whatever sends VP8 as RTP to the port will do. Without a camera:
 *
 *   .venv/bin/python -m examples.specimen_rtp 5004
 *
 * Port 0: any free one; the port is said on standard error. It ends after the first document that
 * was read, or when the server has let go of it, as it does where no picture comes.
 */

import { createSocket } from "node:dgram";
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from "werift";

const [url = "http://127.0.0.1:8080", port = "5004"] = process.argv.slice(2);
const token = process.env.LOBBYLENS_API_TOKEN;
const GATHER_MS = 3000;

const vp8 = new RTCRtpCodecParameters({
  mimeType: "video/VP8",
  clockRate: 90000,
  rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }, { type: "goog-remb" }],
});
const pc = new RTCPeerConnection({
  codecs: { video: [vp8], audio: [] },
  iceServers: [],
  iceAdditionalHostAddresses: ["127.0.0.1"], // a server on this machine without any network
});
const track = new MediaStreamTrack({ kind: "video" });
pc.addTransceiver(track, { direction: "sendonly" });
pc.createDataChannel("overlay", { ordered: false, maxRetransmits: 0 });
const events = pc.createDataChannel("events");

const socket = createSocket("udp4");
socket.on("message", (packet) => track.writeRtp(packet));
await new Promise((resolve) => socket.bind(Number(port), "127.0.0.1", resolve));
console.error(`RTP port ${socket.address().port}`);

let ending = false;

async function end(status) {
  ending = true;
  socket.close();
  await pc.close();
  process.exit(status);
}

events.onMessage.subscribe((data) => {
  const message = JSON.parse(data.toString());
  console.log(JSON.stringify(message));
  if (message.type !== "result") return;
  ending = true; // what the server lets go of from here on is what was asked for
  events.send(Buffer.from(JSON.stringify({ type: "close" })).toString());
  setTimeout(() => end(0), 200); // lets the message leave
});

// A server that lets go says so by closing the channel; one that has gone says nothing.
function over(state) {
  if (ending || !["closed", "failed", "disconnected"].includes(state)) return;
  console.error(`the connection is over (${state})`);
  end(1);
}
events.stateChanged.subscribe(over);
pc.connectionStateChange.subscribe(over);

await pc.setLocalDescription(await pc.createOffer());
await Promise.race([
  new Promise((resolve) => {
    if (pc.iceGatheringState === "complete") resolve();
    else pc.iceGatheringStateChange.subscribe((state) => state === "complete" && resolve());
  }),
  new Promise((resolve) => setTimeout(resolve, GATHER_MS)),
]);
const answer = await fetch(`${url.replace(/\/$/, "")}/api/webrtc/offer`, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
  },
  body: JSON.stringify({ sdp: pc.localDescription.sdp, type: "offer", session: { language: "en" } }),
}).catch(async ({ message, cause }) => {
  console.error(`${url}: ${cause?.message ?? message}: start a server with "make run", or name it`);
  await end(1);
});
const body = await answer.json();
if (!answer.ok) {
  console.error(`${answer.status} ${body.error_code}: ${body.error}`);
  await end(1);
}
await pc.setRemoteDescription({ type: "answer", sdp: body.sdp });
