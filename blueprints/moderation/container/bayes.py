# SPDX-License-Identifier: Apache-2.0
"""A classifier: multinomial naive Bayes with add-one smoothing, in whole numbers.

Its model is counts alone, and probabilities are compared as exact products of whole numbers: the
same posts give the same model and the same answers everywhere.
"""
import math


def train(posts):
    """The model of (label, words) pairs."""
    classes = sorted({label for label, _ in posts})
    counts = {}
    of_class = {label: {"posts": 0, "words": 0} for label in classes}
    for label, words in posts:
        of_class[label]["posts"] += 1
        of_class[label]["words"] += len(words)
        for word in words:
            counts.setdefault(word, [0] * len(classes))[classes.index(label)] += 1
    return {"classes": of_class, "words": dict(sorted(counts.items()))}


def classify(model, words):
    """The class of the greatest probability; of equal ones the first by name."""
    known = [model["words"][word] for word in words if word in model["words"]]
    classes = sorted(model["classes"])
    sizes = [model["classes"][name]["words"] + len(model["words"]) for name in classes]
    # p(class) * product of (count + 1) / size, over the common denominator of all classes.
    common = math.prod(sizes)
    scores = [model["classes"][name]["posts"] * (common // sizes[at]) ** len(known) *
              math.prod(counts[at] + 1 for counts in known) for at, name in enumerate(classes)]
    return classes[scores.index(max(scores))]


def share(part, whole):
    return round(part / whole, 4) if whole else 0


def evaluate(model, posts):
    """How the model does on (label, words) pairs that it has not seen."""
    classes = sorted(set(model["classes"]) | {label for label, _ in posts})
    confusion = {truth: dict.fromkeys(classes, 0) for truth in classes}
    for label, words in posts:
        confusion[label][classify(model, words)] += 1
    right = sum(confusion[name][name] for name in classes)
    return {
        "posts": len(posts), "right": right, "accuracy": share(right, len(posts)),
        "classes": {name: {
            "precision": share(confusion[name][name], sum(confusion[t][name] for t in classes)),
            "recall": share(confusion[name][name], sum(confusion[name].values())),
        } for name in classes},
        "confusion": confusion,
    }
