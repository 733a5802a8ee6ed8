// The feed's line, the latency table, and the panel that the table shares with orders and fills.

import { $, ABSENT, ONE, PRICE as TWO, WHOLE, el, put, signed, span, state } from "/base.js";

const count = (v) => (v === null || v === undefined ? ABSENT : WHOLE.format(v));
const lines = (...parts) => parts.filter(Boolean).join("\n");

/** Milliseconds of the table: always two decimals, so that a column can be compared by its shape. */
const ms = (us) => (us === undefined ? ABSENT : us > 0 && us < 10 ? "<0.01" : TWO.format(us / 1000));
/** One duration by itself, in its own unit. */
const long = (us) => (us < 1000 ? `${WHOLE.format(us)} µs` : us < 100_000 ? `${TWO.format(us / 1000)} ms` : `${WHOLE.format(us / 1000)} ms`);
/** A difference of clocks, with its sign. */
const apart = (v) => signed(v, (size) => (size < 1000 ? `${WHOLE.format(size)} ms` : `${ONE.format(size / 1000)} s`));

// ---------------------------------------------------------------- the feed's line

const TONES = { connected: "alive", over: "done", "login needed": "silent" };
const OTHER_DAY_MS = 600_000, SKEW_MS = 2000, LATE_MS = 2000;

function cell(tone, label, value, title, more = "") {
  const li = el("li", tone, "", el("span", "k", label), el("b", "v", value));
  if (more) li.append(el("em", "", more));
  li.title = title;
  return li;
}

function stateCell(f) {
  const li = el("li", f.state === "" ? "" : f.has_beat ? (TONES[f.state] ?? "warn") : "silent", "", el("i", "dot"),
    el("b", "", f.state === "" ? "no word yet" : f.has_beat ? f.state : "no sign of life"), el("span", "k", f.has_beat && f.state === "connected" ? f.mode : ""));
  li.title = lines(f.has_beat ? `the feed is ${f.state || "not known yet"}, mode ${f.mode || ABSENT}` : `the ticks process does not beat; the last it said was: ${f.state}`, f.links && `connections: ${f.links}`,
    f.connects !== null && `${count(f.connects)} connects today`, f.failed_tries && `${count(f.failed_tries)} failed tries in a row`,
    f.frames !== null && `${count(f.frames)} frames, ${count(f.ticks)} ticks`, f.last_error && `last error: ${f.last_error}`);
  return li;
}

function symbolsCell(f) {
  const late = f.unconfirmed ?? 0, still = f.stalled ?? 0;
  const more = [late && `unconfirmed ${late}${f.unconfirmed_names && `: ${f.unconfirmed_names}`}`, still && `silent ${still}${f.stalled_names && `: ${f.stalled_names}`}`].filter(Boolean).join(" · ");
  const isShort = f.wanted !== null && f.subscribed !== null && f.subscribed < f.wanted;
  return cell(more || isShort ? "warn" : "", "symbols", f.wanted === null ? count(f.subscribed) : `${count(f.subscribed)}/${count(f.wanted)}`,
    lines("asked for on open connections / wanted", f.followed.confirmed > 0 && `${count(f.followed.confirmed)} confirmed by a row`, f.unseen !== null && `${count(f.unseen)} without a row since start`,
      f.suspects && `${count(f.suspects)} silent ones under examination`, more, ...f.followed.names), more);
}

function clockCell(f) {
  const isNear = f.skew_ms !== null && Math.abs(f.skew_ms) < OTHER_DAY_MS, lag = f.clock_lag_ms ?? 0;
  const isOff = lag >= LATE_MS || (isNear && Math.abs(f.skew_ms) >= SKEW_MS);
  return cell(isOff ? "warn" : "", lag >= LATE_MS ? "lag" : "skew", lag >= LATE_MS ? apart(lag) : isNear ? apart(f.skew_ms) : ABSENT,
    lines("our clock minus the exchange's, the way included", f.skew_ms !== null && (isNear ? `skew ${apart(f.skew_ms)}` : "the feed is of another day"), f.clock_lag_ms !== null && `the feed's clock lies ${span(lag)} behind its best progress`));
}

export function showFeed() {
  const f = state.feed, kept = Object.entries(f.repairs).map(([name, v]) => `${name.replaceAll("_", " ")} ${count(v)}`);
  const refused = f.refused_frames + (f.refused_rows ?? 0);
  const budget = budgetCell();
  const hadFocus = $("feed").contains(document.activeElement);
  $("feed").replaceChildren(stateCell(f), symbolsCell(f),
    cell(f.gaps ? "warn" : "", "gaps", count(f.gaps), lines("missed stretches of today, marked in ticks and candles", ...kept)),
    cell(f.is_folding ? "warn" : "", "conflated", count(f.folded_rows), lines("rows merged by symbol because more came than could be written; the newest is kept",
      f.folds !== null && `${count(f.folds)} times, ${count(f.folded_frames)} frames`, f.held_frames !== null && `${count(f.held_frames)} frames wait now`, f.is_folding && "happening now")),
    cell(refused ? "warn" : "", "refused", count(refused), lines(`${count(f.refused_frames)} frames, ${count(f.refused_rows)} rows that could not be read or believed`, f.refused_why, f.repeats && `${count(f.repeats)} repeats`,
      f.quarantine_lost && `${count(f.quarantine_lost)} not kept: quarantine is full`)),
    clockCell(f), budget);
  if (hadFocus) budget.firstElementChild.focus();
}

