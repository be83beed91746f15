
"use strict";
/* Lists that hold only the rows that are looked at: a hundred at a time, with a filter. */
(() => {
  const h = kw.h;
  const ROWS = 100;

  /** A list with a filter and pages. `text(row)` is what the filter searches, `cells(row, at)` what a row shows. */
  kw.list = ({ name, rows, columns, text, cells, severity, empty }) => {
    const state = { words: [], hidden: new Set(), page: 0 };
    const ids = rows.map((_, at) => at);
    let shown = ids;
    const texts = new Map();
    const textOf = (at) => { if (!texts.has(at)) texts.set(at, text(rows[at]).toLowerCase()); return texts.get(at); };
    const body = h("div");
    const count = h("p.count", { role: "status" });
    const find = () => {
      shown = ids.filter((at) => !(severity && state.hidden.has(severity(rows[at]))) && state.words.every((word) => textOf(at).includes(word)));
      state.page = 0;
      draw();
    };
    const turn = (by) => { state.page += by; draw(); body.querySelector("a, button")?.focus(); body.scrollIntoView({ block: "nearest" }); };
    const draw = () => {
      const from = state.page * ROWS, part = shown.slice(from, from + ROWS);
      count.textContent = shown.length === rows.length ? kw.plural(rows.length, name) : `${kw.number(shown.length)} of ${kw.plural(rows.length, name)}`;
      const pages = Math.ceil(shown.length / ROWS);
      const pager = pages > 1 && h("nav.pager", { "aria-label": "Pages of the list" },
        h("button", { type: "button", disabled: state.page === 0, onclick: () => turn(-1) }, "Previous"),
        h("span", `${kw.number(from + 1)} to ${kw.number(from + part.length)} of ${kw.number(shown.length)}`),
        h("button", { type: "button", disabled: state.page >= pages - 1, onclick: () => turn(1) }, "Next"));
      body.replaceChildren(part.length ? kw.table(name + "s", columns, part.map((at) => cells(rows[at], at))) : h("p.none", rows.length ? "Nothing fits." : empty), ...(pager ? [pager] : []));
    };
    let waiting = 0;
    const field = h("input", { type: "search", placeholder: "Filter", "aria-label": `Filter the ${name}s`, autocomplete: "off", spellcheck: "false", oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { state.words = field.value.toLowerCase().split(/\s+/).filter(Boolean); find(); }, 120);
    } });
    const levels = severity && kw.index.severities.map((level, at) => [level, at]).reverse().filter(([, at]) => rows.some((row) => severity(row) === at));
    const boxes = levels && levels.length > 1 && h("fieldset.levels", h("legend.unseen", "Severities"), levels.map(([level, at]) => h("label", h("input", { type: "checkbox", checked: true, onchange: (event) => {
      if (event.target.checked) state.hidden.delete(at); else state.hidden.add(at);
      find();
    } }), kw.badge(level))));
    draw();
    return h("div.list", rows.length > 8 && h("div.filter", field, boxes, count), body);
  };

  kw.findingList = (rows) => kw.list({
    name: "finding", rows, empty: "Nothing was found.", severity: (row) => row[1],
    columns: [["What happened", "wide"], ["Severity"], ["When (UTC)", "time"], ["Who"], ["Events", "n"]],
    text: (row) => [row[3], row[4], row[5], row[6], row[0], row[2]].join(" "),
    cells: (row) => [kw.link("finding", row[0], row[3]), kw.badge(kw.index.severities[row[1]]), kw.time(row[2]), row[4], kw.number(row[7])],
  });
})();
