"""The words of a command line, before argparse reads them."""

from __future__ import annotations

from collections.abc import Sequence


def place(arguments: Sequence[str]) -> int:
    """Return the place of the command's name: behind the options that stand before it."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        at += 2 if arguments[at] == "--home" else 1
    return at


def apart(arguments: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Split off what follows `exec`: those words are Python's, and argparse would take options of them for its own."""
    at = place(arguments)
    words = list(arguments[at + 1 :])
    if arguments[at : at + 1] != ["exec"] or words[:1] in (["-h"], ["--help"]):
        return arguments, []
    return arguments[: at + 1], words


def falling(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--sort -loss` as `--sort=-loss`: argparse takes what begins with - for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--sort" and argument.startswith("-") and not argument.startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
