# SPDX-License-Identifier: Apache-2.0
"""Media queue: a film is rendered by a farm of containers, chunk by chunk.

Starts Suiro, makes an image of this machine's ffmpeg and Python, submits the film's chunks to a
queue, from which an ECS service's workers take them; kills a worker in the middle; joins the chunks
in one more task, and compares the film with one that is rendered in one piece, frame by frame.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import farm  # noqa: E402
import tasks  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from supervisor import Supervisor  # noqa: E402

SOURCE = "testsrc2=size=320x180:rate=24:duration=3600"
RENDER_SECONDS_MAX = 300
JOIN_SECONDS_MAX = 120
END_SECONDS_MAX = 30


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=480, help="of the film (default: 480)")
    parser.add_argument("--chunk", type=int, default=24, help="frames of a chunk (default: 24)")
    parser.add_argument("--workers", type=int, default=2, help="containers (default: 2)")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        help="kill -9 the server too, N times in between")
    parser.add_argument("--film", metavar="FILE", help="write the film here")
    tasks.add_option(parser)
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    options = parser.parse_args()
    options.log = str(HERE / "worker.py")
    return options


def kill_a_renderer(say):
    """kill -9 of one ffmpeg that renders in a container; whether there was one."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0] == b"ffmpeg" and SOURCE.encode() in command:
            os.kill(int(entry.name), signal.SIGKILL)
            say(f"a worker's ffmpeg (pid {entry.name}) was killed")
            return True
    return False


def render(options, supervisor, chunks, screen):
    """Waits until every chunk is in the lake; kills a worker in the middle."""
    deadline = time.monotonic() + RENDER_SECONDS_MAX
    killed, kills, done = False, options.kill, 0
    while done < chunks:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {done} of {chunks} chunks were rendered in time")
        try:
            listed = supervisor.client("s3").list_objects_v2(Bucket=farm.BUCKET, Prefix="chunks/")
            done = listed["KeyCount"]
        except (BotoCoreError, ClientError):
            continue  # between a kill and the restart
        screen.progress("chunks", done, chunks)
        if not killed and done >= chunks // 3:
            killed = kill_a_renderer(screen.say)
        if kills and done >= chunks * (options.kill - kills + 1) // (options.kill + 1):
            kills -= 1
            os.kill(supervisor.process.pid, signal.SIGKILL)
        time.sleep(0.05)
    return killed


def join(supervisor, chunks, screen):
    ecs = supervisor.client("ecs")
    task = ecs.run_task(taskDefinition="worker", overrides={"containerOverrides": [{
        "name": "worker", "command": ["python3", "/worker.py", "join", str(chunks)]}]})
    arn = task["tasks"][0]["taskArn"]
    (task,) = blueprint.until(
        lambda: [task for task in ecs.describe_tasks(tasks=[arn])["tasks"]
                 if task["lastStatus"] == "STOPPED"], "the film is not joined", JOIN_SECONDS_MAX)
    code = task["containers"][0].get("exitCode")
    screen.say(f"joined: exit code {code}")
    return code == 0


def end_workers(ecs):
    """Containers outlive the server: they end before it does."""
    workers = ecs.list_tasks()["taskArns"]
    ecs.delete_service(service=farm.SERVICE, force=True)
    deadline = time.monotonic() + END_SECONDS_MAX
    while workers and time.monotonic() < deadline:
        tasks_now = ecs.describe_tasks(tasks=workers)["tasks"]
        workers = [task["taskArn"] for task in tasks_now if task["lastStatus"] != "STOPPED"]
        time.sleep(0.2)


def frames_of(*source):
    """A digest for each frame."""
    out = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *source,
                          "-f", "framemd5", "-"], check=True, capture_output=True, text=True)
    return [line.rsplit(",", 1)[1].strip() for line in out.stdout.splitlines()
            if not line.startswith("#")]


def compare(film, frames):
    plain = frames_of("-f", "lavfi", "-i", SOURCE, "-frames:v", str(frames), "-pix_fmt", "yuv420p")
    found = frames_of("-i", str(film), "-pix_fmt", "yuv420p")
    if len(plain) != len(found):
        return [f"the film has {len(found)} frames, not {len(plain)}"]
    wrong = [number for number, (a, b) in enumerate(zip(plain, found)) if a != b]
    return [f"{len(wrong)} frames differ, the first is {wrong[0]}"] if wrong else []


def run(options, directory, screen):
    supervisor = Supervisor(directory / "data", screen.say)
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        if (status := tasks.refused(options, supervisor, screen.say)) is not None:
            return status
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        began = time.monotonic()
        queue = farm.deploy(supervisor, options.workers)
        screen.say(f"image, queue and {options.workers} workers: {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        chunks = farm.submit(supervisor.client("sqs"), queue, options.frames, options.chunk)
        killed = render(options, supervisor, chunks, screen)
        screen.say(f"{options.frames} frames in {chunks} chunks: {time.monotonic() - began:.1f} s, "
                   f"{supervisor.restarts} restarts of the server")
        wrong = [] if killed else ["no worker was killed"]
        if join(supervisor, chunks, screen):
            film = pathlib.Path(options.film or directory / "film.mkv")
            supervisor.client("s3").download_file(farm.BUCKET, "film.mkv", str(film))
            wrong += compare(film, options.frames)
        else:
            wrong.append("the chunks were not joined")
        screen.say(supervisor.suiro("timeline", "--since", since, "--columns", "110"))
        end_workers(supervisor.client("ecs"))
    finally:
        supervisor.stop()
    return blueprint.verdict(screen.say, wrong,
                             f"the film has all {options.frames} frames, each as it should be",
                             "the film is not right")


if __name__ == "__main__":
    blueprint.main("media-queue", arguments(), run)
