# SPDX-License-Identifier: Apache-2.0
"""Queues that other services send to."""
import json

from waiting import read_until


def queue_of(sqs, name, service="events.amazonaws.com", **attributes):
    """A queue that the service may send to: its URL and ARN."""
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
            "Resource": arn}]})})
    return url, arn


def messages(sqs, url, count):
    """The queue's messages when there are `count` of them; they are deleted."""
    found = []

    def take():
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10,
                                     AttributeNames=["All"], MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    read_until(lambda _: len(found) >= count, take)
    assert len(found) == count, found
    return found
