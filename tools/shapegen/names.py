# SPDX-License-Identifier: Apache-2.0
"""C++ names of AWS names."""
import re

KEYWORDS = set("""
alignas alignof and asm auto bool break case catch char class const constexpr continue decltype
default delete do double else enum explicit export extern false float for friend goto if inline
int long mutable namespace new noexcept not nullptr operator or private protected public
register return requires shape short signed sizeof static struct switch template this throw true
try typedef typeid typename union unsigned using virtual void volatile while xor
""".split())


def snake(name):
    """QueueUrl -> queue_url, SSECustomerKey -> sse_customer_key, ETag -> etag."""
    name = name.replace("ETag", "Etag")
    name = re.sub(r"[^A-Za-z0-9]+", "_", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    name = re.sub(r"(\d)([A-Z][a-z])", r"\1_\2", name)
    name = name.lower().strip("_")
    return name + "_" if name in KEYWORDS or name[:1].isdigit() else name


def camel(name):
    """Name of a struct, operation tag or constant."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    name = name[:1].upper() + name[1:]
    return name if not name[:1].isdigit() else "N" + name


def string(text):
    """A C++ string literal."""
    out = ['"']
    for byte in text.encode("utf-8"):
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif 32 <= byte < 127 and char != "?":
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return "".join(out) + '"'


def fnv1a(text):
    """The hash of shapes/shape.cc."""
    value = 2166136261
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value
