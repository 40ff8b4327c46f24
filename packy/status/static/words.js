// Elements by their id; words, numbers and times in the language of the page.
export const $ = (id) => document.getElementById(id);

const texts = JSON.parse($("texts").textContent);
export let language = document.documentElement.lang;

export const knows = (name) => name in texts[language];
export const say = (name, values = {}) =>
  (texts[language][name] ?? name).replace(/\{([a-z0-9]+)\}/g, (_, value) => values[value] ?? "");

/** Change the language in place: loading the page anew would forget the key. */
export function speak(next) {
  language = next;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  document.documentElement.lang = language;
}

const locale = () => (language === "zh" ? "zh-CN" : "en-GB");
export const number = (value, digits = 0) => value === null ? "–" :
  new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
export const compact = (value) => new Intl.NumberFormat(locale(), { notation: "compact" }).format(value);
export const seconds = (ms) => (ms === null ? "–" : ms < 1000 ? `${number(ms, ms < 10 ? 1 : 0)} ms` : `${number(ms / 1000, 1)} s`);
export const clock = (time, format) => new Intl.DateTimeFormat(locale(), format).format(time);
