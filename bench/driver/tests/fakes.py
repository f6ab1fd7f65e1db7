# SPDX-License-Identifier: Apache-2.0
"""Bars and programs for the tests: small scripts that print what a real program would."""
import os

from driver import bars_file

HEADER = """
[programs]
weft = { path = "weft", name = "weft" }
go = { path = "go", name = "Go", package = "golang-go" }
load = { path = "load", name = "weft load" }
"""

BAR = """
[[bar]]
area = "foundation"
metric = "yield"
what = "a yield"
method = "program"
ours = "weft yield"
peer = "go yield"
comparison = "<="
limit = 0.25
unit = "ratio"
rounds = 3
"""

ABSOLUTE = """
[[bar]]
area = "lab"
metric = "parked"
what = "a parked fiber"
method = "program"
ours = "weft parked"
comparison = "<="
limit = 4400
unit = "bytes"
rounds = 1
"""

ECHO = """
[[bar]]
area = "foundation"
metric = "echo"
what = "an echo"
method = "echo"
clients = 10
message_size = 64
seconds = 0.1
ours = "weft echo"
peer = "go echo"
comparison = "<="
limit = 1.1
unit = "ratio"
rounds = 2
"""

HTTP = ECHO.replace("message_size = 64\n", "").replace('"echo"', '"http"')


def bars(*texts):
    return bars_file.parse(HEADER + "".join(texts))


def program(folder, name, script):
    """A shell script `name` in `folder`, executable."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + script + "\n")
    os.chmod(path, 0o755)
    return path


def printing(value, unit="ns"):
    """A script that prints a figure as the programs do."""
    return f"""echo '{{"value": {value}, "unit": "{unit}"}}'"""
