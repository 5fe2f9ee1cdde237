# SPDX-License-Identifier: Apache-2.0
"""The words of a post."""
import re
import unicodedata

URL, NUMBER = "URL", "NUMBER"
PATTERN = re.compile(
    r"(?P<url>https?://\S+)|(?P<number>\d+)|(?P<latin>[a-z]+(?:'[a-z]+)?)"
    r"|(?P<japanese>[\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]+)")


def words(text):
    """Latin words; addresses and numbers as one word each; of Japanese, which has no spaces, each
    two neighbouring characters."""
    out = []
    for found in PATTERN.finditer(unicodedata.normalize("NFKC", text).lower()):
        piece = found.group()
        if found["url"]:
            out.append(URL)
        elif found["number"]:
            out.append(NUMBER)
        elif found["latin"] or len(piece) == 1:
            out.append(piece)
        else:
            out += (piece[at:at + 2] for at in range(len(piece) - 1))
    return out
