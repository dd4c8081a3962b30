/**
 * <lobbylens-capture>: the capture page of a LobbyLens server in a page of yours.
 *
 *   <script type="module" src="https://lens.example/static/embed.js"></script>
 *   <lobbylens-capture></lobbylens-capture>
 *
 *   const capture = document.querySelector("lobbylens-capture");
 *   capture.addEventListener("result", ({ detail }) => console.log(detail.fields));
 *   capture.start({ token, language: "de" });
 *
 * Needs no framework and no other file. docs/embedding.md tells everything; types are beside this
 * file. What is said between your page and the frame goes over a MessagePort that is handed to
 * exactly one origin, the server's; the frame takes it from origins that the server's settings
 * name only. The token goes over that port and is never part of an address.
 */

const OWN_ORIGIN = new URL(import.meta.url).origin;
const ANSWER_MS = 15_000;
const EVENTS = new Set(["ready", "guidance", "capture", "result", "confirmed", "error", "close"]);

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: block; min-block-size: 480px; }
  :host([hidden]) { display: none; }
  iframe { display: block; inline-size: 100%; block-size: 100%; min-block-size: inherit; border: 0; }
`);

export class LobbylensCapture extends HTMLElement {
  #root = this.attachShadow({ mode: "closed" });
  #frame = null;
  #port = null;
  #ready = false;
  #waiting = []; // commands given before the frame answered
  #timer = 0;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
  }

  /** The server's origin: the attribute `origin`, or that of this script. */
  get origin() {
    const given = this.getAttribute("origin");
    return given ? new URL(given, document.baseURI).origin : OWN_ORIGIN;
  }

  connectedCallback() {
    const frame = document.createElement("iframe");
    frame.allow = "camera";
    frame.title = this.getAttribute("label") ?? "LobbyLens";
    frame.referrerPolicy = "no-referrer";
    frame.src = `${this.origin}/`;
    frame.addEventListener("load", () => this.#connect());
    this.#frame = frame;
    this.#root.replaceChildren(frame);
    this.#expect();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#frame?.remove(); // the page in it wipes itself as it goes
    this.#frame = null;
    this.#waiting = [];
  }

  #drop() {
    this.#port?.close();
    this.#port = null;
    this.#ready = false;
  }

  /** A frame that is refused or missing says nothing at all, so only time tells. */
  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const message = `${this.origin} does not answer: is this page's origin in page.frame-ancestors?`;
      this.#tell("error", { code: "NO_ANSWER", message });
    }, ANSWER_MS);
  }

  /** Each load of the frame is a new page, which knows nothing of a port before. */
  #connect() {
    this.#drop();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#hear(data);
    // The browser delivers this to exactly this origin, or to nobody.
    this.#frame.contentWindow.postMessage({ type: "lobbylens.connect", v: 1 }, this.origin, [port2]);
  }

  #hear({ type, detail }) {
    if (type === "ready") {
      clearTimeout(this.#timer);
      this.#ready = true;
      for (const command of this.#waiting.splice(0)) this.#port.postMessage(command);
    }
    if (EVENTS.has(type)) this.#tell(type, detail);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #command(type, options = {}) {
    const command = { type, options };
    if (this.#ready) this.#port.postMessage(command);
    else this.#waiting = [command]; // the newest wish counts, also before there is a frame
  }

  /** Begins with a guest: `{token, language, specimen}`, all optional. */
  start(options = {}) {
    this.#command("start", options);
  }

  /** Forgets the guest and shows the first screen. */
  reset() {
    this.#command("reset");
  }

  /** Ends the session and the camera, and forgets the guest. */
  stop() {
    this.#command("stop");
  }
}

if (!customElements.get("lobbylens-capture")) {
  customElements.define("lobbylens-capture", LobbylensCapture);
}
