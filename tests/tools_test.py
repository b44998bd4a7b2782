#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# tools/trace_to_chrome.py: each ADD gets the end that belongs to it. With a program as argument, its own log is
# converted, too. The recipes in packaging/ are looked at for their syntax.
#
# usage: tools_test.py <folder of the tools> [<program that attaches and releases>]
import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv[1])
import trace_to_chrome  # noqa: E402

PROGRAM = sys.argv[2:]


def line(ms, op, name, thread=7):
    return f'devres: 12.{ms:06d} [{thread}] device "gpu0": {op} {name} (16 bytes)\n'


class TraceTest(unittest.TestCase):
    def test_each_resource_is_a_bar(self):
        events, strange = trace_to_chrome.convert(
            ["something else\n", line(1, "ADD", "a(int*)"), line(2, "ADD", "b"), line(3, "REL", "b", 8),
             line(4, "REM", "a(int*)")])
        self.assertEqual(0, strange)
        self.assertEqual(['M', 'b', 'b', 'e', 'e'], [e["ph"] for e in events])
        self.assertEqual(["a(int*)", "b", "b", "a(int*)"], [e["name"] for e in events[1:]])
        self.assertEqual([1, 2, 2, 1], [e["id"] for e in events[1:]])
        self.assertEqual([12_000_001, 12_000_002, 12_000_003, 12_000_004], [e["ts"] for e in events[1:]])
        self.assertEqual([7, 7, 8, 7], [e["tid"] for e in events[1:]])

    def test_of_equal_ones_the_newest_ends_first(self):
        events, _ = trace_to_chrome.convert(
            [line(1, "ADD", "a"), line(2, "ADD", "a"), line(3, "REL", "a"), line(4, "REL", "a")])
        self.assertEqual([1, 2, 2, 1], [e["id"] for e in events[1:]])

    def test_what_began_before_or_stays(self):
        events, _ = trace_to_chrome.convert([line(1, "REL", "old"), line(2, "ADD", "stays")])
        self.assertEqual(['M', 'i', 'b', 'e'], [e["ph"] for e in events])
        self.assertEqual("still attached", events[3]["args"]["how"])

    def test_a_line_that_changed_its_form_is_noticed(self):
        self.assertEqual(1, trace_to_chrome.convert(["devres: 1.5 [7] no such form\n"])[1])

    @unittest.skipUnless(PROGRAM, "no program")
    def test_a_program(self):
        log = subprocess.run(PROGRAM, env=os.environ | {"DEVRES_LOG": "1"}, capture_output=True, text=True).stderr
        events, strange = trace_to_chrome.convert(log.splitlines())
        self.assertEqual(0, strange)
        begun = [e["id"] for e in events if e["ph"] == 'b']
        self.assertGreater(len(begun), 0)
        self.assertEqual(sorted(begun), sorted(e["id"] for e in events if e["ph"] == 'e'))


class RecipesTest(unittest.TestCase):
    packaging = pathlib.Path(__file__).resolve().parent.parent / "packaging"

    def test_conan(self):
        tree = ast.parse((self.packaging / "conan/conanfile.py").read_text())
        self.assertIn("Devres", [node.name for node in tree.body if isinstance(node, ast.ClassDef)])

    def test_vcpkg(self):
        self.assertEqual("devres", json.loads((self.packaging / "vcpkg/vcpkg.json").read_text())["name"])

    @unittest.skipUnless(shutil.which("cmake"), "no cmake")
    def test_portfile(self):
        commands = ["vcpkg_cmake_configure", "vcpkg_cmake_install", "vcpkg_cmake_config_fixup", "vcpkg_install_copyright"]
        stubs = "".join(f"function({c})\nendfunction()\n" for c in commands)
        port = self.packaging / "vcpkg/portfile.cmake"
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "check.cmake"
            script.write_text(f'{stubs}set(CURRENT_PACKAGES_DIR "{folder}")\ninclude("{port}")\n')
            subprocess.run(["cmake", "-P", script], check=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