function gauge(chain) {
  const bar = el("i");
  bar.style.width = chain.us ? `${Math.min(100, (chain.us[1] / chain.budget_us) * 100)}%` : "0";
  return el("span", "gauge", "", bar);
}

function budgetCell() {
  const chain = state.latency.chain, size = chain.us && (chain.us[1] < 100_000 ? ONE : WHOLE).format(chain.us[1] / 1000);
  const button = el("button", "", "", el("span", "k", "chain p99"), gauge(chain), el("b", "v", `${size ?? ABSENT} / ${WHOLE.format(chain.budget_us / 1000)} ms`));
  button.type = "button";
  button.addEventListener("click", () => {
    chooseTab("latency");
    $("latency-tab").scrollIntoView({ block: "center" });
  });
  const li = el("li", `budget ${verdict(chain)}`, "", button);
  li.title = lines("from a frame's receipt to the order: the sum of the processes' p99, so rather too much than too little", ...doubts(chain), "click for the table");
  return li;
}

/** Over the budget; only a warning while that rests on processes that have seen too little for a p99. */
const verdict = (chain) => (!chain.is_over ? "" : chain.is_sure ? "over" : "warn");
const doubts = (chain) => [chain.us && chain.missing.length > 0 && `not measured: ${chain.missing.join(", ")}`, chain.rough.length > 0 && `few inputs yet, so the slowest counts: ${chain.rough.join(", ")}`];

// ---------------------------------------------------------------- the latency table

const expanded = new Set();
const slow = (w) => `${w.time}  ${long(w.us)}  ${w.hop}`;

/** One process: percentiles of the whole, then the p99 of each hop; a click tells the hops in full and the slowest inputs. */
function processRows(row) {
  const isOpen = expanded.has(row.process), total = row.hops.total ?? [], p99 = (...names) => names.map((n) => row.hops[n]?.[1]).find((v) => v !== undefined);
  const name = el("button", "", row.process);
  name.type = "button";
  name.dataset.process = row.process;
  name.setAttribute("aria-expanded", String(isOpen));
  const th = el("th", "", "", name);
  th.scope = "row";
  const tr = el("tr", row.is_chain ? "" : "aside", "", th, ...[0, 1, 2].map((i) => el("td", row.is_rough && i > 0 ? "n dim" : "n", ms(total[i]))), el("td", "n wide dim rule", ms(p99("exchange"))), el("td", "n wide dim", ms(p99("decode", "wait"))),
    el("td", "n wide dim", ms(p99("step"))), el("td", "n wide dim", ms(p99("commit"))));
  tr.title = lines(`${row.process}: ${count(row.inputs)} inputs today${row.is_rough && row.inputs > 0 ? ", few for a p99: it is the slowest" : ""}`, row.worst.length > 0 && "slowest:", ...row.worst.map(slow));
  tr.addEventListener("click", () => {
    if (!expanded.delete(row.process)) expanded.add(row.process);
    showLatency();
  });
  if (!isOpen) return [tr];
  const hops = Object.entries(row.hops).filter(([hop]) => hop !== "total").map(([hop, parts]) => el("tr", "hop", "", el("th", "", hop), ...parts.map((v) => el("td", "n", long(v))), rest("wide rule")));
  const worst = el("tr", "slow", "", rest("", 8, row.worst.length ? el("ol", "", "", ...row.worst.map((w) => el("li", "", "", el("span", "", w.time), el("b", "", long(w.us)), el("em", "", w.hop)))) : "no slow input yet"));
  return [tr, ...hops, worst];
}

function rest(cls, columns = 4, ...children) {
  const td = el("td", cls, "", ...children);
  td.colSpan = columns;
  return td;
}

export function showLatency() {
  const { rows, chain } = state.latency, body = $("latency").tBodies[0], held = document.activeElement?.dataset?.process;
  const isMeasured = chain.us !== null;
  if (state.feed) showFeed();
  put($("latency-note"), isMeasured ? long(chain.us[1]) : "");
  if ($("latency-box").hidden) return;
  const whole = isMeasured ? [el("tr", `whole ${verdict(chain)}`, "", el("th", "", "Chain"), ...chain.us.map((v, i) => el("td", i === 1 ? `n ${verdict(chain)}` : "n", ms(v))),
    rest("wide rule", 4, gauge(chain), el("span", "", ` budget ${WHOLE.format(chain.budget_us / 1000)} ms`)))] : [];
  if (isMeasured) whole[0].title = lines("sums over ticks to orders, without the way from the exchange", ...doubts(chain));
  body.replaceChildren(...whole, ...rows.flatMap(processRows));
  if (held) [...body.querySelectorAll("button")].find((b) => b.dataset.process === held)?.focus();
  $("latency").hidden = rows.length === 0;
  $("latency-empty").hidden = rows.length > 0;
}

// ---------------------------------------------------------------- tabs

export const TABS = ["orders", "fills", "latency"];

/** Orders, fills and latency share a panel. */
export function chooseTab(name) {
  for (const tab of TABS) {
    $(`${tab}-tab`).setAttribute("aria-selected", String(tab === name));
    $(`${tab}-box`).hidden = tab !== name;
  }
  if (name === "latency" && state.latency) showLatency();
}
