// One position or one entry, out of the STOP box: armed like a level, then chosen. What is shown is what the server will look up again.

import { $, WHOLE, el, rupees, signed, state } from "/base.js";

const OVER = new Set(["DENIED", "FILLED", "REFUSED", "ABSENT", "CANCELLED"]);
let shown = "";

function choices() {
  const out = (state.portfolio?.positions ?? []).map((q) => ["close", q.symbol, `Close ${q.symbol} ${signed(q.qty, (v) => WHOLE.format(v))}`]);
  const seen = new Set();
  for (const o of state.trades?.orders ?? []) {
    if (seen.has(o.intent_id)) continue; // newest first: an older row of the same order says nothing any more
    seen.add(o.intent_id);
    if (o.purpose === "entry" && !OVER.has(o.status)) out.push(["cancel", o.intent_id, `Cancel ${o.side} ${o.symbol} ${WHOLE.format(o.leaves_qty)} at ${rupees(o.limit_paise)}`]);
  }
  return out;
}

/** Show what can be closed or cancelled alone; `pull(word, what)` is the second step. */
export function showSingles(isArmed, pull) {
  const found = choices(), key = JSON.stringify(found), list = $("stop-singles");
  list.hidden = found.length === 0;
  if (key !== shown) {
    shown = key;
    list.replaceChildren(...found.map(([word, what, words]) => {
      const button = el("button", "", words);
      button.type = "button";
      button.dataset.word = word;
      button.addEventListener("click", () => pull(word, what));
      return el("li", "", "", button);
    }));
  }
  for (const button of list.querySelectorAll("button")) button.disabled = !isArmed;
}
