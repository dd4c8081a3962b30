// Types of static/embed.js and of the messages it brings.
// Made from docs/protocol.schema.json by `make schema`; not written by hand.

/** A JPEG file of so many bytes follows in binary messages; ``picture``: as ``state`` named it, null for the one under way. */
export interface AnnounceStill {
  picture?: string | null;
  size_bytes: number;
  type: "still";
}

/** The barcode that a document was read from. What it holds beside the fields is not told. */
export interface BarcodeReport {
  document_type: string;
  issuer: string;
  standard: "AAMVA";
  symbology: "PDF417" | "QR Code" | "Aztec Code";
  version: number;
}

/** The picture was taken; it is being read. ``next`` is ``next_side`` as 1.0 knew it: the back or nothing. */
export interface CaptureMessage {
  document_id: string;
  frame: FrameStamp | null;
  frames_fused: number;
  next: "back" | null;
  next_side: "front" | "back" | null;
  quality: QualityReport;
  seq: number;
  session_id: string;
  side: "front" | "back";
  trigger: "auto" | "manual";
  ts_ms: number;
  type: "capture";
  v: "1.0";
}

/** A value that the card has a place for; ``labels`` by language, ``options`` as printed. */
export interface CardFieldReport {
  asked_of: "document" | "guest" | "hotel";
  format: "text" | "date" | "time" | "number" | "choice";
  labels: Record<string, string>;
  max_length: number;
  name: string;
  options: Record<string, string>;
  required: boolean;
}

/** What the session's card asks for; ``forbidden`` names what a ``confirm`` must not hold. ``signature``: it has a place for a drawn one. */
export interface CardFormMessage {
  card: string;
  counsel: string;
  fields: CardFieldReport[];
  forbidden: string[];
  law: string;
  seq: number;
  session_id: string;
  signature: boolean;
  title: string;
  ts_ms: number;
  type: "card_form";
  v: "1.0";
}

export interface Close {
  type: "close";
}

/** What is left out stays as it is. ``reviewing``: the document whose form the client shows; null for an empty form, or none. */
export interface Configure {
  card?: string | null;
  form?: "guest" | null;
  language?: string | null;
  reviewing?: string | null;
  sides?: 1 | 2 | null;
  stable_required?: number | null;
  type: "configure";
}

/** Reviewed fields by their names; ``document_id`` null for data entered by hand. ``entry``: a word of the client's for these; sent again with the same word, as after a lost connection, they are the same document. */
export interface Confirm {
  actor?: "guest" | "clerk";
  archival?: boolean;
  card?: string | null;
  document_id?: string | null;
  entry?: string | null;
  fields: Record<string, string>;
  signature?: DrawnSignature | null;
  type: "confirm";
  variant?: "flat" | "print" | "editable";
}

/** The reviewed document was accepted; its card can be fetched from ``card``. */
export interface ConfirmedMessage {
  card: string;
  document_id: string;
  edited: string[];
  seq: number;
  session_id: string;
  ts_ms: number;
  type: "confirmed";
  v: "1.0";
}

/** A character put right; ``field``: whose it is, null for the composite check digit. */
export interface CorrectionReport {
  corrected: string;
  field: string | null;
  line: number;
  position: number;
  read: string;
  why: string;
}

/** A PNG file in base64, or strokes: points as ratios of a pad of ``aspect`` (width/height). */
export interface DrawnSignature {
  aspect: number;
  png: string | null;
  strokes: number[][][] | null;
}

/** Something sent was refused or failed; unless said otherwise the session lives on. */
export interface ErrorMessage {
  category: string;
  code: string;
  field: string | null;
  message: string;
  retryable: boolean;
  seq: number;
  session_id: string;
  ts_ms: number;
  type: "error";
  v: "1.0";
}

/** One field as read; ``status`` says what speaks for it. ``printed``: what the data page prints for people, null where that was not read for sure. */
export interface FieldReport {
  century_inferred: boolean;
  confidence: number;
  printed: string | null;
  raw: string | null;
  status: "checksum" | "read" | "corroborated" | "edited" | "conflict" | "missing";
  truncated: boolean;
  value: string | null;
}

/** The sender follows profiles; ``full_width``: its pictures' under *capture*, in pixels. */
export interface FollowProfile {
  full_width: number;
  name: "tracking" | "capture";
  type: "profile";
}

/** Who fills in the form from now on; a clerk who takes it over sees what was read. */
export interface FormMessage {
  holder: "guest" | "clerk";
  seq: number;
  session_id: string;
  ts_ms: number;
  type: "form";
  v: "1.0";
}

/** The frame a message speaks of; ``rtp_timestamp`` as the sender's RTP header had it. */
export interface FrameStamp {
  height: number;
  index: number;
  rtp_timestamp: number | null;
  width: number;
}

/** One thing to tell the guest; it is not replaced before ``min_ms``. */
export interface GuidanceMessage {
  code: string;
  frame: FrameStamp | null;
  min_ms: number;
  seq: number;
  session_id: string;
  severity: string;
  side: "front" | "back";
  text: string;
  ts_ms: number;
  type: "guidance";
  v: "1.0";
}

/** The front desk helps: a guidance code, which the page words, or a text of the clerk's. */
export interface HintMessage {
  code: string | null;
  seq: number;
  session_id: string;
  text: string;
  ts_ms: number;
  type: "hint";
  v: "1.0";
}

