// What makes a page hard to use for some: gives a sentence for each thing found in what is visible now.
const found = [];
const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getClientRects().length > 0;
const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
const named = (e) => `<${e.tagName.toLowerCase()} id="${e.id}" class="${e.className}">`;
const textOf = (ids) => (ids ?? "").split(/\s+/).filter(Boolean).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
const nameOf = (e) => textOf(e.getAttribute("aria-labelledby")) || e.getAttribute("aria-label")?.trim() ||
  [...(e.labels ?? [])].map((label) => label.textContent).join(" ").trim() || (e.matches("input, select") ? "" : e.textContent.trim());

for (const e of all("a, button, input, select, [role=img], [role=region], [tabindex='0'], nav")) {
  if (!nameOf(e)) found.push(`${named(e)} has no name`);
}
for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
  for (const id of `${e.getAttribute("aria-labelledby") ?? ""} ${e.getAttribute("aria-describedby") ?? ""}`.split(/\s+/)) {
    if (id && !document.getElementById(id)) found.push(`${named(e)} refers to #${id}, which is not there`);
  }
}
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`#${id} is there twice`);
if (!document.documentElement.lang) found.push("the page has no language");
if (!document.title) found.push("the page has no title");
if (all("h1").length !== 1 || all("main").length !== 1) found.push("there must be one h1 and one main");
for (const e of all("thead th")) if (e.scope !== "col") found.push(`${named(e)} has no scope`);
for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) found.push(`${named(e)} changes the order of focus`);

// WCAG 2.2, 1.4.3: relative luminance and contrast ratio.
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (e) => {
  for (let at = e; at; at = at.parentElement) {
    const colour = rgba(getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
    if (colour[3] > 0) found.push(`${named(at)} is translucent, and its contrast unknown`);
  }
  return [255, 255, 255, 1];
};
for (const e of all("body *")) {
  const text = [...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.textContent.trim()).join("") || (e.matches("input:not([type=checkbox])") && e.value);
  if (!text) continue;
  const style = getComputedStyle(e), size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const [light, dark] = [luminance(rgba(style.color)), luminance(behind(e))].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < (large ? 3 : 4.5)) found.push(`${named(e)} has a contrast of ${ratio.toFixed(2)}: ${text.slice(0, 30)}`);
}
return found;
