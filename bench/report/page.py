# SPDX-License-Identifier: MIT
"""Rewrites the marked sections of a Markdown page, and nothing else of it."""

import re


def rewrite(path, sections):
    text = path.read_text()
    for name, body in sections.items():
        pattern = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
        text, found = pattern.subn(lambda m: f"{m[1]}\n{body}\n\n{m[2]}", text)
        if found != 1:
            raise ValueError(f"{path.name} has {found} sections named {name}, not one")
    path.write_text(text)