export interface MrzReport {
  check_digits: Record<string, "pass" | "fail" | "not_done" | "not_applicable">;
  corrections: CorrectionReport[];
  frames_fused: number;
  lines: string[];
}

/** One analysed frame. ``corners`` may lie outside 0 to 1 when the document is cut. */
export interface Overlay {
  confidence: number;
  corners: [number, number][] | null;
  cut: boolean;
  detected: boolean;
  document_kind: string | null;
  frame: FrameStamp;
  latency_ms: number;
  mrz_region: [number, number][] | null;
  progress: number;
  quality: QualityReport | null;
  ready_for_capture: boolean;
  seq: number;
  session_id: string;
  stable_count: number;
  stable_required: number;
  ts_ms: number;
  type: "overlay";
  v: "1.0";
}

export interface Ping {
  id?: string | number | null;
  type: "ping";
}

export interface Pong {
  id: string | number | null;
  seq: number;
  session_id: string;
  ts_ms: number;
  type: "pong";
  v: "1.0";
}

/** The pictures wanted from now on; null in a limit: whatever the sender has. */
export interface ProfileMessage {
  max_fps: number | null;
  max_height: number | null;
  max_kbps: number | null;
  name: "tracking" | "capture";
  seq: number;
  session_id: string;
  ts_ms: number;
  type: "profile";
  v: "1.0";
}

/** See docs/protocol.md for each unit; ``score`` is 0 to 100. */
export interface QualityReport {
  brightness: number;
  contrast: number;
  edge_density: number;
  glare: number;
  glyph_height_px: number;
  noise: number;
  score: number;
  sharpness: number;
  tilt_deg: number;
  zone_covered: number | null;
  zone_glare: number | null;
}

/** The first message on the events channel: what is in force. */
export interface Ready {
  languages: string[];
  limits: Record<string, number | number>;
  seq: number;
  session_id: string;
  sides: number;
  stable_required: number;
  ts_ms: number;
  type: "ready";
  v: "1.0";
}

export interface Reset {
  type: "reset";
}

/** A document as read; ``revised``: the same reading, its page's print compared since. */
export interface ResultMessage {
  barcode: BarcodeReport | null;
  checks: Record<string, "pass" | "fail" | "not_done" | "not_applicable">;
  document: Record<string, string | null>;
  document_id: string;
  fields: Record<string, FieldReport>;
  flat: Record<string, string>;
  images: Record<string, string>;
  mrz: MrzReport | null;
  quality: QualityReport | null;
  revised: boolean;
  seq: number;
  session_id: string;
  sides: ("front" | "back")[];
  status: "complete" | "needs_review" | "failed";
  ts_ms: number;
  type: "result";
  v: "1.0";
  warnings: ("screen_suspected" | "photocopy_suspected")[];
}

/** Capture state and session state, whenever one of them changes. ``picture`` names the picture that is being taken or read, for its still; else null. */
export interface StateMessage {
  capture: string;
  picture: string | null;
  seq: number;
  session: string;
  session_id: string;
  ts_ms: number;
  type: "state";
  v: "1.0";
}

export interface TakePicture {
  type: "capture";
}

export type ServerMessage = Ready | Overlay | GuidanceMessage | StateMessage | CaptureMessage | ResultMessage | CardFormMessage | ConfirmedMessage | HintMessage | FormMessage | ErrorMessage | Pong | ProfileMessage;

export type ClientMessage = Configure | TakePicture | AnnounceStill | Reset | Confirm | Ping | Close | FollowProfile;

/** What the frame says once it listens; `v` is the version of what is said over its port. */
export interface FrameReady {
  v: number;
  /** Languages that `start` takes. */
  languages: string[];
}

/** Something failed: a message of the server, or what the guest's page ran into. */
export interface CaptureFault {
  code: string;
  message: string;
}

export interface CaptureClosed {
  reason: "finished" | "cancelled" | "idle" | "reset" | "stopped";
}

export interface StartOptions {
  /** The server's bearer token; goes over the frame's port, never into an address. */
  token?: string;
  language?: string;
  /** Play the drawn specimen as a camera, where the server's settings allow it. */
  specimen?: boolean;
}

export interface LobbylensCaptureEvents {
  ready: CustomEvent<FrameReady>;
  guidance: CustomEvent<GuidanceMessage>;
  capture: CustomEvent<CaptureMessage>;
  result: CustomEvent<ResultMessage>;
  confirmed: CustomEvent<ConfirmedMessage>;
  error: CustomEvent<CaptureFault>;
  close: CustomEvent<CaptureClosed>;
}

export declare class LobbylensCapture extends HTMLElement {
  /** The server's origin: the attribute `origin`, or that of the script. */
  readonly origin: string;
  /** Begins with a guest. */
  start(options?: StartOptions): void;
  /** Forgets the guest and shows the first screen. */
  reset(): void;
  /** Ends the session and the camera, and forgets the guest. */
  stop(): void;
  addEventListener<K extends keyof LobbylensCaptureEvents>(
    type: K,
    listener: (this: LobbylensCapture, event: LobbylensCaptureEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof LobbylensCaptureEvents>(
    type: K,
    listener: (this: LobbylensCapture, event: LobbylensCaptureEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "lobbylens-capture": LobbylensCapture;
  }
}
