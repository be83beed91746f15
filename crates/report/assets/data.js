
"use strict";
/* The data blocks of the page, each unpacked and parsed when it is first asked for. */
(() => {
  const parsed = new Map();
  const inflated = (base64) => {
    const binary = atob(base64), bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return new TextDecoder().decode(pako.inflateRaw(bytes));
  };
  const block = (id) => {
    if (!parsed.has(id)) {
      const element = document.getElementById(id);
      const text = element && element.textContent;
      parsed.set(id, element ? JSON.parse(element.type === "application/json" ? text : inflated(text)) : null);
    }
    return parsed.get(id);
  };

  kw.index = block("index");
  /** The entry at a place of `findings`, `incidents`, `keys`, `principals`, `hygiene` or `charts`. */
  kw.detail = (name, at) => {
    const entries = block(name + "-" + Math.floor(at / kw.index.block));
    return entries ? entries[at % kw.index.block] : null;
  };

  const places = new Map();
  /** The place of an entry of the index by its first column, or -1. */
  kw.place = (name, id) => {
    if (!places.has(name)) places.set(name, new Map(kw.index[name].map((row, at) => [row[0], at])));
    const at = places.get(name).get(id);
    return at === undefined ? -1 : at;
  };

  /** Links where there is a page to link to; else only the name. */
  kw.keyLink = (arn, label) => {
    const at = kw.place("keys", arn);
    const name = label || (at >= 0 ? kw.index.keys[at][1] : arn.split("/").pop() || arn);
    return at >= 0 ? kw.link("key", arn, name) : kw.h("span.data", { title: arn }, name);
  };
  kw.principalLink = (id) => kw.place("principals", id) >= 0
    ? kw.link("principal", id, kw.short(id)) : kw.h("span.data", { title: id }, kw.short(id));
  kw.findingLink = (id, title) => kw.place("findings", id) >= 0 ? kw.link("finding", id, title) : kw.h("span", title);

  /** Places of the charts that pass. */
  kw.charts = (passes) => kw.index.charts.map((_, at) => at).filter((at) => passes(kw.index.charts[at]));
})();
