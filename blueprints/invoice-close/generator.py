# SPDX-License-Identifier: Apache-2.0
"""The input: invoice lines of many shops, the same from the same seed."""
import random
from collections import namedtuple
from datetime import date, timedelta

Line = namedtuple("Line", "invoice number item quantity price rate")

HEADER = "invoice,line,item,quantity,unit_price,tax_class\n"
ITEMS = [  # name, smallest and largest price in yen, consumption tax in percent
    ("rice", 1980, 4980, 8), ("bread", 128, 498, 8), ("milk", 178, 298, 8), ("tea", 98, 1280, 8),
    ("apples", 298, 1980, 8), ("miso", 248, 898, 8), ("soap", 98, 698, 10),
    ("batteries", 398, 1980, 10), ("notebook", 110, 880, 10), ("umbrella", 550, 5500, 10),
    ("kettle", 2980, 12800, 10), ("bicycle", 19800, 89800, 10)]
LINES_OF_INVOICE = (1, 2, 2, 3, 3, 3, 4, 5, 6)
CREDIT_NOTE_SHARE, RETURN_SHARE = 0.04, 0.02

MALFORMED_EACH_DAYS, LATE_EACH_DAYS = 3, 2


def shops(count):
    return [f"shop-{number:04}" for number in range(1, count + 1)]


def business_days(first, count):
    """Weekdays from `first` on, as texts."""
    day, out = date.fromisoformat(first), []
    while len(out) < count:
        if day.weekday() < 5:
            out.append(day.isoformat())
        day += timedelta(days=1)
    return out


def key_of(day, shop):
    return f"invoices/day={day}/{shop}.csv"


class Month:
    """All lines of a month: `lines` of them, spread over shops and days."""

    def __init__(self, seed, shop_count, first_day, day_count, lines):
        self.seed, self.shops = seed, shops(shop_count)
        self.days = business_days(first_day, day_count)
        self.name = self.days[0][:7]
        self.sizes = self._sizes(lines)

    def _sizes(self, lines):
        """Lines of each shop and day: small and large files, in all exactly `lines`."""
        places = [(day, shop) for day in self.days for shop in self.shops]
        base, rest = divmod(lines, len(places))
        sizes = [base + (number < rest) for number in range(len(places))]
        dice = random.Random(f"{self.seed} sizes")
        for left in range(0, len(places) - 1, 2):
            moved = dice.randrange(base // 2 + 1)
            sizes[left] -= moved
            sizes[left + 1] += moved
        return dict(zip(places, sizes))

    def malformed(self, day):
        """The shop whose file of that day cannot be read, or None."""
        number = self.days.index(day)
        return self.shops[(403 + 7 * number) % len(self.shops)] \
            if number % MALFORMED_EACH_DAYS == 0 else None

    def late(self, day):
        """The shop whose file of that day comes when the day is already being posted, or None."""
        number = self.days.index(day)
        return self.shops[(6 + 11 * number) % len(self.shops)] \
            if number % LATE_EACH_DAYS == 0 else None

    def lines(self, day, shop):
        dice = random.Random(f"{self.seed} {day} {shop}")
        out, invoices = [], 0
        while len(out) < self.sizes[day, shop]:
            invoices += 1
            invoice = f"{shop[5:]}-{day[5:7]}{day[8:]}-{invoices:03}"
            credit_note = dice.random() < CREDIT_NOTE_SHARE
            count = min(dice.choice(LINES_OF_INVOICE), self.sizes[day, shop] - len(out))
            for number in range(1, count + 1):
                item, least, most, rate = dice.choice(ITEMS)
                quantity = dice.choice((1, 1, 1, 2, 3, 10))
                if credit_note or dice.random() < RETURN_SHARE:
                    quantity = -quantity
                out.append(Line(invoice, number, item, quantity, dice.randint(least, most), rate))
        return out

    def csv(self, day, shop):
        rows = [f"{line.invoice},{line.number},{line.item},{line.quantity},{line.price},"
                f"{line.rate}\n" for line in self.lines(day, shop)]
        if shop == self.malformed(day):
            rows[-1] = rows[-1].replace(",", ";")  # as a spreadsheet of another country saves it
        return (HEADER + "".join(rows)).encode()
