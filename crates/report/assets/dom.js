
"use strict";
/* Elements and text. Whatever comes out of logs becomes a text node or an attribute of ours: never markup. */
const kw = {};
(() => {
  // What does not show as a glyph of its own, reorders or hides others: shown as an escape. Marks pile up, so they go too.
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{M}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;
  const LONGEST = 2000;
  const escaped = (c) => "\\u{" + c.codePointAt(0).toString(16) + "}";

  /** Text on one line, with nothing invisible in it, of bounded length. */
  kw.exact = (text) => text.replace(HIDDEN, escaped);
  kw.clean = (value) => {
    const text = String(value);
    const cut = text.length > LONGEST ? text.slice(0, LONGEST) + " … (" + kw.number(text.length - LONGEST) + " characters more)" : text;
    return cut.replace(HIDDEN, escaped);
  };

  const add = (element, child) => {
    if (child === null || child === undefined || child === false) return;
    if (Array.isArray(child)) child.forEach((one) => add(element, one));
    else if (child instanceof Node) element.append(child);
    else element.append(document.createTextNode(kw.clean(child)));
  };

  /** h("p.note", {title: "x"}, "text", element, [more]) */
  kw.h = (what, ...children) => {
    const [name, ...classes] = what.split(".");
    const element = document.createElement(name || "div");
    if (classes.length) element.className = classes.join(" ");
    for (const child of children) {
      const isProps = child && typeof child === "object" && !Array.isArray(child) && !(child instanceof Node);
      if (!isProps) { add(element, child); continue; }
      for (const [key, value] of Object.entries(child)) {
        if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
        else if (value === true) element.setAttribute(key, "");
        else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, kw.clean(value));
      }
    }
    return element;
  };
  const h = kw.h;

  const counts = new Intl.NumberFormat("en-US");
  const measures = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
  kw.number = (n) => counts.format(n);
  /** A measured number with three digits, whole ones in full. */
  kw.measured = (n) => Number.isInteger(n) ? counts.format(n) : Math.abs(n) < 0.001 ? n.toExponential(1) : measures.format(n);
  kw.plural = (n, word) => kw.number(n) + " " + (n === 1 ? word : /[^aeo]y$/.test(word) ? word.slice(0, -1) + "ies" : word + "s");
  kw.usd = (n) => "$" + (n >= 100 ? counts.format(Math.round(n)) : n.toFixed(2));
  kw.short = (id) => id.startsWith("arn:") ? id.split(":").slice(5).join(":") || id : id;
  /** A title inside a line: `uses`, but `USD a month`. */
  kw.inside = (title) => /^[A-Z][a-z]/.test(title) ? title[0].toLowerCase() + title.slice(1) : title;
  kw.words = (name) => String(name).replaceAll("_", " ");

  /** A moment in UTC, to the minute; to the second in the tooltip. */
  kw.time = (text) => text ? h("time", { datetime: text, title: text }, text.slice(0, 10) + " " + text.slice(11, 16)) : h("span.none", "never");
  /** From one moment to another, without saying twice what both share. */
  kw.span = (start, end) => {
    if (!end || start.slice(0, 16) === end.slice(0, 16)) return h("span", kw.time(start), " UTC");
    const until = kw.time(end);
    if (start.slice(0, 10) === end.slice(0, 10)) until.textContent = end.slice(11, 16);
    return h("span", kw.time(start), " to ", until, " UTC");
  };
  kw.badge = (severity) => h("span.badge." + (/^[a-z]+$/.test(severity) ? severity : "info"), severity);
  /** A link within the page: the address is ours, and what it names is encoded. */
  kw.link = (view, id, ...children) => h("a", { href: "#/" + view + "/" + encodeURIComponent(id) }, ...children);

  kw.facts = (pairs) => {
    const list = h("dl.facts");
    for (const [name, value] of pairs) {
      if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) continue;
      list.append(h("div", h("dt", name), h("dd", value)));
    }
    return list;
  };

  kw.section = (title, ...children) => {
    const there = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
    return there.length ? h("section", h("h2", title), there) : null;
  };

  kw.bullets = (lines) => lines.length ? h("ul", lines.map((line) => h("li", line))) : null;

  /** A table with a caption for those who do not see where it stands. `columns`: [title, class]. */
  kw.table = (caption, columns, rows) => h("div.scroll", { role: "region", tabindex: "0", "aria-label": caption },
    h("table", h("caption.unseen", caption),
      h("thead", h("tr", columns.map(([title, kind]) => h("th" + (kind ? "." + kind : ""), { scope: "col" }, title)))),
      h("tbody", rows.map((cells) => h("tr", cells.map((cell, at) => {
        const kind = columns[at][1];
        return h((at === 0 ? "th" : "td") + (kind ? "." + kind : ""), at === 0 ? { scope: "row" } : { "data-label": kw.inside(columns[at][0]) }, cell);
      }))))));

  /** A button that copies; where the browser does not let it, it selects. */
  const copy = (code) => h("button.copy", { type: "button", "aria-label": "Copy this command", onclick: async (event) => {
    const button = event.currentTarget;
    const select = () => { const range = document.createRange(); range.selectNodeContents(code); const selection = getSelection(); selection.removeAllRanges(); selection.addRange(range); };
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; kw.say("Copied"); }
    catch { select(); button.textContent = "Selected"; kw.say("Selected"); }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  } }, "Copy");
  kw.command = (text) => { const code = h("code", text); return h("div.command", h("pre", { tabindex: "0" }, code), copy(code)); };

  /** A step of a runbook: words, and commands on lines of their own. */
  kw.step = (step) => step.split("\n").map((line) => line.trim()).filter(Boolean).flatMap((line) => {
    if (line.startsWith("aws ") || line.startsWith("kmswatch ")) return [kw.command(line)];
    const at = line.indexOf(": aws ");
    if (at >= 0) return [h("p", kw.ticks(line.slice(0, at + 1))), kw.command(line.slice(at + 2))];
    return [h("p", kw.ticks(line))];
  });
  /** Text whose parts in backticks are code. */
  kw.ticks = (text) => text.split("`").map((part, at) => at % 2 ? h("code", part) : part);
  kw.steps = (steps) => steps.length ? h("ol.steps", steps.map((step) => h("li", kw.step(step)))) : null;
  kw.paragraphs = (text) => text.split("\n").filter((line) => line.trim()).map((line) => h("p", kw.ticks(line)));

  kw.say = (text) => { document.getElementById("live").textContent = text; };

  /** Any value of JSON, readable. */
  kw.value = (value) => {
    if (value === null) return h("span.none", "none");
    if (Array.isArray(value)) {
      if (!value.length) return h("span.none", "none");
      const shown = value.slice(0, 50);
      const more = value.length - shown.length;
      return h("ul.values", shown.map((one) => h("li", kw.value(one))), more > 0 && h("li", "and " + kw.number(more) + " more"));
    }
    if (typeof value === "object") return kw.facts(Object.entries(value).slice(0, 50).map(([name, one]) => [kw.words(name), kw.value(one)]));
    if (typeof value === "number") return kw.measured(value);
    if (typeof value === "boolean") return value ? "yes" : "no";
    return h("span.data", value);
  };
})();
