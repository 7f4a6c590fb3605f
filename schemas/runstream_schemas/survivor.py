"""The header that a journal goes by when the one of its newest segment cannot be trusted."""

from __future__ import annotations

from contextlib import suppress

from runstream_schemas.codec import decode
from runstream_schemas.errors import DecodeError, SegmentDamaged
from runstream_schemas.frame import HEADER, HEADER_BYTES, HEADER_MAGIC, ROLES, SegmentHeader
from runstream_schemas.home import ProducerDir, boot_id, host_name
from runstream_schemas.ring import PAGE_BYTES, Marks
from runstream_schemas.scan import Frame, read_header, scan


def surviving_header(folder: ProducerDir) -> SegmentHeader:
    """The header of the newest segment that has a sound one; else what its bytes, staging and events tell.

    Its sequences are only those of the newest segment where that one is sound.

    Raises:
        SegmentDamaged: nothing tells whether the journal is a log or an outbox, and whose.
        FileNotFoundError: the folder is gone, or holds no segment.
    """
    segments = [path for _, path in folder.segments()]
    if not segments:
        raise FileNotFoundError(f"{folder.path} holds no segment")
    for path in reversed(segments):
        try:
            return read_header(path)
        except SegmentDamaged as error:
            damaged = error
    with segments[-1].open("rb") as file:
        data = file.read(HEADER_BYTES)
    header = _rebuilt(folder, data)
    if header is None:
        raise damaged
    return header


def is_sound(folder: ProducerDir) -> bool:
    """Can the headers of all segments be trusted?"""
    for _, path in folder.segments():
        try:
            read_header(path)
        except SegmentDamaged:
            return False
    return True


def _rebuilt(folder: ProducerDir, data: bytes) -> SegmentHeader | None:
    """The header that was there, if it still says what it is, and staging or the events say whose."""
    if len(data) < HEADER_BYTES or not data.startswith(HEADER_MAGIC):
        return None
    role = HEADER.unpack_from(data)[2]
    run_id, boot = _from_staging(folder) or (_from_events(folder), boot_id())
    if role >= len(ROLES) or run_id is None:
        return None
    return SegmentHeader(ROLES[role], folder.producer_id, run_id, host_name(), boot)


def _from_staging(folder: ProducerDir) -> tuple[str, str] | None:
    """Run and boot as page 0 tells them; None where there is none."""
    if not folder.staging.exists():
        return None
    with folder.staging.open("rb") as file:
        marks = Marks(bytearray(file.read(PAGE_BYTES).ljust(PAGE_BYTES, b"\0")))
    return (marks.text("run_id"), marks.text("boot_id")) if marks.is_whole else None


def _from_events(folder: ProducerDir) -> str | None:
    """The run of the first event that can be read."""
    for _, path in folder.segments():
        for item in scan(path):
            if isinstance(item, Frame) and item.payload:
                with suppress(DecodeError):
                    return decode(item.payload).run_id
    return None
