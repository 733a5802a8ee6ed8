// Header, alerts, processes, watchlist, portfolio, orders and fills: each shows one part of the state.

import { $, ABSENT, ONE, PRICE, WHOLE, ageOf, el, isStale, ist, money, price, put, rupees, showAge, signed, span, state, time, tone, view } from "/base.js";
import { choose, showMarks } from "/chartpanel.js";

// ---------------------------------------------------------------- header, alerts, health

export function showSession() {
  const s = state.session;
  put($("mode"), s.mode.toUpperCase());
  $("mode").dataset.mode = s.mode;
  document.body.classList.toggle("is-real", s.is_real);
  put($("banner"), s.banner);
  $("banner").title = s.banner;
  $("speed").hidden = s.speed === 1;
  put($("speed"), s.speed === 0 ? "max speed" : `${s.speed}×`);
  showTitle();
}

export function showTitle() {
  const mode = state.session?.mode ?? "";
  document.title = `${state.halt?.level ? `■ ${state.halt.title} · ` : ""}${mode === "live-real" ? "● LIVE " : ""}Tick-Tick · ${mode}`;
}

export function showClock() {
  const c = state.clock;
  put($("clock"), time(c.ts));
  put($("date"), c.ts ? ist(c.ts).slice(0, 10) : state.session?.date ?? "");
  const segment = c.market.NSE_EQ;
  put($("phase"), c.ts ? c.phase_words : "waiting for the feed");
  $("phase").dataset.live = c.is_live;
  $("phase").title = segment ? `the feed says NSE_EQ ${segment}` : "";
  if (view.chart) view.chart.openMs = c.open_ms;
}

export function showToken() {
  const t = state.token;
  $("token").hidden = t.state === "unknown";
  put($("token"), `token ${t.state}`);
  $("token").dataset.state = t.state;
  $("token").title = t.fix || (t.expires_ms ? `until ${ist(t.expires_ms).slice(0, 16).replace("T", " ")} IST` : "");
}

export function showLink(kind, words) {
  $("link").dataset.state = kind;
  put($("link").lastElementChild, words);
  document.body.classList.toggle("is-away", kind === "away" || state.store?.is_up === false);
}

export function showAlerts() {
  $("alerts").hidden = state.alerts.length === 0;
  $("alerts").replaceChildren(...state.alerts.map((a) => el("li", a.level, a.text)));
}

const BACK_MS = 30000;
const lives = new Map(); // process -> its pid, and when it took the place of another
/** A process that died and was started again tells so for a while. */
function isBack(p) {
  const kept = lives.get(p.name) ?? { pid: p.pid, since: -Infinity };
  if (p.pid && kept.pid && p.pid !== kept.pid) kept.since = performance.now();
  lives.set(p.name, { pid: p.pid || kept.pid, since: kept.since });
  return performance.now() - kept.since < BACK_MS;
}

export function showHealth() {
  $("health").replaceChildren(...state.health.map((p) => {
    const facts = p.state === "alive" || p.state === "done" ? [p.lag_ms !== null && `${(p.lag_ms < 10 ? ONE : WHOLE).format(p.lag_ms)} ms`, (p.age_ms === null || p.age_ms >= 2000) && `${p.age_ms === null ? ABSENT : span(p.age_ms)} ago`].filter(Boolean).join(" · ") : p.state;
    const node = el("li", p.state, "", el("i", "dot"), el("b", "", p.name), el("span", "lag", p.state === "done" ? "done" : p.state === "alive" && isBack(p) ? "restarted" : facts));
    if (p.error) node.append(el("em", "", p.error));
    node.title = [`${p.name}: ${p.state}`, p.version && `version ${p.version}`, p.pid && `pid ${p.pid}`, p.age_ms !== null && `told ${span(p.age_ms)} ago`, p.lag_p99_ms !== null && `lag p50 ${p.lag_ms} ms, p99 ${p.lag_p99_ms} ms`,
      p.entries !== null && `${WHOLE.format(p.entries)} entries written`, p.error].filter(Boolean).join("\n");
    return node;
  }));
}

// ---------------------------------------------------------------- watchlist

export const rows = new Map();

function makeRow(symbol) {
  const cells = {};
  const tr = el("tr");
  tr.dataset.symbol = symbol;
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
  add("regime", "mid regime");
  add("age", "n age");
  return { tr, cells, ltp: null };
}

export function showRow(symbol) {
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
  put(cells.regime, row.regime + (row.is_volatile ? " ⚡" : ""), "mid regime");
  cells.regime.title = row.is_volatile ? `${row.regime}; volatile now` : row.regime;
  tr.classList.toggle("on", symbol === view.symbol);
  showRowAge(symbol);
}

export function showRowAge(symbol) {
  const age = ageOf(state.watch[symbol].ts), { tr, cells } = rows.get(symbol);
  showAge(cells.age, age);
  tr.classList.toggle("stale", isStale(age));
}

function flash(node, cls) {
  node.classList.remove("rise", "fall");
  void node.offsetWidth; // restart the animation
  node.classList.add(cls);
}

