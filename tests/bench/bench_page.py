"""Pages in a real browser: from the address to the first chart, and to the list of 10,000 runs.

    python -m tests.bench.bench_page [--runs 10000] [--loads 5] [--rounds 3]

Each load is a fresh browser session against a server that has answered once before. "In the app" is a click on the
page's name while another page is open, as a reader does it.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from runstream_schemas.home import Home
from tests.bench.bench_chart import many_runs
from tests.bench.figures import tell
from tests.bench.histories import run_id_of
from tests.bench.page_ticks import live_page
from tests.browser import FLAGS, Stack, start_stack

FIRST_CHART = "[data-testid=rs-chart][data-points]"
TABLE = "[data-testid=stDataFrame] canvas"


def load_s(browser: Browser, address: str, drawn: str) -> float:
    """Seconds from the request of a page to the first element `drawn`, in a session of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(drawn).first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - begin
    context.close()
    return seconds


def switch_s(page: Page, name: str, drawn: str) -> float:
    """Seconds from a click on a page's name to the first element `drawn`."""
    begin = time.perf_counter()
    page.get_by_role("link", name=name, exact=True).first.click()
    page.locator(drawn).first.wait_for(timeout=120_000)
    return time.perf_counter() - begin


def measure(stack: Stack, browser: Browser, n_loads: int, n_runs: int) -> None:
    """Load the pages `n_loads` times each, after one load that is not counted."""
    newest = ",".join(run_id_of(number) for number in range(n_runs - 3, n_runs))
    charts = f"{stack.url}/charts?runs={newest}"

    def repeated(call: Callable[[], float]) -> list[float]:
        call()
        return [call() for _ in range(n_loads)]

    tell("first chart, from the address", "s", repeated(lambda: load_s(browser, charts, FIRST_CHART)), at_most=2.5)
    runs = repeated(lambda: load_s(browser, stack.url, TABLE))
    tell(f"list of {n_runs:,} runs, from the address", "s", runs, at_most=1)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(charts)
    page.locator(FIRST_CHART).first.wait_for(timeout=120_000)
    to_runs, to_charts = [], []
    for _ in range(n_loads + 1):
        to_runs.append(switch_s(page, "Runs", TABLE))
        to_charts.append(switch_s(page, "Charts", FIRST_CHART))
    tell(f"list of {n_runs:,} runs, in the app", "s", to_runs[1:], at_most=1)
    tell("first chart, in the app", "s", to_charts[1:])
    context.close()


def main() -> None:
    """Build the history, start consumer and dashboard on it, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--loads", type=int, default=5, help="of each page; zooms too")
    parser.add_argument("--rounds", type=int, default=3, help="looks at a live page, of 10 ticks each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Home(Path(folder) / "home").ensure()
        many_runs(home.history_path, arguments.runs, f"journal:{home.identity()}").close()
        stack = start_stack(home.root)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            measure(stack, browser, arguments.loads, arguments.runs)
            live_page(stack, browser, arguments.rounds, arguments.loads)
        finally:
            browser.close()
            stack.close()


if __name__ == "__main__":
    main()
