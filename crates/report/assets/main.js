
"use strict";
/* Which page is shown: the part of the address behind the hash. */
(() => {
  const h = kw.h, index = kw.index;
  const sections = [["", "Overview"], ...(index.has_incidents ? [["incidents", "Incidents", index.incidents.length], ["findings", "Findings", index.findings.length]] : []),
    ["keys", "Keys", index.keys.length], ["principals", "Principals", index.principals.length], ["hygiene", "Hygiene", index.hygiene.length], ["about", "What was read"]];
  const belongs = { incident: "incidents", finding: "findings", key: "keys", principal: "principals", signal: "hygiene" };
  const nav = document.getElementById("nav"), main = document.getElementById("main");
  nav.append(h("ul", sections.map(([id, name, n]) => h("li", h("a", { href: "#/" + id, "data-section": id }, name, n !== undefined && h("span.n", kw.number(n)))))));
  document.getElementById("period").append(index.inventory.since.slice(0, 10) + " to " + index.inventory.as_of.slice(0, 10));
  document.getElementById("foot").append(h("p", `kmswatch ${index.version} · ${kw.number(index.summary.records)} records read · times in UTC`));

  const show = (isFirst) => {
    const [, name = "", ...rest] = (location.hash || "#/").split("/");
    let id = "";
    try { id = decodeURIComponent(rest.join("/")); } catch { /* no such page */ }
    const view = Object.hasOwn(kw.views, name || "overview") ? kw.views[name || "overview"] : kw.views.overview;
    main.replaceChildren(...view(id).flat(9).filter((part) => part instanceof Node));
    const section = belongs[name] || name;
    for (const link of nav.querySelectorAll("a")) {
      if (link.dataset.section === section) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
    const heading = main.querySelector("h1");
    document.title = (heading ? heading.textContent.slice(0, 80) + " · " : "") + "kmswatch";
    if (isFirst) return;
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  };
  addEventListener("hashchange", () => show(false));
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(input|textarea|select)$/i.test(event.target.tagName)) return;
    const field = main.querySelector("input[type=search]");
    if (field) { event.preventDefault(); field.focus(); }
  });
  show(true);
})();
