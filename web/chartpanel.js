// The chart's panel: which symbol and timeframe, its candles from the server, price lines, newest indicators.

import { $, PRICE, el, open, price, put, signed, state, time, tone, view } from "/base.js";
import { Chart, isUsable } from "/chart.js";

// ---------------------------------------------------------------- chart

export function choose(symbol) {
  view.symbol = symbol;
  for (const tr of $("watch").tBodies[0].rows) tr.classList.toggle("on", tr.dataset.symbol === symbol);
  put($("chart-title"), symbol);
  showChartHead();
  void loadCandles(true);
}

export function chooseFrame(minutes) {
  view.minutes = minutes;
  for (const b of $("frames").children) b.setAttribute("aria-pressed", String(Number(b.dataset.minutes) === minutes));
  if (view.symbol) void loadCandles(true);
}

export async function loadCandles(isNew) {
  const { symbol, minutes } = view;
  view.fetchAt = performance.now();
  try {
    const reply = await fetch(`/api/v1/candles/${encodeURIComponent(symbol)}?timeframe=${minutes}m&limit=400`);
    if (!reply.ok) return;
    const found = await reply.json();
    if (symbol !== view.symbol || minutes !== view.minutes) return;
    showIndicators(found.indicators);
    showPatterns(found.patterns);
    const hasCandles = found.candles.length > 0;
    $("chart-empty").hidden = hasCandles || !view.chart;
    if (view.chart) {
      put($("chart-empty"), `No closed ${minutes}-minute candles of ${symbol} yet: they come from history at start, then one at each close.`);
      view.chart.show(found, minutes, isNew);
    }
    showMarks();
  } catch {
    // the link shows that the server is away; the chart keeps what it has
  }
}

const HIDDEN = new Set(["ema_9", "ema_21", "vwap", "rsi_14", "ts", "ts_candle", "symbol", "timeframe", "sid", "v", "open", "high", "low", "close", "volume", "oi", "warm", "trades", "flags"]);
function showIndicators(fields) {
  const known = Object.entries(fields).filter(([name, text]) => !HIDDEN.has(name) && text !== "" && Number.isFinite(Number(text)));
  $("indicators").replaceChildren(...known.map(([name, text]) => el("span", "", `${name.replaceAll("_", " ")} `, el("b", "", Number(text).toLocaleString("en-IN", { maximumFractionDigits: Math.abs(Number(text)) < 1 ? 4 : 2 })))));
  const at = Number(fields.ts_candle ?? fields.ts);
  if (known.length > 0 && at > 0) $("indicators").prepend(el("span", "", `candle of ${time(at).slice(0, 5)}`));
  $("indicators").hidden = known.length === 0;
}

const SIDE_TONE = { bullish: "up", bearish: "down" };
/** The newest patterns, each with how such hits turned out on this symbol and timeframe. */
function showPatterns(newest) {
  $("patterns").replaceChildren(...newest.found.map((hit) => el("span", "", `${hit.pattern.replaceAll("_", " ")} `, el("b", SIDE_TONE[hit.side] ?? "", hit.side), ` ${hit.record}`)));
  if (newest.found.length > 0) $("patterns").prepend(el("span", "", `patterns of ${newest.time}`));
  $("patterns").hidden = newest.found.length === 0;
}

export function showChartHead() {
  const row = state.watch[view.symbol];
  if (!row) return;
  put($("chart-price"), `${price(row.ltp)}  ${row.change_ratio === null ? "" : signed(row.change_ratio * 100, (v) => PRICE.format(v)) + "%"}`, `chart-price ${tone(row.change_ratio)}`);
  $("chart-regime").hidden = !row.regime;
  put($("chart-regime"), row.regime);
}

export function showMarks() {
  if (!view.chart) return;
  const marks = [];
  const held = state.portfolio?.positions.find((q) => q.symbol === view.symbol);
  if (held) {
    if (held.avg_px) marks.push({ price: held.avg_px, title: `avg ${held.qty}`, tone: "--accent" });
    if (held.stop_px) marks.push({ price: held.stop_px, title: "stop", tone: "--down" });
    if (held.target_px) marks.push({ price: held.target_px, title: "target", tone: "--up" });
  } else {
    const rec = open().find((r) => r.symbol === view.symbol);
    if (rec) marks.push({ price: rec.limit_paise / 100, title: `${rec.side} limit`, tone: "--accent" }, { price: rec.stop_paise / 100, title: "stop", tone: "--down" }, { price: rec.target_paise / 100, title: "target", tone: "--up" });
  }
  view.chart.mark(marks);
}

/** Ask for closed candles again when the feed's minute has turned, at most once a second. */
export function followMinutes() {
  const minute = Math.floor((state.clock?.ts ?? 0) / 60000);
  if (!view.symbol || minute === view.fetchedMinute || performance.now() - view.fetchAt < 1000) return;
  view.fetchedMinute = minute;
  setTimeout(() => loadCandles(false), 400); // the candle is written a moment after its minute
}

/** Without the library the page works; the place of the chart says how to get it. */
export function explainChart(problem) {
  put($("chart-empty"), problem);
  $("chart-empty").hidden = false;
  $("chart-empty").classList.add("problem");
}

export function makeChart() {
  if (isUsable()) view.chart = new Chart($("canvas"), $("legend"));
  else explainChart("The chart library is missing: run `make setup` and start the dashboard again.");
}
