# SPDX-License-Identifier: Apache-2.0
"""Consumption tax. It is reckoned once an invoice and class of tax, and what is less than a yen is
dropped: of a credit note as of an invoice."""


def tax_of_invoice(lines):
    """Yen of tax by class, of (amount, class) of an invoice's lines."""
    amounts = {}
    for amount, rate in lines:
        amounts[rate] = amounts.get(rate, 0) + amount
    return {rate: amount * rate // 100 if amount >= 0 else -(-amount * rate // 100)
            for rate, amount in amounts.items()}
