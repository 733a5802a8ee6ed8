// The page: takes parts of the state from one websocket, shows what changed, sends one kind of command (an answer).
// Every text that comes from outside goes through textContent. Nothing is ever parsed as HTML.

import { Chart, isUsable } from "/chart.js";

const $ = (id) => document.getElementById(id);
const TIMEFRAMES = [1, 3, 5, 10, 15, 60];
const state = { watch: {}, symbols: [], recommendations: [], health: [], alerts: [] };
const view = { symbol: "", minutes: 1, chart: null, clockAt: 0, fetchedMinute: -1, fetchAt: 0, asked: null, pending: null };

// ---------------------------------------------------------------- words and numbers

const PRICE = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });
const ONE = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const ABSENT = "–";

const price = (v) => (v === null || v === undefined ? ABSENT : PRICE.format(v));
const rupees = (paise) => (paise === null || paise === undefined ? ABSENT : PRICE.format(paise / 100));
const signed = (v, format) => (v === null || v === undefined ? ABSENT : (v > 0 ? "+" : v < 0 ? "−" : "") + format(Math.abs(v)));
const tone = (v) => (v > 0 ? "up" : v < 0 ? "down" : "");
const ist = (ms) => new Date(ms + 19800000).toISOString();
const time = (ms) => (ms ? ist(ms).slice(11, 19) : "--:--:--");

