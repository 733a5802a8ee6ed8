// Recommendations and the one command of the page: an answer to one of them.

import { $, ABSENT, ONE, WHOLE, el, open, money, put, rupees, signed, span, state, time, view } from "/base.js";
import { choose, showMarks } from "/chartpanel.js";

// ---------------------------------------------------------------- recommendations

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
  const isSized = rec.qty !== null && rec.qty !== undefined;
  li.append(el("dl", "prices", "", cell("Limit", rupees(rec.limit_paise)), cell("Stop", rupees(rec.stop_paise), "stop"), cell("Target", rec.target_paise ? rupees(rec.target_paise) : ABSENT, "target")));
  li.append(el("dl", "stake", "",
    cell("Shares", isSized ? WHOLE.format(rec.qty) : ABSENT, "", isSized ? "" : "set when you confirm"),
    isSized ? cell("Worst loss", money(rec.worst_loss_paise), "stop", "if the stop is filled at its price; a gap can cost more") : cell("Loss a share", money(rec.risk_paise), "stop", "if the stop is filled at its price"),
    cell("R : R", rec.reward_ratio === null ? ABSENT : `1 : ${ONE.format(rec.reward_ratio)}`),
    cell("Charges", money(rec.charges_paise), "", "about, for the round trip"),
    cell("Margin", money(rec.margin_paise), "", "about, bound while the position is open")));
  li.append(el("p", "meta", [rec.strategy, rec.timeframe, rec.regime, time(rec.ts)].filter(Boolean).join(" · ")));
  li.append(el("ul", "why", "", ...rec.reasons.map((r) => el("li", "", r))));
  if (rec.state === "open") {
    const button = (answer, label, key) => {
      const b = el("button", answer, label, number ? el("kbd", "", `${key} ${number}`) : "");
      b.type = "button";
      b.setAttribute("aria-label", `${label} ${rec.symbol}`);
      b.addEventListener("click", () => answerTo(rec.id, answer));
      return b;
    };
    li.append(el("p", "meta drift"), el("div", "act", "", button("confirm", `Confirm ${rec.side.toLowerCase()}`, "y"), button("reject", "Reject", "n")), el("i", "fuse"));
  } else {
    const isRefused = rec.denied && !["expired", "rejected"].includes(rec.denied);
    left.textContent = [rec.state, rec.answered_by, isRefused && (rec.state === "denied" ? rec.denied : `denied: ${rec.denied}`)].filter(Boolean).join(" · ");
  }
  return li;
}

export function showAdvice() {
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

/** A replayed day may run faster than a person: seconds left are the person's. */
const pace = () => Math.max(1, state.session?.speed || 1);

export function showLeft() {
  const now = state.clock?.ts ?? 0;
  for (const rec of state.recommendations) {
    if (rec.state !== "open") continue;
    const li = [...$("recommendations").children].find((c) => c.dataset.id === rec.id);
    if (!li) continue;
    const left = rec.expires_ms - now, isOver = left <= 0 || !state.store?.is_up;
    put(li.querySelector(".left"), left <= 0 ? "expired" : `${span(left / pace())} left`);
    li.querySelector(".fuse").style.width = `${Math.max(0, Math.min(1, left / (rec.expires_ms - rec.ts))) * 100}%`;
    li.classList.toggle("expired", left <= 0);
    showDrift(li.querySelector(".drift"), rec);
    for (const b of li.querySelectorAll(".act button")) b.disabled = isOver || view.pending === rec.id || (b.className === "confirm" && state.halt?.level > 0);
  }
}

/** Spread and drift as they are now: a yes beyond the limit is denied by the order process, whatever is shown here. */
function showDrift(line, rec) {
  const q = state.watch?.[rec.symbol], ltp = q?.ltp, drift = ltp ? (ltp * 100 / rec.ref_paise - 1) * 10_000 : null, limit = rec.max_drift_bps;
  const isOver = drift !== null && limit !== null && Math.abs(drift) > limit, hasBook = q?.spread_bps != null, title = state.halt?.title;
  const moved = drift !== null && `drift ${signed(drift, (v) => ONE.format(v))} bps${limit === null ? "" : isOver ? `, more than ${ONE.format(limit)}` : `, at most ${ONE.format(limit)}`}`;
  const why = title ? `${title}: nothing is sent` : !hasBook ? "no two-sided quote: it would be denied" : isOver ? "it would be denied" : "";
  put(line, [hasBook && `spread ${ONE.format(q.spread_bps)} bps`, moved, why].filter(Boolean).join(" · "));
  line.classList.toggle("warn", Boolean(why));
}

export async function answerTo(id, answer) {
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
  put($("real-text"), `${rec.side} ${rec.qty === null ? "" : `${WHOLE.format(rec.qty)} `}${rec.symbol} at limit ${rupees(rec.limit_paise)}, stop ${rupees(rec.stop_paise)}; worst-case loss ${rec.worst_loss_paise === null ? `${money(rec.risk_paise)} a share` : money(rec.worst_loss_paise)} and charges. This sends a REAL order.`);
  input.value = "";
  box.showModal();
  input.focus();
  return new Promise((done) => {
    $("real-cancel").onclick = () => box.close("cancel");
    box.onclose = () => done(box.returnValue === "send" ? input.value : null);
  });
}

let toastTimer = 0;
export function toast(words, cls) {
  const node = $("toast");
  node.className = `toast ${cls}`;
  node.textContent = words;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.hidden = true; }, cls === "bad" ? 8000 : 3000);
}
