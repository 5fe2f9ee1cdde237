# SPDX-License-Identifier: Apache-2.0
"""The function of the case."""


def handle(event, context):
    return {"records": event.get("records", [])}
