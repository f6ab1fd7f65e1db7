# SPDX-License-Identifier: Apache-2.0
"""What a measurement of a pooler needs around it: PostgreSQL, certificates, pgbench, the crowd.

One PostgreSQL serves all measurements of a process; each has a pooler of its own, whose settings are
the same on both sides. Servers are started by tests/pool/servers.py, as for the tests.
"""
import atexit
import contextlib
import functools
import json
import os
import re
import subprocess
import sys

from driver.process import ProgramError

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir,
                             "tests", "pool"))
import servers  # noqa: E402

DATABASE = "bench"
# Of pgbench's tables: 100,000 accounts each.
SCALE = 10
POOL = 20
# A pooler that serves 10,000 clients opens two descriptors for none of them, but has others.
MOST_CLIENTS = 12_000
TIMEOUT = 300
TENANTS = ("small", "big", "heavy", "light")


@contextlib.contextmanager
def _as_program_errors():
    try:
        yield
    except (servers.ServerFailed, OSError, subprocess.SubprocessError) as error:
        raise ProgramError(str(error)) from error


@functools.cache
def postgres():
    """With pgbench's tables in `bench`, and a role for each user of a workload."""
    with _as_program_errors():
        server = servers.Postgres(shared_buffers="256MB", max_connections="100",
                                  client_connection_check_interval="0")
        atexit.register(server.stop)
        server.sql(f"create database {DATABASE}",
                   *(f"create role {name} login" for name in TENANTS))
        pgbench_run(server, ["-i", "-q", "-s", str(SCALE)])
        server.sql("checkpoint")
        return server


def settings(**others):
    """Of all poolers."""
    return {"pool_mode": "transaction", "default_pool_size": POOL, "max_client_conn": MOST_CLIENTS,
            "log_connections": False, "log_disconnections": False, "listen_backlog": 4096,
            "query_wait_timeout": 0, **others}


def pooler(program, others=None, own=None, tenants=None):
    """Started. All clients share the logins of `weft`, so that there is one pool of 20.

    own: settings that only weft-pool has; tenants: {user: weight}, likewise.
    """
    database = postgres()
    ours = os.path.basename(program) == "weft-pool"
    everything = settings(**(others or {}), **(own or {} if ours else {}))
    line = f"host=127.0.0.1 port={database.port} dbname={DATABASE} user=weft"
    users = {**{name: "" for name in ("weft", *TENANTS)}, **database.secrets()}
    with _as_program_errors():
        return servers.Pooler(program, database, everything, {DATABASE: line}, users,
                              tenants=tenants if ours else None)


def certificate(folder):
    """{setting: path} of a certificate signed by itself, with an RSA key as most servers have."""
    files = {kind: os.path.join(folder, f"{kind}.pem") for kind in ("cert", "key")}
    with _as_program_errors():
        servers.run_as_server(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                               "2", "-subj", "/CN=localhost", "-keyout", files["key"], "-out",
                               files["cert"]])
    return {"client_tls_sslmode": "require",
            **{f"client_tls_{kind}_file": path for kind, path in files.items()}}


def pgbench_run(server, arguments):
    with _as_program_errors():
        done = subprocess.run([servers.find_program("pgbench"), "-h", "127.0.0.1", "-p",
                               str(server.port), "-U", "weft", *arguments, DATABASE],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise ProgramError(f"pgbench: {done.stderr.strip()[-300:]}")
    return done.stdout


def select_only(server, protocol, clients, seconds):
    """pgbench -S: {"transactions", "tps", "latency_us"}."""
    threads = min(clients, 2)
    return pgbench_figures(pgbench_run(server, ["-S", "-n", "-M", protocol, "-c", str(clients),
                                                "-j", str(threads), "-T", str(seconds)]))


def pgbench_figures(output):
    """Of what pgbench prints; a run with failures is worth nothing."""
    found = [re.search(pattern, output) for pattern in (
        r"transactions actually processed: (\d+)", r"tps = ([\d.]+)",
        r"latency average = ([\d.]+) ms", r"failed transactions: (\d+)")]
    if not all(found):
        raise ProgramError("pgbench: printed no figures")
    count, tps, milliseconds, failed = (float(each[1]) for each in found)
    if failed or not count:
        raise ProgramError(f"pgbench: {count:.0f} transactions, {failed:.0f} failed")
    return {"transactions": count, "tps": tps, "latency_us": 1000 * milliseconds}


def memory_kb(pid):
    """Private memory of a process, without what it shares with others and the kernel's buffers."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


class Crowd:
    """bench_pool_crowd at work; result() is its line of JSON. `with` ends it."""

    def __init__(self, program, words):
        self._process = subprocess.Popen([program, *words], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def result(self):
        """Waits for the line. The program may go on until release()."""
        line = self._process.stdout.readline()
        if not line:
            raise ProgramError(self._process.communicate(timeout=TIMEOUT)[1].strip()
                               or "bench_pool_crowd: printed nothing")
        return json.loads(line)

    def release(self):
        """Its clients go, then itself."""
        self._process.communicate(timeout=TIMEOUT)
