// The board below the switch: notes on the configuration, figures, charts and tables. Made of what the management API has
// said last; whatever that is becomes text, never markup.
import { $, clock, compact, number, say, seconds } from "./words.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const charts = {};
let activity = null;

/** Show what the API says of providers and activity. */
export function showBoard(providers, going) {
  activity = going;
  showConfig(providers.config);
  showFigures();
  showTables(providers.providers);
}

/** Take everything away again. */
export function clearBoard() {
  activity = null;
  dropCharts();
  for (const id of ["providers", "errors", "recent", "config"]) $(id).replaceChildren();
}

function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function showConfig({ problems, warnings }) {
  const lines = [["config.invalid", problems], ["config.warnings", warnings]].filter(([, found]) => found.length);
  $("config").hidden = !lines.length;
  $("config").classList.toggle("trouble", problems.length > 0);
  $("config").replaceChildren(...lines.flatMap(([title, found]) => {
    const list = make("ul", "", { lang: "en" });
    const where = (each) => [each.source, each.line].filter(Boolean).join(":"), what = (each) => [each.field, each.problem].filter(Boolean).join(" ");
    list.append(...found.map((each) => make("li", `${where(each)}: ${what(each)} — ${each.fix}`)));
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
    $("unpriced").textContent = "";
    dropCharts();
    return;
  }
  const { total } = used, minute = used["last-minute"], speed = used["tokens-per-second"], ttft = used["ttft-ms"];
  const input = total["input-tokens"], cached = total["cached-tokens"];
  figure("rate", number(minute["output-tokens"] / 60, 1), say("figure.rate.note", { requests: number(minute.requests) }));
  figure("speed", number(speed.median, 1), speed.count ? say("figure.speed.note", { p95: number(speed.p95, 1) }) : "");
  figure("ttft", seconds(ttft.median), ttft.count ? say("figure.ttft.note", { p95: seconds(ttft.p95) }) : "");
  figure("cache", input ? `${number((100 * cached) / input, 1)} %` : "–", input ? say("figure.cache.note", { tokens: compact(input) }) : "");
  figure("requests", number(total.requests), say("figure.requests.note", { errors: number(total.errors), cancelled: number(total.cancelled) }));
  const without = used["unpriced-models"], some = total.cost !== null;
  figure("cost", number(total.cost, 4), some ? say(without.length ? "figure.cost.some" : "figure.cost.note") : "");
  $("unpriced").textContent = some && without.length ? say("figure.cost.without", { models: without.join(", ") }) : "";
  const steps = used.steps, column = (name) => steps.map((step) => step[name]);
  const times = steps.map((step) => Date.parse(step.from) / 1000);
  draw("tokens", [["chart.input", "--chart-1"], ["chart.cached", "--chart-2"], ["chart.output", "--chart-3", [6, 3]]], compact,
    [times, steps.map((step) => Math.max(step["input-tokens"] - step["cached-tokens"], 0)), column("cached-tokens"), column("output-tokens")],
    { input: number(input - cached), cached: number(cached), output: number(total["output-tokens"]) });
  draw("ttft", [["chart.ttft-median", "--chart-2"]], seconds, [times, column("ttft-ms")],
    { median: seconds(ttft.median), p95: seconds(ttft.p95) });
}

/** Forget the charts, which are kept as long as they can be, so that the cursor in them stays. */
export function dropCharts() {
  for (const [name, chart] of Object.entries(charts)) {
    chart.destroy();
    delete charts[name];
  }
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
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1000] } },
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

dark.addEventListener("change", () => {
  dropCharts();
  if (activity) showFigures();
});
new ResizeObserver(() => {
  for (const [name, chart] of Object.entries(charts)) {
    const width = $(`chart-${name}`).clientWidth;
    if (width && width !== chart.width) chart.setSize({ width, height: 220 });
  }
}).observe($("main"));

// What is there already stays: somebody may have marked some of it, to copy it.
function rows(id, found) {
  const body = make("tbody", "", { id });
  body.append(...found.map((cells) => {
    const row = make("tr");
    row.append(...cells.map((cell) => (typeof cell === "string" ? make("td", cell) : cell)));
    return row;
  }));
  if (!body.isEqualNode($(id))) $(id).replaceChildren(...body.children);
}

function showTables(providers) {
  const count = (text) => make("td", text, { class: "number" }), name = (text, kind = "name") => {
    const cell = make("td", "", { class: kind });
    cell.append(make("span", text));
    return cell;
  };
  rows("providers", providers.map((each) => [
    name(each.name), say(`provider.${each.state}`),
    name([
      ...each.cooldowns.map((rest) => say("provider.cooldown", rest)),
      ...(each["refused-parameters"].length ? [say("provider.refused", { parameters: each["refused-parameters"].join(", ") })] : []),
    ].join("; ") || "–", each.cooldowns.length ? "name bad" : "name"),
    each["base-url"] ?? "–",
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
    return [
      clock(new Date(each.time), { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
      make("td", result || "–", each["error-type"] ? { class: "bad" } : {}),
      name(each.client ?? "–"), name(each.provider ?? "–"), name([each["upstream-model"] ?? each.model ?? "–", each.effort].filter(Boolean).join(" · ")),
      ...["input-tokens", "cached-tokens", "output-tokens"].map((name) => count(number(each[name]))),
      ...["ttft-ms", "duration-ms"].map((name) => count(seconds(each[name]))), each["request-id"],
    ];
  }));
  $("recent-none").hidden = recent.length > 0;
}
