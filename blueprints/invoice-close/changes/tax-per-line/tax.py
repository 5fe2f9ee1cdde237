# SPDX-License-Identifier: Apache-2.0
"""Consumption tax, line by line."""


def tax_of_invoice(lines):
    """Yen of tax by class, of (amount, class) of an invoice's lines."""
    out = {}
    for amount, rate in lines:
        tax = abs(amount) * rate // 100
        out[rate] = out.get(rate, 0) + (tax if amount > 0 else -tax)
    return out
