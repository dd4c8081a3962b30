/**
 * The front desk's page around this one, when there is one (static/embed.js, docs/embedding.md).
 *
 * It sends a MessagePort; all that is said goes over that port. Only an origin that the server's
 * settings name is listened to, compared exactly, and only our own parent window: whoever else has
 * a reference to this window is not answered at all.
 */

export const CONNECT = "lobbylens.connect";
const COMMANDS = new Set(["start", "reset", "stop"]);

export class Host {
  #port = null;
  #origins = null;
  /** In which the host began; null where it left that to the page. */
  language = null;
  #early = []; // what came before the settings were there

  /** `connected()` once; `command(name, options)` for each command of the host's. */
  constructor({ connected, command }) {
    this.connected = connected;
    this.command = command;
    addEventListener("message", (event) => {
      if (event.source !== window.parent || window.parent === window) return;
      if (event.data?.type !== CONNECT) return;
      if (this.#origins) this.#accept(event);
      else if (this.#early.length < 4) this.#early.push(event);
    });
  }

  /** From now on hosts of these origins, and of our own, are answered. */
  allow(origins) {
    this.#origins = new Set([location.origin, ...origins]);
    for (const event of this.#early.splice(0)) this.#accept(event);
  }

  get present() {
    return this.#port !== null;
  }

  #accept({ origin, ports }) {
    if (this.#port || ports.length !== 1 || !this.#origins.has(origin)) return;
    [this.#port] = ports;
    this.#port.onmessage = ({ data }) => {
      if (COMMANDS.has(data?.type)) this.command(data.type, data.options ?? {});
    };
    this.connected();
  }

  /** Tells the host, if there is one. */
  tell(type, detail = {}) {
    this.#port?.postMessage({ type, detail });
  }
}
