/** The page's words: one JSON file per language, keyed; English fills what another one lacks. */

import { element } from "./dom.js";

/** To add a language: its file in static/lang/, and its line here. */
export const LANGUAGES = Object.freeze([
  { code: "en", name: "English", dir: "ltr", hello: "Welcome" },
  { code: "de", name: "Deutsch", dir: "ltr", hello: "Willkommen" },
  { code: "fr", name: "Français", dir: "ltr", hello: "Bienvenue" },
  { code: "es", name: "Español", dir: "ltr", hello: "Bienvenidos" },
  { code: "it", name: "Italiano", dir: "ltr", hello: "Benvenuti" },
  { code: "pt", name: "Português", dir: "ltr", hello: "Bem-vindos" },
  { code: "nl", name: "Nederlands", dir: "ltr", hello: "Welkom" },
  { code: "pl", name: "Polski", dir: "ltr", hello: "Witamy" },
  { code: "tr", name: "Türkçe", dir: "ltr", hello: "Hoş geldiniz" },
  { code: "ar", name: "العربية", dir: "rtl", hello: "أهلاً وسهلاً" },
  { code: "he", name: "עברית", dir: "rtl", hello: "ברוכים הבאים" },
  { code: "zh", name: "中文", dir: "ltr", hello: "欢迎光临" },
]);

const ANSWER_MS = 8000;

let offered = LANGUAGES;
let usual = LANGUAGES[0].code;
const valuesOf = new WeakMap(); // element -> () => the values of its text

const loaded = new Map(); // code -> texts by key
let words = {};
let fallback = {};
let current = LANGUAGES[0];
let newest = 0; // number of the language that was asked for last

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
  const answer = await fetch(`/static/lang/${code}.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(`language file ${code}: HTTP ${answer.status}`);
  const texts = flatten(await answer.json());
  loaded.set(code, texts);
  return texts;
}

/** Only these languages, in this order (none: all); `code` where the browser asks for none. */
export function offer(codes, code) {
  const found = codes.map((each) => LANGUAGES.find((language) => language.code === each));
  offered = found.length ? found.filter(Boolean) : LANGUAGES;
  usual = offered.some((each) => each.code === code) ? code : offered[0].code;
}

export const languages = () => offered;

/** The best of our languages for what the browser asks for. */
export function preferred() {
  for (const wanted of navigator.languages ?? []) {
    const base = wanted.toLowerCase().split("-")[0];
    const found = offered.find((language) => language.code === base);
    if (found) return found.code;
  }
  return usual;
}

export const language = () => current.code;

/**
 * Loads a language. What is given rewrites every element that carries data-i18n, or nothing where
 * its words cannot be had; null where another language was asked for meanwhile, perhaps by the next
 * guest.
 */
export async function prepare(code) {
  const mine = ++newest;
  const chosen = LANGUAGES.find((each) => each.code === code) ?? LANGUAGES[0];
  let change = () => {};
  try {
    const usualWords = await load(LANGUAGES[0].code);
    const chosenWords = await load(chosen.code);
    change = () => apply(chosen, chosenWords, usualWords);
  } catch (error) {
    console.error(error);
  }
  return mine === newest ? change : null;
}

export async function use(code) {
  (await prepare(code))?.();
}

function apply(chosen, chosenWords, usualWords) {
  [current, words, fallback] = [chosen, chosenWords, usualWords];
  document.documentElement.lang = chosen.code;
  document.documentElement.dir = chosen.dir;
  for (const node of document.querySelectorAll("[data-i18n]")) {
    node.textContent = t(node.dataset.i18n, valuesOf.get(node)?.());
  }
  for (const node of document.querySelectorAll("[data-i18n-label]")) {
    node.setAttribute("aria-label", t(node.dataset.i18nLabel));
  }
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

/**
 * Writes a text, and marks the element so that a change of language rewrites it. `values()` gives
 * what is filled in, anew each time, as that may depend on the language too.
 */
export function say(node, key, values) {
  node.dataset.i18n = key;
  if (values) valuesOf.set(node, values);
  else valuesOf.delete(node);
  node.textContent = t(key, values?.());
}

/** Takes a text away, and what it was filled with. */
export function hush(node) {
  delete node.dataset.i18n;
  valuesOf.delete(node);
  node.textContent = "";
}

/** Is there a text of the page's own for this key? */
export const knows = (key) => key in words || key in fallback;

/** Fills the language menu; `changed(code)` when the guest picks one. */
export function bindMenu(select, changed) {
  for (const { code, name } of offered) {
    select.append(element("option", { value: code, textContent: name, lang: code }));
  }
  select.addEventListener("change", () => changed(select.value));
}
