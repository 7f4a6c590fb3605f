"""What a command's exit code says; the same numbers for every command."""

from typing import Final

OK: Final = 0
FAILED: Final = 1  # it was tried and did not work, or `check` found a fault
USAGE: Final = 2  # wrong arguments or settings, or a missing extra; argparse's number too
NOT_FOUND: Final = 3  # no such run, file or topic
TRY_AGAIN: Final = 4  # nothing is wrong that waiting cannot cure: broker or server away, file busy, not yet folded
INTERRUPTED: Final = 130  # Ctrl-C, the shell's number for it

MEANING: Final = {
    OK: "done",
    FAILED: "it was tried and failed, or `check` found a fault",
    USAGE: "wrong arguments or settings, or a missing extra",
    NOT_FOUND: "no such run, file or topic",
    TRY_AGAIN: "not now: broker or server away, file busy, run not responding",
    INTERRUPTED: "interrupted",
}
