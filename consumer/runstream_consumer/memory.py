"""The memory of the consumer's process: what one fold gives back, the next one takes.

glibc hands large blocks back to the system as soon as they are free. The columns of a fold are such blocks, and to be
given them anew costs a page fault for each 4 KiB.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 << 20
"""Free memory that stays with the process; the columns of a million points take about half of it."""

LARGEST_KEPT_BYTES = 32 << 20
"""glibc's own limit of what it serves from memory that it keeps."""


def keep_memory() -> bool:
    """Keep free memory for the next fold, in a process that is all ours; False where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST_KEPT_BYTES) and mallopt(_TRIM_THRESHOLD, KEPT_BYTES))
