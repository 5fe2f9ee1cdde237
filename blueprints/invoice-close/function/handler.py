# SPDX-License-Identifier: Apache-2.0
"""Posts one shop's invoice lines of one day: journal entries that balance, and totals.

A plain function of its input: what it reads and where its ledger goes is the workflow's business.
Money is whole yen, in integers.
"""
from tax import tax_of_invoice

COLUMNS = "invoice,line,item,quantity,unit_price,tax_class"
RATES = (8, 10)
RECEIVABLE, TAX_PAYABLE, SALES = "1100", "2170", {8: "4108", 10: "4110"}


class Malformed(Exception):
    """The file is not what a shop should send: trying again does not help."""


def read(text):
    """{invoice: [(amount, class)]} in the file's order."""
    header, *rows = text.splitlines() or [""]
    if header != COLUMNS:
        raise Malformed("line 1: the header is not " + COLUMNS)
    invoices = {}
    for number, row in enumerate(rows, 2):
        fields = row.split(",")
        if len(fields) != 6:
            raise Malformed(f"line {number}: 6 fields are wanted, it has {len(fields)}")
        try:
            quantity, price, rate = (int(field) for field in fields[3:])
        except ValueError:
            raise Malformed(f"line {number}: quantity, price or tax class is no integer") from None
        if rate not in RATES:
            raise Malformed(f"line {number}: there is no tax class of {rate}%")
        invoices.setdefault(fields[0], []).append((quantity * price, rate))
    return invoices


def entries_of(invoice, net, tax):
    """[invoice, account, debit, credit] of one invoice; a credit note's are the other way round."""
    amounts = [(RECEIVABLE, sum(net.values()) + sum(tax.values()))]
    amounts += [(SALES[rate], -net[rate]) for rate in RATES]
    amounts.append((TAX_PAYABLE, -sum(tax.values())))
    return [[invoice, account, max(amount, 0), max(-amount, 0)]
            for account, amount in amounts if amount]


def post(text):
    totals = dict.fromkeys(("lines", "invoices", "net8", "net10", "tax8", "tax10", "gross",
                            "debit", "credit"), 0)
    journal = []
    for invoice, lines in read(text).items():
        net = {rate: sum(amount for amount, of in lines if of == rate) for rate in RATES}
        tax = tax_of_invoice(lines)
        entries = entries_of(invoice, net, tax)
        totals["lines"] += len(lines)
        totals["invoices"] += 1
        for rate in RATES:
            totals[f"net{rate}"] += net[rate]
            totals[f"tax{rate}"] += tax.get(rate, 0)
        totals["gross"] += sum(net.values()) + sum(tax.values())
        totals["debit"] += sum(debit for _, _, debit, _ in entries)
        totals["credit"] += sum(credit for _, _, _, credit in entries)
        journal += entries
    if totals["debit"] != totals["credit"]:
        raise ArithmeticError(f"the journal does not balance: {totals}")
    return {"totals": totals, "journal": journal}


def handler(event, context):
    return {"shop": event["shop"], "day": event["day"], **post(event["text"])}
