/** One guest's visit: the camera, the session, and what is waiting for an answer. */

import { Connection } from "./connection.js";
import { byId } from "./dom.js";
import { newEntry } from "./entry.js";
import { grabStill, jpegOf } from "./still.js";

const CONFIRM_MS = 15_000;

export class Visit {
  #handlers;
  #pending = null; // {message, timer}
  #ended = false;
  #past = new Set(); // ids of documents that have their card, or that are read anew
  #heard = new Set(); // ids of results, also of those that came while the form was open for typing
  #parted = true; // has the server been told that the next document is another guest's?
  #resetting = false; // until the server is seen to look again
  #watching = true;
  #grabbing = 0; // stills that the camera is asked for
  #change = 0; // of cameras: the newest choice counts
  #entry = newEntry();
  feed = null;
  /** What is being reviewed; null for data that were typed. */
  documentId = null;
  /** The last result that was told, until the next document is looked for. */
  read = null;
  /** Has the guest confirmed what is reviewed, whether or not that was answered? */
  asked = false;
  /** Sides of a card that the server wants. */
  sides = 1;
  connected = false;

  /** `handlers`: message(message, confirming), up, down, failed(kind), transport, unanswered. */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Takes over the feed and opens the session with it; throws doors.Refused. */
  async connect(feed, language) {
    this.feed = feed;
    this.#watching = feed.track.enabled;
    this.connection = new Connection({
      message: (message) => this.#message(message),
      up: ({ resumed }) => this.#up(resumed),
      down: () => this.#down(),
      ended: (kind) => this.#handlers.failed(kind),
      transport: (ms) => this.#handlers.transport(ms),
    });
    await this.connection.open(feed.track, language);
  }

  #up(resumed) {
    this.connected = true;
    // A session that could not be resumed knows nothing of the document any more: what the
    // form holds, or may come to hold, is then as good as typed.
    if (!resumed) {
      this.documentId = null;
      if (this.read) this.read = { ...this.read, document_id: null };
    }
    if (this.#resetting) this.send({ type: "reset" }); // the first was lost with the peer before
    if (!this.#parted) this.#part();
    if (resumed) this.reviewing(); // what was said of it last may have been lost
    if (this.#pending) this.#deliver();
    this.#handlers.up({ resumed });
  }

  #down() {
    this.connected = false;
    this.#handlers.down();
  }

  #message(message) {
    if (message.type === "state") {
      if (message.capture === "captured") this.#still(message.picture);
      if (message.capture !== "done") this.#resetting = false;
    }
    if (message.type === "result") this.#heard.add(message.document_id);
    // Late news of a card that the guests are done with answers nothing.
    const past = message.type === "confirmed" && this.isPast(message.document_id);
    const confirming = this.#pending !== null && !past;
    if ((message.type === "confirmed" && !past) || message.type === "error") this.#settle();
    this.#handlers.message(message, confirming);
  }

  /**
   * The burst has begun, so the document is still: the best moment for a sharp picture. It names the
   * server's `picture`, as it may be there when the next one is taken, of something else.
   */
  async #still(picture) {
    if (!this.#watching) return; // the camera sends black
    this.#grabbing += 1;
    const frame = await grabStill(this.feed.track, byId("preview"));
    this.#grabbing -= 1;
    this.#showWatching();
    const jpeg = frame && (await jpegOf(frame));
    if (jpeg && !this.#ended) await this.connection.sendStill(jpeg, picture);
  }

  send(message) {
    return Boolean(this.connection?.send(message));
  }

  /** Sends the reviewed fields, and the signature where there is one; kept and sent again when the connection is lost on the way. */
  confirm(values, signature) {
    this.#settle();
    this.asked = true;
    const timer = setTimeout(() => {
      this.#pending = null;
      this.#handlers.unanswered();
    }, CONFIRM_MS);
    this.#pending = { values, signature, timer };
    this.#deliver();
  }

  #deliver() {
    const { values, signature } = this.#pending;
    const message = { type: "confirm", document_id: this.documentId, entry: this.#entry, fields: values };
    this.send(signature ? { ...message, signature } : message);
  }

  #settle() {
    clearTimeout(this.#pending?.timer);
    this.#pending = null;
  }

  /** While the guest reads and types, the camera sends black: nothing more is looked at. */
  watch(flag) {
    this.#watching = flag;
    this.#showWatching();
  }

  /** A result may be there before the still is taken, which would be black too. */
  #showWatching() {
    if (this.feed && this.#grabbing === 0) this.feed.track.enabled = this.#watching;
  }

  /** Has the guest asked to scan again, and the server not begun yet? */
  get resetting() {
    return this.#resetting;
  }

  /** Is there a real picture to go on with? */
  get mayWatch() {
    return this.feed !== null && !this.feed.empty && this.feed.track.readyState === "live";
  }

  /** Looks for a document again, in the same session. */
  rescan() {
    this.#resetting = true;
    this.send({ type: "reset" });
    this.#look();
  }

  /** Looks for the next one of a family: what was confirmed stays in the session. */
  another() {
    this.#look();
    this.#part();
  }

  /** A side that the server awaits is the last guest's: the next one's is no part of that document. */
  #part() {
    this.#parted = this.send({ type: "configure", sides: this.sides });
  }

  /** Is the other side of what was read awaited? A passport has no sides, a card names its own. */
  get wantsOtherSide() {
    return this.sides === 2 && this.read?.sides?.length === 1;
  }

  #look() {
    this.#settle(); // what was not confirmed by now shall not be
    for (const id of [this.documentId, ...this.#heard]) this.#past.add(id);
    this.documentId = this.read = null;
    this.asked = false;
    this.#entry = newEntry();
    this.reviewing();
    this.feed.again();
    this.watch(true);
  }

  /** Tells the front desk whose form shows, if it asks for it. */
  reviewing() {
    this.send({ type: "configure", reviewing: this.documentId });
  }

  /** Is this a document that the guests are done with? News of its print may be on the way. */
  isPast(documentId) {
    return this.#past.has(documentId);
  }

  /** Goes on with another camera in the same session; false where a newer choice came before. */
  async changeFeed(open) {
    const change = ++this.#change;
    const past = () => this.#ended || change !== this.#change;
    this.feed.stop(); // first: many phones open one camera at a time
    let feed;
    try {
      feed = await open();
    } catch (error) {
      if (past()) return false;
      throw error;
    }
    if (past()) {
      feed.stop();
      return false;
    }
    feed.track.enabled = this.#watching;
    this.feed = feed;
    await this.connection.replaceTrack(feed.track);
    return true;
  }

  end() {
    this.#ended = true;
    this.#settle();
    this.connection?.close();
    this.feed?.stop();
    this.feed = null;
    this.documentId = this.read = null;
  }
}
