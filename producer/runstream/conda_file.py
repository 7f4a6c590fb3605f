"""The files in which conda keeps what an environment needs: read and written, as far as packages go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from runstream_schemas.errors import InvalidConfiguration

_KEY = re.compile(r"([A-Za-z_]\w*):\s*(.*)")
_ITEM = re.compile(r"(\s*)-\s+(.*)")


def packages(path: Path) -> tuple[list[str], list[str]]:
    """
    Return the packages that a file lists under `dependencies`: by conda's names, and by pip's.

    Name, channels and prefix are passed over.

    Raises:
        InvalidConfiguration: a line of the dependencies cannot be understood; the error names it.
        OSError: the file cannot be read.
    """
    of_conda: list[str] = []
    of_pip: list[str] = []
    pip_indent: int | None = None
    for line in _dependencies(path):
        match = _ITEM.fullmatch(line)
        if match is None or not match[2]:
            raise InvalidConfiguration(str(path), line.strip(), "is no line of dependencies such as '- numpy=2.1'")
        indent, item = len(match[1]), match[2].strip("'\"")
        if re.fullmatch(r"pip:\s*", item):
            pip_indent = indent
        elif pip_indent is not None and indent > pip_indent:
            of_pip.append(item)
        else:
            pip_indent = None
            of_conda.append(item)
    return of_conda, of_pip


def _dependencies(path: Path) -> Iterator[str]:
    """Yield the lines below `dependencies:`, without comments."""
    is_inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).rstrip()
        key = _KEY.fullmatch(text)
        if key is not None:
            is_inside = key[1] == "dependencies"
            if is_inside and key[2]:
                raise InvalidConfiguration(str(path), text, "is no list with one package a line")
        elif text and text != "---" and is_inside:
            yield text


def text(of_conda: list[str], of_pip: list[str], python_version: str | None) -> str:
    """Return the text of a file that lists these packages."""
    lines = ["name: project_environment", "dependencies:"]
    if python_version is not None:
        lines.append(f"- python={python_version}")
    lines += [f"- {package}" for package in of_conda]
    if of_pip:
        lines += ["- pip:", *(f"  - {package}" for package in of_pip)]
    return "\n".join(lines) + "\n"
