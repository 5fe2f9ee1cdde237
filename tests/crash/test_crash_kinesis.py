# SPDX-License-Identifier: Apache-2.0
"""Acknowledged puts of streams are there after kill -9: each once, in order; see README.md."""
import collections
import time

from harness import FAILURES, unknown

STREAM = "crash"
DRAIN_SECONDS_MAX = 60


class Writes:
    """What one writer sent, and what was acknowledged: shard and sequence number of each."""

    def __init__(self):
        self.sent = 0
        self.acknowledged = {}  # data -> (shard, sequence number)


def putter(harness, number, writes):
    client = harness.client("kinesis")

    def step(rng):
        count = rng.choice((1, 5, 50, 500))
        data = [f"{number}.{writes.sent + i}" for i in range(count)]
        writes.sent += count
        records = [{"Data": (d + " " * rng.choice((0, 100))).encode(),
                    "PartitionKey": f"k{rng.randrange(40)}"} for d in data]
        try:
            reply = client.put_records(StreamName=STREAM, Records=records)
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        assert reply["FailedRecordCount"] == 0
        for text, placed in zip(data, reply["Records"]):
            writes.acknowledged[text] = (placed["ShardId"], placed["SequenceNumber"])

    return step


def resharder(harness):
    client = harness.client("kinesis")
    counts = [2, 3, 4, 3]

    def step(rng):
        time.sleep(rng.uniform(0.1, 0.5))  # the random moment is the point
        try:
            client.update_shard_count(StreamName=STREAM, ScalingType="UNIFORM_SCALING",
                                      TargetShardCount=rng.choice(counts))
        except FAILURES as error:
            if not unknown(error):
                raise

    return step


def all_records(client):
    """Of every shard, closed ones too: (data, sequence number) in the order of reading."""
    found = collections.defaultdict(list)
    for shard in client.list_shards(StreamName=STREAM)["Shards"]:
        name = shard["ShardId"]
        iterator = client.get_shard_iterator(StreamName=STREAM, ShardId=name,
                                             ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        while iterator:
            assert time.monotonic() < deadline
            page = client.get_records(ShardIterator=iterator)
            found[name] += [(r["Data"].decode().strip(), r["SequenceNumber"])
                            for r in page["Records"]]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
            iterator = page.get("NextShardIterator")
    return found


def check(client, writers):
    found = all_records(client)
    placed = {}
    for shard, records in found.items():
        numbers = [int(number) for _, number in records]
        assert numbers == sorted(set(numbers)), f"{shard}: order or duplicates"
        # The last five digits and the shard's are constant: offsets grow by one, without a gap.
        offsets = [int(str(n)[17:37]) for n in numbers]
        assert offsets == list(range(1, len(offsets) + 1)), f"{shard}: a gap"
        for data, number in records:
            assert data not in placed, f"{data} is there twice"
            placed[data] = (shard, number)
    for writes in writers:
        for data, place in writes.acknowledged.items():
            assert placed.get(data) == place, f"{data} was acknowledged at {place}"
    sent = sum(writes.sent for writes in writers)
    assert len(placed) <= sent


def test_puts(harness):
    client = harness.client("kinesis")
    client.create_stream(StreamName=STREAM, ShardCount=3)
    writers = [Writes() for _ in range(4)]
    for number, writes in enumerate(writers):
        harness.writer(putter(harness, number, writes))
    harness.writer(resharder(harness))
    harness.run()
    assert sum(len(writes.acknowledged) for writes in writers) > 100
    check(harness.client("kinesis"), writers)
