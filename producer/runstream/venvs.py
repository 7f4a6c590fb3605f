"""Virtual environments of submitted runs: one per set of packages, made once, used by every run that asks for them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Final

from runstream_schemas.errors import PackageUnavailable, SubmissionRefused
from runstream_schemas.home import Home

_PROBE: Final = (
    "import json, sys; v = sys.version_info; print(json.dumps(['%d.%d.%d' % v[:3], sys.version, sys.prefix]))"
)
_PROBE_WAIT_S: Final = 60.0
# Distribution -> the packages that it installs.
_OURS: Final[Mapping[str, tuple[str, ...]]] = {"runstream": ("runstream", "runstream_schemas", "runstream_consumer")}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "fastavro": ("fastavro",),
    "kafka-python": ("kafka",),
    "crc32c": ("crc32c",),
    "pip": ("pip",),
}
_OF_RUNSTREAM: Final = re.compile(r"runstream(?:\[([\w, -]+)\])?")
_EXTRA: Final = re.compile(r"extra == ['\"]([\w-]+)['\"]")
_NOT_FOUND: Final = re.compile(r"No matching distribution found for (.+?)(?: \(from .*)?$", re.MULTILINE)
_BAD_LINE: Final = re.compile(r"Invalid requirement: '?([^':]+)")
_LEFT_OUT: Final = frozenset(("__pycache__", ".git", "build", "dist"))


@dataclass(frozen=True, slots=True)
class Venv:
    """
    A virtual environment, which may not be there yet.

    Attributes:
        path: its folder; the last part is a hash of what makes it what it is.
        base: the Python that it is made of.
        lines: for pip.
        links: packages that are taken from where this program has them: runstream, the very one that runs here,
            and what logging and installing need, where the Python is the same.
    """

    path: Path
    base: str
    lines: tuple[str, ...]
    links: tuple[Path, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def lock(self) -> Path:
        """Held with flock by who makes it."""
        return self.path.with_suffix(".lock")

    @property
    def is_complete(self) -> bool:
        """Everything is installed."""
        return (self.path / "complete").exists()

    def making(self) -> list[str]:
        """Return the command that makes it, still without packages."""
        has_pip = any(link.name == "pip" for link in self.links)
        return [self.base, "-m", "venv", "--clear", *(["--without-pip"] if has_pip else []), str(self.path)]

    def link(self) -> None:
        """Let the packages be found that are taken from elsewhere; what pip installs goes before them."""
        [site] = self.path.glob("lib/python*/site-packages")
        folder = self.path / "linked"
        folder.mkdir()
        for package in self.links:
            (folder / package.name).symlink_to(package, target_is_directory=True)
        # Not links in site-packages itself: whoever upgrades such a package there would write through them.
        (site / "linked.pth").write_text(f"{folder}\n", encoding="utf-8")

    def installing(self, requirements: Path) -> list[str] | None:
        """Write what pip needs into *requirements*; return the command that installs it, None where nothing is."""
        if not self.lines:
            return None
        requirements.write_text("".join(f"{line}\n" for line in self.lines), encoding="utf-8")
        options = ["--disable-pip-version-check", "--no-input"]
        return [str(self.python), "-m", "pip", "install", *options, "-r", str(requirements)]

    def unmade(self, output: str) -> SubmissionRefused:
        """Return the error that making it has ended with."""
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        return SubmissionRefused("interpreter_path", self.base, f"makes no virtual environment: {last}")

    def refusal(self, output: str) -> PackageUnavailable:
        """Return the error that pip's output calls for; it names the package, where pip does."""
        missing = _NOT_FOUND.search(output) or _BAD_LINE.search(output)
        errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
        told = (errors or output.strip().splitlines() or ["pip said nothing"])[-1].removeprefix("ERROR: ")
        if missing is None:
            return PackageUnavailable(package=", ".join(self.lines), reason=f"pip says: {told}")
        reason = f"pip says: {told}; correct its name or version, or leave it out"
        return PackageUnavailable(package=missing[1].strip(), reason=reason)

    def discard(self) -> None:
        """Remove what was made so far."""
        shutil.rmtree(self.path, ignore_errors=True)

    def complete(self) -> None:
        """Mark it as whole."""
        (self.path / "complete").touch()


