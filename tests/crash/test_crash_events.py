# SPDX-License-Identifier: Apache-2.0
"""Events on their way from PutEvents over rules into queues, over kill -9: each acknowledged one is
in each queue once. (Schedules and crashes: schedule_test.cc, under a virtual clock.)"""
import json

from harness import FAILURES, drained, unknown

QUEUES = ("direct", "over-a-bus")


class Events:
    """What was sent, and what was acknowledged; names are unique."""

    def __init__(self):
        self.intended, self.acknowledged = set(), set()


def make_queue(harness, name):
    sqs = harness.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return arn


def prepare(harness):
    """A rule with a queue and a bus as targets; the bus has a rule with a queue."""
    events = harness.client("events")
    arns = {name: make_queue(harness, name) for name in QUEUES}
    pattern = json.dumps({"source": ["crash"]})
    bus = events.create_event_bus(Name="second")["EventBusArn"]
    events.put_rule(Name="r", EventBusName="second", EventPattern=pattern)
    events.put_targets(Rule="r", EventBusName="second", Targets=[
        {"Id": "1", "Arn": arns["over-a-bus"], "InputPath": "$.detail.name"}])
    events.put_rule(Name="r", EventPattern=pattern)
    events.put_targets(Rule="r", Targets=[
        {"Id": "1", "Arn": arns["direct"], "InputPath": "$.detail.name"},
        {"Id": "2", "Arn": bus}])


def writer(number, sent, client):
    """Sends batches; what has no answer is not repeated."""
    counter = iter(range(1 << 30))

    def step(rng):
        batch = next(counter)
        names = [f"{number}-{batch}-{i}" for i in range(rng.randint(1, 10))]
        sent.intended.update(names)
        padding = "." * rng.choice((0, 100, 3000))
        try:
            answer = client.put_events(Entries=[
                {"Source": "crash", "DetailType": "t",
                 "Detail": json.dumps({"name": name, "padding": padding})} for name in names])
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        assert answer["FailedEntryCount"] == 0
        sent.acknowledged.update(names)

    return step


def test_put_events(harness):
    prepare(harness)
    sent = Events()
    for number in range(3):
        harness.writer(writer(number, sent, harness.client("events")))
    harness.run()
    assert len(sent.acknowledged) > 100
    for name in QUEUES:
        found = drained(harness, name, sent.acknowledged, json.loads)
        missing = sent.acknowledged - set(found)
        assert not missing, f"{name}: lost {len(missing)} of {len(sent.acknowledged)}"
        twice = [key for key, count in found.items() if count > 1]
        assert not twice, f"{name}: {len(twice)} events are there twice"
        assert set(found) <= sent.intended
