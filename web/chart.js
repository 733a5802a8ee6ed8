// The chart: candles, volume, moving averages and RSI of one symbol, drawn by TradingView Lightweight Charts 4.1.
// Times are epoch milliseconds; the library knows UTC only, so the axis is fed Indian time as if it were UTC.

const IST_S = 19800;
const LINES = {
  ema_9: { label: "EMA 9", color: "--line-a", width: 1 },
  ema_21: { label: "EMA 21", color: "--line-b", width: 1 },
  vwap: { label: "VWAP", color: "--line-c", width: 1, style: 2, isDaily: true }, // begins anew each session: no line across the night
};
const NUMBER = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const COUNT = new Intl.NumberFormat("en-IN", { notation: "compact", maximumFractionDigits: 1 });

const axis = (ms) => Math.floor(ms / 1000) + IST_S;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const isUsable = () => Boolean(window.LightweightCharts);

export class Chart {
  constructor(box, legend) {
    this.box = box;
    this.legend = legend;
    this.minutes = 1;
    this.rows = [];
    this.forming = null;
    this.openMs = null;
    this.marks = [];
    const lib = window.LightweightCharts;
    this.chart = lib.createChart(box, { autoSize: true, handleScale: { axisPressedMouseMove: { price: false } } });
    this.candles = this.chart.addCandlestickSeries({ priceLineStyle: 1, priceFormat: { type: "price", precision: 2, minMove: 0.05 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.34 } });
    this.volume = this.chart.addHistogramSeries({
      priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.68, bottom: 0.18 } });
    this.lines = {};
    for (const [name, look] of Object.entries(LINES)) {
      this.lines[name] = this.chart.addLineSeries({
        lineWidth: look.width, lineStyle: look.style ?? 0, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false,
      });
    }
    this.rsi = this.chart.addLineSeries({
      priceScaleId: "rsi", lineWidth: 1, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false,
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 10, maxValue: 90 } }),
    });
    this.rsi.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0.01 } });
    this.bands = [30, 70].map((price) => this.rsi.createPriceLine({ price, lineWidth: 1, lineStyle: 1, axisLabelVisible: false, title: "" }));
    this.chart.subscribeCrosshairMove((move) => this.tell(move));
    this.paint();
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  /** Take colours from the style sheet, so that light and dark have one home. */
  paint() {
    const up = css("--up"), down = css("--down"), line = css("--grid");
    this.chart.applyOptions({
      layout: { background: { type: "solid", color: css("--panel") }, textColor: css("--dim"), fontSize: 11, fontFamily: css("--font") },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: css("--edge") },
      timeScale: { borderColor: css("--edge"), timeVisible: true, secondsVisible: false, rightOffset: 4, minBarSpacing: 2 },
      crosshair: { mode: 0, vertLine: { color: css("--dim"), labelBackgroundColor: css("--edge") }, horzLine: { color: css("--dim"), labelBackgroundColor: css("--edge") } },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
    for (const [name, look] of Object.entries(LINES)) this.lines[name].applyOptions({ color: css(look.color) });
    this.rsi.applyOptions({ color: css("--line-d") });
    this.bands.forEach((band) => band.applyOptions({ color: css("--edge") }));
    this.colors = { up, down };
    this.drawVolume();
  }

  /** Show closed candles. A change of symbol or timeframe starts at the newest. */
  show(found, minutes, isNew) {
    this.minutes = minutes;
    this.rows = found.candles;
    this.overlays = found.overlays;
    if (isNew) this.forming = null;
    this.candles.setData(this.rows.map(([ts, open, high, low, close]) => ({ time: axis(ts), open, high, low, close })));
    this.drawVolume();
    for (const name of Object.keys(LINES)) this.lines[name].setData(points(found.overlays[name], LINES[name].isDaily));
    this.rsi.setData(points(found.overlays.rsi_14));
    const last = this.rows.at(-1);
    if (this.forming && last && this.forming.ts <= last[0]) this.forming = null;
    if (this.forming) this.drawForming();
    if (isNew) {
      const shown = Math.max(40, Math.floor(this.box.clientWidth / 7));
      this.chart.timeScale().setVisibleLogicalRange({ from: this.rows.length - shown, to: this.rows.length + 4 });
    }
    this.tell();
  }

  drawVolume() {
    this.volume.setData(this.rows.map((r) => ({ time: axis(r[0]), value: r[5], color: (r[4] >= r[1] ? this.colors.up : this.colors.down) + "66" })));
  }

  /** Let the newest price shape the candle that is not closed yet. */
  tick(ts, price) {
    if (this.openMs === null || price === null || ts < this.openMs || this.rows.length === 0) return;
    const size = this.minutes * 60000;
    const start = this.openMs + Math.floor((ts - this.openMs) / size) * size;
    if (start <= this.rows.at(-1)[0]) return;
    const f = this.forming;
    if (f === null || f.ts < start) this.forming = { ts: start, open: price, high: price, low: price, close: price };
    else if (f.ts === start) Object.assign(f, { high: Math.max(f.high, price), low: Math.min(f.low, price), close: price });
    this.drawForming();
    this.tell();
  }

  drawForming() {
    const { ts, ...ohlc } = this.forming;
    this.candles.update({ time: axis(ts), ...ohlc });
  }

  /** Horizontal lines for prices that matter now: limit, stop, target, average. */
  mark(prices) {
    const wanted = JSON.stringify(prices);
    if (wanted === this.marked) return;
    this.marked = wanted;
    this.marks.forEach((line) => this.candles.removePriceLine(line));
    this.marks = prices.map(({ price, title, tone }) => this.candles.createPriceLine({ price, title, color: css(tone), lineWidth: 1, lineStyle: 2, axisLabelVisible: true }));
  }

  /** The legend: values under the cross-hair, or the newest. */
  tell(move) {
    const at = move?.time, has = at !== undefined;
    const last = this.forming ?? (this.rows.length ? Object.fromEntries(["ts", "open", "high", "low", "close"].map((k, i) => [k, this.rows.at(-1)[i]])) : null);
    const bar = has ? move.seriesData.get(this.candles) : last;
    const parts = [];
    if (bar) for (const [key, name] of [["open", "O"], ["high", "H"], ["low", "L"], ["close", "C"]]) parts.push([name, NUMBER.format(bar[key]), bar.close >= bar.open ? "up" : "down"]);
    const volume = has ? move.seriesData.get(this.volume)?.value : this.rows.at(-1)?.[5];
    if (volume !== undefined) parts.push(["Vol", COUNT.format(volume), ""]);
    for (const [name, look] of Object.entries({ ...LINES, rsi_14: { label: "RSI 14" } })) {
      const series = name === "rsi_14" ? this.rsi : this.lines[name];
      const value = has ? move.seriesData.get(series)?.value : this.overlays?.[name]?.at(-1)?.[1];
      if (value !== undefined) parts.push([look.label, NUMBER.format(value), name]);
    }
    this.legend.replaceChildren(...parts.map(([name, value, tone]) => {
      const span = document.createElement("span");
      const strong = document.createElement("b");
      strong.textContent = value;
      strong.className = tone;
      span.append(name + " ", strong);
      return span;
    }));
  }
}

const DAY_S = 86400;
/** Points of a line; of one that is daily nothing is drawn after the last point of a day (a point's colour is that of the line it begins). */
const points = (samples, isDaily = false) => (samples ?? []).map(([ts, value], i, all) => {
  const time = axis(ts), isLast = isDaily && i + 1 < all.length && Math.floor(axis(all[i + 1][0]) / DAY_S) !== Math.floor(time / DAY_S);
  return isLast ? { time, value, color: "transparent" } : { time, value };
});
