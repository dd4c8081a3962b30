/** The front desk's HTTP doors. The token stays in this module. */

const ANSWER_MS = 20_000;
const SILENT_MS = 40_000; // the server says each 15 s that a stream is still there

/** `status` of HTTP, 0 where the server does not answer; `message` is the server's own, in English. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const json = (answer) => answer.json();

/**
 * Each notice, until the server says that it was the last; a stream that breaks before is an error.
 * `alive` is called with whatever comes.
 */
async function listen(body, heard, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
    alive();
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith("event: end")) return;
      if (block.startsWith("data: ")) heard(JSON.parse(block.slice(6)));
    }
  }
  throw new Error("The stream broke off");
}

export class Staff {
  token = "";

  /** What `read` makes of the answer; a body that does not come whole is no answer either. */
  async #request(path, body, { signal, method = "POST", read = (answer) => answer } = {}) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const options = { headers, cache: "no-store", signal: signal ?? AbortSignal.timeout(ANSWER_MS) };
    if (body) {
      Object.assign(options, { method, body: JSON.stringify(body) });
      headers["Content-Type"] = "application/json";
    }
    try {
      const answer = await fetch(`/api/staff/sessions${path}`, options);
      if (answer.ok) return await read(answer);
      const told = await answer.json().catch(() => ({}));
      throw new Refused(told.error ?? "Refused", answer.status);
    } catch (error) {
      throw error instanceof Refused ? error : new Refused("The server does not answer", 0);
    }
  }

  async sessions() {
    return (await this.#request("", null, { read: json })).sessions;
  }

  /**
   * Server-sent events until the session ends (WHATWG HTML, 9.2.6); `begun` before the first. Not
   * EventSource, which cannot send a token but in the address. A network that goes without a word
   * ends no stream: one that is silent for too long is taken for broken.
   */
  async watch(label, { begun, heard }, signal) {
    const end = new AbortController();
    const stop = () => end.abort();
    let silent = setTimeout(stop, SILENT_MS);
    const alive = () => {
      clearTimeout(silent);
      silent = setTimeout(stop, SILENT_MS);
    };
    const read = (answer) => {
      begun();
      return listen(answer.body, heard, alive);
    };
    signal.addEventListener("abort", stop);
    try {
      await this.#request(`/${label}/events`, null, { signal: end.signal, read });
    } finally {
      clearTimeout(silent);
      signal.removeEventListener("abort", stop);
    }
  }

  hint(label, hint) {
    return this.#request(`/${label}/hint`, hint);
  }

  picture(label) {
    return this.#request(`/${label}/picture`, {});
  }

  async takeForm(label) {
    return this.#request(`/${label}/form`, {}, { read: json });
  }

  giveBack(label) {
    return this.#request(`/${label}/form`, {}, { method: "DELETE" });
  }

  async confirm({ label, documentId, entry }, fields) {
    const body = { document_id: documentId, entry, fields };
    return this.#request(`/${label}/confirm`, body, { read: json });
  }
}
