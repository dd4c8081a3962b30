/** The page's words: one JSON file per language, keyed; English fills what another one lacks. */

import { element } from "./dom.js";

/** To add a language: its file in static/lang/, and its line here. */
export const LANGUAGES = Object.freeze([
  { code: "en", name: "English", dir: "ltr" },
  { code: "de", name: "Deutsch", dir: "ltr" },
]);

const loaded = new Map(); // code -> texts by key
let words = {};
let fallback = {};
let current = LANGUAGES[0];

/** {a: {b: "c"}} -> {"a.b": "c"} */
function flatten(tree, path = "") {
  const flat = {};
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === "string") flat[path + name] = value;
    else Object.assign(flat, flatten(value, `${path}${name}.`));
  }
  return flat;
}

async function load(code) {
  if (loaded.has(code)) return loaded.get(code);
  const answer = await fetch(`/static/lang/${code}.json`);
  if (!answer.ok) throw new Error(`language file ${code}: HTTP ${answer.status}`);
  const texts = flatten(await answer.json());
  loaded.set(code, texts);
  return texts;
}

/** The best of our languages for what the browser asks for. */
export function preferred() {
  for (const wanted of navigator.languages ?? []) {
    const base = wanted.toLowerCase().split("-")[0];
    const found = LANGUAGES.find((language) => language.code === base);
    if (found) return found.code;
  }
  return LANGUAGES[0].code;
}

export const language = () => current.code;

/** Loads a language and rewrites every element that carries data-i18n. */
export async function use(code) {
  const chosen = LANGUAGES.find((each) => each.code === code) ?? LANGUAGES[0];
  fallback = await load(LANGUAGES[0].code);
  words = await load(chosen.code);
  current = chosen;
  document.documentElement.lang = chosen.code;
  document.documentElement.dir = chosen.dir;
  for (const node of document.querySelectorAll("[data-i18n]")) say(node, node.dataset.i18n);
}

const lent = new Map(); // key -> texts by language

/** Words that are not the page's own, such as a card's captions: `texts` by language. */
export function lend(key, texts) {
  lent.set(key, texts);
}

function borrowed(key) {
  const texts = lent.get(key) ?? {};
  return texts[current.code] ?? texts.en ?? Object.values(texts)[0];
}

/** The text for `key`, `{name}` replaced from `values`. */
export function t(key, values = {}) {
  const text = words[key] ?? borrowed(key) ?? fallback[key] ?? "";
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Writes a text, and marks the element so that a change of language rewrites it. */
export function say(node, key) {
  node.dataset.i18n = key;
  node.textContent = t(key);
}

/** Is there a text of the page's own for this key? */
export const knows = (key) => key in words || key in fallback;

/** Fills the language menu; `changed(code)` when the guest picks one. */
export function bindMenu(select, changed) {
  for (const { code, name } of LANGUAGES) {
    select.append(element("option", { value: code, textContent: name, lang: code }));
  }
  select.addEventListener("change", () => changed(select.value));
}
