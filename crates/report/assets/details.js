
"use strict";
/* Pages of one thing each: an incident, a finding, a key, a principal, a signal. */
(() => {
  const h = kw.h;
  kw.views = {};
  const many = (list, max, show) => [list.slice(0, max).map(show), list.length > max && h("li.none", "and " + kw.number(list.length - max) + " more")];
  const head = (kind, title, ...more) => h("div.head", h("p.kind", kind), h("h1", { tabindex: "-1" }, title), h("p.meta", more));
  const raw = (what) => {
    const details = h("details.raw", h("summary", "As JSON"));
    details.addEventListener("toggle", () => {
      if (!details.open || details.childElementCount > 1) return;
      const code = h("code");
      code.textContent = JSON.stringify(what, null, 2).split("\n").map(kw.exact).join("\n");
      details.append(h("pre", { tabindex: "0" }, code));
    });
    return details;
  };
  const missing = (what) => [head("Not here", `This page has no such ${what}.`), h("p", h("a", { href: "#/" }, "To the overview"))];
  const span = (time) => kw.span(time.start, time.end);
  const who = (actor) => {
    if (!actor) return null;
    return kw.facts([
      ["principal", kw.principalLink(actor.id)], ["kind", kw.words(actor.kind)], ["session", actor.session], ["access key", actor.access_key],
      ["through", actor.via_service], ["source identity", actor.source_identity], ["from", actor.source], ["user agent", actor.user_agent],
    ]);
  };
  const techniques = (list) => list.map((one) => h("span.tag", one.id + " " + one.name));
  const chartsOf = (ids) => {
    const wanted = new Set(ids);
    const all = kw.charts((row) => row[3].some((id) => wanted.has(id)));
    return [all.slice(0, 8).map((at) => kw.chart(kw.detail("charts", at))), all.length > 8 && h("p.none", "and " + kw.plural(all.length - 8, "more chart") + ", with their findings")];
  };

  kw.timeline = (incident) => {
    let day = "";
    const items = [];
    for (const step of incident.timeline) {
      if (step.time.slice(0, 10) !== day) { day = step.time.slice(0, 10); items.push(h("li.day", day)); }
      items.push(h("li", h("time", { datetime: step.time, title: step.time }, step.time.slice(11, 16)), kw.badge(step.severity),
        h("span.what", kw.findingLink(step.finding, step.title), step.count > 1 && h("span.times", " " + kw.number(step.count) + "×"), step.muted && h("span.tag", "muted"))));
    }
    if (incident.timeline_left_out) items.push(h("li.none", "and " + kw.plural(incident.timeline_left_out, "lesser finding")));
    return h("ol.timeline", items);
  };

  kw.incidentBody = (incident) => [
    h("div.lead", kw.paragraphs(incident.summary)),
    kw.section("Why it matters", kw.bullets(incident.combinations.filter((one) => !one.muted).map((one) => one.why))),
    kw.section("What breaks", kw.bullets(incident.loss_sentences)),
    kw.section("What to do now", kw.steps(incident.steps), incident.steps_left_out > 0 && h("p.none", "and " + kw.plural(incident.steps_left_out, "more step"))),
    kw.section("Timeline", kw.timeline(incident)),
  ];

  kw.views.incident = (id) => {
    const at = kw.place("incidents", id);
    if (at < 0) return missing("incident");
    const incident = kw.detail("incidents", at);
    const alerts = incident.alerts.map((alert) => h("li", kw.time(alert.at), " ", h("span", alert.kind + " "), kw.badge(alert.severity), kw.bullets(alert.reasons.map((reason) => reason.why))));
    return [
      head("Incident", incident.title, kw.badge(incident.severity), h("span.tag", incident.standing), span(incident.time)),
      kw.incidentBody(incident),
      kw.section("Unusual hours", chartsOf(incident.timeline.map((step) => step.finding))),
      kw.section(kw.plural(incident.principal_count, "principal"), incident.principals.map((actor) => h("div.card", who(actor)))),
      kw.section(kw.plural(incident.key_count, "key"), h("ul", many(incident.keys, 25, (key) => h("li", kw.keyLink(key.arn, key.aliases[0]), h("span.small.data", key.arn))))),
      alerts.length && kw.section("Alerts", h("ul", alerts)),
      incident.look_further.length && kw.section("To look further", kw.steps(incident.look_further)),
      incident.unknown.length && kw.section("What logs cannot tell", kw.bullets(incident.unknown)),
      h("p.meta", techniques(incident.mitre), h("code", incident.id)), raw(incident),
    ];
  };

  kw.views.finding = (id) => {
    const at = kw.place("findings", id);
    if (at < 0) return missing("finding");
    const finding = kw.detail("findings", at), row = kw.index.findings[at];
    const { event_ids, count, observed, expected, probability, details } = finding.evidence;
    const incident = row[8] >= 0 && kw.index.incidents[row[8]];
    const pairs = [["events", kw.number(count)], ["observed", observed === null ? "" : kw.measured(observed)], ["expected", expected === null ? "" : kw.measured(expected)],
      ["probability", probability === null ? "" : kw.measured(probability)]].concat(Object.entries(details || {}).filter(([name]) => name !== "observed" && name !== "expected").map(([name, value]) => [kw.words(name), kw.value(value)]));
    return [
      head("Finding", finding.title, kw.badge(finding.severity), h("span.tag", finding.kind), span(finding.time)),
      h("div.lead", kw.paragraphs(finding.explanation)),
      incident && h("p", "Part of the incident ", kw.link("incident", incident[0], incident[5]), "."),
      kw.section("What to do now", kw.steps(finding.runbook)),
      kw.section("Unusual hours", chartsOf([finding.id])),
      kw.section("Who", who(finding.principal)),
      finding.key && kw.section("Which key", kw.facts([["key", kw.keyLink(finding.key.arn, finding.key.aliases[0])], ["aliases", finding.key.aliases.slice(0, 20).join(", ")], ["arn", finding.key.arn], ["account", finding.account], ["Region", finding.region]])),
      kw.section("Evidence", kw.facts(pairs), h("h3", event_ids.length < count ? `The first ${kw.number(event_ids.length)} events` : "Events"), h("ul.ids", event_ids.map((one) => h("li", h("code", one))))),
      h("p.meta", techniques(finding.mitre), h("span.tag", "detector " + finding.detector), h("code", finding.id)), raw(finding),
    ];
  };

  const notes = {
    key_not_usable: "refused, since the key could not be used", throttled: "throttled", mismatch: "ciphertext, key or context did not fit", no_context: "without an encryption context",
    by_key_id: "by a bare key id", no_key_named: "Decrypt that named no key", long_term_credentials: "with an access key that does not expire", no_mfa: "administered without a second factor",
    imds1: "credentials of IMDSv1", old_tls: "TLS before 1.2", lockout_check_bypassed: "policy set without the lockout check", unconstrained_grant: "grants without constraint", by_person: "by a person", secret_in_context: "with a secret or an address in the encryption context", dry_run: "dry runs",
  };
  const noteList = (noted) => kw.bullets(Object.entries(noted).map(([name, evidence]) => h("span", `${kw.plural(evidence.count, "call")} ${notes[name] || kw.words(name)}`, h("span.small", " last ", kw.time(evidence.last)))));
  const counts = (map) => Object.entries(map).sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${kw.number(n)}`).join(", ");
  const hygieneOf = (arn) => kw.index.hygiene.flatMap((row, at) => kw.detail("hygiene", at).signs.filter((sign) => sign.key === arn).map((sign) => h("li", kw.link("signal", row[0], row[1]), ". ", sign.says)));
  const findingsAbout = (passes) => { const rows = kw.index.findings.filter(passes); return rows.length ? kw.section("Findings", kw.findingList(rows)) : null; };

  kw.views.key = (arn) => {
    const at = kw.place("keys", arn);
    if (at < 0) return missing("key");
    const key = kw.detail("keys", at), row = kw.index.keys[at], deletion = key.deletion;
    const rotation = key.rotation.automatic === null ? "not told by these logs" : (key.rotation.automatic ? "on" : "off") + (key.rotation.switched ? ` since ${key.rotation.switched[1].slice(0, 10)}, by ${kw.short(key.rotation.switched[0])}` : "");
    const signs = hygieneOf(arn);
    return [
      head("Key", row[1], h("span.tag", row[4]), key.foreign && h("span.tag", "not yours"), key.manager && h("span.tag", key.manager === "AWS" ? "managed by AWS" : "yours to manage")),
      kw.facts([
        ["arn", key.arn], ["aliases", key.aliases.join(", ")], ["account", key.account], ["Region", key.region], ["state", row[4] + (key.state_since ? " since " + key.state_since : "")],
        ["to be deleted", key.deletion_at], ["origin", key.origin], ["specification", key.spec], ["made", key.created_at && kw.time(key.created_at)], ["rotation", rotation],
        ["copies", key.copies.length ? key.copies.map((copy) => h("div", kw.keyLink(copy, copy))) : ""],
        ["used", key.last_use && h("span", kw.number(row[5]), " times, last ", kw.time(key.last_use), `, ${kw.measured(key.uses_per_day)} a day`)],
        ["operations", counts(key.operations)], ["errors", counts(key.errors)], ["behind it", Object.entries(key.resources).map(([kind, n]) => kw.plural(n, kind)).join(", ") + (key.resources_cut ? " at least" : "")],
        ["estimated cost", kw.usd(row[9]) + " a month"],
      ]),
      kw.section("What breaks if it is deleted", h("p.lead", deletion.answer), kw.bullets(deletion.breaks),
        deletion.steps.length && [h("h3", "Instead, or before"), kw.steps(deletion.steps)], h("h3", "What logs cannot tell"), kw.bullets(deletion.unknown)),
      kw.section("Uses by day", kw.days(key.use_by_day, "Uses that succeeded, by UTC day")),
      kw.section("Unusual hours", kw.charts((one) => one[0] === arn).map((place) => kw.chart(kw.detail("charts", place)))),
      key.users.length && kw.section("Who uses it", kw.list({
        name: "user", rows: key.users, empty: "Nobody.", text: (user) => user.principal + " " + user.via + " " + Object.keys(user.operations).join(" "),
        columns: [["Principal", "wide"], ["Through"], ["Calls", "n"], ["Operations"], ["Errors"], ["Last", "time"]],
        cells: (user) => [kw.principalLink(user.principal), user.via || "directly", kw.number(user.calls), counts(user.operations), counts(user.errors), kw.time(user.last)],
      })),
      key.resource_sample.length && kw.section("Some of what is behind it", h("ul", key.resource_sample.map((resource) => h("li", h("span.tag", resource.kind), h("span.data", resource.id))))),
      signs.length && kw.section("Hygiene", h("ul", signs)),
      findingsAbout((finding) => finding[5] === arn), raw(key),
    ];
  };

  kw.views.principal = (id) => {
    const at = kw.place("principals", id);
    if (at < 0) return missing("principal");
    const principal = kw.detail("principals", at), row = kw.index.principals[at];
    return [
      head("Principal", row[1], h("span.tag", kw.words(principal.kind))),
      kw.facts([["id", principal.id], ["account", principal.account], ["calls on keys", kw.number(principal.calls)], ["keys", kw.number(principal.key_count)], ["errors", counts(principal.errors)],
        ["first", kw.time(principal.first)], ["last", kw.time(principal.last)]]),
      kw.section("Unusual hours", kw.charts((one) => one[0] === id).map((place) => kw.chart(kw.detail("charts", place)))),
      Object.keys(principal.notes).length && kw.section("Worth a note", noteList(principal.notes)),
      kw.section("Keys", kw.list({
        name: "key", rows: principal.keys, empty: "None.", text: (one) => { const key = kw.index.keys[one[0]]; return key[0] + " " + key[1] + " " + one[1]; },
        columns: [["Key", "wide"], ["Through"], ["Calls", "n"], ["Uses", "n"], ["Last", "time"]],
        cells: (one) => [kw.keyLink(kw.index.keys[one[0]][0]), one[1] || "directly", kw.number(one[2]), kw.number(one[3]), kw.time(one[4])],
      })),
      findingsAbout((finding) => finding[4] === row[1]), raw(principal),
    ];
  };

  kw.views.signal = (id) => {
    const at = kw.place("hygiene", id);
    if (at < 0) return missing("signal");
    const report = kw.detail("hygiene", at);
    return [
      head("Hygiene", report.title, kw.badge(report.severity)),
      kw.section("What to do", h("p", kw.ticks(report.advice))), kw.section("When this is wrong", h("p", kw.ticks(report.caveat))),
      kw.section("Where it shows", kw.list({
        name: "place", rows: report.signs, empty: "Nowhere.", text: (sign) => [sign.label, sign.says, sign.key].concat(sign.principals).join(" "),
        columns: [["Key", "wide"], ["What was seen", "wide"], ["Last", "time"], ["An event"]],
        cells: (sign) => [kw.keyLink(sign.key, sign.label), sign.says, sign.evidence ? kw.time(sign.evidence.last) : "", sign.evidence && sign.evidence.event_ids.length ? h("code", sign.evidence.event_ids[0]) : ""],
      }), report.sign_count > report.signs.length && h("p.none", `and ${kw.number(report.sign_count - report.signs.length)} more`)),
    ];
  };
})();
