/** Opens the guest's camera, lists the others, and puts names to what can go wrong. */

const REMEMBERED = "lobbylens.camera"; // a device id says nothing about a guest

/** Largest first; the last one takes whatever the camera gives. */
const SIZES = [
  { width: { exact: 3840 }, height: { exact: 2160 }, frameRate: { min: 15, ideal: 24 } },
  { width: { exact: 1920 }, height: { exact: 1080 }, frameRate: { min: 20, ideal: 24 } },
  { width: { exact: 1280 }, height: { exact: 720 }, frameRate: { min: 15, ideal: 24 } },
  {},
];

/** DOMException name (Media Capture and Streams, 10.2) -> the problem that the page explains. */
const PROBLEMS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  DevicesNotFoundError: "none",
  NotReadableError: "in_use",
  TrackStartError: "in_use",
  AbortError: "in_use",
};

export class Problem extends Error {
  /** `kind` selects the texts `problem.<kind>.*`. */
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/**
 * A picture source: a track and how to show it. `empty`: there is nothing to see. A simulated
 * camera also follows the play: `captured()` when its picture was taken, `again()` for another.
 */
export class Feed {
  constructor(stream, { mirrored = false, empty = false } = {}) {
    this.stream = stream;
    this.track = stream.getVideoTracks()[0];
    this.mirrored = mirrored;
    this.empty = empty;
    this.deviceId = this.track.getSettings().deviceId ?? "";
  }

  captured() {}

  again() {}

  stop() {
    this.track.onended = null;
    for (const track of this.stream.getTracks()) track.stop();
  }
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return ""; // storage switched off: nothing is remembered
  }
}

function remember(deviceId) {
  try {
    localStorage.setItem(REMEMBERED, deviceId);
  } catch {
    // as above
  }
}

function device(deviceId) {
  if (deviceId) return { deviceId: { exact: deviceId } };
  return { facingMode: { ideal: "environment" } };
}

async function request(deviceId) {
  for (const size of SIZES) {
    try {
      return await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { ...device(deviceId), ...size },
      });
    } catch (error) {
      if (error.name !== "OverconstrainedError") throw error;
    }
  }
  return null;
}

/** Opens `deviceId`, or the one used last, or any. Throws Problem. */
export async function openCamera(deviceId = remembered()) {
  if (!window.isSecureContext) throw new Problem("insecure");
  if (!navigator.mediaDevices?.getUserMedia) throw new Problem("unsupported");
  let stream;
  try {
    // A remembered camera may have been unplugged since; then any other one will do.
    stream = (await request(deviceId)) ?? (deviceId ? await request("") : null);
  } catch (error) {
    throw new Problem(PROBLEMS[error.name] ?? "camera");
  }
  if (!stream) throw new Problem("camera");
  const facing = stream.getVideoTracks()[0].getSettings().facingMode;
  const feed = new Feed(stream, { mirrored: facing !== "environment" });
  if (feed.deviceId) remember(feed.deviceId);
  return feed;
}

/** Cameras as [{deviceId, label}]; labels are empty before permission. */
export async function listCameras() {
  if (!navigator.mediaDevices?.enumerateDevices) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}
