#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""auth_query: users that are in no file, whose secrets the server is asked for."""
import concurrent.futures
import unittest

import rig
import servers
from wire_client import ServerError

ASKER = "asker"
ASKERS_PASSWORD = "may i come in"
LOOKUP = "select * from pool_lookup($1)"

# With the right to read secrets, and nothing else.
_FUNCTION = """create or replace function pool_lookup(asked text, out rolname text, out secret text)
    language sql security definer as
    'select rolname::text, case when rolvaliduntil < now() then null else rolpassword end
     from pg_authid where rolname = asked and rolcanlogin'"""


def databases(postgres, **special):
    """Lines of [databases]; `special` is {name: what stands behind}."""
    return {name: f"host={postgres.folder} port={postgres.port} dbname={name} "
                  f"{special.get(name, '')}" for name in servers.DATABASES}


class LookupCase(rig.PoolCase):
    """Only who asks is in the file."""

    users = {ASKER: ASKERS_PASSWORD}
    settings = {"auth_type": "md5", "auth_user": ASKER, "auth_query": LOOKUP}

    @classmethod
    def setUpClass(cls):
        postgres = rig.postgres()
        postgres.sql("set password_encryption = 'scram-sha-256'",
                     f"drop role if exists {ASKER}",
                     f"create role {ASKER} login password '{ASKERS_PASSWORD}'")
        postgres.sql(_FUNCTION, database="shop")
        super().setUpClass()

    def refusal(self, **options):
        with self.assertRaises(ServerError) as caught:
            self.client(**options)
        return caught.exception

    def role(self, name, options):
        """A role that goes after the test."""
        self.postgres.sql(f"create role {name} login {options}")
        self.addCleanup(self.postgres.sql, f"drop role {name}")


@rig.modes(*rig.TRANSACTIONS)
class Users(LookupCase):
    """Come as if they were in auth_file, and are asked for at each login."""

    @rig.pooled
    def test_right_password(self):
        for user, password in servers.PASSWORDS.items():
            with self.subTest(user=user):
                client = self.client(user=user, password=password)
                self.assertEqual(client.value("select current_user"), user)

    @rig.but_for("pgbouncer", "1.18 says 08P01 to all")
    @rig.pooled
    def test_wrong_password(self):
        for user in servers.PASSWORDS:
            with self.subTest(user=user):
                self.assertEqual(self.refusal(user=user, password="guess").sqlstate, "28P01")

    @rig.but_for("pgbouncer", "says that it got no name")
    @rig.pooled
    def test_unknown_user_is_asked_all_the_same(self):
        for user in ("mallory", "x' or '1'='1", "$1", "x" * 5000):
            with self.subTest(user=user[:20]):
                error = self.refusal(user=user, password="guess")
                self.assertEqual(error.sqlstate, "28P01")
                self.assertEqual(error.fields["M"],
                                 f'password authentication failed for user "{user}"')

    @rig.pooled
    def test_changed_password_counts_at_once(self):
        self.role("eve", "password 'first'")
        self.assertEqual(self.client(user="eve", password="first").value("select 1"), "1")
        self.postgres.sql("alter role eve password 'second'")
        self.refusal(user="eve", password="first")
        client = self.client(user="eve", password="second")
        self.assertEqual(client.value("select current_user"), "eve")

    @rig.pooled
    def test_null_fits_no_password(self):
        self.role("gone", "password 'once' valid until '2001-01-01'")
        self.role("bare", "")
        for user, password in (("gone", "once"), ("bare", "any"), ("bare", "md5")):
            with self.subTest(user=user):
                self.refusal(user=user, password=password)

    @rig.pooled
    def test_log_has_no_secret(self):
        self.client(user="alice", password=servers.PASSWORDS["alice"])
        said = self.server.process.said()
        for secret in [ASKERS_PASSWORD, *servers.PASSWORDS.values(),
                       *self.postgres.secrets().values()]:
            self.assertNotIn(secret, said)

    @rig.pooled
    def test_connection_that_was_lost_is_replaced(self):
        self.client(user="alice", password=servers.PASSWORDS["alice"]).end()
        for _ in range(3):
            self.postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                              f"where usename = '{ASKER}'")
            client = self.client(user="alice", password=servers.PASSWORDS["alice"])
            self.assertEqual(client.value("select 1"), "1")

    @rig.pooled
    def test_many_at_once(self):
        def user_of(_):
            client = self.client(user="carol", password=servers.PASSWORDS["carol"])
            found = client.value("select current_user")
            client.end()  # in session mode there are servers for few
            return found

        with concurrent.futures.ThreadPoolExecutor(50) as threads:
            self.assertEqual(list(threads.map(user_of, range(50))), ["carol"] * 50)


