# SPDX-License-Identifier: Apache-2.0
"""A consumer in the manner of the Kinesis Client Library: workers hold leases of shards, keep
checkpoints, take over the leases of a worker that died, and read parents before their children."""
import threading
import time

import pytest
from waiting import read_until

LEASE_SECONDS = 1.0
END = "SHARD_END"


class Leases:
    """The lease table: shard -> owner, until when, checkpoint."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows = {}

    def add(self, shard, parents):
        with self.lock:
            self.rows.setdefault(shard, {"owner": None, "until": 0, "at": None,
                                         "parents": parents})

    def take(self, worker):
        """A lease that nobody holds, whose parents are read to their end or gone."""
        with self.lock:
            for shard, row in sorted(self.rows.items(), key=lambda item: item[1]["until"]):
                free = row["at"] != END and row["until"] < time.monotonic()
                ready = all(self.rows[p]["at"] == END for p in row["parents"] if p in self.rows)
                if free and ready:
                    row.update(owner=worker, until=time.monotonic() + LEASE_SECONDS)
                    return shard
        return None

    def checkpoint(self, worker, shard, at, records):
        """Processes and checkpoints. False where the lease is another's by now: nothing is done."""
        with self.lock:
            row = self.rows[shard]
            if row["owner"] != worker:
                return False
            row.update(at=at or row["at"], until=time.monotonic() + LEASE_SECONDS)
            worker.done += [(r["PartitionKey"], int(r["Data"])) for r in records]
            return True


    def give_up(self, worker, shard):
        """A shard without news goes to whoever looks next: workers are fewer than shards."""
        with self.lock:
            if self.rows[shard]["owner"] == worker:
                self.rows[shard].update(owner=None, until=time.monotonic())


class Worker(threading.Thread):
    def __init__(self, kinesis, stream, leases, done):
        super().__init__(daemon=True)
        self.kinesis, self.stream, self.leases, self.done = kinesis, stream, leases, done
        self.dies = threading.Event()

    def run(self):
        while not self.dies.is_set():
            for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]:
                parents = [shard[p] for p in ("ParentShardId", "AdjacentParentShardId")
                           if p in shard]
                self.leases.add(shard["ShardId"], parents)
            shard = self.leases.take(self)
            if shard is None:
                time.sleep(0.05)
                continue
            self.read(shard)

    def read(self, shard):
        at = self.leases.rows[shard]["at"]
        start = {"ShardIteratorType": "TRIM_HORIZON"} if at is None else \
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": at}
        iterator = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard,
                                                   **start)["ShardIterator"]
        while True:
            page = self.kinesis.get_records(ShardIterator=iterator, Limit=25)
            records = page["Records"]
            iterator = page.get("NextShardIterator")
            if self.dies.is_set():
                return  # it died with what it read
            at = END if iterator is None else (records[-1]["SequenceNumber"] if records else None)
            if not self.leases.checkpoint(self, shard, at, records):
                return
            if iterator is None:
                children = {c["ShardId"] for c in page["ChildShards"]}
                assert children, "a closed shard has children"
                return
            if not records:
                self.leases.give_up(self, shard)
                return


@pytest.fixture()
def kinesis(suiro):
    return suiro.client("kinesis")


def test_consumers_with_leases(suiro, kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=2)
    leases, done = Leases(), []
    workers = [Worker(suiro.client("kinesis"), name, leases, done) for _ in range(3)]
    for worker in workers:
        worker.start()
    sent = 0

    def put(count):
        nonlocal sent
        kinesis.put_records(StreamName=name, Records=[
            {"Data": str(sent + i).encode(), "PartitionKey": f"k{(sent + i) % 9}"}
            for i in range(count)])
        sent += count

    put(200)
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000",
                        NewStartingHashKey=str(2**126))
    put(200)
    workers[0].dies.set()
    kinesis.merge_shards(StreamName=name, ShardToMerge="shardId-000000000003",
                         AdjacentShardToMerge="shardId-000000000001")
    put(200)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    put(200)
    read_until(lambda told: told >= sent, lambda: len(done))
    for worker in workers:
        worker.dies.set()
    for worker in workers:
        worker.join(10)
    assert sorted(n for _, n in done) == list(range(sent)), "each record once"
    for key in {key for key, _ in done}:
        numbers = [n for k, n in done if k == key]
        assert numbers == sorted(numbers), f"the order of {key}"
    kinesis.delete_stream(StreamName=name)
