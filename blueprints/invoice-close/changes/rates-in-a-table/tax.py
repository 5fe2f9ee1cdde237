# SPDX-License-Identifier: Apache-2.0
"""Consumption tax, by a table of rates: another class is another line of it."""
RATES = {8: (8, 100), 10: (1, 10)}


def tax_of_invoice(lines):
    """Yen of tax by class, of (amount, class) of an invoice's lines."""
    out = {}
    for rate in {rate for _, rate in lines}:
        share, of = RATES[rate]
        amount = sum(amount for amount, wanted in lines if wanted == rate)
        tax = abs(amount) * share // of
        out[rate] = tax if amount > 0 else -tax
    return out
