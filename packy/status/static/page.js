// The status page: signs in with the management key, asks the management API every few seconds, has its answers shown, and
// sends it changes. The key is in the variable `key` and nowhere else.
import { clearBoard, dropCharts, showBoard } from "./board.js";
import { $, clock, knows, language, say, speak } from "./words.js";

const EVERY = 5000, SLOWEST = 60000, TIMEOUT = 20000, REFUSED = [401, 403, 404, 429];
let key = "", etag = "", packycode = null, providers = null, activity = null, updated = null, verified = null;
let timer = 0, failures = 0, session = 0, turn = 0, busy = false, notice = null, trouble = null;

// The management API.
async function ask(path, { headers = {}, ...options } = {}) {
  // What cannot travel in a header is not the key either.
  if (!/^[!-~]+$/.test(key)) throw { word: "unauthorized", status: 401 };
  let answer;
  try {
    answer = await fetch(`v0/management/${path}`, {
      ...options, cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(TIMEOUT),
      headers: { ...headers, "X-Management-Key": key },
    });
  } catch {
    throw { word: "unreachable" };
  }
  if (answer.ok || answer.status === 304) return answer;
  const said = await answer.json().catch(() => ({}));
  const minutes = Math.ceil((Number(answer.headers.get("Retry-After")) || 60) / 60);
  throw { status: answer.status, word: said.error, message: said.message ?? answer.status, details: said.details ?? [], minutes };
}

async function take(answer) {
  etag = answer.headers.get("ETag") ?? "";
  packycode = await answer.json();
}

async function poll() {
  clearTimeout(timer);
  const mine = (turn += 1);
  if (!key || busy || document.hidden) return;
  try {
    const known = etag ? { headers: { "If-None-Match": etag } } : {};
    // One at first: with a wrong key, each of them would count.
    const block = await ask("packycode", known);
    const [listed, going] = await Promise.all([ask("providers"), ask(`activity?window=${$("window").value}`)]);
    const [nextProviders, nextActivity] = [await listed.json(), await going.json()];
    if (mine !== turn) return;
    if (block.status !== 304) await take(block);
    [providers, activity] = [nextProviders, nextActivity];
    updated = new Date();
    failures = 0;
    if (trouble?.passing) complain(null);
    if ($("board").hidden) enter();
    show();
  } catch (error) {
    if (mine !== turn) return;
    failures += 1;
    complain({ ...error, passing: true });
    if (REFUSED.includes(error.status)) return leave();
  }
  timer = setTimeout(poll, Math.min(EVERY * 2 ** failures, SLOWEST));
}

// Messages.
function complain(error) {
  trouble = error;
  const known = error && knows(`error.${error.word}`);
  $("trouble").textContent = error ? say(known ? `error.${error.word}` : "error.other", error) : "";
  $("trouble").hidden = !error;
}

/** Tell where whoever has done something looks: beside the form's buttons, or above the switch. */
function tell(name, values) {
  notice = name ? [name, values] : null;
  const place = name?.startsWith("settings.") ? "outcome" : "notice";
  for (const id of ["notice", "outcome"]) $(id).textContent = id === place && name ? say(name, values) : "";
  $("outcome").classList.toggle("trouble", name === "settings.invalid");
}

// Signing in and out.
function enter() {
  $("sign-in").hidden = true;
  $("board").hidden = $("sign-out").hidden = false;
  mark([]);
  fill();
  $("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function leave() {
  session += 1;
  turn += 1;
  clearTimeout(timer);
  key = etag = "";
  busy = false;
  packycode = providers = activity = updated = verified = null;
  tell();
  clearBoard();
  for (const id of ["updated", "verified"]) $(id).replaceChildren();
  for (const input of $("settings").querySelectorAll("input")) input.value = "";
  const was = !$("board").hidden;
  $("board").hidden = $("sign-out").hidden = true;
  $("sign-in").hidden = false;
  if (was || trouble) $("key").focus();
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  session += 1;
  key = $("key").value.trim();
  $("key").value = "";
  failures = 0;
  complain(null);
  poll();
});
$("sign-out").addEventListener("click", () => { complain(null); leave(); });

// What is shown.
function show() {
  if (!activity) return;
  $("updated").textContent = say("updated", { time: clock(updated, { timeStyle: "medium" }) });
  showPackycode();
  showBoard(providers, activity);
  fill(changed());
}

function showPackycode() {
  const on = packycode.enabled;
  $("switch").setAttribute("aria-checked", on);
  $("state").textContent = say(on ? "packycode.on" : "packycode.off");
  $("source").textContent = sourceOf("enabled");
  const others = providers.providers.some((each) => each.kind !== "packycode" && each.state !== "disabled");
  $("meaning").textContent = say(on ? "packycode.on-meaning" : others ? "packycode.off-meaning" : "packycode.off-alone");
  $("verified").textContent = verified === "asking" ? say("packycode.verifying") : verified ? `${verified.message}. ${verified.fix}` : "";
  $("verified").lang = verified === "asking" ? language : "en";
  $("verified").className = verified?.ok === false ? "problem" : "";
}

