"""A folded journal segment, compressed: the same bytes in a third of the room, and they come back exactly.

An archive is 8 bytes of magic and then chunks. A chunk is a 40-byte header and two zstd frames: the *heads* (a list of
(head length, number of points) pairs, then the bytes of every frame up to its points), and the *points*, as the byte
planes of `planes.py`. Each restored frame still carries its own CRC32C, so an archive needs no checksum of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

import numpy as np
import zstandard

from runstream_consumer.planes import from_planes, to_planes
from runstream_schemas.errors import SegmentDamaged
from runstream_schemas.failpoint import hit
from runstream_schemas.frame import HEADER_BYTES, MAX_PAYLOAD_BYTES, SegmentHeader, frame_seed
from runstream_schemas.home import Home, ProducerDir, first_frame_of, make_private, private_file
from runstream_schemas.points import RECORD_BYTES
from runstream_schemas.scan import Damage, Frame, parse, read_header, scan
from runstream_schemas.topics import Topic

MAGIC = b"RSARCH1\n"
SUFFIX = ".archive"
CHUNK = Struct("<4sIQQIIII")
"""magic, number of items, first frame, offset in the segment, raw and compressed bytes of heads, then of points."""
CHUNK_MAGIC = b"RSAC"
ITEM = np.dtype([("head_bytes", "<u4"), ("n_points", "<u4")])

CHUNK_POINTS_BYTES = 1 << 20
LEVEL = 1  # 9.1 bytes a point for noisy losses of ten metrics; levels 2 and 3 took twice the time and gained nothing
MAX_CHUNK_BYTES = CHUNK_POINTS_BYTES + 64 * MAX_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class ArchivePath:
    """One archived segment: its place, the frame it starts with, and the frame behind its last."""

    path: Path
    first_frame: int
    end_frame: int


def archived(home: Home, producer_id: str) -> list[ArchivePath]:
    """The archived segments of a producer, in order."""
    found = []
    folder = home.archive_dir / producer_id
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    for name in names:
        first, _, end = name.removesuffix(SUFFIX).partition("-")
        if name.endswith(SUFFIX) and first.isdecimal() and end.isdecimal():
            found.append(ArchivePath(folder / name, int(first), int(end)))
    return found


def archived_producers(home: Home) -> list[str]:
    """The producers of whom at least one segment is archived, oldest first."""
    try:
        return sorted(entry.name for entry in os.scandir(home.archive_dir) if entry.is_dir())
    except FileNotFoundError:
        return []


def may_leave(producer: ProducerDir, segment: Path, folded_below: int) -> bool:
    """
    Whether a segment may leave the journal for the archive.

    It may if all its frames are folded, nobody appends to it any more, and no point in it could be found once more in
    staging: a hole that is still open keeps its block, and recovery decides by what the journal covers.

    Args:
        producer: whose journal it is.
        segment: the file.
        folded_below: the position that the history has reached in this journal.
    """
    newest = producer.segments()[-1][1]
    is_staging_gone = not producer.staging.exists()
    if segment == newest and not is_staging_gone:
        return False
    points_below, next_frame, is_closed = 0, 0, False
    for item in scan(segment):
        if isinstance(item, Frame):
            is_closed = item.is_closing
            if len(item.payload):
                next_frame = item.frame + 1
            if item.topic == Topic.METRICS:
                points_below = max(points_below, item.first_index + item.count)
    if next_frame > folded_below or (segment == newest and not is_closed):
        return False
    return is_staging_gone or points_below <= read_header(newest).safe_below


def archive_segment(home: Home, producer_id: str, segment: Path) -> ArchivePath:
    """
    Move a segment into the archive: write, read back, fsync, rename, then unlink. May be killed and repeated anywhere.

    Returns:
        The archive.

    Raises:
        SegmentDamaged: what was written does not read back as the segment; the segment stays.
        OSError: the disk refused; the segment stays.
    """
    folder = home.archive_dir / producer_id
    if not folder.exists():
        make_private(folder)
        # Else a power loss could keep the segment's unlinking and forget the folder of what replaces it.
        _sync_folder(home.archive_dir)
        _sync_folder(home.root)
    first_frame = end_frame = first_frame_of(segment.name) or 0
    data = segment.read_bytes()
    unborn = folder / f".new-{first_frame:020d}{SUFFIX}"
    with private_file(unborn) as file:
        file.write(MAGIC)
        for chunk, next_frame in _chunks(segment, data, first_frame):
            file.write(chunk)
            end_frame = next_frame
        file.flush()
        os.fsync(file.fileno())
    if restore(unborn) != data:
        unborn.unlink()
        raise SegmentDamaged(str(segment), 0, ValueError("its archive does not read back as the same bytes"))
    target = folder / f"{first_frame:020d}-{end_frame:020d}{SUFFIX}"
    hit("archive.written")
    unborn.rename(target)
    _sync_folder(folder)
    hit("archive.renamed")
    segment.unlink()
    hit("archive.unlinked")
    return ArchivePath(target, first_frame, end_frame)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _chunks(segment: Path, data: bytes, first_frame: int) -> Iterator[tuple[bytes, int]]:
    """The chunks of a segment that holds `data`, about 1 MiB of frames each, with the frame behind each chunk.

    The segment's header is the first item of the first.
    """
    view = memoryview(data)
    heads: list[memoryview] = [view[:HEADER_BYTES]]
    points: list[memoryview] = [view[:0]]
    start, at, n_bytes, next_frame = 0, min(HEADER_BYTES, len(data)), 0, first_frame
    for item in scan(segment, data=data):
        n_points_bytes = _n_points_bytes(item)
        heads.append(view[item.offset : item.end - n_points_bytes])
        points.append(view[item.end - n_points_bytes : item.end])
        n_bytes += item.end - item.offset
        at = item.end
        if isinstance(item, Frame):
            next_frame = item.frame + 1
        if n_bytes >= CHUNK_POINTS_BYTES:
            yield _pack(heads, points, first_frame, start), next_frame
            heads, points, start, first_frame, n_bytes = [], [], at, next_frame, 0
    if at < len(data):  # a torn tail that nobody cut
        heads.append(view[at:])
        points.append(view[:0])
    if heads:
        yield _pack(heads, points, first_frame, start), next_frame


def _n_points_bytes(item: Frame | Damage) -> int:
    """How many bytes at the end of an item are points."""
    if isinstance(item, Damage) or item.topic != Topic.METRICS:
        return 0
    n_bytes = item.count * RECORD_BYTES
    return n_bytes if n_bytes <= len(item.payload) else 0


def _pack(heads: list[memoryview], points: list[memoryview], first_frame: int, offset: int) -> bytes:
    items = np.array([(len(head), len(part) // RECORD_BYTES) for head, part in zip(heads, points, strict=True)], ITEM)
    raw_heads = items.tobytes() + b"".join(heads)
    raw_points = b"".join(points)
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    small_heads, small_points = compressor.compress(raw_heads), compressor.compress(to_planes(raw_points))
    sizes = (len(raw_heads), len(small_heads), len(raw_points), len(small_points))
    return CHUNK.pack(CHUNK_MAGIC, len(items), first_frame, offset, *sizes) + small_heads + small_points


def _items(path: Path, next_frame: int) -> Iterator[tuple[int, bytes]]:
    """The restored items of an archive as (offset in the segment, bytes), from the chunk of `next_frame` on."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SegmentDamaged(str(path), 0, ValueError("it does not start as an archive"))
        chunks = _index(path, file.seek(0, os.SEEK_END))
        for place, (at, fields) in enumerate(chunks):
            is_behind = place + 1 < len(chunks) and chunks[place + 1][1][2] <= next_frame
            if is_behind:
                continue
            file.seek(at + CHUNK.size)
            yield from _unpack(path, at, fields, file.read(fields[5] + fields[7]))


