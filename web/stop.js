// The emergency button: press STOP (it is armed for half a minute), then choose a level. Nothing is lifted from here.

import { $, el, put, state, time } from "/base.js";
import { showLeft, toast } from "/advice.js";
import { showTitle } from "/panels.js";
import { showSingles } from "/single.js";

const LEVELS = [
  ["pause", "Pause", "No new entries. Working orders, stops and positions go on."],
  ["halt", "Halt", "No new entries, working entries are cancelled. Stops stay."],
  ["flatten", "Flatten", "Halt, and every position is closed at market."],
  ["kill", "Kill at the broker", "Past our own processes: the broker cancels and exits everything in the account, also what you traded by hand, and locks it for twelve hours."],
];
const OTHERS = "the other strings: `ticktick halt` in a terminal, or `touch logs/HALT`";
let nonce = "", isPulling = false;

// ---------------------------------------------------------------- what holds

export function showHalt() {
  const h = state.halt, k = h.kill, isDone = k.is_done && h.word === "kill";
  $("halt").hidden = h.level === 0;
  document.body.dataset.level = h.level;
  put($("halt-title"), h.title);
  put($("halt-means"), isDone ? "the account is flat and locked at the broker" : h.means);
  const by = [h.source && `by ${h.source}`, h.who && h.who !== h.source && `(${h.who})`].filter(Boolean).join(" ");
  put($("halt-since"), [h.ts && `since ${time(h.ts)}`, by].filter(Boolean).join(" "));
  put($("halt-taken"), h.is_taken ? "the order process obeys" : h.is_alive ? "on its way to the order process" : "the order process does not live");
  $("halt-taken").dataset.taken = h.is_taken;
  put($("halt-lift"), h.has_file ? "to lift: rm logs/HALT, then ticktick resume" : "to lift: ticktick resume");
  $("halt-kill").hidden = k.steps.length === 0 && !k.left;
  const rows = k.steps.slice(-5).map((s) => el("li", s.is_bad ? "bad" : "", `${(s.at_ms / 1000).toFixed(2)} s  ${s.words}`));
  if (k.left && k.steps.at(-1)?.words.startsWith(k.left) !== true) rows.push(el("li", "bad", k.left));
  if (k.is_running) rows.push(el("li", "", "…"));
  $("halt-kill").replaceChildren(...rows);
  if ($("stop-box").open) showLevels();
  showLeft();
  showTitle();
}

// ---------------------------------------------------------------- the two steps

/** Post as this page does; a session that has ended (the dashboard was restarted) is renewed once. */
async function post(path, body) {
  const ask = () => fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Ticktick": "1" }, body: JSON.stringify(body) });
  let reply = await ask();
  if (reply.status === 401) {
    await fetch("/");
    reply = await ask();
  }
  return [reply, await reply.json().catch(() => ({}))];
}

export async function arm() {
  if ($("stop-box").open) return;
  nonce = "";
  $("stop-typed").value = "";
  put($("stop-note"), "arming …", "note");
  showLevels();
  $("stop-box").showModal();
  try {
    const [reply, body] = await post("/api/v1/stop/arm", {});
    if (reply.ok) nonce = body.nonce;
    put($("stop-note"), reply.ok ? "Choose a level: press its number, or click. Esc leaves everything as it is." : `${body.error ?? `refused (${reply.status})`}; ${OTHERS}`, reply.ok ? "note" : "note bad");
  } catch {
    put($("stop-note"), `the dashboard does not answer; ${OTHERS}`, "note bad");
  }
  showLevels();
  if (document.activeElement !== $("stop-typed")) ($("stop-levels").querySelector('button[data-word="halt"]:enabled') ?? $("stop-levels").querySelector("button:enabled"))?.focus();
}

function showLevels() {
  const held = state.halt?.level ?? 0, refusal = state.halt?.kill.refusal ?? "";
  for (const [at, row] of [...$("stop-levels").children].entries()) {
    const isKill = at === 3, button = row.querySelector("button");
    const isHeld = !isKill && held > at;
    button.disabled = !nonce || isPulling || isHeld || (isKill && (Boolean(refusal) || $("stop-typed").value !== "KILL" || state.halt?.kill.is_running));
    put(row.querySelector(".why-not"), isHeld ? (held === at + 1 ? "holds" : "a stronger one holds") : isKill ? refusal.replaceAll("`", "") : "");
  }
  $("stop-typed").parentElement.hidden = Boolean(refusal);
  showSingles(Boolean(nonce) && !isPulling, pull);
}

async function pull(word, what = "") {
  if (!nonce || isPulling || !$("stop-box").open) return; // a closed box keeps the focus until the next frame
  const typed = $("stop-typed").value, used = nonce;
  isPulling = true;
  nonce = "";
  showLevels();
  try {
    const [reply, body] = await (what ? post("/api/v1/single", { word, what, nonce: used }) : post("/api/v1/stop", { word, nonce: used, typed }));
    $("stop-box").close();
    const isTaken = reply.ok && (body.id || word === "kill");
    toast(reply.ok ? body.words : body.error ?? `refused (${reply.status})`, isTaken ? "ok" : "bad");
  } catch {
    $("stop-box").close();
    toast(`the dashboard does not answer: look whether it holds; ${OTHERS}`, "bad");
  }
  isPulling = false;
}

function level([word, name, words], at) {
  const button = el("button", "", "", el("kbd", "", String(at + 1)), el("b", "", name));
  button.type = "button";
  button.dataset.word = word;
  button.addEventListener("click", () => pull(word));
  const row = el("li", word, "", button, el("p", "", words), el("em", "why-not"));
  button.setAttribute("aria-label", `Level ${at + 1}, ${name}: ${words}`);
  if (word === "kill") {
    const label = el("label", "", "Type KILL ");
    label.append($("stop-typed"));
    row.append(label);
  }
  return row;
}

function onBoxKey(event) {
  const at = Number(event.key) - 1, isTyping = event.target === $("stop-typed");
  if (isTyping && event.key === "Enter") {
    event.preventDefault();
    if ($("stop-typed").value === "KILL") void pull("kill");
  } else if (!isTyping && at >= 0 && at < 3) {
    const button = $("stop-levels").children[at].querySelector("button");
    if (!button.disabled) void pull(LEVELS[at][0]);
  } else if (!isTyping && event.key === "4") {
    event.preventDefault();
    $("stop-typed").focus();
  }
}

export function makeStop() {
  $("stop-levels").replaceChildren(...LEVELS.map(level));
  $("stop").addEventListener("click", arm);
  $("stop-box").addEventListener("keydown", onBoxKey);
  $("stop-typed").addEventListener("input", () => {
    $("stop-typed").value = $("stop-typed").value.replace(/[^a-z]/gi, "").toUpperCase();
    showLevels();
  });
  $("stop-cancel").addEventListener("click", () => $("stop-box").close());
  $("stop-box").addEventListener("close", () => (nonce = ""));
}
