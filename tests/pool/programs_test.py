#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday use through the drivers of other languages: one program for each, below programs/."""
import functools
import os
import shutil
import subprocess
import tempfile
import unittest

import rig

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
# Debian's package, or wherever npm has put it.
NODE_PATH = ":".join(filter(None, ["/usr/share/nodejs", os.environ.get("NODE_PATH")]))
JDBC = "/usr/share/java/postgresql.jar"
GO_SOURCES = "/usr/share/gocode"
# A compiler may have to run first.
LONG_SECONDS = 200
PREPARED = "no" if rig.TARGET == "pgbouncer" else "prepared"  # 1.18 cannot in transaction mode


class Program(rig.PoolCase):
    """Runs one on a table of its own."""

    def run_program(self, command, **variables):
        table = self.fresh_table()
        done = subprocess.run([*command, table, PREPARED], capture_output=True, text=True,
                              env={**self.environment(), **variables}, timeout=LONG_SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@rig.modes(*rig.ALL)
class Node(Program):
    """node-postgres."""

    def test_everyday(self):
        if not shutil.which("node") or not any(
                os.path.isdir(os.path.join(folder, "pg")) for folder in NODE_PATH.split(":")):
            self.skipTest("node-pg is not installed, and no pg is in NODE_PATH")
        self.run_program(["node", os.path.join(HERE, "everyday.js")], NODE_PATH=NODE_PATH)


@rig.modes(*rig.TRANSACTIONS)
class Jdbc(Program):
    """PostgreSQL's driver for Java."""

    def test_everyday(self):
        if not shutil.which("javac") or not os.path.exists(JDBC):
            self.skipTest("libpostgresql-jdbc-java or default-jdk-headless is not installed")
        self.run_program(["java", "-Xshare:auto", "-cp", JDBC,
                          os.path.join(HERE, "Everyday.java")])


@functools.cache
def pgx_program():
    """Built once for all modes."""
    folder = tempfile.TemporaryDirectory(prefix="weft-pgx-")
    unittest.addModuleCleanup(folder.cleanup)
    path = os.path.join(folder.name, "everyday")
    subprocess.run(["go", "build", "-o", path, "main.go"], check=True, timeout=LONG_SECONDS,
                   cwd=os.path.join(HERE, "everyday_pgx"),
                   env={"GOCACHE": os.path.join(folder.name, "cache"), **os.environ,
                        "GO111MODULE": "off", "GOPATH": GO_SOURCES, "GOFLAGS": ""})
    return path


@rig.modes(*rig.TRANSACTIONS)
class Pgx(Program):
    """pgx."""

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in transaction mode")
    def test_everyday(self):
        if not shutil.which("go") or not os.path.isdir(f"{GO_SOURCES}/src/github.com/jackc/pgx"):
            self.skipTest("golang-github-jackc-pgx-v4-dev or golang-go is not installed")
        self.run_program([pgx_program()])


if __name__ == "__main__":
    unittest.main()
