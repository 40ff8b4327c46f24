// The status page: signs in with the management key, asks the management API every few seconds, shows what it says.
// The key is in the variable `key` and nowhere else. Whatever the API says becomes text, never markup.
"use strict";
(() => {
  const EVERY = 5000, SLOWEST = 60000, TIMEOUT = 20000, REFUSED = [401, 403, 404, 429];
  const $ = (id) => document.getElementById(id);
  const texts = JSON.parse($("texts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let language = document.documentElement.lang;
  let key = "", etag = "", packycode = null, providers = null, activity = null, updated = null, verified = null;
  let timer = 0, failures = 0, session = 0, turn = 0, busy = false, notice = null, trouble = null;
  const charts = {};

  // Words and numbers, in the language of the page.
  const say = (name, values = {}) =>
    (texts[language][name] ?? name).replace(/\{([a-z0-9]+)\}/g, (_, value) => values[value] ?? "");
  const locale = () => (language === "zh" ? "zh-CN" : "en-GB");
  const number = (value, digits = 0) => value === null ? "–" :
    new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
  const compact = (value) => new Intl.NumberFormat(locale(), { notation: "compact" }).format(value);
  const seconds = (ms) => (ms === null ? "–" : ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000, 1)} s`);
  const clock = (time, format) => new Intl.DateTimeFormat(locale(), format).format(time);

  function make(tag, text = "", attributes = {}) {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

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
    const known = error && `error.${error.word}` in texts[language];
    $("trouble").textContent = error ? say(known ? `error.${error.word}` : "error.other", error) : "";
    $("trouble").hidden = !error;
  }

  function tell(name, values) {
    notice = name ? [name, values] : null;
    $("notice").textContent = name ? say(name, values) : "";
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
    for (const name of Object.keys(charts)) drop(name);
    for (const id of ["providers", "errors", "recent", "updated", "verified", "config"]) $(id).replaceChildren();
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
    document.documentElement.lang = language;
    if (!activity) return;
    $("updated").textContent = say("updated", { time: clock(updated, { timeStyle: "medium" }) });
    showPackycode();
    showConfig();
    showFigures();
    showTables();
    fill(changed());
  }

  function showPackycode() {
    const on = packycode.enabled;
    $("switch").setAttribute("aria-checked", on);
    $("state").textContent = say(on ? "packycode.on" : "packycode.off");
    $("source").textContent = sourceOf("enabled");
    $("meaning").textContent = say(on ? "packycode.on-meaning" : "packycode.off-meaning");
    $("verified").textContent = verified === "asking" ? say("packycode.verifying") : verified ? `${verified.message}. ${verified.fix}` : "";
    $("verified").lang = verified === "asking" ? language : "en";
    $("verified").className = verified?.ok === false ? "problem" : "";
  }

  function showConfig() {
    const { problems, warnings } = providers.config;
    const lines = [["config.invalid", problems], ["config.warnings", warnings]].filter(([, found]) => found.length);
    $("config").hidden = !lines.length;
    $("config").classList.toggle("trouble", problems.length > 0);
    $("config").replaceChildren(...lines.flatMap(([title, found]) => {
      const list = make("ul", "", { lang: "en" });
      const where = (each) => [each.source, each.line, each.field].filter(Boolean).join(":");
      list.append(...found.map((each) => make("li", `${where(each)} ${each.problem} — ${each.fix}`)));
      return [make("p", say(title)), list];
    }));
  }

  function figure(name, value, note) {
    $(`figure-${name}`).textContent = value;
    $(`figure-${name}-note`).textContent = note;
  }

  function showFigures() {
    const { used, ledger } = activity, flight = activity["in-flight"];
    figure("in-flight", number(flight.streams + flight.others), say("figure.in-flight.note", { streams: number(flight.streams) }));
    $("ledger").hidden = ledger.state === "kept";
    $("ledger").textContent = ledger.state === "kept" ? "" : say(`ledger.${ledger.state}`, ledger);
    if (!used) {
      for (const name of ["rate", "speed", "ttft", "cache", "requests", "cost"]) figure(name, "–", "");
      for (const name of Object.keys(charts)) drop(name);
      return;
    }
    const { total } = used, minute = used["last-minute"], speed = used["tokens-per-second"], ttft = used["ttft-ms"];
    const input = total["input-tokens"], cached = total["cached-tokens"];
    figure("rate", number(minute["output-tokens"] / 60, 1), say("figure.rate.note", { requests: number(minute.requests) }));
    figure("speed", number(speed.median, 1), say("figure.speed.note", { p95: number(speed.p95, 1) }));
    figure("ttft", seconds(ttft.median), say("figure.ttft.note", { p95: seconds(ttft.p95) }));
    figure("cache", input ? `${number((100 * cached) / input, 1)} %` : "–", say("figure.cache.note", { tokens: compact(input) }));
    figure("requests", number(total.requests), say("figure.requests.note", { errors: number(total.errors), cancelled: number(total.cancelled) }));
    figure("cost", number(total.cost, 4), total.cost === null ? "" : say("figure.cost.note"));
    const steps = used.steps, column = (name) => steps.map((step) => step[name]);
    const times = steps.map((step) => Date.parse(step.from) / 1000);
    draw("tokens", [["chart.input", "--chart-1"], ["chart.cached", "--chart-2"], ["chart.output", "--chart-3", [6, 3]]], compact,
      [times, steps.map((step) => Math.max(step["input-tokens"] - step["cached-tokens"], 0)), column("cached-tokens"), column("output-tokens")],
      { input: number(input - cached), cached: number(cached), output: number(total["output-tokens"]) });
    draw("ttft", [["chart.ttft-median", "--chart-2"]], seconds, [times, column("ttft-ms")],
      { median: seconds(ttft.median), p95: seconds(ttft.p95) });
  }

  // Charts are kept as long as they can be, so that the cursor in them stays.
  function drop(name) {
    charts[name].destroy();
    delete charts[name];
  }

  function draw(name, series, format, data, summary) {
    const box = $(`chart-${name}`);
    box.setAttribute("aria-label", say(`chart.${name}.summary`, summary));
    if (charts[name]) return charts[name].setData(data);
    const style = getComputedStyle(document.documentElement), colour = (role) => style.getPropertyValue(role).trim();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const day = { month: "numeric", day: "numeric" }, time = { hour: "2-digit", minute: "2-digit" };
    const moment = (at, format) => clock(at * 1000, format);
    charts[name] = new uPlot({
      width: box.clientWidth || 300, height: 220, cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((at) => moment(at, $("window").value === "7d" ? day : time)) },
        { ...axis, size: 64, values: (_, splits) => splits.map((value) => format(value)) },
      ],
      series: [
        { label: say("chart.time"), value: (_, at) => (at === null ? "–" : moment(at, { ...day, ...time })) },
        ...series.map(([label, role, dash]) => ({
          label: say(label), stroke: colour(role), width: 2, dash, spanGaps: true, points: { size: 5 },
          value: (_, value) => (value === null || value === undefined ? "–" : format(value)),
        })),
      ],
    }, data, box);
  }

  const redraw = () => {
    for (const name of Object.keys(charts)) drop(name);
    if (activity) showFigures();
  };
  dark.addEventListener("change", redraw);
  new ResizeObserver(() => {
    for (const [name, chart] of Object.entries(charts)) {
      const width = $(`chart-${name}`).clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: 220 });
    }
  }).observe($("main"));

  function rows(id, found) {
    $(id).replaceChildren(...found.map((cells) => {
      const row = make("tr");
      row.append(...cells.map((cell) => (typeof cell === "string" ? make("td", cell) : cell)));
      return row;
    }));
  }

  function showTables() {
    const count = (text) => make("td", text, { class: "number" });
    rows("providers", providers.providers.map((each) => [
      each.name, say(`provider.${each.state}`), each["base-url"] ?? "–",
      [
        ...each.cooldowns.map((rest) => say("provider.cooldown", rest)),
        ...(each["refused-parameters"].length ? [say("provider.refused", { parameters: each["refused-parameters"].join(", ") })] : []),
      ].join("; ") || "–",
    ]));
    const { errors, recent } = activity.used ?? { errors: [], recent: [] };
    rows("errors", errors.map((each) => [each.error, count(number(each.requests))]));
    $("errors-none").hidden = errors.length > 0;
    rows("recent", recent.map((each) => {
      const failure = each.failure ?? each["error-type"];
      const result = [
        each["error-type"] ? failure : each.cancelled ? say("recent.cancelled") : each["stop-reason"] ?? each.status,
        each.retries ? say("recent.retries", each) : "", each.failover ? say("recent.failover") : "",
      ].filter(Boolean).join(", ");
      const time = make("td", clock(new Date(each.time), { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }), { title: each["request-id"] });
      return [
        time, each.client ?? "–", each.provider ?? "–", [each["upstream-model"] ?? each.model ?? "–", each.effort].filter(Boolean).join(" · "),
        make("td", result || "–", each["error-type"] ? { class: "bad" } : {}),
        ...["input-tokens", "cached-tokens", "output-tokens"].map((name) => count(number(each[name]))),
        ...["ttft-ms", "duration-ms"].map((name) => count(seconds(each[name]))),
      ];
    }));
    $("recent-none").hidden = recent.length > 0;
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
    if (rest.length || !ours.length) complain({ ...error, message: [error.message, ...rest].join(" · ") });
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
    for (const name of Object.keys(charts)) drop(name);
    poll();
  });

  // Languages: changed in place, as loading the page anew would forget the key.
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      language = link.lang;
      history.replaceState(null, "", link.search);
      for (const each of document.querySelectorAll("nav a")) each.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
      for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
      document.documentElement.lang = language;
      complain(trouble);
      tell(...(notice ?? []));
      for (const name of Object.keys(charts)) drop(name);
      show();
    });
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    turn += 1;
    if (document.hidden && key) $("updated").textContent = say("paused");
    else poll();
  });
})();