function span(ms) {
  if (ms < 1000) return "<1s";
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s}s`;
  return s < 3600 ? `${Math.floor(s / 60)}m` : `${Math.floor(s / 3600)}h`;
}

/** Make an element with a class and text; children may follow. */
function el(tag, cls = "", text = "", ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== "") node.textContent = text;
  node.append(...children);
  return node;
}

function put(node, text, cls) {
  if (node.textContent !== text) node.textContent = text;
  if (cls !== undefined && node.className !== cls) node.className = cls;
}

// ---------------------------------------------------------------- the feed's clock

const quietMs = () => {
  const since = performance.now() - view.clockAt;
  return (state.clock?.quiet_ms ?? 0) + (since > 2000 ? since : 0);
};
const isLive = () => Boolean(state.clock?.is_live);
const ageOf = (ts) => (ts && state.clock?.ts ? Math.max(0, state.clock.ts - ts) + quietMs() : null);
const isStale = (age) => !state.store?.is_up || (isLive() && age !== null && age > state.clock.stale_ms);

function showAge(node, age) {
  put(node, age === null ? ABSENT : span(age));
  node.classList.toggle("old", isStale(age));
}

// ---------------------------------------------------------------- header, alerts, health

function showSession() {
  const s = state.session;
  put($("mode"), s.mode.toUpperCase());
  $("mode").dataset.mode = s.mode;
  document.body.classList.toggle("is-real", s.is_real);
  put($("banner"), s.banner);
  $("banner").title = s.banner;
  $("speed").hidden = !s.speed;
  put($("speed"), s.speed === "max" ? "max speed" : `${s.speed}×`);
  document.title = `${s.mode === "live-real" ? "● LIVE " : ""}Tick-Tick · ${s.mode}`;
}

function showClock() {
  const c = state.clock;
  put($("clock"), time(c.ts));
  put($("date"), c.ts ? ist(c.ts).slice(0, 10) : state.session?.date ?? "");
  const segment = c.market.NSE_EQ;
  put($("phase"), c.ts ? c.phase_words : "waiting for the feed");
  $("phase").dataset.live = c.is_live;
  $("phase").title = segment ? `the feed says NSE_EQ ${segment}` : "";
  if (view.chart) view.chart.openMs = c.open_ms;
}

function showToken() {
  const t = state.token;
  $("token").hidden = t.state === "unknown";
  put($("token"), `token ${t.state}`);
  $("token").dataset.state = t.state;
  $("token").title = t.fix || (t.expires_ms ? `until ${ist(t.expires_ms).slice(0, 16).replace("T", " ")} IST` : "");
}

function showLink(kind, words) {
  $("link").dataset.state = kind;
  put($("link").lastElementChild, words);
  document.body.classList.toggle("is-away", kind === "away" || state.store?.is_up === false);
}

function showAlerts() {
  $("alerts").hidden = state.alerts.length === 0;
  $("alerts").replaceChildren(...state.alerts.map((a) => el("li", a.level, a.text)));
}

function showHealth() {
  $("health").replaceChildren(...state.health.map((p) => {
    const facts = p.state === "alive" || p.state === "done" ? `${p.lag_ms === null ? ABSENT : ONE.format(p.lag_ms)} ms · ${p.age_ms === null ? ABSENT : span(p.age_ms)}` : p.state;
    const node = el("li", p.state, "", el("i", "dot"), el("b", "", p.name), el("span", "lag", p.state === "done" ? "done" : facts));
    if (p.error) node.append(el("em", "", p.error));
    node.title = [`${p.name}: ${p.state}`, p.version && `version ${p.version}`, p.pid && `pid ${p.pid}`, p.lag_p99_ms !== null && `lag p50 ${p.lag_ms} ms, p99 ${p.lag_p99_ms} ms`,
      p.entries !== null && `${WHOLE.format(p.entries)} entries written`, p.error].filter(Boolean).join("\n");
    return node;
  }));
}

// ---------------------------------------------------------------- watchlist

const rows = new Map();

function makeRow(symbol) {
  const cells = {};
  const tr = el("tr");
  tr.tabIndex = 0;
  tr.addEventListener("click", () => choose(symbol));
  tr.addEventListener("keydown", (e) => e.key === "Enter" && choose(symbol));
  const add = (name, cls, ...children) => tr.append((cells[name] = el("td", cls, "", ...children)));
  const th = el("th", "sym", symbol);
  th.scope = "row";
  tr.append(th);
  add("ltp", "n ltp");
  add("change", "n");
  add("spread", "n wide dim");
  add("vwap", "n wide dim");
  cells.bar = el("i");
  add("obi", "obi", el("span", "", "", cells.bar));
  add("regime", "wide regime");
  add("age", "n age");
  return { tr, cells, ltp: null };
}

function showRow(symbol) {
  const row = state.watch[symbol], { tr, cells } = rows.get(symbol), kept = rows.get(symbol);
  put(cells.ltp, price(row.ltp));
  if (kept.ltp !== null && row.ltp !== null && row.ltp !== kept.ltp) flash(cells.ltp, row.ltp > kept.ltp ? "rise" : "fall");
  kept.ltp = row.ltp;
  put(cells.change, row.change_ratio === null ? ABSENT : signed(row.change_ratio * 100, (v) => PRICE.format(v)) + "%", `n ${tone(row.change_ratio)}`);
  put(cells.spread, row.spread_bps === null ? ABSENT : ONE.format(row.spread_bps), `n wide ${row.is_liquid ? "" : "dim"}`);
  put(cells.vwap, price(row.vwap));
  const obi = row.obi ?? 0;
  cells.bar.style.width = `${Math.abs(obi) * 50}%`;
  cells.bar.style.left = obi < 0 ? `${50 - Math.abs(obi) * 50}%` : "50%";
  cells.bar.className = tone(obi);
  cells.obi.title = row.obi === null ? "no book" : `book imbalance ${signed(obi, (v) => v.toFixed(2))}`;
  put(cells.regime, row.regime + (row.is_volatile ? " ⚡" : ""), "wide regime");
  cells.regime.title = row.is_volatile ? `${row.regime}; volatile now` : row.regime;
  tr.classList.toggle("on", symbol === view.symbol);
  showRowAge(symbol);
}

function showRowAge(symbol) {
  const age = ageOf(state.watch[symbol].ts), { tr, cells } = rows.get(symbol);
  showAge(cells.age, age);
  tr.classList.toggle("stale", isStale(age));
}

function flash(node, cls) {
  node.classList.remove("rise", "fall");
  void node.offsetWidth; // restart the animation
  node.classList.add(cls);
}

function showWatch() {
  const body = $("watch").tBodies[0];
  for (const symbol of [...rows.keys()].filter((s) => !(s in state.watch))) rows.delete(symbol);
  for (const symbol of state.symbols) if (!rows.has(symbol)) rows.set(symbol, makeRow(symbol));
  body.replaceChildren(...state.symbols.map((s) => rows.get(s).tr));
  state.symbols.forEach(showRow);
  $("watch-empty").hidden = state.symbols.length > 0;
  put($("watch-count"), state.symbols.length ? `${state.symbols.length} symbols` : "");
  if (!state.symbols.includes(view.symbol) && state.symbols.length) choose(state.symbols[0]);
}

// ---------------------------------------------------------------- recommendations

const open = () => state.recommendations.filter((r) => r.state === "open" && r.expires_ms > (state.clock?.ts ?? 0));

function card(rec, number) {
  const li = el("li", `card ${rec.state} ${rec.side === "BUY" ? "buy" : "sell"}`);
  li.dataset.id = rec.id;
  const name = el("button", "sym", rec.symbol);
  name.type = "button";
  name.addEventListener("click", () => choose(rec.symbol));
  const left = el("span", "left");
  li.append(el("div", "top", "", el("span", "rank", number ? String(number) : "·"), el("b", "side", rec.side), name, el("span", "score", `score ${rec.score.toFixed(2)}`), left));
  const cell = (label, value, cls = "", title = "") => {
    const div = el("div", cls, "", el("dt", "", label), el("dd", "", value));
    if (title) div.title = title;
    return div;
  };
  const ratio = rec.reward_ratio === null ? "" : `1 : ${ONE.format(rec.reward_ratio)}`;
  const loss = rec.worst_loss_paise === null ? `${rupees(rec.risk_paise)}/sh` : rupees(rec.worst_loss_paise);
  const why = rec.worst_loss_paise === null ? "per share, if the stop is filled at its price; the quantity is set when you confirm" : `${rec.qty} shares, stop filled at its price`;
  li.append(el("dl", "prices", "", cell("Limit", rupees(rec.limit_paise)), cell("Stop", rupees(rec.stop_paise), "stop"), cell("Target", rupees(rec.target_paise), "target"),
    cell("Worst", loss, "", why), cell("R : R", ratio || ABSENT)));
  li.append(el("p", "meta", [rec.strategy, rec.timeframe, rec.regime, time(rec.ts)].filter(Boolean).join(" · ")));
  li.append(el("ul", "why", "", ...rec.reasons.map((r) => el("li", "", r))));
  if (rec.state === "open") {
    const button = (answer, label, key) => {
      const b = el("button", answer, label, number ? el("kbd", "", `${key} ${number}`) : "");
      b.type = "button";
      b.setAttribute("aria-label", `${label} ${rec.side} ${rec.symbol}`);
      b.addEventListener("click", () => answerTo(rec.id, answer));
      return b;
    };
    li.append(el("div", "act", "", button("confirm", "Confirm", "y"), button("reject", "Reject", "n")));
    li.append(el("i", "fuse"));
  } else {
    left.textContent = rec.state + (rec.answered_by ? ` · ${rec.answered_by}` : "");
  }
  return li;
}

function showAdvice() {
  const kept = $("recommendations"), focus = document.activeElement, held = focus?.closest?.(".card")?.dataset.id, which = focus?.className;
  let number = 0;
  kept.replaceChildren(...state.recommendations.map((r) => card(r, r.state === "open" && number < 9 ? ++number : 0)));
  if (held) [...kept.children].find((c) => c.dataset.id === held)?.querySelector(which === "reject" ? "button.reject" : "button.confirm")?.focus();
  $("advice-empty").hidden = state.recommendations.length > 0;
  const waiting = open().length;
  put($("advice-count"), state.recommendations.length ? (waiting ? `${waiting} open` : "none open") : "");
  $("advice-count").classList.toggle("hot", waiting > 0);
  showLeft();
  showMarks();
}

function showLeft() {
  const now = state.clock?.ts ?? 0;
  for (const rec of state.recommendations) {
    if (rec.state !== "open") continue;
    const li = [...$("recommendations").children].find((c) => c.dataset.id === rec.id);
    if (!li) continue;
    const left = rec.expires_ms - now, isOver = left <= 0 || !state.store?.is_up;
    put(li.querySelector(".left"), left <= 0 ? "expired" : `${span(left)} left`);
    li.querySelector(".fuse").style.width = `${Math.max(0, Math.min(1, left / (rec.expires_ms - rec.ts))) * 100}%`;
    li.classList.toggle("expired", left <= 0);
    for (const b of li.querySelectorAll(".act button")) b.disabled = isOver || view.pending === rec.id;
  }
}

async function answerTo(id, answer) {
  const rec = state.recommendations.find((r) => r.id === id);
  if (!rec || rec.state !== "open" || view.pending) return;
  let typed = "";
  if (state.session.is_real && answer === "confirm") {
    typed = await askTyped(rec);
    if (typed === null) return;
  }
  view.pending = id;
  showLeft();
  try {
    const reply = await fetch("/api/v1/confirm", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Ticktick": "1" },
      body: JSON.stringify({ recommendation_id: id, answer, nonce: rec.nonce, typed }),
    });
    const body = await reply.json().catch(() => ({}));
    toast(reply.ok ? `${answer === "confirm" ? "Confirmed" : "Rejected"}: ${rec.side} ${rec.symbol}` : body.error ?? `refused (${reply.status})`, reply.ok ? "ok" : "bad");
  } catch {
    toast("the dashboard does not answer: look whether the answer shows before you repeat it", "bad");
  }
  view.pending = null;
  showLeft();
}

/** A real order is sent only when its symbol has been typed. */
function askTyped(rec) {
  const box = $("real"), input = $("real-typed");
  put($("real-text"), `${rec.side} ${rec.symbol}: limit ${rupees(rec.limit_paise)}, stop ${rupees(rec.stop_paise)}. This sends a REAL order.`);
  input.value = "";
  box.showModal();
  input.focus();
  return new Promise((done) => {
    $("real-cancel").onclick = () => box.close("cancel");
    box.onclose = () => done(box.returnValue === "send" ? input.value : null);
  });
}

let toastTimer = 0;
function toast(words, cls) {
  const node = $("toast");
  node.className = `toast ${cls}`;
  node.textContent = words;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.hidden = true; }, cls === "bad" ? 8000 : 3000);
}

// ---------------------------------------------------------------- portfolio, orders, fills

const KPIS = [["Net P&L", "net_paise", 1], ["Realised", "realised_paise", 1], ["Unrealised", "unrealised_paise", 1], ["Charges", "charges_paise", 0], ["Exposure", "exposure_paise", 0], ["Drawdown", "drawdown_paise", 0]];

function showPortfolio() {
  const p = state.portfolio;
  $("kpis").replaceChildren(...KPIS.map(([label, key, isSigned]) => {
    const value = p[key];
    return el("div", key === "net_paise" ? "main" : "", "", el("dt", "", label), el("dd", isSigned ? tone(value) : "", isSigned ? signed(value, rupees) : rupees(value)));
  }));
  $("positions").tBodies[0].replaceChildren(...p.positions.map((q) => {
    const tr = el("tr", "", "", el("th", "sym", q.symbol), el("td", `n ${tone(q.qty)}`, signed(q.qty, (v) => WHOLE.format(v))), el("td", "n", price(q.avg_px)), el("td", "n", price(q.mark_px)),
      el("td", "n wide dim", q.stop_paise ? rupees(q.stop_paise) : ABSENT), el("td", "n wide dim", q.target_paise ? rupees(q.target_paise) : ABSENT),
      el("td", `n ${tone(q.unrealised_paise)}`, signed(q.unrealised_paise, rupees)), el("td", "n age"));
    tr.dataset.ts = q.mark_ts ?? "";
    tr.addEventListener("click", () => choose(q.symbol));
    return tr;
  }));
  $("positions").hidden = p.positions.length === 0;
  $("positions-empty").hidden = p.positions.length > 0;
  const done = p.closed.filter((q) => q.realised_paise).length;
  put($("book-note"), [p.positions.length && `${p.positions.length} open`, done && `${done} closed`, p.trading_state && p.trading_state !== "ACTIVE" && p.trading_state].filter(Boolean).join(" · "));
  showPositionAges();
  showMarks();
}

function showPositionAges() {
  for (const tr of $("positions").tBodies[0].rows) {
    const age = ageOf(Number(tr.dataset.ts) || null);
    showAge(tr.lastElementChild, age);
    tr.classList.toggle("stale", isStale(age));
  }
}

const side = (s) => el("td", s === "BUY" ? "up" : "down", s);
const fill = (id, list, row) => {
  $(id).tBodies[0].replaceChildren(...list.map(row));
  $(id).hidden = list.length === 0;
  $(`${id}-empty`).hidden = list.length > 0;
  put($(`${id}-note`), list.length ? String(list.length) : "");
};

function showTrades() {
  fill("orders", state.trades.orders, (o) => {
    const tr = el("tr", "", "", el("td", "dim", time(o.ts)), el("th", "sym", o.symbol), side(o.side), el("td", "n", `${WHOLE.format(o.cum_qty)}/${WHOLE.format(o.order_qty)}`),
      el("td", "n", o.limit_paise ? rupees(o.limit_paise) : "market"), el("td", "n", o.avg_px ? price(o.avg_px) : ABSENT), el("td", `status ${o.status}`, `${o.status}${o.purpose === "exit" ? " · exit" : ""}`));
    tr.title = [o.purpose, o.reason, o.tag].filter(Boolean).join("\n");
    return tr;
  });
  fill("fills", state.trades.fills, (f) => {
    const tr = el("tr", "", "", el("td", "dim", time(f.ts)), el("th", "sym", f.symbol), side(f.side), el("td", "n", WHOLE.format(f.last_qty)), el("td", "n", rupees(f.last_paise)), el("td", "dim", f.purpose));
    tr.title = f.trade_id;
    return tr;
  });
}

// ---------------------------------------------------------------- chart

function choose(symbol) {
  view.symbol = symbol;
  for (const [name, { tr }] of rows) tr.classList.toggle("on", name === symbol);
  put($("chart-title"), symbol);
  showChartHead();
  void loadCandles(true);
}

function chooseFrame(minutes) {
  view.minutes = minutes;
  for (const b of $("frames").children) b.setAttribute("aria-pressed", String(Number(b.dataset.minutes) === minutes));
  if (view.symbol) void loadCandles(true);
}

async function loadCandles(isNew) {
  const { symbol, minutes } = view;
  view.fetchAt = performance.now();
  try {
    const reply = await fetch(`/api/v1/candles/${encodeURIComponent(symbol)}?timeframe=${minutes}m&limit=400`);
    if (!reply.ok) return;
    const found = await reply.json();
    if (symbol !== view.symbol || minutes !== view.minutes) return;
    showIndicators(found.indicators);
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

const HIDDEN = new Set(["ts", "ts_candle", "symbol", "timeframe", "sid", "v", "open", "high", "low", "close", "volume", "oi", "warm", "trades", "flags"]);
function showIndicators(fields) {
  const known = Object.entries(fields).filter(([name, text]) => !HIDDEN.has(name) && text !== "" && Number.isFinite(Number(text)));
  $("indicators").replaceChildren(...known.map(([name, text]) => el("span", "", `${name.replaceAll("_", " ")} `, el("b", "", Number(text).toLocaleString("en-IN", { maximumFractionDigits: Math.abs(Number(text)) < 1 ? 4 : 2 })))));
  $("indicators").hidden = known.length === 0;
}

function showChartHead() {
  const row = state.watch[view.symbol];
  if (!row) return;
  put($("chart-price"), `${price(row.ltp)}  ${row.change_ratio === null ? "" : signed(row.change_ratio * 100, (v) => PRICE.format(v)) + "%"}`, `chart-price ${tone(row.change_ratio)}`);
  $("chart-regime").hidden = !row.regime;
  put($("chart-regime"), row.regime);
}

function showMarks() {
  if (!view.chart) return;
  const marks = [];
  const held = state.portfolio?.positions.find((q) => q.symbol === view.symbol);
  if (held) {
    if (held.avg_px) marks.push({ price: held.avg_px, title: `avg ${held.qty}`, tone: "--accent" });
    if (held.stop_paise) marks.push({ price: held.stop_paise / 100, title: "stop", tone: "--down" });
    if (held.target_paise) marks.push({ price: held.target_paise / 100, title: "target", tone: "--up" });
  } else {
    const rec = open().find((r) => r.symbol === view.symbol);
    if (rec) marks.push({ price: rec.limit_paise / 100, title: `${rec.side} limit`, tone: "--accent" }, { price: rec.stop_paise / 100, title: "stop", tone: "--down" }, { price: rec.target_paise / 100, title: "target", tone: "--up" });
  }
  view.chart.mark(marks);
}

/** Ask for closed candles again when the feed's minute has turned, at most once a second. */
function followMinutes() {
  const minute = Math.floor((state.clock?.ts ?? 0) / 60000);
  if (!view.symbol || minute === view.fetchedMinute || performance.now() - view.fetchAt < 1000) return;
  view.fetchedMinute = minute;
  setTimeout(() => loadCandles(false), 400); // the candle is written a moment after its minute
}

// ---------------------------------------------------------------- the link

const SHOWS = { session: showSession, clock: showClock, token: showToken, alerts: showAlerts, health: showHealth, recommendations: showAdvice, portfolio: showPortfolio, trades: showTrades };

function apply(parts) {
  const moved = [];
  for (const [name, value] of Object.entries(parts)) {
    if (name.startsWith("watch.")) {
      state.watch[name.slice(6)] = value;
      moved.push(name.slice(6));
    } else state[name] = value;
  }
  if ("clock" in parts) view.clockAt = performance.now();
  if ("charts" in parts && !parts.charts.is_usable) explainChart(parts.charts.problem);
  if ("symbols" in parts || "watch" in parts) {
    for (const symbol of Object.keys(state.watch)) if (!state.symbols.includes(symbol)) delete state.watch[symbol];
    showWatch();
  } else moved.filter((s) => rows.has(s)).forEach(showRow);
  for (const [name, show] of Object.entries(SHOWS)) if (name in parts) show();
  if (view.symbol in state.watch && (moved.includes(view.symbol) || "watch" in parts)) {
    showChartHead();
    if (isLive() && state.clock.phase === "CONTINUOUS") view.chart?.tick(state.clock.ts, state.watch[view.symbol].ltp);
  }
  if (state.store) showLink(state.store.is_up ? "up" : "away", state.store.is_up ? "live" : "Redis away");
  followMinutes();
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}/live`);
  let wasOpen = false;
  socket.onopen = () => { wasOpen = true; };
  socket.onmessage = (message) => apply(JSON.parse(message.data));
  socket.onclose = async () => {
    showLink("away", "reconnecting");
    await fallBack(wasOpen);
    setTimeout(connect, 2000);
  };
}