export function showWatch() {
  const body = $("watch").tBodies[0];
  for (const symbol of [...rows.keys()].filter((s) => !(s in state.watch))) rows.delete(symbol);
  for (const symbol of state.symbols) if (!rows.has(symbol)) rows.set(symbol, makeRow(symbol));
  body.replaceChildren(...state.symbols.map((s) => rows.get(s).tr));
  state.symbols.forEach(showRow);
  $("watch-empty").hidden = state.symbols.length > 0;
  put($("watch-count"), state.symbols.length ? `${state.symbols.length} symbols` : "");
  if (!state.symbols.includes(view.symbol) && state.symbols.length) choose(state.symbols[0]);
}

// ---------------------------------------------------------------- portfolio, orders, fills

const KPIS = [["Net P&L", "net_paise", 1], ["Realised", "realised_paise", 1], ["Unrealised", "unrealised_paise", 1], ["Charges", "charges_paise", 0], ["Exposure", "exposure_paise", 0], ["Drawdown", "drawdown_paise", 0]];

export function showPortfolio() {
  const p = state.portfolio;
  $("kpis").replaceChildren(...KPIS.map(([label, key, isSigned]) => {
    const value = p[key];
    const box = el("div", key === "net_paise" ? "main" : "", "", el("dt", "", label), el("dd", isSigned ? tone(value) : "", isSigned ? signed(value, money) : money(value)));
    if (key === "charges_paise") box.title = Object.entries(p.charge_lines).map(([line, paise]) => `${line}: ${rupees(paise)}`).join("\n");
    return box;
  }));
  $("positions").tBodies[0].replaceChildren(...p.positions.map((q) => {
    const tr = el("tr", "", "", el("th", "sym", q.symbol), el("td", `n ${tone(q.qty)}`, signed(q.qty, (v) => WHOLE.format(v))), el("td", "n far", price(q.avg_px)), el("td", "n near", price(q.mark_px)),
      el("td", "n mid dim", price(q.stop_px)), el("td", "n wide dim", price(q.target_px)),
      el("td", "guard"), el("td", `n ${tone(q.unrealised_paise)}`, signed(q.unrealised_paise, rupees)), el("td", "n age"));
    tr.dataset.symbol = q.symbol;
    tr.title = `average ${price(q.avg_px)}, stop ${price(q.stop_px)}, target ${price(q.target_px)}`;
    tr.addEventListener("click", () => choose(q.symbol));
    return tr;
  }));
  $("positions").hidden = p.positions.length === 0;
  $("positions-empty").hidden = p.positions.length > 0;
  const done = p.closed.filter((q) => q.realised_paise).length;
  put($("book-note"), [state.order_rate?.words, p.positions.length && `${p.positions.length} open`, done && `${done} closed`].filter(Boolean).join(" · "));
  showPositionAges();
  showMarks();
}

export function showPositionAges() {
  for (const tr of $("positions").tBodies[0].rows) {
    const q = state.portfolio.positions.find((p) => p.symbol === tr.dataset.symbol), age = ageOf(q.mark_ts);
    showAge(tr.lastElementChild, age);
    showGuard(tr.querySelector(".guard"), q);
    tr.classList.toggle("stale", isStale(age));
  }
}

/** What guards a position at the broker; a naked one counts its seconds, by the feed's clock. */
function showGuard(cell, q) {
  const held = Math.abs(q.qty), naked = q.naked_since ? ageOf(q.naked_since) : null;
  put(cell, naked !== null ? `naked ${span(naked)}` : q.guard || ABSENT, `guard ${q.state}`);
  cell.title = q.state === "" ? "" : `${q.state}: ${q.covered_qty ?? 0} of ${held} shares are covered at the broker${q.guard ? ` (${q.guard})` : ""}`;
}

const side = (s) => el("td", s === "BUY" ? "up" : "down", s);
const fill = (id, list, row) => {
  $(id).tBodies[0].replaceChildren(...list.map(row));
  $(id).hidden = list.length === 0;
  $(`${id}-empty`).hidden = list.length > 0;
  put($(`${id}-note`), list.length ? String(list.length) : "");
};

/* A proposal that nobody took is no refusal. */
const lapsed = (o) => o.status === "DENIED" && ["expired", "rejected"].includes(o.reason);

export function showTrades() {
  fill("orders", state.trades.orders, (o) => {
    const tr = el("tr", "", "", el("td", "near dim", time(o.ts)), el("th", "sym", o.symbol), side(o.side), el("td", "n", `${WHOLE.format(o.cum_qty)}/${WHOLE.format(o.order_qty)}`),
      el("td", "n mid", o.limit_paise ? rupees(o.limit_paise) : o.trigger_paise ? `stop ${rupees(o.trigger_paise)}` : "market"), el("td", "n wide", o.avg_px ? price(o.avg_px) : ABSENT),
      el("td", lapsed(o) ? "dim" : `status ${o.status}`, [lapsed(o) ? o.reason : o.status, o.status === "DENIED" && !lapsed(o) ? o.reason : "", o.purpose === "entry" ? "" : o.purpose].filter(Boolean).join(" · ")));
    tr.title = [o.purpose, o.reason, o.words, o.tag].filter(Boolean).join("\n");
    return tr;
  });
  fill("fills", state.trades.fills, (f) => {
    const tr = el("tr", "", "", el("td", "dim", time(f.ts)), el("th", "sym", f.symbol), side(f.side), el("td", "n", WHOLE.format(f.last_qty)), el("td", "n", rupees(f.last_paise)), el("td", "dim", f.purpose), el("td", "wide dim", f.trade_id));
    return tr;
  });
}
