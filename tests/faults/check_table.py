#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every function that a public header declares is in the table of fault_test.cpp, so that a new one is not forgotten.

    check_table.py <fault_test.cpp> <public header>...

Reads the headers' declarations at namespace level and in public sections of classes, detail left out; overloads count
once, operators and destructors not at all.
"""
import pathlib
import re
import sys

NOT_NAMES = {"if", "for", "while", "switch", "return", "sizeof", "alignof", "decltype", "noexcept", "requires",
             "static_assert", "explicit", "void", "int", "bool", "defined", "operator"}


def without_noise(text):
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\[\[.*?\]\]", " ", text, flags=re.DOTALL)
    return re.sub(r"\b(DEVRES_\w+|_GLIBCXX_\w+|__attribute__)\s*\((?:[^()]|\([^()]*\))*\)", " ", text)


def block_end(text, begin):
    depth = 0
    for at in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError("a brace is not closed")


def declared(statement, class_name):
    """The function that a declaration declares, or None."""
    statement = re.sub(r"\btemplate\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>", " ", statement)
    statement = re.sub(r"\brequires\s*\((?:[^()]|\([^()]*\))*\)", " ", statement)
    statement = re.sub(r"\bexplicit\s*\([^()]*\)", " ", statement)
    if re.search(r"\b(friend|using|typedef|concept|static_assert|extern template)\b", statement):
        return None
    before = statement.partition("(")[0]
    if "(" not in statement or "=" in before or "~" in before or re.search(r"\boperator\b", before):
        return None
    if re.match(r"\s*\*", statement.partition("(")[2]):
        return None # a pointer to a function
    name = re.search(r"(\w+)\s*$", before)
    if not name or name[1] in NOT_NAMES:
        return None
    if re.search(r"=\s*(delete|default)\s*$", statement):
        return None
    return class_name if name[1] == class_name else name[1]


def functions(text, class_name=None, public=True):
    begin = at = 0
    while at < len(text):
        c = text[at]
        if c in ";{":
            head = text[begin:at].strip()
            for access in re.findall(r"\b(public|private|protected)\s*:(?!:)", head):
                public = access == "public"
            head = re.sub(r"\b(public|private|protected)\s*:(?!:)", " ", head).strip()
            if c == "{":
                end = block_end(text, at)
                body = text[at + 1:end]
                kind = re.search(r"\b(namespace|class|struct|union|enum)\b", head)
                if "(" not in head and kind and kind[1] == "namespace":
                    if not re.search(r"\bdetail\b", head):
                        yield from functions(body)
                elif "(" not in head and kind and kind[1] in ("class", "struct") and public:
                    name = re.search(r"\b(?:class|struct)\s+(\w+)", head)
                    yield from functions(body, name and name[1], kind[1] == "struct")
                elif public and (name := declared(head, class_name)):
                    yield name
                at = end
                # A constructor's list of initialisers is a function's head, too; what follows a body begins anew.
            elif public and (name := declared(head, class_name)):
                yield name
            begin = at + 1
        at += 1


def main():
    table = pathlib.Path(sys.argv[1]).read_text()
    named = set()
    for words in re.findall(r'push_back\(\s*\{((?:\s*"[a-z_ ]+")+),', table):
        named |= set(re.findall(r"[a-z_]+", words))
    missing = {}
    seen = set()
    for header in sys.argv[2:]:
        for name in functions(without_noise(pathlib.Path(header).read_text())):
            seen.add(name)
            if name not in named:
                missing.setdefault(name, header)
    for name, header in sorted(missing.items()):
        print(f"{name} of {header} is not in the table")
    for name in sorted(named - seen):
        print(f"{name} is in the table, but no header declares it")
    print(f"{len(seen)} public functions, {len(missing)} of them without a test that lets its allocations fail")
    return 1 if missing or named - seen or len(seen) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
