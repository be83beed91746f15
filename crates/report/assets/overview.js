
"use strict";
/* The pages of the sections. */
(() => {
  const h = kw.h, index = kw.index;
  const title = (text, ...more) => h("div.head", h("h1", { tabindex: "-1" }, text), more);
  const bySeverity = (rows) => index.severities.map((level, at) => [level, rows.filter((row) => row[1] === at).length]).filter(([, n]) => n).reverse();
  const tile = (href, n, name, ...more) => h("a.tile", { href }, h("strong", n), h("span", name), more);
  const severities = (rows) => h("span.badges", bySeverity(rows).map(([level, n]) => h("span.badge." + level, kw.number(n) + " " + level)));
  /** The worst first, of equals the latest. */
  const worst = (rows, time) => [...rows].sort((a, b) => b[1] - a[1] || (a[time] < b[time] ? 1 : -1));

  const incidentCard = (row) => h("li", h("article.incident." + index.severities[row[1]],
    h("p.meta", kw.badge(index.severities[row[1]]), h("span.tag", row[2]), kw.span(row[3], row[4])),
    h("h3", kw.link("incident", row[0], row[5])),
    h("p.small", kw.plural(row[6], "finding"), row[7] ? ", " + kw.plural(row[7], "alert") : ", not worth an alert")));

  kw.views.overview = () => {
    const summary = index.summary;
    const urgent = index.incidents.map((row, at) => [row, at]).filter(([row]) => row[1] >= 3).sort((a, b) => b[0][1] - a[0][1]).slice(0, 10)
      .flatMap(([row, at]) => kw.detail("incidents", at).losses.map((loss, place) => [row, loss, kw.detail("incidents", at).loss_sentences[place]]))
      .filter(([, loss]) => !loss.muted && loss.final_at).sort((a, b) => a[1].final_at < b[1].final_at ? -1 : 1).slice(0, 8);
    const incidents = worst(index.incidents, 3);
    const charts = kw.charts((row) => row[3].length > 0);
    const rank = (at) => Math.max(...index.charts[at][3].map((id) => { const place = kw.place("findings", id); return place < 0 ? 0 : index.findings[place][1]; }));
    charts.sort((a, b) => rank(b) - rank(a));
    return [
      title(index.has_incidents ? (incidents.length ? `${kw.plural(incidents.length, "incident")}, ${kw.plural(index.findings.length, "finding")}` : index.findings.length ? kw.plural(index.findings.length, "finding") : "Nothing was found") : "Keys and how they are used"),
      h("div.tiles",
        index.has_incidents && tile("#/incidents", kw.number(index.incidents.length), "incidents", severities(index.incidents)),
        index.has_incidents && tile("#/findings", kw.number(index.findings.length), "findings", severities(index.findings)),
        tile("#/keys", kw.number(index.keys.length), "keys", h("span.small", "about " + kw.usd(index.inventory.cost.keys + index.inventory.cost.requests) + " a month")),
        tile("#/principals", kw.number(index.principals.length), "principals"),
        tile("#/hygiene", kw.number(index.hygiene.reduce((sum, row) => sum + row[3], 0)), "hygiene signs"),
        tile("#/about", kw.number(summary.kms_events), "KMS events", summary.problems > 0 && h("span.small.bad", kw.plural(summary.problems, "problem")))),
      index.notes.length > 0 && h("div.note", kw.bullets(index.notes)),
      urgent.length > 0 && kw.section("About to be lost", h("ul.urgent", urgent.map(([row, loss, sentence]) => h("li", h("strong", kw.time(loss.final_at)), " ", kw.keyLink(loss.key.arn, loss.key.aliases[0]), h("p.small", sentence.slice(sentence.indexOf(": ") + 2)), h("p.small", kw.link("incident", row[0], "What to do")))))),
      incidents.length > 0 && kw.section("Incidents", h("ul.incidents", incidents.slice(0, 12).map(incidentCard)), incidents.length > 12 && h("p", h("a", { href: "#/incidents" }, `All ${kw.number(incidents.length)}`))),
      charts.length > 0 && kw.section("Unusual hours", charts.slice(0, 4).map((at) => kw.chart(kw.detail("charts", at))), charts.length > 4 && h("p.none", `${kw.plural(charts.length - 4, "more chart")} with their findings`)),
      index.hygiene.length > 0 && kw.section("Hygiene", hygieneList(index.hygiene.slice(0, 6)), index.hygiene.length > 6 && h("p", h("a", { href: "#/hygiene" }, `All ${index.hygiene.length} signals`))),
      h("div.print-only"),
    ];
  };

  const hygieneList = (rows) => h("ul.signals", rows.map((row) => h("li", kw.badge(row[2]), kw.link("signal", row[0], row[1]), h("span.small", kw.plural(row[3], "key")))));

  kw.views.incidents = () => [title("Incidents"), index.incidents.length ? h("div.list", kw.list({
    name: "incident", rows: worst(index.incidents, 3), empty: "None.", severity: (row) => row[1], text: (row) => [row[0], row[5], row[2], row[3]].join(" "),
    columns: [["What happened", "wide"], ["Severity"], ["From (UTC)", "time"], ["To", "time"], ["Findings", "n"]],
    cells: (row) => [kw.link("incident", row[0], row[5]), kw.badge(index.severities[row[1]]), kw.time(row[3]), kw.time(row[4]), kw.number(row[6])],
  })) : h("p.none", "None.")];

  kw.views.findings = () => [title("Findings"), kw.findingList(index.findings)];

  kw.views.keys = () => [title("Keys", h("p.meta", `Counted over ${kw.measured(index.inventory.days)} days. Prices of ${index.inventory.prices.as_of}, us-east-1, before free requests.`)), kw.list({
    name: "key", rows: index.keys, empty: "None.", text: (row) => row.slice(0, 5).join(" "),
    columns: [["Key", "wide"], ["Account"], ["Region"], ["State"], ["Uses", "n"], ["Users", "n"], ["Errors", "n"], ["Last use", "time"], ["USD a month", "n"]],
    cells: (row) => [kw.keyLink(row[0]), row[2], row[3], row[4], kw.number(row[5]), kw.number(row[6]), kw.number(row[8]), kw.time(row[7]), row[9].toFixed(2)],
  })];

  kw.views.principals = () => [title("Principals"), kw.list({
    name: "principal", rows: index.principals, empty: "None.", text: (row) => row.slice(0, 4).join(" "),
    columns: [["Principal", "wide"], ["Kind"], ["Account"], ["Calls", "n"], ["Keys", "n"], ["Last", "time"]],
    cells: (row) => [kw.principalLink(row[0]), kw.words(row[2]), row[3], kw.number(row[4]), kw.number(row[5]), kw.time(row[6])],
  })];

  kw.views.hygiene = () => [title("Hygiene", h("p.meta", "What is careless about how keys are used. None of this is an attack.")), index.hygiene.length ? hygieneList(index.hygiene) : h("p.none", "Nothing.")];

  kw.views.about = () => [
    title("What was read"),
    kw.facts([["inputs", h("ul.values", index.inputs.slice(0, 20).map((input) => h("li.data", input)))], ["from", kw.time(index.inventory.since)], ["to", kw.time(index.inventory.as_of)], ["as of", kw.time(index.now)], ["own accounts", index.inventory.own_accounts.join(", ")], ["kmswatch", index.version]]),
    kw.section("Account of the run", kw.value(index.summary)),
    index.problems.length > 0 && kw.section("What could not be read", kw.bullets(index.problems)),
    Object.values(index.inventory.cut).some(Boolean) && kw.section("What was cut", h("p", "There was more than is told apart."), kw.value(index.inventory.cut)),
    kw.section("Prices", kw.value(index.inventory.prices)),
    kw.section("About this page", h("p", "It needs no network, and its policy lets a browser run nothing but its own script. Times are in UTC. Charts are drawn by uPlot (MIT licence); pako (MIT and Zlib licences) unpacks the data."), h("p", h("kbd", "/"), " goes to the filter of a list.")),
  ];

  /** On paper the overview holds the incidents in full. */
  addEventListener("beforeprint", () => {
    const place = document.querySelector(".print-only");
    if (place && !place.childElementCount) place.append(...worst(index.incidents, 3).slice(0, 50).map((row) => h("article", h("h2", row[5]), kw.incidentBody(kw.detail("incidents", kw.place("incidents", row[0]))).filter(Boolean))));
  });
})();
