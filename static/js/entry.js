/** Names what was typed into one form: sent again, as after a lost connection, it is no second guest's. */
export const newEntry = () =>
  [...crypto.getRandomValues(new Uint32Array(4))].map((number) => number.toString(36)).join("-");