// The settings.
const fields = [...document.querySelectorAll("[data-field]")].map((box) => {
  const name = box.dataset.field, id = `field-${name.replaceAll(".", "-")}`;
  return { name, input: $(id), source: $(`${id}-source`), problem: $(`${id}-problem`) };
});
const valueOf = (name) => name.split(".").reduce((value, part) => value?.[part], packycode) ?? null;
const sourceOf = (name) => {
  const source = packycode["effective-sources"][name];
  return source ? say("packycode.source", { source: say(`source.${source}`) }) : say("source.default");
};
const isKey = ({ input }) => input.type === "password", isSwitch = ({ input }) => input.type === "checkbox";
const read = (field) => (isSwitch(field) ? field.input.checked : field.input.value.trim() || null);
// A key that is there is not in its field: an empty one keeps it.
const inForce = (field) => (isKey(field) ? null : valueOf(field.name));
const changed = () => fields.filter((field) => read(field) !== field.shown);

/** Show what is in force, but leave the fields alone that somebody has begun to change. */
function fill(kept = []) {
  for (const field of fields) {
    const mask = isKey(field) ? valueOf(field.name) : null;
    field.source.textContent = mask ? say("settings.mask", { source: sourceOf(field.name), mask }) : sourceOf(field.name);
    if (kept.includes(field)) continue;
    field.shown = inForce(field);
    if (isSwitch(field)) field.input.checked = field.shown;
    else if (read(field) !== field.shown) field.input.value = field.shown ?? "";
  }
}

function mark(details) {
  for (const { name, input, problem } of fields) {
    const found = details.filter((each) => each.field === name);
    problem.textContent = found.map((each) => `${each.problem}: ${each.fix}`).join(" ");
    if (found.length) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  fields.find(({ input }) => input.hasAttribute("aria-invalid"))?.input.focus();
}

/** Send a merge patch; `done` gives what to tell. */
async function change(patch, done) {
  if (busy) return;
  const mine = session;
  busy = true;
  clearTimeout(timer);
  turn += 1;
  tell();
  complain(null);
  try {
    const headers = { "Content-Type": "application/merge-patch+json", ...(etag ? { "If-Match": etag } : {}) };
    const answer = await ask("packycode", { method: "PATCH", body: JSON.stringify(patch), headers });
    if (mine !== session) return;
    await take(answer);
    verified = null;
    mark([]);
    tell(...done());
    showPackycode();
  } catch (error) {
    if (mine !== session) return;
    refuse(error);
    if (REFUSED.includes(error.status)) return leave();
  }
  busy = false;
  poll();
}

/** Tell why a change was refused: beside the fields, and above where it is about none of them. */
function refuse(error) {
  const details = error.details ?? [], ours = details.filter((each) => fields.some(({ name }) => name === each.field));
  const rest = details.filter((each) => !ours.includes(each)).map((each) => `${each.field} ${each.problem}: ${each.fix}`);
  if (ours.length) tell("settings.invalid", { count: ours.length });
  if (rest.length || !ours.length) {
    complain({ ...error, message: [error.message, ...rest].join(" · ") });
    $("trouble").scrollIntoView({ block: "nearest" });
  }
  if (error.word === "precondition_failed") etag = "";
  mark(ours);
}

$("switch").addEventListener("click", () => {
  change({ enabled: !packycode.enabled }, () => [packycode.enabled ? "packycode.turned-on" : "packycode.turned-off"]);
});
$("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = changed(), patch = {};
  if (!wanted.length) { mark([]); return tell("settings.nothing"); }
  for (const field of wanted) {
    const parts = field.name.split("."), last = parts.pop();
    parts.reduce((inside, part) => (inside[part] ??= {}), patch)[last] = read(field);
  }
  change(patch, () => { fill(); return ["settings.saved"]; });
});
$("undo").addEventListener("click", () => { fill(); mark([]); tell(); });
$("verify").addEventListener("click", async () => {
  const mine = session;
  verified = "asking";
  showPackycode();
  try {
    verified = await (await ask("packycode/verify", { method: "POST" })).json();
  } catch (error) {
    verified = null;
    if (mine === session) complain(error);
  }
  if (mine === session && packycode) showPackycode();
});
$("window").addEventListener("change", () => {
  dropCharts();
  poll();
});

// Languages.
for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    speak(link.lang);
    history.replaceState(null, "", link.search);
    for (const each of document.querySelectorAll("nav a")) each.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    complain(trouble);
    tell(...(notice ?? []));
    dropCharts();
    show();
  });
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  turn += 1;
  if (document.hidden && key) $("updated").textContent = say("paused");
  else poll();
});
