#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a script can check. Prints breaches as file:line: text; exits 1.

    tools/check/check.py            all checks
    tools/check/check.py layers     includes against tools/check/layers.txt, and cycles
    tools/check/check.py sizes      lines of a file, a function, a line
    tools/check/check.py documents  paths and links that documents name exist
    tools/check/check.py models     model/*.json are canonical
    tools/check/check.py words      licence lines, and words that do not belong into the product
"""
import fnmatch
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX, LINE_COLUMNS_MAX = 600, 1000, 70, 100
CODE = (".h", ".cc", ".c")
CHECKED_SIZE = CODE + (".py", ".js", ".mjs", ".sh")


def tracked():
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                         cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [f for f in out.split("\n") if f and os.path.isfile(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


# --- layers ---------------------------------------------------------------------------------------

def load_layers():
    allowed, external = {}, {}
    for line in read("tools/check/layers.txt").splitlines():
        line = line.split("#")[0].strip() if not line.startswith("@") else line.strip()
        if not line:
            continue
        name, _, rest = line.partition(":")
        (external if name.startswith("@") else allowed)[name.lstrip("@")] = rest.split()
    return allowed, external


def folder_of(path, allowed):
    """The layer that a path below src/ belongs to, or None."""
    parts = os.path.dirname(path).split("/")
    for n in range(len(parts), 0, -1):
        name = "/".join(parts[:n])
        for pattern in allowed:
            if pattern.count("/") == name.count("/") and fnmatch.fnmatchcase(name, pattern):
                return name, pattern
    return None


def check_layers(files):
    allowed, external = load_layers()
    graph = {}
    for path in files:
        if not path.startswith("src/") or not path.endswith((".h", ".cc")):
            continue
        here = folder_of(path[4:], allowed)
        if here is None:
            yield f"{path}:1: folder is not declared in tools/check/layers.txt"
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            target = match.group(1)
            for prefix, where in external.items():
                if target.startswith(prefix) and not any(
                        fnmatch.fnmatchcase(here[0], w) for w in where):
                    yield f"{path}:{number}: <{target}> may be included by {', '.join(where)} only"
            if target.startswith("shapes/gen/"):
                target = "shapes/gen.h"
            there = folder_of(target, allowed)
            if there is None or there[0] == here[0]:
                continue
            graph.setdefault(here[0], set()).add(there[0])
            if not any(w == "*" or fnmatch.fnmatchcase(there[0], w) for w in allowed[here[1]]):
                yield f"{path}:{number}: {here[0]} may not include {there[0]}"
    yield from find_cycles(graph)


def find_cycles(graph):
    done, stack = set(), []

    def visit(node):
        if node in stack:
            return [" -> ".join(stack[stack.index(node):] + [node])]
        if node in done:
            return []
        stack.append(node)
        found = [c for n in sorted(graph.get(node, ())) for c in visit(n)]
        stack.pop()
        done.add(node)
        return found

    for node in sorted(graph):
        for cycle in visit(node):
            yield f"src: include cycle {cycle}"


# --- sizes ----------------------------------------------------------------------------------------

STRIP = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
                   r'|//[^\n]*|/\*(?:.|\n)*?\*/|^[ \t]*#(?:[^\n\\]|\\(?:.|\n))*', re.M)


TYPE_HEAD = r"^(template\s*<.*>\s*)?(class|struct|union|enum)\b[^()]*$"


def blank(match):
    return "\n" * match.group(0).count("\n")


def functions(text):
    """(first line, line count) of every function body in C++ text."""
    text = STRIP.sub(blank, text)
    stack, line, head, start_of_head = [], 1, "", 1
    for char in text:
        if char == "\n":
            line += 1
        if char == "{":
            outer = all(kind in ("namespace", "type") for kind, _ in stack)
            words = head.strip()
            if re.search(r"\bnamespace\b|extern\s*$", words) and outer:
                kind = "namespace"
            elif re.search(TYPE_HEAD, words, re.S):
                kind = "type"
            elif outer and "(" in words and not re.search(r"=\s*$", words):
                kind = "function"
            else:
                kind = "block"
            stack.append((kind, start_of_head))
            head = ""
        elif char == "}":
            if stack:
                kind, first = stack.pop()
                if kind == "function":
                    yield first, line - first + 1
            head = ""
        elif char == ";":
            head = ""
        else:
            if not head.strip() and not char.isspace():
                head, start_of_head = "", line
            head += char


