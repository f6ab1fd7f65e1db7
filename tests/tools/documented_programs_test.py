#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the programs that README and the guide show: documented_programs_test.py COMPILER ROOT."""
import pathlib
import re
import subprocess
import sys
import unittest

COMPILER, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
PROGRAM = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(path):
    """Those with a main(); other pieces of code are only quoted."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return [code for code in PROGRAM.findall(text) if "int main(" in code]


class DocumentedPrograms(unittest.TestCase):
    def check(self, path):
        found = programs(path)
        self.assertTrue(found, f"{path} shows no program")
        for code in found:
            done = subprocess.run(
                [COMPILER, "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                 f"-I{ROOT / 'include'}", "-x", "c++", "-"],
                input=code, text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, f"{path}:\n{done.stderr}")

    def test_readme(self):
        self.check("README.md")

    def test_getting_started(self):
        self.check("docs/getting_started.md")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
