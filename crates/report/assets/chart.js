
"use strict";
/* Charts by uPlot: counts by hour, what was to be expected, and the windows that were judged. */
(() => {
  const h = kw.h;
  const HOUR = 3600;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const drawn = new Set(), waiting = new Map();
  /** Draws when the box comes into sight, or is printed. */
  const whenSeen = (box, draw) => {
    const now = () => { if (waiting.delete(box)) { watcher.unobserve(box); draw(); } };
    waiting.set(box, now);
    watcher.observe(box);
  };
  const watcher = new IntersectionObserver((seen) => seen.filter((entry) => entry.isIntersecting).forEach((entry) => waiting.get(entry.target)?.()), { rootMargin: "400px" });
  const redraw = () => { for (const chart of [...drawn]) { if (chart.root.isConnected) chart.redraw(); else drawn.delete(chart); } };
  dark.addEventListener("change", redraw);
  addEventListener("afterprint", () => { document.documentElement.classList.remove("paper"); redraw(); });
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    // What is only just made must not be asked to draw again before it has drawn.
    redraw();
    for (const [box, now] of [...waiting]) { if (box.isConnected) now(); else waiting.delete(box); }
  });

  /** Every hour from the first to the last, silent ones as nothing: [seconds, count, low, high]. */
  const columns = (chart) => {
    const last = chart.hours[chart.hours.length - 1][0];
    const x = [], counts = [], low = [], high = [];
    for (let hour = 0; hour <= last; hour++) { x.push((chart.first + hour) * HOUR); counts.push(0); low.push(null); high.push(null); }
    for (const [hour, count, from, to] of chart.hours) { counts[hour] = count; low[hour] = from; high[hour] = to; }
    return [x, counts, low, high];
  };

  /** Marks the judged windows behind the bars. */
  const windows = (chart) => (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = color("judged");
    for (const window of chart.windows) {
      const from = u.valToPos(window.from * HOUR, "x", true), to = u.valToPos(window.until * HOUR, "x", true);
      const left = Math.max(from, bbox.left), right = Math.min(Math.max(to, from + 6), bbox.left + bbox.width);
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };

  /** The band of each hour that has one, as a box of its own: nothing is claimed for hours that were not judged. */
  const bands = (u) => {
    const { ctx } = u;
    const [x, , low, high] = u.data;
    ctx.save();
    ctx.beginPath(); ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height); ctx.clip();
    ctx.fillStyle = color("band");
    const [from, to] = u.series[0].idxs;
    for (let at = from; at <= to; at++) {
      if (high[at] === null) continue;
      const left = u.valToPos(x[at], "x", true), right = u.valToPos(x[at] + HOUR, "x", true);
      const top = u.valToPos(high[at] + 0.5, "y", true), bottom = u.valToPos(Math.max(low[at] - 0.5, 0), "y", true);
      ctx.fillRect(left, top, Math.max(right - left, 1), bottom - top);
    }
    ctx.restore();
  };

  /** The bars of judged windows, over the others. */
  const judgedBars = (chart) => (u) => {
    const { ctx } = u, [x, counts] = u.data, [from, to] = u.series[0].idxs;
    ctx.save();
    ctx.beginPath(); ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height); ctx.clip();
    ctx.fillStyle = color("high");
    for (let at = from; at <= to; at++) {
      if (!counts[at] || !chart.windows.some((window) => x[at] >= window.from * HOUR && x[at] < window.until * HOUR)) continue;
      const left = u.valToPos(x[at], "x", true), right = Math.min(u.valToPos(x[at] + HOUR, "x", true), left + 60 * devicePixelRatio), top = u.valToPos(counts[at], "y", true);
      ctx.fillRect(left, top, Math.max(right - left, 1), u.valToPos(0, "y", true) - top);
    }
    ctx.restore();
  };

  const asUtc = (seconds) => new Date(seconds * 1000).toISOString();
  /** Dates as 2026-03-19, hours as 14:00, whatever the language of the browser. */
  const dates = (u, splits, axis, space, step) => {
    let day = "";
    return splits.map((at) => {
      const text = asUtc(at), date = text.slice(5, 10);
      if (step >= 24 * HOUR) return date;
      const shown = date === day ? text.slice(11, 16) : text.slice(11, 16) + "\n" + date;
      day = date;
      return shown;
    });
  };
  /** Lines at 0, 1, 2, 5, 10 and so on: a squeezed scale has more of them than one wants, also below nothing. */
  const isRound = (value) => value === 0 || (value > 0 && [1, 2, 5].includes(Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9))));
  const round = (squeezed) => (u, values) => values.map((value) => value >= 0 && (!squeezed || isRound(value)) ? value : null);
  const axis = { stroke: () => color("muted"), grid: { stroke: () => color("line"), width: 1 }, ticks: { stroke: () => color("line"), width: 1 }, font: "12px system-ui, sans-serif" };

  const options = (chart, width, squeezed) => ({
    width, height: 240, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false }, cursor: { y: false, drag: { x: true, y: false, uni: 8 }, points: { show: false } },
    scales: { x: { time: true }, y: squeezed ? { distr: 4, asinh: 5, range: (u, min, max) => [0, max * 1.15 + 1] } : { range: (u, min, max) => [0, Math.max(max, 1) * 1.05] } },
    axes: [Object.assign({ values: dates, size: 44 }, axis), Object.assign({}, axis, { size: 58, filter: round(squeezed),
      values: (u, values) => values.map((value) => value === null ? "" : kw.measured(value)),
      grid: { ...axis.grid, filter: round(squeezed) }, ticks: { ...axis.ticks, filter: round(squeezed) } })],
    series: [{}, {
      fill: () => color("bar"), stroke: () => color("bar"), width: 0, points: { show: false },
      paths: uPlot.paths.bars({ size: [1, 60], align: 1, gap: 0 }),
    }, { show: true, stroke: "transparent", width: 0, points: { show: false }, paths: () => null }, { show: true, stroke: "transparent", width: 0, points: { show: false }, paths: () => null }],
    hooks: { drawClear: [windows(chart)], drawAxes: [bands], draw: [judgedBars(chart)] },
  });

  /** Whether a plain scale would press what is usual flat against the ground. */
  const isSteep = (chart) => {
    const most = Math.max(...chart.hours.map((hour) => hour[1]));
    const usual = chart.hours.map((hour) => hour[3]).sort((a, b) => a - b)[Math.floor(chart.hours.length / 2)];
    return most > 20 * Math.max(usual, 1);
  };

  const summary = (chart) => {
    const most = chart.hours.reduce((a, b) => b[1] > a[1] ? b : a);
    return `${kw.words(chart.unit)} by hour, ${kw.number(chart.hours.length)} hours with any; the most ${kw.number(most[1])} at ${asUtc((chart.first + most[0]) * HOUR).slice(0, 16)}`;
  };

  /** The hours as a table, for those who do not see the chart: the judged ones, and those around. */
  const asTable = (chart) => {
    const near = chart.hours.filter(([hour]) => chart.windows.some((window) => chart.first + hour >= window.from - 12 && chart.first + hour < window.until + 12));
    const judged = (hour) => chart.windows.some((window) => hour >= window.from && hour < window.until);
    const details = h("details", h("summary", "Hours around what was judged, as a table"));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(kw.table("Counts by hour", [["Hour (UTC)"], ["Count", "n"], ["Nine of ten lie in", "n"], ["Judged"]],
        near.slice(0, 200).map(([hour, count, low, high]) => [kw.time(asUtc((chart.first + hour) * HOUR)), kw.number(count), kw.number(low) + " to " + kw.number(high), judged(chart.first + hour) ? "yes" : ""])));
    });
    return details;
  };

  /** A chart with its controls. */
  kw.chart = (chart, title) => {
    const box = h("div.plot.tall", { role: "img", "aria-label": summary(chart) });
    const readout = h("p.readout", { "aria-hidden": "true" });
    let plot = null, squeezed = isSteep(chart);
    const data = columns(chart);
    const show = (u) => {
      const at = u.cursor.idx;
      if (at === null || at === undefined) { readout.textContent = "Drag to zoom, double click to see all."; return; }
      const band = data[3][at] === null ? "" : `, usually ${kw.number(data[2][at])} to ${kw.number(data[3][at])}`;
      readout.textContent = `${asUtc(data[0][at]).slice(0, 16).replace("T", " ")} UTC: ${kw.number(data[1][at])}${band}`;
    };
    const build = (range) => {
      if (plot) { drawn.delete(plot); plot.destroy(); }
      const opts = options(chart, Math.max(box.clientWidth, 240), squeezed);
      opts.hooks.setCursor = [show];
      plot = new uPlot(opts, data, box);
      drawn.add(plot);
      if (range) plot.setScale("x", range); else judged();
      show(plot);
    };
    const range = () => ({ min: plot.scales.x.min, max: plot.scales.x.max });
    const all = () => ({ min: data[0][0], max: data[0][data[0].length - 1] + HOUR });
    const zoom = (factor, shift) => {
      const { min, max } = range(), whole = all();
      const half = Math.min((max - min) / 2 * factor, (whole.max - whole.min) / 2), middle = (min + max) / 2 + (max - min) * shift;
      const from = Math.max(middle - half, whole.min), to = Math.min(middle + half, whole.max);
      if (to - from >= 2 * HOUR) plot.setScale("x", { min: from, max: to });
      kw.say(`${asUtc(plot.scales.x.min).slice(0, 16)} to ${asUtc(plot.scales.x.max).slice(0, 16)}`);
    };
    const judged = () => {
      const from = Math.min(...chart.windows.map((window) => window.from)), to = Math.max(...chart.windows.map((window) => window.until));
      plot.setScale("x", { min: Math.max((from - 60) * HOUR, all().min), max: Math.min((to + 36) * HOUR, all().max) });
    };
    const button = (label, words, act) => h("button", { type: "button", "aria-label": words, title: words, onclick: act }, label);
    const scale = h("button", { type: "button", "aria-pressed": String(squeezed), onclick: () => { squeezed = !squeezed; scale.setAttribute("aria-pressed", String(squeezed)); build(range()); } }, "Squeeze peaks");
    const figure = h("figure.chart", h("figcaption", title || h("span", kw.words(chart.unit), " of ", chart.is_key ? kw.keyLink(chart.entity) : kw.principalLink(chart.entity))),
      box, readout,
      h("div.tools", button("−", "Zoom out", () => zoom(2, 0)), button("+", "Zoom in", () => zoom(0.5, 0)), button("←", "Earlier", () => zoom(1, -0.25)), button("→", "Later", () => zoom(1, 0.25)),
        h("button", { type: "button", onclick: judged }, "What was judged"), h("button", { type: "button", onclick: () => plot.setScale("x", all()) }, "All"), scale),
      h("p.legend", h("span.key.bar"), "counted ", h("span.key.band"), "nine of ten such hours ", h("span.key.judged"), "judged window",
        chart.left_out > 0 && ` · ${kw.number(chart.left_out)} earlier hours are left out`),
      asTable(chart));
    whenSeen(box, () => {
      build(null);
      new ResizeObserver(() => { if (box.clientWidth > 0 && Math.abs(box.clientWidth - plot.width) > 1) plot.setSize({ width: box.clientWidth, height: 240 }); }).observe(box);
    });
    return figure;
  };

  /** Days as bars: what a key was used for lately. */
  kw.days = (byDay, caption) => {
    const days = Object.keys(byDay).map(Number).sort((a, b) => a - b);
    if (days.length < 2) return null;
    const x = [], y = [];
    for (let day = days[0]; day <= days[days.length - 1]; day++) { x.push(day * 24 * HOUR); y.push(byDay[day] || 0); }
    const most = Math.max(...y);
    const box = h("div.plot", { role: "img", "aria-label": `${caption}: ${kw.plural(days.length, "day")} with any, at most ${kw.number(most)}` });
    whenSeen(box, () => {
      const plot = new uPlot({
        width: Math.max(box.clientWidth, 240), height: 140, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"), legend: { show: false }, cursor: { show: false },
        scales: { x: { time: true }, y: { range: (u, min, max) => [0, Math.max(max, 1) * 1.05] } },
        axes: [Object.assign({ values: dates }, axis), Object.assign({ size: 58, values: (u, values) => values.map((value) => Number.isInteger(value) ? kw.measured(value) : "") }, axis)],
        series: [{}, { fill: () => color("bar"), stroke: () => color("bar"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 60], align: 1 }) }],
      }, [x, y], box);
      drawn.add(plot);
      new ResizeObserver(() => { if (box.clientWidth > 0 && Math.abs(box.clientWidth - plot.width) > 1) plot.setSize({ width: box.clientWidth, height: 140 }); }).observe(box);
    });
    return h("figure.chart", h("figcaption", caption), box);
  };
})();
