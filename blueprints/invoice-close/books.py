# SPDX-License-Identifier: Apache-2.0
"""The plain recomputation: what the books must say, from the generator's lines. Shares no code with
the function that posts them."""
from collections import Counter, defaultdict
from fractions import Fraction

TOTALS = ("lines", "invoices", "net8", "net10", "tax8", "tax10", "gross", "debit", "credit")


def whole_yen(lines):
    """Tax of lines of one invoice and class: exact, then cut off behind the yen."""
    return int(Fraction(sum(line.quantity * line.price * line.rate for line in lines), 100))


def entry(invoice, account, debit):
    return [invoice, account, debit, 0] if debit > 0 else [invoice, account, 0, -debit]


def shop_day(lines):
    """Totals and journal of a shop's day."""
    by_invoice = defaultdict(lambda: {8: [], 10: []})
    for line in lines:
        by_invoice[line.invoice][line.rate].append(line)
    totals, journal = Counter(lines=len(lines), invoices=len(by_invoice)), []
    for invoice, classes in by_invoice.items():
        net = {r: sum(line.quantity * line.price for line in classes[r]) for r in classes}
        tax = {r: whole_yen(classes[r]) for r in classes}
        gross = net[8] + net[10] + tax[8] + tax[10]
        mine = [entry(invoice, account, debit) for account, debit in (
            ("1100", gross), ("4108", -net[8]), ("4110", -net[10]), ("2170", -tax[8] - tax[10]))
            if debit]
        totals.update(net8=net[8], net10=net[10], tax8=tax[8], tax10=tax[10], gross=gross,
                      debit=sum(e[2] for e in mine), credit=sum(e[3] for e in mine))
        journal += mine
    return {name: totals[name] for name in TOTALS}, journal


class Books:
    """What a month's ledger must hold, shop by shop and day by day."""

    def __init__(self, month):
        self.month, self.shops, self.days, self.exceptions = month, {}, {}, {}
        for day in month.days:
            self.exceptions[day] = []
            sums = Counter({name: 0 for name in TOTALS})
            posted = 0
            for shop in month.shops:
                lines = month.lines(day, shop)
                if shop == month.malformed(day):
                    text = f"line {len(lines) + 1}: 6 fields are wanted, it has 1"
                    self.exceptions[day].append({"shop": shop, "error": "Malformed",
                                                 "reason": text})
                    continue
                totals, journal = shop_day(lines)
                self.shops[day, shop] = {"shop": shop, "day": day, "totals": totals,
                                         "journal": journal}
                sums.update(totals)
                posted += 1
            self.days[day] = {"shops": posted, **{name: sums[name] for name in TOTALS}}
        self.total = {name: sum(day[name] for day in self.days.values())
                      for name in ("shops", *TOTALS)}

    def all_exceptions(self):
        return [{"day": day, **one} for day in self.month.days for one in self.exceptions[day]]
