"""The tutorial's code as a notebook would run it, in a folder of its own; and its pictures, taken by hand.

`python -m tests.tutorial` runs it into a fresh home and photographs the dashboard and JupyterLab for the document.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "producer" / "docs" / "tutorial.md"
MAGIC = "%%writefile "
PICTURES = ROOT / ".github" / "pictures"
EXPERIMENT = "train-in-notebook"


def cells(text: str) -> list[str]:
    """Return a document's Python blocks, those that write a file as the code that does so."""
    found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [written(block) if block.startswith(MAGIC) else block for block in found]


def written(block: str) -> str:
    """Return the code that does what the notebooks' `%%writefile PATH` does: it makes no folder."""
    line, _, text = block.partition("\n")
    return f"import pathlib\npathlib.Path({line.removeprefix(MAGIC)!r}).write_text({text!r})\n"


def run(folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the whole tutorial as one session in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    full = {**os.environ, "RUNSTREAM_CAPTURE": "all", "MPLBACKEND": "Agg", **environment}
    command = [sys.executable, "-c", "\n".join(cells(TUTORIAL.read_text()))]
    return subprocess.run(command, cwd=folder, env=full, capture_output=True, text=True, check=False)


def photograph(folder: Path, home: Path) -> None:
    """Take the document's four pictures of what the tutorial has left in *home*."""
    import shutil

    from playwright.sync_api import sync_playwright

    from runstream_consumer import history
    from tests.browser import FLAGS, start_stack
    from tests.notebook import WIDGET, start_lab
    from tests.pictures import settle

    with history.connect(home=home) as past:
        rows = past.sql("select display_name, run_type, run_id from run").fetchall()
    submitted = next(run_id for _, kind, run_id in rows if kind)
    charts = next(run_id for name, _, run_id in rows if name == "charts")
    pages = {
        "tutorial-runs": (f"/?exp={EXPERIMENT}", 400),
        "tutorial-run": (f"/run?run={quote(submitted)}", 450),
        "tutorial-charts": (f"/run?run={charts}&tab=Tables", 712),
    }
    stack = start_stack(home)
    lab = start_lab(folder / "lab", home)
    lines = (
        "from runstream import Experiment, Run, Workspace",
        "from runstream.widgets import RunDetails",
        f"run = Run(Experiment(Workspace('tutorial'), {EXPERIMENT!r}), {submitted!r})",
        "RunDetails(run).show()",
    )
    lab.write("tutorial", ["\n".join(lines)])
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for name, (path, height) in pages.items():
                page = browser.new_page(viewport={"width": 1440, "height": height})
                page.goto(stack.url + path)
                settle(page)
                page.screenshot(path=PICTURES / f"{name}.png")
                page.close()
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.goto(f"{lab.url}/lab/tree/tutorial.ipynb")
            page.locator(".jp-Notebook .jp-CodeCell").first.click(timeout=120_000)
            page.keyboard.press("Shift+Enter")
            widget = page.locator(WIDGET).first
            widget.wait_for(timeout=120_000)
            page.wait_for_timeout(6_000)
            widget.screenshot(path=PICTURES / "tutorial-widget.png")
            browser.close()
    finally:
        lab.close()
        stack.close()


def main() -> None:
    """Run the tutorial, and photograph what it leaves."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = run(folder / "session", {"RUNSTREAM_HOME": str(folder / "home")})
        print(done.stdout, done.stderr)
        photograph(folder, folder / "home")


if __name__ == "__main__":
    main()
