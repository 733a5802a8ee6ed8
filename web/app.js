// The page: takes parts of the state from one websocket and shows what changed; keys; start.

import { $, TIMEFRAMES, el, isLive, open, state, view } from "/base.js";
import { answerTo, showAdvice, showLeft, toast } from "/advice.js";
import { choose, chooseFrame, explainChart, followMinutes, makeChart, showChartHead } from "/chartpanel.js";
import { TABS, chooseTab, showFeed, showLatency } from "/feed.js";
import { arm, makeStop, showHalt } from "/stop.js";
import { rows, showAlerts, showClock, showHealth, showLink, showPortfolio, showPositionAges, showRow, showRowAge, showSession, showToken, showTrades, showWatch } from "/panels.js";

// ---------------------------------------------------------------- the link

const SHOWS = { halt: showHalt, session: showSession, clock: showClock, token: showToken, alerts: showAlerts, health: showHealth, feed: showFeed, latency: showLatency, recommendations: showAdvice, portfolio: showPortfolio, trades: showTrades };

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
  } else if (key === "s") {
    event.preventDefault();
    void arm();
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
  makeChart();
  makeStop();
  for (const tab of TABS) $(`${tab}-tab`).addEventListener("click", () => chooseTab(tab));
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
