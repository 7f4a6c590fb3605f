"""
The README's pictures, taken from the demo: `python -m tests.pictures`, or `make pictures`.

Not a test: whoever changes a page looks at the new pictures before committing them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from runstream_consumer import history
from tests.browser import FLAGS, start_stack

FOLDER = Path(__file__).parent.parent / ".github" / "pictures"
HEIGHTS = {"runs": 860, "charts": 900, "run": 780, "compare": 520}
# After the last answer charts are still being painted; a picture may take its time.
PAINT_MS = 4_000


def main() -> None:
    """Run the demo into a fresh home, serve it, and photograph each page."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        command = [sys.executable, "-m", "runstream.cli", "--home", str(home), "demo", "--exit"]
        # A picture need not show where this machine keeps its files.
        subprocess.run(command, check=True, env={**os.environ, "RUNSTREAM_CAPTURE": "none"})
        paths = pages(home)
        stack = start_stack(home)
        try:
            photograph(stack.url, paths)
        finally:
            stack.close()


def pages(home: Path) -> dict[str, str]:
    """Return picture -> path of the page, for the runs that the demo has left."""
    with history.connect(home=home) as past:
        rows = past.sql("select experiment, display_name, run_id from run order by created_at").fetchall()
    networks = [run_id for experiment, _, run_id in rows if experiment == "digits-network"]
    [sweep] = [run_id for _, name, run_id in rows if name == "alpha sweep"]
    shown = quote(",".join(networks))
    return {
        "runs": "/",
        "charts": f"/charts?runs={shown}&smooth=0.9",
        "run": f"/run?run={sweep}",
        "compare": f"/compare?runs={shown}",
    }


def photograph(url: str, paths: dict[str, str]) -> None:
    """Take one picture a page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, path in paths.items():
            page = browser.new_page(viewport={"width": 1440, "height": HEIGHTS[name]})
            page.goto(url + path)
            settle(page)
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")
            page.close()
        browser.close()


def settle(page: Page) -> None:
    """Wait until Streamlit has answered and the page is painted."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    page.wait_for_timeout(PAINT_MS)


if __name__ == "__main__":
    main()
