# SPDX-License-Identifier: Apache-2.0
"""In the container: one step of a night.

    step.py preprocess NIGHT    the parts of the table  ->  words.tsv: id, label, words
    step.py train NIGHT         the labelled posts      ->  model.json
    step.py evaluate NIGHT      those that were held out ->  evaluation.json

Each reads and writes below nights/NIGHT/ in the lake, and writes the same when it runs again.
"""
import hashlib
import json
import re
import sys

import bayes
import lake
from words import words

COLUMNS = ["id", "author", "body", "label", "created"]
ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
HELD_OUT = 5  # one post in so many is not trained with


def field(raw):
    """A value of TSV as `suiro extract` writes it; None for NULL."""
    return None if raw == r"\N" else re.sub(r"\\(.)", lambda found: ESCAPES[found[1]], raw)


def rows(night):
    """The table, part by part; what is not whole is refused."""
    manifest = json.loads(lake.get(f"nights/{night}/posts/manifest.json"))
    if manifest["columns"] != COLUMNS:
        raise SystemExit(f"the columns are {manifest['columns']}, not {COLUMNS}")
    for part in manifest["parts"]:
        raw = lake.get(f"nights/{night}/posts/{part['name']}")
        if hashlib.sha256(raw).hexdigest() != part["sha256"]:
            raise SystemExit(f"{part['name']} is not what was extracted")
        for line in raw.decode().split("\n")[1:-1]:
            yield [field(value) for value in line.split("\t")]


def preprocess(night):
    lines, labelled = [], 0
    for key, _, body, label, _ in rows(night):
        lines.append(f"{key}\t{label or ''}\t{' '.join(words(body))}\n")
        labelled += label is not None
    lake.put(f"nights/{night}/words.tsv", "".join(lines).encode())
    print(f"{len(lines)} posts, {labelled} of them labelled", flush=True)


def labelled_posts(night):
    """(label, words) of the posts to train with, and of those that are held out."""
    train, held_out = [], []
    for line in lake.get(f"nights/{night}/words.tsv").decode().splitlines():
        key, label, text = line.split("\t")
        if label:
            (train if int(key) % HELD_OUT else held_out).append((label, text.split()))
    return train, held_out


def write(key, document):
    lake.put(key, json.dumps(document, ensure_ascii=False, indent=1).encode())


def train(night):
    posts, _ = labelled_posts(night)
    model = bayes.train(posts)
    write(f"nights/{night}/model.json", model)
    print(f"{len(posts)} posts, {len(model['words'])} words", flush=True)


def evaluate(night):
    model = json.loads(lake.get(f"nights/{night}/model.json"))
    _, posts = labelled_posts(night)
    evaluation = bayes.evaluate(model, posts)
    write(f"nights/{night}/evaluation.json", evaluation)
    print(f"{evaluation['right']} of {evaluation['posts']} posts are classified as labelled",
          flush=True)


if __name__ == "__main__":
    {"preprocess": preprocess, "train": train, "evaluate": evaluate}[sys.argv[1]](sys.argv[2])
