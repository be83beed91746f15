"""Looks at a page of kmswatch in a browser, as a person would.

    browse.py BROWSER tour PAGE     clicks through the page of the sample, by mouse and by keyboard
    browse.py BROWSER crawl PAGE    opens everything that can be opened, in the light, in the dark and on a phone
    browse.py BROWSER time PAGE     prints how long it takes to open, to filter and to look at one finding
    browse.py BROWSER shoot PAGE FOLDER   takes pictures, to be looked at

Ends with 1 and says why, if anything is not as it should be.
"""

import json
import pathlib
import sys
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

SIZES = {"light": ("light", 1280, 900), "dark": ("dark", 1280, 900), "phone": ("light", 390, 844)}
# Elements that the script of the page makes, or that stand in its file. Anything else came out of a log.
ELEMENTS = set(
    "html head meta title style script body a span header p nav ul li main noscript footer h1 h2 h3 div section article dl dt dd ol "
    "table caption thead tbody tr th td time strong code pre kbd button details summary figure figcaption canvas input label "
    "fieldset legend".split()
)
INTRUDERS = """() => [...document.querySelectorAll('*')].filter((e) => !(%s).includes(e.localName)
    || [...e.attributes].some((a) => /^on/i.test(a.name) || (a.name === 'href' && !a.value.startsWith('#')) || a.name === 'src'))
    .map((e) => e.outerHTML.slice(0, 200))""" % json.dumps(sorted(ELEMENTS))


# Goes to a page, and ends when it is there.
GO = """(route) => new Promise((done) => {
    if (location.hash === route) return done();
    addEventListener('hashchange', () => done(), { once: true });
    location.hash = route; })"""
# Opens what is folded, and ends when it is filled.
OPEN = """async () => {
    document.querySelectorAll('details').forEach((details) => { details.open = true; });
    for (let n = 0; n < 3; n++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); }"""


def check(holds, what):
    if not holds:
        sys.exit("page: " + what)


