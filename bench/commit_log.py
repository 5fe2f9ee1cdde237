# SPDX-License-Identifier: Apache-2.0
"""What a Suiro committed, as its store's write-ahead log tells while the server runs.

A record of the log is one group: the commits that were synced together. Its last row is `sq` with
the number of the group's last commit (docs/formats/store.md). Logs whose rows became tables are
gone: sizes are then those of the groups that are left, numbers of commits those of the whole run.
"""
import dataclasses
import re
import struct

BLOCK_BYTES = 32 << 10          # RocksDB's log format: its wiki, "Write Ahead Log File Format"
RECORD_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
BATCH_HEADER = struct.Struct("<QI")
SEQUENCE_ROW = b"\x01\x02sq\x09\x01"  # a put, key, length of the value, its format


@dataclasses.dataclass
class Committed:
    commits: int              # of the whole run
    commits_a_group: float
    puts_a_commit: float      # rows put or erased
    bytes_a_commit: float     # as the log has them

    @property
    def bytes(self):
        return self.commits * self.bytes_a_commit


def _records(data):
    """The whole records of a log; a record that is being written ends it."""
    at, parts = 0, []
    while at + RECORD_HEADER.size <= len(data):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < RECORD_HEADER.size:
            at += left
            continue
        _, length, kind = RECORD_HEADER.unpack_from(data, at)
        begin = at + RECORD_HEADER.size
        if kind not in (FULL, FIRST, MIDDLE, LAST) or begin + length > len(data):
            return
        if kind in (FULL, FIRST):
            parts = []
        parts.append(data[begin:begin + length])
        if kind in (FULL, LAST):
            yield b"".join(parts)
        at = begin + length


def _groups(data_directory):
    """(last commit, rows, bytes) of each group, oldest first."""
    logs = sorted((path for path in data_directory.glob("**/rocksdb/*.log")
                   if re.fullmatch(r"\d+", path.stem)), key=lambda path: int(path.stem))
    for log in logs:
        try:
            data = log.read_bytes()
        except FileNotFoundError:  # it became a table meanwhile
            continue
        for record in _records(data):
            row = len(record) - 8 - len(SEQUENCE_ROW)
            if record[row:row + len(SEQUENCE_ROW)] == SEQUENCE_ROW:
                _, rows = BATCH_HEADER.unpack_from(record)
                yield int.from_bytes(record[-8:], "big"), rows - 1, len(record)


def last_commit(data_directory):
    return max((last for last, _, _ in _groups(data_directory)), default=0)


def committed_since(data_directory, commit):
    """What was committed behind the commit of that number."""
    before, groups, commits, puts, size = None, 0, 0, 0, 0
    for last, rows, record_bytes in _groups(data_directory):
        if before is not None and before >= commit and last > before:
            groups, commits = groups + 1, commits + last - before
            puts, size = puts + rows, size + record_bytes
        before = last
    if commits == 0:
        raise RuntimeError(f"no commit behind {commit} in the log of {data_directory}")
    return Committed(before - commit, commits / groups, puts / commits, size / commits)
