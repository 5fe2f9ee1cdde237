# SPDX-License-Identifier: Apache-2.0
"""In the container: renders chunks of a film from a queue until it is stopped, or joins them.

    worker.py           take chunks from the queue
    worker.py join N    join N chunks to the film
"""
import json
import os
import signal
import subprocess
import sys
import tempfile

import boto3

BUCKET = os.environ["BUCKET"]
SOURCE = "testsrc2=size=320x180:rate=24:duration=3600"


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments],
                   check=True)


def render(s3, chunk, folder):
    file = f"{folder}/chunk.mkv"
    frames = f"trim=start_frame={chunk['from']}:end_frame={chunk['to']},setpts=PTS-STARTPTS"
    ffmpeg("-f", "lavfi", "-i", SOURCE, "-vf", frames, "-c:v", "ffv1", "-threads", "1", file)
    s3.upload_file(file, BUCKET, f"chunks/{chunk['number']:05}.mkv")
    print(f"chunk {chunk['number']}: frames {chunk['from']} to {chunk['to'] - 1}", flush=True)


def join(s3, count, folder):
    with open(f"{folder}/list", "w", encoding="ascii") as names:
        for number in range(count):
            s3.download_file(BUCKET, f"chunks/{number:05}.mkv", f"{folder}/{number:05}.mkv")
            names.write(f"file {number:05}.mkv\n")
    ffmpeg("-f", "concat", "-i", f"{folder}/list", "-c", "copy", f"{folder}/film.mkv")
    s3.upload_file(f"{folder}/film.mkv", BUCKET, "film.mkv")
    print(f"{count} chunks are one film", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # SDKs newer than 2023 find the endpoint themselves.
    s3, sqs = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
               for name in ("s3", "sqs"))
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:2] == ["join"]:
            join(s3, int(sys.argv[2]), folder)
            return
        queue = sqs.get_queue_url(QueueName=os.environ["QUEUE"])["QueueUrl"]
        while True:
            answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)
            for message in answer.get("Messages", []):
                render(s3, json.loads(message["Body"]), folder)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


main()
