# SPDX-License-Identifier: Apache-2.0
"""What all scenarios of this folder share: which server is tested, and in which modes.

WEFT_POOL_TARGET is `direct` (PostgreSQL itself: a scenario that fails there is wrong), `pgbouncer`
(the peer: shows that the rig can start a pooler) or `weft-pool`, whose path WEFT_POOL_PROGRAM gives. A
scenario is a class below `PoolCase` with the decorator `modes`, which makes one class of it for each
pooling mode. A process starts one PostgreSQL, and a pooler for each of these classes.
WEFT_POOL_KEEP=1 leaves the servers' folders, with their logs, in /tmp.
"""
import atexit
import functools
import os
import sys
import time
import unittest

import servers
from wire_client import Client

TARGET = os.environ.get("WEFT_POOL_TARGET", "direct")
# Far beyond what anything takes on a loaded machine.
DEADLINE_SECONDS = 30
# A client that has said nothing for so long has no fiber any more.
STAYS_ACTIVE_SECONDS = 1.2
ALL = ("session", "transaction", "statement")
# Those in which a client keeps its server from BEGIN to COMMIT.
TRANSACTIONS = ("session", "transaction")
# What sessions of a pool do while no client has them.
_AT_REST = ("select coalesce(string_agg(usename || ' ' || state || ': ' || query, '; '), '') "
            "from pg_stat_activity where backend_type = 'client backend' "
            "and usename <> 'weft' and state <> 'idle'")


@functools.cache
def postgres():
    """The PostgreSQL of this process, started when it is first asked for."""
    server = servers.Postgres()
    atexit.register(server.stop)
    return server


def program():
    """Path of the pooler."""
    path = (servers.find_program("pgbouncer") if TARGET == "pgbouncer"
            else os.environ.get("WEFT_POOL_PROGRAM"))
    if not path or not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{TARGET} is not installed or not built")
    return path


def modes(*names):
    """Replaces a class by one for each mode; against PostgreSQL itself by a single one."""
    def replace(scenario):
        module = sys.modules[scenario.__module__]
        for mode in ("direct",) if TARGET == "direct" else names:
            name = f"{scenario.__name__}_{mode}"
            setattr(module, name, type(name, (scenario,), {
                "mode": mode, "__module__": scenario.__module__, "__doc__": scenario.__doc__}))
    return replace


def but_for(target, reason):
    """A test that this target does not pass, and why."""
    return unittest.skipIf(TARGET == target, f"{target}: {reason}")


pooled = but_for("direct", "there is no pool")


def eventually(condition, what, seconds=DEADLINE_SECONDS):
    """Asks until it is so, since servers do not tell; returns what `condition` did."""
    try:
        return servers.wait_until(condition, what, seconds)
    except servers.ServerFailed as error:
        raise AssertionError(f"not after {seconds} s: {error}") from None


class PoolCase(unittest.TestCase):
    """A scenario. After each test no server session may be left busy or in a transaction."""

    mode = ""
    # More lines for the section [pgbouncer] of the pooler's file.
    settings = {}
    # {name: secret} for its auth_file, if not all without a secret.
    users = None
    # Of the pooler's process: (resource.RLIMIT_..., value) each.
    limits = ()
    # {name: line} for its [databases], if not what servers.Pooler writes.
    databases = None
    # {name: {setting: value}} for its [tenants]; weft-pool only.
    tenants = None
    # {name: value} added to its environment.
    pooler_environment = None

    @classmethod
    def setUpClass(cls):
        cls.postgres = postgres()
        cls.server = cls.postgres
        if TARGET != "direct":
            # As long as weft-pool's is without being told.
            backlog = {"listen_backlog": 4096} if TARGET == "pgbouncer" else {}
            cls.server = servers.Pooler(program(), cls.postgres,
                                        {"pool_mode": cls.mode, **backlog, **cls.settings},
                                        databases=cls.databases, users=cls.users,
                                        tenants=cls.tenants,
                                        limits=cls.limits, environment=cls.pooler_environment)
            cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.addCleanup(self.check_servers)

    @property
    def path(self):
        """The Unix socket of what is tested."""
        return self.server.socket_path

    @property
    def tcp(self):
        return "127.0.0.1", self.server.port

    def client(self, **options):
        """A wire_client.Client that says goodbye after the test."""
        client = Client(options.pop("address", self.path), **options)
        self.addCleanup(client.socket.close)
        return client

    def admin(self, **options):
        """The same for the superuser, past the pooler."""
        return self.client(address=self.postgres.socket_path, user="weft", **options)

    def keywords(self, user="ann", database="shop"):
        """For libpq and psycopg."""
        return {"host": self.server.folder, "port": self.server.port, "user": user,
                "dbname": database, "connect_timeout": DEADLINE_SECONDS}

    def environment(self, user="ann", database="shop"):
        """For programs that use libpq, and for the drivers that read the same variables."""
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.server.port),
                "PGUSER": user, "PGDATABASE": database, "WEFT_POOL_MODE": self.mode}

    def backends(self, condition="true"):
        """Process numbers of the sessions of all users but the superuser that fulfil it."""
        rows = self.postgres.sql("select pid from pg_stat_activity where usename <> 'weft' and "
                                 f"backend_type = 'client backend' and {condition}")
        return [int(row) for row in rows.split()]

    def wait_for_query(self, part):
        """Until a session runs a query with this text in it; its process number."""
        condition = f"state = 'active' and query like '%{part}%'"
        return eventually(lambda: self.backends(condition), f"nobody runs {part}")[0]

    def let_idle(self):
        """Until a client has no fiber any more: nothing but time says that."""
        time.sleep(STAYS_ACTIVE_SECONDS)

    def check_servers(self):
        state = [""]

        def at_rest():
            state[0] = self.postgres.sql(_AT_REST)
            return not state[0]
        eventually(at_rest, lambda: f"left behind: {state[0]}")

    def fresh_table(self, columns="id int primary key, name text"):
        """The name of a new table in `shop`, for this test alone."""
        name = self.id().rpartition(".")[2].replace("test_", "")[:40]
        self.postgres.sql(f"drop table if exists {name}", f"create table {name} ({columns})",
                          f"grant all on {name} to public", database="shop")
        return name