@rig.modes("session")
class FullPool(LookupCase):
    """Who has all servers need not go before somebody else may say who he is."""

    settings = {**LookupCase.settings, "default_pool_size": 1, "max_db_connections": 1}

    @rig.but_for("pgbouncer", "its logins wait, too")
    @rig.pooled
    def test_logins_go_on(self):
        busy = self.client(user="alice", password=servers.PASSWORDS["alice"])
        busy.run("begin")
        self.refusal(user="bob", password="guess")
        # As the one that asks, too.
        second = self.client(user="alice", password=servers.PASSWORDS["alice"])
        busy.run("commit")
        busy.end()
        self.assertEqual(second.value("select 1"), "1")


@rig.modes("transaction")
class Faults(LookupCase):
    """What is wrong with the query or its database: PgBouncer's words."""

    settings = {"auth_type": "md5", "auth_user": ASKER, "auth_query": "select 1/0, $1::text",
                "client_login_timeout": 10}

    @classmethod
    def setUpClass(cls):
        cls.databases = databases(rig.postgres())
        line = cls.databases["shop"]
        cls.databases |= {
            "one_column": f"{line} auth_query='select $1::text'",
            "three_columns": f"{line} auth_query='select $1::text, 1, 2'",
            "nothing": f"{line} auth_query='set work_mem = 1000'",
            "no_place": f"{line} auth_dbname=nowhere",
            "console": f"{line} auth_dbname=pgbouncer",
            "good": f"{line} auth_query='{LOOKUP}'"}
        super().setUpClass()

    def message(self, database):
        return self.refusal(user="alice", password="x", database=database).fields["M"]

    @rig.but_for("pgbouncer", "1.18 has other words, and no query for each database")
    @rig.pooled
    def test_words(self):
        for database, words in [
                ("shop", "error response from auth_query"),
                ("one_column", "expected 2 columns from auth_query, not 1"),
                ("three_columns", "expected 2 columns from auth_query, not 3"),
                ("nothing", "error response from auth_query"),
                ("no_place", "bouncer config error"),
                ("console", "bouncer config error")]:
            with self.subTest(database=database):
                self.assertEqual(self.message(database), words)
        said = self.server.process.said()
        self.assertIn("division by zero", said)
        self.assertIn('authentication database "nowhere" is not configured.', said)
        client = self.client(database="good", user="alice", password=servers.PASSWORDS["alice"])
        self.assertEqual(client.value("select 1"), "1")


@rig.modes("transaction")
class Elsewhere(LookupCase):
    """auth_dbname, a user of its own for each database, and a name that the query changes."""

    settings = {"auth_type": "scram-sha-256", "auth_dbname": "shop", "auth_query": LOOKUP}
    users = {ASKER: ASKERS_PASSWORD, "weft": ""}

    @classmethod
    def setUpClass(cls):
        postgres = rig.postgres()
        cls.databases = databases(
            postgres, other=f"auth_user={ASKER}",
            shop=f"user=ann auth_user={ASKER} auth_query='select * from pool_lookup(lower($1))'")
        super().setUpClass()

    @rig.but_for("pgbouncer", "1.18 has no auth_dbname")
    @rig.pooled
    def test_the_query_runs_there(self):
        client = self.client(database="other", user="alice", password=servers.PASSWORDS["alice"])
        self.assertEqual(client.value("select current_user"), "alice")

    @rig.but_for("pgbouncer", "1.18 has no query for each database")
    @rig.pooled
    def test_who_logs_in_is_whom_the_query_names(self):
        client = self.client(user="ALICE", password=servers.PASSWORDS["alice"])
        # A shared login is that of the clients, not of the query.
        self.assertEqual(client.value("select current_user"), "ann")
        self.assertTrue(self.backends(f"usename = '{ASKER}'"))


@rig.modes("transaction")
class Trusted(LookupCase):
    """`trust` is for those that there are."""

    settings = {**LookupCase.settings, "auth_type": "trust"}

    @rig.pooled
    def test_those_that_there_are(self):
        self.assertEqual(self.client(user="ann").value("select current_user"), "ann")
        self.refusal(user="mallory")


@rig.modes("transaction")
class Strangers(LookupCase):
    """Whoever names databases that there are not leaves nothing behind."""

    settings = {**LookupCase.settings, "auth_type": "scram-sha-256", "admin_users": ASKER}

    @classmethod
    def setUpClass(cls):
        postgres = rig.postgres()
        cls.databases = {"*": f"host={postgres.folder} port={postgres.port}"}
        super().setUpClass()

    @rig.pooled
    @rig.but_for("pgbouncer", "keeps them for autodb_idle_timeout")
    def test_many_databases(self):
        for number in range(150):
            self.refusal(user="mallory", database=f"nowhere{number}")
        client = self.client(user="alice", password=servers.PASSWORDS["alice"])
        self.assertEqual(client.value("select 1"), "1")
        console = self.client(user=ASKER, password=ASKERS_PASSWORD, database="pgbouncer")
        self.assertLess(len(console.run("show pools").rows), 70)
        console.run("reload")  # those that are left take the new settings
        client = self.client(user="bob", password=servers.PASSWORDS["bob"])
        self.assertEqual(client.value("select 1"), "1")


if __name__ == "__main__":
    unittest.main()
