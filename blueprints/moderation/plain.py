# SPDX-License-Identifier: Apache-2.0
"""The same model and evaluation once more, straight from the table and in another way: nothing of
what runs in the containers is used. It counts with fractions, a word at a time."""
import re
import unicodedata
from collections import Counter
from fractions import Fraction

JAPANESE = r"[\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]"


def labelled(database):
    """[(id, label, body)] by the database's own client."""
    out = database.sql("SELECT id, label, HEX(body) FROM posts WHERE label IS NOT NULL ORDER BY id")
    rows = (line.split("\t") for line in out.splitlines())
    return [(int(key), label, bytes.fromhex(body).decode()) for key, label, body in rows]


def words(text):
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"https?://\S+", " URL ", text)
    text = re.sub(r"\d+", " NUMBER ", text)
    pieces = re.findall(rf"URL|NUMBER|[a-z]+(?:'[a-z]+)?|{JAPANESE}+", text)
    for piece in pieces:
        if re.match(JAPANESE, piece) and len(piece) > 1:
            yield from map("".join, zip(piece, piece[1:]))
        else:
            yield piece


def model(rows):
    """Counter of (class, word), Counter of classes."""
    train = [(label, list(words(body))) for key, label, body in rows if key % 5 != 0]
    return (Counter((label, word) for label, text in train for word in text),
            Counter(label for label, _ in train))


def evaluation(rows, counts, posts):
    """(truth, guess) of each post that is held out."""
    vocabulary = {word for _, word in counts}
    sizes = Counter()
    for (label, _), count in counts.items():
        sizes[label] += count
    weight = {(label, word): Fraction(counts[label, word] + 1, sizes[label] + len(vocabulary))
              for label in posts for word in vocabulary}
    pairs = Counter()
    for key, truth, body in rows:
        if key % 5 == 0:
            known = [word for word in words(body) if word in vocabulary]
            pairs[truth, max(sorted(posts), key=lambda label: score(posts[label], (
                weight[label, word] for word in known)))] += 1
    return pairs


def score(posts, weights):
    out = Fraction(posts)
    for weight in weights:
        out *= weight
    return out


def differences(rows, given_model, given_evaluation):
    """What a night's model and evaluation say otherwise than these."""
    wrong = []
    counts, posts = model(rows)
    classes = sorted(posts)
    found = {(label, word): count for word, row in given_model["words"].items()
             for label, count in zip(classes, row) if count}
    if found != dict(counts):
        wrong.append(f"{len(set(found.items()) ^ set(counts.items()))} counts of words differ")
    if {name: of["posts"] for name, of in given_model["classes"].items()} != dict(posts):
        wrong.append("the numbers of posts differ")
    pairs = evaluation(rows, counts, posts)
    confusion = {(truth, guess): count for truth, row in given_evaluation["confusion"].items()
                 for guess, count in row.items() if count}
    if confusion != dict(pairs):
        wrong.append(f"the confusion matrix is {confusion}, not {dict(pairs)}")
    right = sum(count for (truth, guess), count in pairs.items() if truth == guess)
    if given_evaluation["accuracy"] != round(right / sum(pairs.values()), 4):
        wrong.append(f"the accuracy is {given_evaluation['accuracy']}")
    for name in classes:
        guessed = sum(count for (_, guess), count in pairs.items() if guess == name)
        true = sum(count for (truth, _), count in pairs.items() if truth == name)
        ours = {"precision": round(pairs[name, name] / guessed, 4) if guessed else 0,
                "recall": round(pairs[name, name] / true, 4) if true else 0}
        if given_evaluation["classes"][name] != ours:
            wrong.append(f"{name}: {given_evaluation['classes'][name]}, not {ours}")
    return wrong
