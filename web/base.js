// What all panels share: the state as the server told it, words and numbers, ages by the feed's clock.
// Every text that comes from outside goes through textContent. Nothing is ever parsed as HTML.

export const $ = (id) => document.getElementById(id);
export const TIMEFRAMES = [1, 3, 5, 10, 15, 60];
export const state = { watch: {}, symbols: [], recommendations: [], health: [], alerts: [] };
export const view = { symbol: "", minutes: 1, chart: null, clockAt: 0, fetchedMinute: -1, fetchAt: 0, asked: null, pending: null };

// ---------------------------------------------------------------- words and numbers

export const PRICE = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const WHOLE = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });
export const ONE = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const ABSENT = "–";

export const price = (v) => (v === null || v === undefined ? ABSENT : PRICE.format(v));
export const rupees = (paise) => (paise === null || paise === undefined ? ABSENT : PRICE.format(paise / 100));
export const money = (paise) => (paise === null || paise === undefined ? ABSENT : `₹${rupees(paise)}`);
export const signed = (v, format) => (v === null || v === undefined ? ABSENT : (v > 0 ? "+" : v < 0 ? "−" : "") + format(Math.abs(v)));
export const tone = (v) => (v > 0 ? "up" : v < 0 ? "down" : "");
export const ist = (ms) => new Date(ms + 19800000).toISOString();
export const time = (ms) => (ms ? ist(ms).slice(11, 19) : "--:--:--");

export function span(ms) {
  if (ms < 1000) return "<1s";
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s}s`;
  return s < 3600 ? `${Math.floor(s / 60)}m` : `${Math.floor(s / 3600)}h`;
}

/** Make an element with a class and text; children may follow. */
export function el(tag, cls = "", text = "", ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== "") node.textContent = text;
  node.append(...children);
  return node;
}

export function put(node, text, cls) {
  if (node.textContent !== text) node.textContent = text;
  if (cls !== undefined && node.className !== cls) node.className = cls;
}

// ---------------------------------------------------------------- the feed's clock

export const quietMs = () => {
  const since = performance.now() - view.clockAt;
  return (state.clock?.quiet_ms ?? 0) + (since > 2000 ? since : 0);
};
export const isLive = () => Boolean(state.clock?.is_live);
export const ageOf = (ts) => (ts && state.clock?.ts ? Math.max(0, state.clock.ts - ts) + quietMs() : null);
export const isStale = (age) => !state.store?.is_up || (isLive() && age !== null && age > state.clock.stale_ms);

export function showAge(node, age) {
  put(node, age === null ? ABSENT : span(age));
  node.classList.toggle("old", isStale(age));
}

/** Recommendations that may still be answered, in the order of their numbers. */
export const open = () => state.recommendations.filter((r) => r.state === "open" && r.expires_ms > (state.clock?.ts ?? 0));
