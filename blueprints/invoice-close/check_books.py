# SPDX-License-Identifier: Apache-2.0
"""What does not add up in a month's books and in the executions that wrote them, as texts."""
import json
from collections import Counter

WRONG_MAX = 20


def difference(expected, found, place=""):
    """The first difference of two documents, as text; None where they are equal."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            if name not in expected or name not in found:
                return f"{place}.{name} is {'missing' if name in expected else 'too much'}"
            if text := difference(expected[name], found[name], f"{place}.{name}"):
                return text
        return None
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return next((text for number, pair in enumerate(zip(expected, found))
                     if (text := difference(*pair, f"{place}[{number}]"))), None)
    if type(expected) is type(found) and expected == found:
        return None
    return f"{place} is {json.dumps(found)[:200]}, and should be {json.dumps(expected)[:200]}"


def compare(expected, found):
    """Of {key: document}."""
    wrong = [f"{key} is missing" for key in expected if key not in found]
    wrong += [f"{key} should not be there" for key in found if key not in expected]
    for key in expected:
        if key in found and (text := difference(expected[key], found[key])):
            wrong.append(f"{key}: {text}")
    return wrong


def expected_objects(month, books):
    """{key: document} of all that the lake must hold of the month's ledger."""
    out = {f"ledger/day={day}/{shop}.json": entry for (day, shop), entry in books.shops.items()}
    for day in month.days:
        out[f"ledger/day={day}/summary.json"] = books.days[day]
        out[f"ledger/day={day}/exceptions.json"] = books.exceptions[day]
    out[f"close/{month.name}.json"] = {
        "month": month.name, "days": len(month.days), "totals": books.total,
        "exceptions": books.all_exceptions(), "approved_by": "the accountant"}
    return out


def balanced(objects):
    """Of every entry and in all, debit and credit are the same."""
    wrong = []
    for key, entry in objects.items():
        if "journal" not in entry:
            continue
        debit, credit = (sum(line[side] for line in entry["journal"]) for side in (2, 3))
        if debit != credit:
            wrong.append(f"{key}: debit {debit}, credit {credit}")
    return wrong


def history(name, events):
    """A history is whole: its ids follow each other, and it has one start and one end."""
    wrong = []
    if [event["id"] for event in events] != list(range(1, len(events) + 1)):
        wrong.append(f"the history of {name} has gaps")
    types = Counter(event["type"] for event in events)
    if types["ExecutionStarted"] != 1 or events[-1]["type"] != "ExecutionSucceeded":
        wrong.append(f"{name} began {types['ExecutionStarted']} times and ended with "
                     f"{events[-1]['type']}")
    return wrong


def attempts_without_file(events):
    return sum(event.get("taskFailedEventDetails", {}).get("error") == "S3.NoSuchKeyException"
               for event in events)


def executions(system, month, books, days, progress):
    """Each day has one execution, each shop of it one child, and each child booked once. `days`:
    the executions of days, by day."""
    wrong, retried = [], 0
    for number, day in enumerate(month.days):
        progress("histories", number, len(month.days), "days")
        if day not in days:
            wrong.append(f"{day} has no execution")
            continue
        wrong += history(day, system.history(days[day]))
        shops = Counter()
        for arn, events in system.histories(system.children(days[day])).items():
            shop = json.loads(events[0]["executionStartedEventDetails"]["input"])["shop"]
            shops[shop] += 1
            wrong += history(f"{shop} of {day}", events)
            booked = sum(event.get("stateExitedEventDetails", {}).get("name") == "Book"
                         for event in events)
            if booked != ((day, shop) in books.shops):
                wrong.append(f"{shop} of {day} was booked {booked} times ({arn})")
            tried = attempts_without_file(events)
            retried += tried
            if bool(tried) != (shop == month.late(day)):
                wrong.append(f"the file of {shop} of {day} was not there {tried} times")
        if shops != Counter(month.shops):
            wrong.append(f"{day} has {sum(shops.values())} executions of {len(shops)} shops")
    return wrong, retried
