/** The entry for a field of a form: a choice, or text. */

import { element } from "./dom.js";
import { say } from "./i18n.js";

/** `field` is of fields.js or asked.js; `prefix` makes the id. A choice that is not offered: none. */
export function control({ name, options, input, words = "sex" }, value, prefix) {
  const common = { id: `${prefix}-${name}`, name, className: "control", autocomplete: "off" };
  if (!options) return element("input", { type: "text", ...common, ...input, value });
  const choices = options.map((code) => {
    const option = element("option", { value: code });
    say(option, `${words}.${code || "none"}`);
    return option;
  });
  const select = element("select", common, ...choices);
  select.value = options.includes(value) ? value : "";
  return select;
}
