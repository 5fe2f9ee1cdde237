# SPDX-License-Identifier: Apache-2.0
"""What the blueprints show while they run."""
import sys


class Screen:
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.bar_on = False

    def say(self, text=""):
        if self.bar_on:
            sys.stdout.write("\r\x1b[K")
            self.bar_on = False
        print(text, flush=True)

    def progress(self, what, done, total, note=""):
        if not self.live:
            return
        filled = round(done / total * 40) if total else 40
        sys.stdout.write(f"\r\x1b[K{what} [{'█' * filled}{'·' * (40 - filled)}] {done}/{total} "
                         f"{note}")
        sys.stdout.flush()
        self.bar_on = True
