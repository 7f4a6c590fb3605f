"""The live charts page: what a tick costs wire, browser and server, and how long a zoom waits for its data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Browser, Page, WebSocket

from tests.bench.bench_path import cpu_s
from tests.bench.figures import tell
from tests.browser import CHART, GRID, Stack, drag, ticks, version
from tests.pipeline import Pipeline
from tests.waiting import until

N_RUNS, N_METRICS, N_TICKS = 5, 12, 10
BEGUN_STEPS = 2000
ZOOMED_METRIC = "train/metric_00"
WRITER = f"""
import sys, time
from runstream import Experiment, Workspace
runs = [Experiment(Workspace(), "live").start_logging(run_id=f"live-{{i}}") for i in range({N_RUNS})]
names = [f"{{('train', 'val', 'system')[i % 3]}}/metric_{{i:02d}}" for i in range({N_METRICS})]
step = 0
while True:
    for run in runs:
        for name in names:
            run.log(name, 1 / (1 + step * 0.001) + (step * 7919 % 101) * 1e-3, step=step)
    step += 1
    if step >= {BEGUN_STEPS}:
        time.sleep(0.1)
"""


@contextmanager
def training(stack: Stack) -> Iterator[list[str]]:
    """Five runs of twelve metrics that log ten steps a second, behind 2,000 steps each; gives the runs' ids."""
    process = subprocess.Popen([sys.executable, "-c", WRITER], env=Pipeline(stack.home).environment)
    try:
        yield [f"live-{number}" for number in range(N_RUNS)]
    finally:
        process.terminate()
        process.wait()


def live_page(stack: Stack, browser: Browser, n_rounds: int, n_zooms: int) -> None:
    """Tell the cost of a tick, and the time of a zoom, on a page of twelve charts of five live runs."""
    with training(stack) as runs:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        received: list[int] = []

        def listen(socket: WebSocket) -> None:
            socket.on("framereceived", lambda payload: received.append(len(payload)))

        page.on("websocket", listen)
        page.goto(f"{stack.url}/charts?runs={','.join(runs)}")
        page.locator(f"{CHART}[data-points]").first.wait_for(timeout=120_000)
        ticks(page, 3)
        tell_ticks(stack, page, received, n_rounds)
        tell_zooms(page, n_zooms)
        context.close()


def tell_ticks(stack: Stack, page: Page, received: list[int], n_rounds: int) -> None:
    """Bytes received, script time in the page and CPU of consumer and dashboard, each divided by the ticks it took."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    server = psutil.Process(stack.process.pid)

    def now() -> tuple[float, float, float, int]:
        metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
        cpu = sum(cpu_s(one) for one in (server, *server.children(recursive=True)))
        return sum(received) / 1000, metrics["ScriptDuration"] * 1000, cpu * 1000, version(page)

    rows = []
    for _ in range(n_rounds):
        before = now()
        ticks(page, N_TICKS)
        after = now()
        n_ticks = after[3] - before[3]
        rows.append([(after[i] - before[i]) / n_ticks for i in range(3)])
    tell("live page of 12 charts of 5 runs, received", "kB a tick", [row[0] for row in rows])
    tell("its script in the browser", "ms a tick", [row[1] for row in rows])
    tell("CPU of consumer and dashboard, writing included", "ms a tick", [row[2] for row in rows])


def tell_zooms(page: Page, n_zooms: int) -> None:
    """Drag over a chart; the time from asking for finer data until it is there, as the page itself measures it."""
    times = []
    for number in range(n_zooms):
        low = 0.1 + 0.1 * (number % 5)
        drag(page, ZOOMED_METRIC, low, low + 0.2)
        answered = page.locator(f"{GRID}[data-roundtrip]")
        answered.wait_for(timeout=120_000)
        times.append(float(answered.get_attribute("data-roundtrip") or "nan"))
        page.get_by_test_id("rs-zoom-reset").click()
        until(page.get_by_test_id("rs-zoom-reset").is_hidden, what="the whole range")
        page.locator(f"{GRID}[data-roundtrip]").wait_for(timeout=120_000)
    tell("zoom -> exact points, 12 charts at once", "ms", times)