def until(page, holds, what):
    """Waits for what a busy machine may do late."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    check(False, what)


@contextmanager
def opened(browser, page_file, size, print_media=False):
    """The page in a context of its own, in which every complaint and every request counts."""
    scheme, width, height = SIZES[size]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    page = context.new_page()
    trouble = []
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: (trouble.append("dialog: " + dialog.message), dialog.dismiss()))
    page.on("request", lambda request: trouble.append("request: " + request.url) if request.url != address(page_file) else None)
    page.goto(address(page_file))
    yield page
    check(not trouble, f"{size}: {trouble[:5]}")
    context.close()


def address(page_file):
    return pathlib.Path(page_file).resolve().as_uri()


def heading(page):
    return page.locator("h1").inner_text()


def ink(page, canvas):
    """How many points of a chart are not empty."""
    return page.evaluate(
        """(canvas) => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let n = 0; for (let at = 3; at < data.length; at += 4) n += data[at] > 0; return n; }""",
        canvas.element_handle(),
    )


def tour(browser, page_file):
    with opened(browser, page_file, "light") as page:
        until(page, lambda: "3 incidents" in heading(page), "the heading is another")
        until(page, lambda: page.locator(".urgent li").count() == 3, "keys about to be lost")
        for plot in page.locator(".plot").all():
            plot.scroll_into_view_if_needed()
            plot.locator("canvas").wait_for()
            until(page, lambda: ink(page, plot.locator("canvas")) > 1000, "an empty chart in the overview")
        # By mouse: from the overview to the worst incident, along its timeline, to the key, to its user.
        page.locator(".incidents a").first.click()
        until(page, lambda: "role/ci-deploy encrypted data under a foreign key" in heading(page), "the heading is another")
        until(page, lambda: page.locator(".steps code").first.inner_text().startswith("aws kms cancel-key-deletion --key-id arn:"), "first step")
        until(page, lambda: page.locator(".timeline li:not(.day)").count() == 16, "timeline")
        page.locator(".timeline a", has_text="decrypts and data keys").first.click()
        until(page, lambda: page.locator(".kind").inner_text().lower() == "finding", "a finding")
        page.get_by_text("Unusual hours").scroll_into_view_if_needed()
        canvas = page.locator(".plot canvas").first
        canvas.wait_for()
        until(page, lambda: ink(page, canvas) > 1000, "an empty chart")
        before = canvas.screenshot()
        page.get_by_role("button", name="All", exact=True).click()
        until(page, lambda: canvas.screenshot() != before, "the chart did not zoom")
        page.get_by_text("Hours around what was judged, as a table").click()
        until(page, lambda: page.locator("details table tbody tr").count() > 0, "the hours as a table")
        page.get_by_text("As JSON").click()
        until(page, lambda: '"detector": "unusual_rate"' in page.locator("details.raw pre").inner_text(), "all of the finding as JSON")
        page.locator("section", has=page.get_by_role("heading", name="Which key")).get_by_role("link").first.click()
        until(page, lambda: "alias/payments/archive" in heading(page), "the heading is another")
        until(page, lambda: "Do not delete" in page.locator("p.lead").inner_text(), "what breaks")
        page.locator("td a, th a").first.click()
        until(page, lambda: page.locator(".kind").inner_text().lower() == "principal", "a principal")
        page.go_back()
        until(page, lambda: "alias/payments/archive" in heading(page), "back")

        # By keyboard: past the sections to the list, to its filter, and along what is left.
        page.get_by_role("link", name="Findings").click()
        until(page, lambda: heading(page) == "Findings", "the list of findings")
        page.keyboard.press("/")
        page.keyboard.type("nothing of the kind")
        page.get_by_text("0 of 18 findings").wait_for()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("will be deleted")
        page.get_by_text("3 of 18 findings").wait_for()
        page.get_by_label("critical").uncheck()
        page.get_by_text("1 of 18 findings").wait_for()
        link = page.locator("tbody a").first
        for _ in range(12):
            if link.evaluate("(link) => link === document.activeElement"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(page, lambda: "alias/data/sandbox/unused will be deleted" in heading(page), "the heading is another")
        until(page, lambda: page.evaluate("document.activeElement.localName") == "h1", "who opens a page by keyboard begins at its heading")
        until(page, lambda: page.locator("nav [aria-current=page]").inner_text().startswith("Findings"), "where one is")

        # What a screen reader is told: one heading of the first order, names for all controls, headers for all columns.
        for link in page.locator("#nav a").all():
            link.click()
            until(page, lambda: link.get_attribute("aria-current") == "page", "where one is")
            until(page, lambda: page.locator("h1").count() == 1, "one first heading")
            nameless = page.evaluate("() => [...document.querySelectorAll('button, input, a')].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)")
            check(not nameless, f"without a name: {nameless[:3]}")
            until(page, lambda: page.locator("table:not(:has(caption)), table:not(:has(th[scope=col]))").count() == 0, "a table without caption or headers")

        # On paper: no controls, and the incidents in full.
        page.goto(address(page_file))
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        until(page, lambda: not page.locator("#nav").is_visible(), "controls on paper")
        until(page, lambda: page.locator(".print-only .timeline").first.is_visible(), "incidents on paper")
        until(page, lambda: all(ink(page, canvas) > 1000 for canvas in page.locator(".plot canvas").all()), "empty charts on paper")
        until(page, lambda: page.locator(".plot canvas").count() == page.locator(".plot").count(), "charts on paper")

    grounds = []
    for size in SIZES:
        with opened(browser, page_file, size) as page:
            grounds.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    check(grounds[0] != grounds[1] and grounds[0] == grounds[2], f"dark is not light: {grounds}")


def crawl(browser, page_file):
    """Pages that can be reached, and after each: nothing has run, nothing has come in, nothing sticks out."""
    seen = 0
    for size, most in {"light": 100, "dark": 10, "phone": 60}.items():
        with opened(browser, page_file, size) as page:
            waiting, known = [""], {""}
            while waiting:
                route = waiting.pop()
                page.evaluate(GO, route or "#/")
                page.evaluate(OPEN)
                seen += 1
                state = page.evaluate(
                    """() => ({ ran: Object.keys(window).filter((name) => name.startsWith('pwned')), polluted: ({}).polluted,
                    wide: document.documentElement.scrollWidth - innerWidth, height: document.documentElement.scrollHeight,
                    links: [...document.querySelectorAll('main a')].map((a) => a.getAttribute('href')),
                    hidden: [...document.querySelectorAll('main *')].some((e) => [...e.childNodes].some((n) => n.nodeType === 3 && /[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\u0000]/.test(n.data))) })"""
                )
                check(not state["ran"] and not state.get("polluted"), f"{route}: something out of a log has run")
                check(state["wide"] <= 0, f"{size} {route}: {state['wide']} points too wide")
                check(state["height"] < 200_000, f"{size} {route}: {state['height']} points high")
                check(not state["hidden"], f"{route}: a character that hides or turns others")
                intruders = page.evaluate(INTRUDERS)
                check(not intruders, f"{route}: {intruders[:3]}")
                for link in state["links"]:
                    check(link.startswith("#/"), f"{route}: a link to {link}")
                    if link not in known and len(known) < most:
                        known.add(link)
                        waiting.append(link)
                check(heading(page) != "This page has no such finding.", route)
    print(json.dumps({"visited": seen}))


def time(browser, page_file):
    """Milliseconds, of the browser's own clock."""
    with opened(browser, page_file, "light") as page:
        opened_in = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        took = page.evaluate(
            """async () => {
            const shown = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const timed = async (what) => { const begun = performance.now(); await what(); await shown(); return Math.round(performance.now() - begun); };
            const go = (route) => timed(() => new Promise((done) => { addEventListener('hashchange', () => done(), { once: true }); location.hash = route; }));
            const result = { findings: await go('#/findings') };
            const first = document.querySelector('tbody a').getAttribute('href');
            const field = document.querySelector('input[type=search]');
            field.value = 'role'; result.filter = await timed(async () => { field.dispatchEvent(new Event('input')); await new Promise((done) => setTimeout(done, 120)); }) - 120;
            result.finding = await go(first); result.keys = await go('#/keys');
            result.key = await go(document.querySelector('tbody a').getAttribute('href'));
            result.elements = document.querySelectorAll('*').length;
            result.heap_mb = Math.round(performance.memory.usedJSHeapSize / 1e6);
            return result; }"""
        )
        print(json.dumps({"open": round(opened_in), **took}))


