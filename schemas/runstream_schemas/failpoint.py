"""Named places at which a test may kill the process: RUNSTREAM_FAILPOINT=name:n."""

from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("RUNSTREAM_FAILPOINT", "").partition(":")
_left = int(_count) if _count.isdecimal() else 1


def hit(name: str) -> None:
    """End this process as by `kill -9` if this is the n-th pass of the place that the environment names."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
