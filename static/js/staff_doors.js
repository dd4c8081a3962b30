/** The front desk's HTTP doors. The token stays in this module. */

const ANSWER_MS = 20_000;

/** `status` of HTTP, 0 where the server does not answer; `message` is the server's own, in English. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Staff {
  token = "";

  async #request(path, body, { signal, method = "POST" } = {}) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const options = { headers, cache: "no-store", signal: signal ?? AbortSignal.timeout(ANSWER_MS) };
    if (body) {
      Object.assign(options, { method, body: JSON.stringify(body) });
      headers["Content-Type"] = "application/json";
    }
    let answer;
    try {
      answer = await fetch(`/api/staff/sessions${path}`, options);
    } catch {
      throw new Refused("The server does not answer", 0);
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw new Refused(told.error ?? "Refused", answer.status);
  }

  async sessions() {
    return (await (await this.#request("")).json()).sessions;
  }

  /**
   * Server-sent events until the session ends (WHATWG HTML, 9.2.6). Not EventSource, which cannot
   * send a token but in the address.
   */
  async watch(label, heard, signal) {
    const answer = await this.#request(`/${label}/events`, null, { signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
      const blocks = (rest + part.value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        if (block.startsWith("data: ")) heard(JSON.parse(block.slice(6)));
      }
    }
  }

  hint(label, hint) {
    return this.#request(`/${label}/hint`, hint);
  }

  picture(label) {
    return this.#request(`/${label}/picture`, {});
  }

  async takeForm(label) {
    return (await this.#request(`/${label}/form`, {})).json();
  }

  giveBack(label) {
    return this.#request(`/${label}/form`, {}, { method: "DELETE" });
  }

  async confirm(label, documentId, fields) {
    return (await this.#request(`/${label}/confirm`, { document_id: documentId, fields })).json();
  }
}