def planned(
    home: Home, base: str, code: Path, requirements: Sequence[str], options: Sequence[str], version: str | None
) -> Venv:
    """
    Return the environment with these packages; equal packages of equal Pythons give the same.

    Args:
        home: that keeps it.
        base: the Python to make it of.
        code: the run's folder, which paths of local packages are relative to.
        requirements: lines for pip.
        options: lines with options for pip.
        version: that the Python must have.

    Raises:
        PackageUnavailable: the Python has another version.
        SubmissionRefused: *base* is no Python that works.
    """
    told = _probed(base)
    number = told[0]
    if version is not None and not f"{number}.".startswith(f"{version}."):
        reason = f"{base} is Python {number}; set environment.python.interpreter_path to a Python {version}"
        raise PackageUnavailable(package=f"python={version}", reason=reason)
    is_same = told[1] == sys.version
    needs = _own_needs(requirements, with_base=not is_same)
    lines = sorted({*needs, *(_plain(line, code) for line in requirements if not _is_ours(line))})
    contents = {line: _digest(code / line) for line in lines if _is_local(line, code)}
    links = _installed({**_OURS, **(_NEEDED if is_same else {})})
    key = json.dumps([told, lines, list(options), contents, [str(link) for link in links]], sort_keys=True)
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Venv(home.environments_dir / digest, base, (*options, *lines) if lines else (), links)


def _probed(base: str) -> list[str]:
    """Return what a Python says about itself."""
    try:
        done = subprocess.run(
            [base, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_WAIT_S, check=True
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = f"is no Python that works here: {error}"
        raise SubmissionRefused("interpreter_path", base, reason) from error
    return [str(part) for part in told]


def _is_ours(line: str) -> bool:
    return _OF_RUNSTREAM.fullmatch(line) is not None


def _installed(distributions: Mapping[str, Sequence[str]]) -> tuple[Path, ...]:
    """Return the folders of packages as they are installed here, and of what is known about their distributions."""
    found: list[Path] = []
    for distribution, packages in distributions.items():
        specs = (util.find_spec(package) for package in packages)
        found += [
            Path(spec.submodule_search_locations[0]) for spec in specs if spec and spec.submodule_search_locations
        ]
        with suppress(metadata.PackageNotFoundError):
            about = metadata.distribution(distribution)
            known = [Path(str(about.locate_file(file))).parent for file in about.files or () if file.name == "METADATA"]
            found += [folder for folder in known if folder.suffix == ".dist-info"]
    return tuple(found)


def _own_needs(requirements: Sequence[str], *, with_base: bool) -> list[str]:
    """Return what the extras of runstream need that are asked for, and what runstream needs by itself."""
    try:
        needs = metadata.requires("runstream") or []
    except metadata.PackageNotFoundError:
        reason = "it is not installed where the run was submitted, but only found there; install it"
        raise PackageUnavailable(package="runstream", reason=reason) from None
    found: set[str] = set()
    done: set[str] = set()
    todo = {extra for line in requirements for extra in _extras(line)} | ({""} if with_base else set())
    while todo - done:
        extra = min(todo - done)
        done.add(extra)
        for need in needs:
            name, _, marker = need.partition(";")
            match = _EXTRA.search(marker)
            if (match[1] if match else "") == extra:
                todo |= _extras(name.strip())
                found.add(name.strip())
    return [need for need in found if not _is_ours(need)]


def _extras(line: str) -> set[str]:
    """Return the extras of runstream that a line asks for; none when it asks for another package."""
    match = _OF_RUNSTREAM.fullmatch(line)
    return {extra.strip() for extra in match[1].split(",")} if match is not None and match[1] else set()


def _plain(line: str, code: Path) -> str:
    """Return a line as it is installed: the run's copy of a local package never changes, so it need not be linked."""
    stripped = re.sub(r"^(-e|--editable)[ =]", "", line).strip()
    return stripped if stripped != line and _is_local(stripped, code) else line


def _is_local(line: str, code: Path) -> bool:
    return not line.startswith("-") and ("/" in line or line == ".") and "://" not in line and (code / line).exists()


def _digest(package: Path) -> str:
    """Return a hash of a local package's files: other contents are another environment."""
    digest = hashlib.sha256()
    if package.is_file():
        digest.update(package.read_bytes())
    for parent, folders, files in os.walk(package):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.endswith(".egg-info"))
        for name in sorted(files):
            path = Path(parent, name)
            digest.update(f"{path.relative_to(package)}\0".encode("utf-8", "surrogateescape"))
            if path.is_file():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def variables(python: Path, of_script: dict[str, str], venv: Path | None = None) -> dict[str, str]:
    """Return the script's variables with its Python first on the path."""
    found = {**of_script, "PATH": f"{python.parent}{os.pathsep}{of_script.get('PATH', os.defpath)}"}
    return found if venv is None else {**found, "VIRTUAL_ENV": str(venv)}