def shoot(browser, page_file, folder):
    for size in SIZES:
        with opened(browser, page_file, size) as page:
            routes = {"overview": "#/", "findings": "#/findings", "keys": "#/keys", "hygiene": "#/hygiene", "about": "#/about"}
            routes["incident"] = page.locator(".incidents a").first.get_attribute("href") if page.locator(".incidents a").count() else "#/"
            routes["key"] = page.evaluate("() => '#/key/' + encodeURIComponent(kw.index.keys[0][0])")
            routes["finding"] = page.evaluate("() => kw.index.charts.length ? '#/finding/' + kw.index.charts[0][3][0] : '#/'")
            for name, route in routes.items():
                page.evaluate(GO, route)
                page.evaluate("dispatchEvent(new Event('beforeprint')); document.querySelector('.print-only')?.replaceChildren()")
                page.wait_for_timeout(200)
                # Paper is light: back to the screen.
                page.evaluate("dispatchEvent(new Event('afterprint'))")
                page.wait_for_timeout(100)
                page.screenshot(path=f"{folder}/{name}-{size}.png", full_page=True)


if __name__ == "__main__":
    chromium, what, *rest = sys.argv[1:]
    with sync_playwright() as playwright:
        # Without a sandbox of its own: in containers there is none to be had, and it reads nothing but this page.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--enable-precise-memory-info"])
        {"tour": tour, "crawl": crawl, "time": time, "shoot": shoot}[what](browser, *rest)
        browser.close()
