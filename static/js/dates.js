/** Days as the guest writes them, and YYYY-MM-DD as the protocol has them. */

import { language } from "./i18n.js";

/** Where the browser tells no region of the language: one in which it is written so. */
const REGIONS = { en: "en-GB", pt: "pt-PT", zh: "zh-CN", ar: "ar-EG" };
const ORDER = /^(year|month|day)$/;
/** Arabic-Indic, extended Arabic-Indic and full-width digits. */
const OTHER_DIGITS = /[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g;

function locale() {
  const code = language();
  const told = navigator.languages?.find((tag) => tag.toLowerCase().split("-")[0] === code);
  const region = told?.includes("-") ? told : (REGIONS[code] ?? code);
  return `${region}-u-ca-gregory-nu-latn`;
}

function utc(iso) {
  const [year, month, day] = iso.split("-").map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

/** {order: ["day", "month", "year"], separator: "/"} */
function form() {
  const style = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: "UTC" };
  const parts = new Intl.DateTimeFormat(locale(), style).formatToParts(utc("1974-08-12"));
  const order = parts.map(({ type }) => type).filter((type) => ORDER.test(type));
  const between = parts.find(({ type }) => type === "literal")?.value ?? "-";
  // Without spaces and marks of direction, which nobody types.
  return { order, separator: between.replace(/[\s\u200e\u200f]/g, "") || "-" };
}

/** A day that exists, written YYYY-MM-DD. */
export function isDate(text) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = utc(text);
  return date.toISOString().slice(0, 10) === text;
}

/** 1974-08-12 -> 12/08/1974, or as the guest's language and region have it; else unchanged. */
export function toLocal(text) {
  if (!isDate(text)) return text;
  const [year, month, day] = text.split("-");
  const { order, separator } = form();
  const values = { year, month, day };
  return order.map((part) => values[part]).join(separator);
}

/** What the guest wrote as YYYY-MM-DD, or "" when it is no day; ISO dates are always taken. */
export function toIso(text) {
  const plain = text.trim().replace(OTHER_DIGITS, digitValue);
  if (isDate(plain)) return plain;
  const groups = plain.split(/\D+/).filter(Boolean);
  if (groups.length !== 3) return "";
  const { order } = form();
  const values = Object.fromEntries(order.map((part, index) => [part, groups[index]]));
  if (values.year.length !== 4) return "";
  const iso = `${values.year}-${values.month.padStart(2, "0")}-${values.day.padStart(2, "0")}`;
  return isDate(iso) ? iso : "";
}

function digitValue(digit) {
  const point = digit.codePointAt(0);
  return point - [0x660, 0x6f0, 0xff10].findLast((zero) => point >= zero);
}

/** "12 August 1974": leaves no doubt which number is the month. */
export function inWords(iso) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "long", timeZone: "UTC" }).format(utc(iso));
}

/** A moment's time of day, to the second. */
export const timeOfDay = (moment) => moment.toLocaleTimeString(locale());

/** How a date is written here, by example. */
export const example = () => toLocal("1974-08-12");

/** Today where the guest is, written YYYY-MM-DD. */
export function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