/** Without a socket: renew the session (the server may have been restarted), and show one picture by plain request. */
async function fallBack(wasOpen) {
  try {
    if (!wasOpen) await fetch("/");
    const reply = await fetch("/api/v1/state");
    if (!reply.ok) return;
    const all = await reply.json();
    apply({ ...all, symbols: Object.keys(all.watch) });
    showLink("wait", "every 2 s");
  } catch {
    showLink("away", "dashboard away");
  }
}

function explainChart(problem) {
  put($("chart-empty"), problem);
  $("chart-empty").hidden = false;
  $("chart-empty").classList.add("problem");
}

// ---------------------------------------------------------------- keys

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, dialog")) return;
  const key = event.key;
  if (view.asked && /^[1-9]$/.test(key)) {
    const rec = open()[Number(key) - 1], { answer } = view.asked;
    view.asked = null;
    $("toast").hidden = true;
    if (rec) void answerTo(rec.id, answer);
    else toast(`there is no open recommendation ${key}`, "bad");
    return;
  }
  view.asked = null;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key], turn = { "[": -1, "]": 1 }[key];
  if (step && (key.length === 1 || event.target.closest?.("#watch, body > :not(main)") || event.target === document.body)) {
    const at = state.symbols.indexOf(view.symbol) + step;
    if (at >= 0 && at < state.symbols.length) choose(state.symbols[at]);
    event.preventDefault();
  } else if (turn) {
    const at = TIMEFRAMES.indexOf(view.minutes) + turn;
    if (at >= 0 && at < TIMEFRAMES.length) chooseFrame(TIMEFRAMES[at]);
  } else if (key === "y" || key === "n") {
    const count = Math.min(9, open().length);
    if (count === 0) return toast("nothing is waiting for an answer", "ok");
    view.asked = { answer: key === "y" ? "confirm" : "reject" };
    toast(`${key === "y" ? "Confirm" : "Reject"} which? ${count === 1 ? "Press 1" : `Press 1–${count}`}; any other key leaves it`, "ok");
  }
}

function start() {
  for (const minutes of TIMEFRAMES) {
    const b = el("button", "", `${minutes}m`);
    b.type = "button";
    b.dataset.minutes = minutes;
    b.addEventListener("click", () => chooseFrame(minutes));
    $("frames").append(b);
  }
  if (isUsable()) view.chart = new Chart($("canvas"), $("legend"));
  else explainChart("The chart library is missing: run `make setup` and start the dashboard again.");
  chooseFrame(1);
  document.addEventListener("keydown", onKey);
  setInterval(() => {
    if (!state.clock) return;
    state.symbols.filter((s) => s in state.watch).forEach(showRowAge);
    showPositionAges();
    showLeft();
    followMinutes();
  }, 500);
  connect();
}

start();
