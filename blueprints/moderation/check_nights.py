# SPDX-License-Identifier: Apache-2.0
"""Whether the nights went as they should: results, histories, notifications, tasks."""
import json

import plain
import system
from botocore.exceptions import ClientError

GOOD = ["Begin", "Extract", "Preprocess", "Train", "Evaluate", "ReadEvaluation", "GoodEnough"]
PATHS = ([*GOOD, "Promote", "Tell", "HowItEnded", "Done"], [*GOOD, "Tell", "HowItEnded", "Done"],
         ["Begin", "Extract", "LastWords", "Tell", "HowItEnded", "Failed"])
OUTCOMES = ("promoted", "refused", "failed")
STATUSES = ("SUCCEEDED", "SUCCEEDED", "FAILED")
ATTEMPTS_MAX = 3  # of the extraction, by the definition's Retry


def steps(events):
    """[(state, event)]: this state machine is in one state at a time."""
    out, state = [], None
    for event in events:
        if event["type"].endswith("StateEntered"):
            state = event["stateEnteredEventDetails"]["name"]
        out.append((state, event))
    return out


def path(night):
    return [state for state, event in night["steps"] if event["type"].endswith("StateEntered")]


def count(night, state, kind):
    return sum((where, event["type"]) == (state, kind) for where, event in night["steps"])


def document(s3, key):
    """None where there is no such object."""
    try:
        return json.loads(s3.get_object(Bucket=system.BUCKET, Key=key)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def results(s3, night):
    """Compares a night's model and evaluation with plain ones over the rows that it read."""
    place = f"nights/{night['night']}"
    model = document(s3, f"{place}/model.json")
    night["evaluation"] = document(s3, f"{place}/evaluation.json")
    if not model or not night["evaluation"]:
        return [f"{night['night']} has no model or no evaluation"]
    return [f"{night['night']}: {text}"
            for text in plain.differences(night["rows"], model, night["evaluation"])]


def lake(s3, found):
    wrong = results(s3, found[0]) + results(s3, found[1])
    first = document(s3, f"nights/{found[0]['night']}/model.json")
    if document(s3, "models/current.json") != first:
        wrong.append("the current model is not that of the first night")
    third = s3.list_objects_v2(Bucket=system.BUCKET, Prefix=f"nights/{found[2]['night']}/")
    if third["KeyCount"]:
        wrong.append("the night that failed left objects in the lake")
    return wrong


def histories(found):
    wrong = []
    for night, expected, status in zip(found, PATHS, STATUSES):
        if night["status"] != status:
            wrong.append(f"{night['night']} is {night['status']}")
        if path(night) != expected:
            wrong.append(f"{night['night']} went {path(night)}")
    refused = count(found[0], "Extract", "TaskFailed")
    if not refused or count(found[0], "Extract", "TaskSucceeded") != 1:
        wrong.append(f"the first extraction failed {refused} times and did not succeed then")
    if count(found[2], "Extract", "TaskFailed") != ATTEMPTS_MAX:
        wrong.append("the extraction of a broken table was not tried again")
    return wrong


def messages(sqs, queue):
    """Everything in the queue."""
    out = []
    while True:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            out.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        if not got:
            return out


def news(told, found):
    """One message a night: a second one of the same execution is a duplicate to the queue."""
    wrong = []
    if [(message["night"], message["outcome"]) for message in told] != \
            [(night["night"], outcome) for night, outcome in zip(found, OUTCOMES)]:
        return [f"the queue holds {told}"]
    for message, night in zip(told[:2], found):
        if message["accuracy"] != night["evaluation"]["accuracy"]:
            wrong.append(f"{message['night']} was told with accuracy {message['accuracy']}")
    if told[2]["state"] != "Extract" or "label" not in told[2]["reason"]:
        wrong.append(f"the failure was told as {told[2]}")
    return wrong


def tasks(ecs, found):
    """Containers: as many as the histories tell, though the server was killed."""
    submitted = sum(event["type"] == "TaskSubmitted"
                    and event["taskSubmittedEventDetails"]["resourceType"] == "ecs"
                    for night in found for _, event in night["steps"])
    ran = ecs.list_tasks(desiredStatus="STOPPED")["taskArns"]
    running = ecs.list_tasks(desiredStatus="RUNNING")["taskArns"]
    if len(ran) == submitted and not running:
        return []
    return [f"{len(ran)} tasks ended and {len(running)} run, but {submitted} were submitted"]


def check(supervisor, queue, found):
    """What does not add up. Puts the evaluations into the nights."""
    wrong = histories(found) + lake(supervisor.client("s3"), found)
    if wrong:
        return wrong
    return (news(messages(supervisor.client("sqs"), queue), found) +
            tasks(supervisor.client("ecs"), found))