def check_sizes(files):
    for path in files:
        if not path.endswith(CHECKED_SIZE):
            continue
        text = read(path)
        lines = text.splitlines()
        test = re.search(r"(_test\.|(^|/)test_|(^|/)tests/)", path)
        limit = TEST_LINES_MAX if test else FILE_LINES_MAX
        if len(lines) > limit:
            yield f"{path}:1: {len(lines)} lines; at most {limit}"
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_COLUMNS_MAX:
                yield f"{path}:{number}: {len(line)} columns; at most {LINE_COLUMNS_MAX}"
        if path.endswith(CODE):
            for first, count in functions(text):
                if count > FUNCTION_LINES_MAX:
                    yield f"{path}:{first}: function of {count} lines; at most {FUNCTION_LINES_MAX}"


# --- documents ------------------------------------------------------------------------------------

PATH_LIKE = re.compile(r"^[\w.-]+(/[\w.*-]+)+/?$")
TOP_FOLDERS = ("src/", "docs/", "tools/", "tests/", "model/", "blueprints/", "bench/", "fuzz/",
               "cmake/", ".ci/")


def check_documents(files):
    known = set(files)
    folders = {d for f in files for d in parents(f)}
    for path in files:
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" in target:
                    continue
                full = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if full not in known and full not in folders and full != ".":
                    yield f"{path}:{number}: link to {target}, which does not exist"
            for target in re.findall(r"`([^`\s]+)`", line):
                target = re.sub(r":\d+$", "", target)
                if not PATH_LIKE.match(target) or not target.startswith(TOP_FOLDERS):
                    continue
                full = target.rstrip("/")
                if "*" in full:
                    exists = any(fnmatch.fnmatchcase(f, full) for f in known)
                else:
                    exists = full in known or full in folders
                if not exists:
                    yield f"{path}:{number}: names {target}, which does not exist"


def parents(path):
    while "/" in path:
        path = path.rsplit("/", 1)[0]
        yield path


# --- words ----------------------------------------------------------------------------------------

FORBIDDEN = [(re.compile(p), why) for p, why in (
    (r"/(work|root|home/\w+)/(main|wt|shared|\.library|\.pyenv)", "a path of one machine"),
    (r"\b(TODO|FIXME|XXX)\b", "a task without an owner in docs/"),
)]


def check_words(files):
    for path in files:
        if path.startswith("tools/check/") or not path.endswith(
                CHECKED_SIZE + (".md", ".txt", ".cmake", ".json", ".toml")):
            continue
        text = read(path)
        if path.endswith(CHECKED_SIZE) and "SPDX-License-Identifier: Apache-2.0" not in text[:300]:
            yield f"{path}:1: no SPDX-License-Identifier line"
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, why in FORBIDDEN:
                if pattern.search(line):
                    yield f"{path}:{number}: {why}"


def check_models(_):
    """model/*.json are what tools/apigen writes: canonical, and facts only."""
    run = subprocess.run([os.path.join(ROOT, "tools/apigen"), "--check"], cwd=ROOT,
                         capture_output=True, text=True)
    yield from run.stderr.splitlines()


CHECKS = {"layers": check_layers, "sizes": check_sizes, "documents": check_documents,
          "words": check_words, "models": check_models}


def main():
    names = sys.argv[1:] or list(CHECKS)
    unknown = [n for n in names if n not in CHECKS]
    if unknown:
        sys.exit(f"check.py: no check named {unknown[0]}; there are {', '.join(CHECKS)}")
    files = tracked()
    breaches = [b for n in names for b in CHECKS[n](files)]
    for breach in breaches:
        print(breach)
    print(f"{', '.join(names)}: {len(breaches)} breaches in {len(files)} files")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
