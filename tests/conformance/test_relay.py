# SPDX-License-Identifier: Apache-2.0
"""A stream that is relayed from one Suiro to another."""
import collections
import json
import pathlib
import subprocess

import pytest
from suiro_server import Server, binary
from waiting import until


@pytest.fixture()
def pair(tmp_path):
    made = []
    for side in ("here", "there"):
        (tmp_path / side).mkdir()
        made.append(Server(tmp_path / side))
    yield made
    for server in made:
        server.stop()


def make_stream(server, name, shards):
    client = server.client("kinesis")
    client.create_stream(StreamName=name, ShardCount=shards)
    return client.describe_stream_summary(
        StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def configure(here, there, arn, **more):
    """The configuration of `here`: its stream goes to "target" of `there`."""
    settings = {"name": "copy", "source": arn, "endpoint": there.endpoint, "region":
                there.env["AWS_DEFAULT_REGION"], "stream": "target", "credentials":
                str(there.data / "credentials"), "start": "trim_horizon", **more}
    path = pathlib.Path(here.directory) / "suiro.toml"
    path.write_text("[[relay]]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    here.options = ["--config", str(path)]


def read_all(server, name):
    """All records by partition key, in the order of their shards."""
    client, found = server.client("kinesis"), collections.defaultdict(list)
    for shard in client.describe_stream(StreamName=name)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"],
                                             ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            reply = client.get_records(ShardIterator=iterator)
            for record in reply["Records"]:
                found[record["PartitionKey"]].append(record["Data"])
            iterator = reply.get("NextShardIterator")
            if not iterator or (not reply["Records"] and reply["MillisBehindLatest"] == 0):
                break
    return found


def put(server, name, numbers):
    client = server.client("kinesis")
    numbers = list(numbers)
    for begin in range(0, len(numbers), 500):
        reply = client.put_records(StreamName=name, Records=[
            {"Data": str(n).encode(), "PartitionKey": f"k{n % 23}"}
            for n in numbers[begin:begin + 500]])
        assert reply["FailedRecordCount"] == 0


def firsts(records):
    """The order in which records arrived first: a window may be sent again after a kill."""
    return {key: list(dict.fromkeys(int(data) for data in all_)) for key, all_ in records.items()}


def expected(count):
    wanted = collections.defaultdict(list)
    for n in range(count):
        wanted[f"k{n % 23}"].append(n)
    return dict(wanted)


def start_pair(here, there, **more):
    there.start()
    make_stream(there, "target", 3)
    here.start()
    arn = make_stream(here, "source", 2)
    here.stop()
    configure(here, there, arn, **more)
    here.start()


@pytest.mark.parametrize("puts", ["each", "atomic"])
def test_order_of_each_key(pair, puts):
    here, there = pair
    start_pair(here, there, puts=puts)
    put(here, "source", range(3000))
    until(lambda: sum(map(len, read_all(there, "target").values())) >= 3000, here.log)
    found = read_all(there, "target")
    assert {key: [int(data) for data in all_] for key, all_ in found.items()} == expected(3000)
    row = here.run("relays").stdout.splitlines()[1].split()
    assert row[:2] == ["copy", "3000"]
    assert row[3:5] == ["0", "0"]  # retries, lag


def test_the_target_goes_and_comes(pair):
    here, there = pair
    start_pair(here, there, puts="atomic")
    put(here, "source", range(100))
    until(lambda: sum(map(len, read_all(there, "target").values())) >= 100, here.log)
    there.listen = there.endpoint.split("//")[1]
    there.kill9()
    there.stop()
    put(here, "source", range(100, 600))

    def lag():
        return int(here.run("relays").stdout.splitlines()[1].split()[4])

    until(lambda: lag() > 300, here.log)
    assert "last error: " in here.run("relays").stdout
    here.kill9()
    here.stop()
    here.start()
    there.start()
    until(lambda: sum(map(len, firsts(read_all(there, "target")).values())) >= 600, here.log)
    assert firsts(read_all(there, "target")) == expected(600)
    until(lambda: lag() == 0, here.log)
    assert "last error" not in here.run("relays").stdout


def test_a_checkpoint_is_kept(pair):
    here, there = pair
    start_pair(here, there)
    put(here, "source", range(50))
    until(lambda: sum(map(len, read_all(there, "target").values())) >= 50, here.log)
    here.restart()
    put(here, "source", range(50, 60))
    until(lambda: sum(map(len, read_all(there, "target").values())) >= 60, here.log)
    assert firsts(read_all(there, "target")) == expected(60)
    assert sum(map(len, read_all(there, "target").values())) == 60


@pytest.mark.parametrize("change, text", [
    ({"start": "now"}, "relay.start must be one of: latest, trim_horizon"),
    ({"source": "x"}, "source must be the ARN of a Kinesis stream"),
    ({"endpoint": "ftp://x"}, "endpoint must begin with"),
    ({"colour": "red"}, "there is no setting relay.colour"),
])
def test_wrong_settings(tmp_path, change, text):
    settings = {"name": "a", "source": "arn:aws:kinesis:r:000000000000:stream/s",
                "endpoint": "https://e", "region": "r", "stream": "t", "credentials": "c", **change}
    path = tmp_path / "suiro.toml"
    path.write_text("[[relay]]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    run = subprocess.run([binary(), "up", "--config", str(path), "--data", str(tmp_path / "d")],
                         capture_output=True, text=True, timeout=30)
    assert run.returncode != 0 and text in run.stderr