def _index(path: Path, size: int) -> list[tuple[int, tuple[bytes, int, int, int, int, int, int, int]]]:
    """Where the chunks of an archive lie, and their headers."""
    found = []
    at = len(MAGIC)
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(CHUNK.size)
            if len(head) < CHUNK.size or head[:4] != CHUNK_MAGIC:
                raise SegmentDamaged(str(path), at, ValueError("no chunk starts here"))
            fields = CHUNK.unpack(head)
            if max(fields[4], fields[6]) > MAX_CHUNK_BYTES or at + CHUNK.size + fields[5] + fields[7] > size:
                raise SegmentDamaged(str(path), at, ValueError("a chunk says that it is larger than its file"))
            found.append((at, fields))
            at += CHUNK.size + fields[5] + fields[7]
    return found


def _unpack(
    path: Path, at: int, fields: tuple[bytes, int, int, int, int, int, int, int], data: bytes
) -> Iterator[tuple[int, bytes]]:
    _, n_items, _, offset, n_heads, small_heads, n_points, _ = fields
    decompressor = zstandard.ZstdDecompressor()
    try:
        heads = decompressor.decompress(data[:small_heads], max_output_size=n_heads)
        points = from_planes(decompressor.decompress(data[small_heads:], max_output_size=n_points))
        items = np.frombuffer(heads, ITEM, count=n_items)
        is_whole = items.nbytes + int(items["head_bytes"].sum()) == len(heads) == n_heads
        if not is_whole or int(items["n_points"].sum()) * RECORD_BYTES != len(points):
            raise ValueError("the lengths in a chunk do not add up")
    except (zstandard.ZstdError, ValueError) as e:
        raise SegmentDamaged(str(path), at, e) from e
    head_at, point_at = items.nbytes, 0
    for head_bytes, n_item_points in items.tolist():
        points_end = point_at + n_item_points * RECORD_BYTES
        yield offset, heads[head_at : head_at + head_bytes] + points[point_at:points_end]
        offset += head_bytes + points_end - point_at
        head_at, point_at = head_at + head_bytes, points_end


def restore(path: Path) -> bytes:
    """
    The bytes of the segment that an archive was made from.

    Raises:
        SegmentDamaged: the archive cannot be trusted.
    """
    return b"".join(item for _, item in _items(path, 0))


def archived_header(path: Path) -> SegmentHeader:
    """
    The header of the segment that an archive was made from.

    Raises:
        SegmentDamaged: the archive cannot be trusted.
    """
    try:
        return SegmentHeader.unpack(next((item for _, item in _items(path, 0)), b""))
    except ValueError as e:
        raise SegmentDamaged(str(path), 0, e) from e


def scan_archive(path: Path, producer_id: str, next_frame: int = 0) -> Iterator[Frame | Damage]:
    """
    The frames from `next_frame` on, and the damaged stretches, as `scan` gives them from a segment.

    Raises:
        SegmentDamaged: while iterating, where a chunk cannot be trusted.
    """
    seed = frame_seed(producer_id)
    for offset, item in _items(path, next_frame):
        if offset == 0:  # the segment's header
            continue
        frame = parse(item, seed, offset)
        if frame is None:
            yield Damage(offset, offset + len(item))
        elif frame.frame >= next_frame:
            yield frame
