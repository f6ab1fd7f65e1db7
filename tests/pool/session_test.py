#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a session remembers: it must follow its client, and never reach another one.

PostgreSQL itself passes all of it, each client has its session there. In session mode a server is
cleaned before the next client gets it; in transaction mode two clients take turns on one server, or
one client moves between two.
"""
import unittest

import rig
from wire_client import (ServerError, SYNC, bind, close, describe, execute, fields_of, parse,
                         query)

NOT_IN_PGBOUNCER = rig.but_for("pgbouncer", "session state does not follow the client")


class Pair(rig.PoolCase):
    """Two clients, `a` and `b`, whose statements alternate on whatever servers there are."""

    def setUp(self):
        super().setUp()
        self.a = self.client()
        self.b = self.client()

    def forget(self):
        """Both have gone; who comes next must not find anything of theirs."""
        self.a.end()
        self.b.end()
        return self.client()


@rig.modes(*rig.TRANSACTIONS)
class Parameters(Pair):
    """SET and its relatives."""

    # In transaction mode both share one server; in session mode each needs its own.
    settings = {"default_pool_size": 1}

    @classmethod
    def setUpClass(cls):
        cls.settings = {"default_pool_size": 1 if cls.mode == "transaction" else 2}
        super().setUpClass()

    @NOT_IN_PGBOUNCER
    def test_set_stays_with_its_client(self):
        for name, value in [("search_path", "pg_catalog"), ("statement_timeout", "12345ms"),
                            ("work_mem", "5MB"), ("DateStyle", "German"), ("timezone", "Asia/Tokyo"),
                            ("application_name", "something else")]:
            with self.subTest(name=name):
                default = self.b.value(f"show {name}")
                self.a.run(f"set {name} = '{value}'")
                self.assertEqual(self.b.value(f"show {name}"), default)
                self.assertNotEqual(self.a.value(f"show {name}"), default)
                self.assertEqual(self.b.value(f"show {name}"), default)
                self.a.run(f"reset {name}")
                self.assertEqual(self.a.value(f"show {name}"), default)

    @NOT_IN_PGBOUNCER
    def test_set_by_extended_protocol(self):
        default = self.b.value("show work_mem")
        self.a.run_extended("set work_mem = '7MB'")
        self.assertEqual(self.b.run_extended("show work_mem").rows, [[default]])
        self.assertEqual(self.a.run_extended("show work_mem").rows, [["7MB"]])

    @NOT_IN_PGBOUNCER
    def test_set_in_a_transaction(self):
        default = self.b.value("show work_mem")
        self.a.run("begin")
        self.a.run("set work_mem = '6MB'")
        self.a.run("rollback")
        self.assertEqual(self.a.value("show work_mem"), default)
        self.a.run("begin")
        self.a.run("set work_mem = '6MB'")
        self.a.run("commit")
        self.assertEqual(self.b.value("show work_mem"), default)
        self.assertEqual(self.a.value("show work_mem"), "6MB")

    def test_set_local_ends_with_its_transaction(self):
        default = self.a.value("show work_mem")
        self.a.run("begin")
        self.a.run("set local work_mem = '9MB'")
        self.assertEqual(self.a.value("show work_mem"), "9MB")
        self.a.run("commit")
        self.assertEqual(self.a.value("show work_mem"), default)
        self.assertEqual(self.b.value("show work_mem"), default)

    @NOT_IN_PGBOUNCER
    def test_reset_all(self):
        default = self.a.value("show work_mem")
        self.a.run("set work_mem = '9MB'")
        self.b.run("set work_mem = '10MB'")
        self.a.run("reset all")
        self.assertEqual(self.a.value("show work_mem"), default)
        self.assertEqual(self.b.value("show work_mem"), "10MB")

    @NOT_IN_PGBOUNCER
    def test_discard_all(self):
        default = self.a.value("show work_mem")
        self.a.run("set work_mem = '9MB'")
        self.b.run("set work_mem = '10MB'")
        self.a.run("discard all")
        self.assertEqual(self.a.value("show work_mem"), default)
        self.assertEqual(self.b.value("show work_mem"), "10MB")

    def test_what_the_startup_asked_for(self):
        if self.mode == "session":
            self.b.end()
        named = self.client(application_name="c", client_encoding="LATIN1")
        self.assertEqual(self.a.value("show client_encoding"), "UTF8")
        self.assertEqual(named.value("show client_encoding"), "LATIN1")
        self.assertEqual(self.a.value("show client_encoding"), "UTF8")

    def test_reported_ones_are_reported(self):
        self.a.run("set application_name = 'told'")
        self.assertEqual(self.a.parameters["application_name"], "told")

    @NOT_IN_PGBOUNCER
    def test_nothing_is_left_for_the_next(self):
        default = self.a.value("show search_path")
        self.a.run("set search_path = secret")
        self.assertEqual(self.forget().value("show search_path"), default)


@rig.modes(*rig.ALL)
class Prepared(Pair):
    """Statements with a name, by the protocol."""

    settings = {"default_pool_size": 2}

    def prepare(self, client, sql, name="s"):
        client.send(parse(sql, name=name), SYNC)
        answer = client.answer()
        self.assertEqual(answer.kinds, "1Z", answer.errors)

    def execute(self, client, values=(), name="s"):
        client.send(bind(values, statement=name), execute(), SYNC)
        return client.answer()

    @NOT_IN_PGBOUNCER
    def test_same_name_other_statement(self):
        self.prepare(self.a, "select 'of a'")
        self.prepare(self.b, "select 'of b'")
        for _ in range(3):
            self.assertEqual(self.execute(self.a).rows, [["of a"]])
            self.assertEqual(self.execute(self.b).rows, [["of b"]])

    @NOT_IN_PGBOUNCER
    def test_on_whatever_server(self):
        """While the other one keeps a server, the statement runs on another than before."""
        self.prepare(self.a, "select $1::int * 2")
        for number in range(5):
            self.b.send(query("select pg_sleep(0.05)"))
            self.assertEqual(self.execute(self.a, [number]).rows, [[str(2 * number)]])
            self.b.answer()

    @NOT_IN_PGBOUNCER
    def test_closed_one_is_gone(self):
        self.prepare(self.a, "select 1")
        self.prepare(self.b, "select 1")
        self.a.send(close("S", "s"), SYNC)
        self.assertEqual(self.a.answer().kinds, "3Z")
        self.assertEqual(self.execute(self.a).sqlstates, ["26000"])
        self.assertEqual(self.execute(self.b).rows, [["1"]])
        self.prepare(self.a, "select 2")
        self.assertEqual(self.execute(self.a).rows, [["2"]])

    @NOT_IN_PGBOUNCER
    def test_name_in_use(self):
        self.prepare(self.a, "select 1")
        self.a.send(parse("select 2", name="s"), SYNC)
        self.assertEqual(self.a.answer().sqlstates, ["42P05"])
        self.assertEqual(self.execute(self.a).rows, [["1"]])

    def test_name_of_another_is_unknown(self):
        self.prepare(self.a, "select 1", name="only a has it")
        self.b.run("select 1")
        self.assertEqual(self.execute(self.b, name="nobody has it").sqlstates, ["26000"])

    @NOT_IN_PGBOUNCER
    def test_describe_again(self):
        self.prepare(self.a, "select $1::int, 'x'::text")
        for _ in range(2):
            self.a.send(describe("S", "s"), SYNC)
            self.assertEqual(self.a.answer().kinds, "tTZ")

    @NOT_IN_PGBOUNCER
    def test_faulty_statement_is_not_kept(self):
        self.a.send(parse("selekt 1", name="s"), SYNC)
        self.assertEqual(self.a.answer().sqlstates, ["42601"])
        self.prepare(self.a, "select 1")
        self.assertEqual(self.execute(self.a).rows, [["1"]])

    @NOT_IN_PGBOUNCER
    def test_many_names(self):
        for first in range(0, 600, 100):  # a server must not read on while nobody reads it
            self.a.send(*(parse(f"select {number}", name=f"s{number}") + SYNC
                          for number in range(first, first + 100)))
            for _ in range(100):
                self.assertEqual(self.a.answer().kinds, "1Z")
        for number in (0, 1, 299, 599, 0):
            self.assertEqual(self.execute(self.a, name=f"s{number}").rows, [[str(number)]])

    @NOT_IN_PGBOUNCER
    def test_deallocate_all(self):
        self.prepare(self.a, "select 1")
        self.prepare(self.b, "select 2")
        self.a.run("deallocate all")
        self.assertEqual(self.execute(self.a).sqlstates, ["26000"])
        self.assertEqual(self.execute(self.b).rows, [["2"]])

    @rig.but_for("direct", "the client sees that there")
    @NOT_IN_PGBOUNCER
    def test_table_changed_below_a_statement(self):
        if self.mode == "session":
            self.skipTest("the session is the client's own")
        table = self.fresh_table()
        self.postgres.sql(f"insert into {table} values (1, 'a')", database="shop")
        self.prepare(self.a, f"select * from {table}")
        self.assertEqual(self.execute(self.a).rows, [["1", "a"]])
        self.postgres.sql(f"alter table {table} add more int default 3", database="shop")
        answer = self.execute(self.a)
        self.assertEqual((answer.sqlstates, answer.rows), ([], [["1", "a", "3"]]))


@rig.modes(*rig.TRANSACTIONS)
class Pins(Pair):
    """What cannot follow a client keeps it on its server."""

    settings = {"default_pool_size": 2}

    @NOT_IN_PGBOUNCER
    def test_temporary_table(self):
        self.a.run("create temporary table mine(x int)")
        self.a.run("insert into mine values (1)")
        for _ in range(3):
            self.b.send(query("select * from mine"))
            self.assertEqual(self.b.answer().sqlstates, ["42P01"])
            self.assertEqual(self.a.value("select count(*) from mine"), "1")
        after = self.forget()
        after.send(query("select * from mine"))
        self.assertEqual(after.answer().sqlstates, ["42P01"])

    @NOT_IN_PGBOUNCER
    def test_advisory_lock(self):
        self.a.run("select pg_advisory_lock(77)")
        for _ in range(3):
            self.assertEqual(self.b.value("select pg_try_advisory_lock(77)"), "f")
        self.assertEqual(self.a.value("select pg_advisory_unlock(77)"), "t")
        self.assertEqual(self.b.value("select pg_try_advisory_lock(77)"), "t")
        self.assertEqual(self.forget().value("select pg_try_advisory_lock(77)"), "t")

    @NOT_IN_PGBOUNCER
    def test_cursor_with_hold(self):
        self.a.run("begin")
        self.a.run("declare c cursor with hold for select generate_series(1, 4)")
        self.a.run("commit")
        for number in range(1, 4):
            self.b.send(query("fetch c"))
            self.assertEqual(self.b.answer().sqlstates, ["34000"])
            self.assertEqual(self.a.value("fetch c"), str(number))

    @NOT_IN_PGBOUNCER
    def test_values_of_a_sequence(self):
        self.postgres.sql("create sequence if not exists drawn; grant all on sequence drawn to ann",
                          database="shop")
        self.a.run("select nextval('drawn')")
        last = self.b.value("select nextval('drawn')")
        if self.mode == "transaction":  # on one of their servers
            third = self.client()
            for each in (third.run, third.run_extended):
                with self.assertRaises(ServerError) as told:
                    each("select lastval()")
                self.assertEqual(told.exception.sqlstate, "55000")
            third.run("select nextval('drawn')")
            self.assertGreater(int(third.value("select currval('drawn')")), int(last))
            third.end()
        for _ in range(3):
            self.b.run("begin")
            last = self.b.value("select nextval('drawn')")
            self.a.run("select nextval('drawn')")
            self.assertEqual(self.b.value("select currval('drawn')"), last)
            self.assertEqual(self.b.value("select lastval()"), last)
            self.b.run("commit")
        self.a.run("select nextval('drawn')")
        self.assertEqual(self.b.value("select lastval()"), last)

    @NOT_IN_PGBOUNCER
    def test_listen_and_notify(self):
        self.a.run("listen news")
        self.b.run("notify news, 'hello'")
        heard = self.a.receive()
        self.assertEqual(heard[0], "A")
        self.assertTrue(heard[1].endswith(b"news\0hello\0"), heard)
        self.a.run("unlisten news")
        self.b.run("notify news, 'nobody'")
        self.assertEqual(self.a.run("select 1").kinds, "TDCZ")

    @NOT_IN_PGBOUNCER
    def test_session_authorization_is_not_inherited(self):
        self.a.run("set role ann")
        self.assertEqual(self.forget().value("show role"), "none")


@rig.modes("transaction")
class LateBegin(rig.PoolCase):
    """BEGIN alone needs no server."""

    settings = {"default_pool_size": 1}

    @rig.but_for("pgbouncer", "takes a server for it")
    def test_begin_keeps_no_server(self):
        a, b = self.client(), self.client()
        self.assertEqual(a.run("begin").status, "T")
        self.assertEqual(b.value("select 1"), "1")
        self.assertEqual(a.run("select 2").status, "T")
        self.assertEqual(a.run("commit").tags, ["COMMIT"])

    @rig.but_for("pgbouncer", "takes a server for it")
    def test_begin_and_commit_with_nothing_between(self):
        a = self.client()
        self.assertEqual(a.run("begin isolation level serializable").tags, ["BEGIN"])
        self.assertEqual(a.run("commit").tags, ["COMMIT"])
        a.run("begin isolation level serializable")
        self.assertEqual(a.value("show transaction_isolation"), "serializable")
        a.run("rollback")


@rig.modes("transaction")
@rig.pooled
class Tracked(rig.PoolCase):
    """Parameters that are tracked, and that this server does not report."""

    settings = {"default_pool_size": 1, "track_extra_parameters": "IntervalStyle, search_path"}

    @rig.but_for("pgbouncer", "leaves them on the server")
    def test_are_those_of_their_client(self):
        usual = self.client()
        before = usual.value("show search_path")
        set_later, from_the_start = self.client(), self.client(search_path="elsewhere")
        set_later.run("set search_path = 'other'")
        for _ in range(2):
            self.assertEqual(from_the_start.value("show search_path"), "elsewhere")
            self.assertEqual(set_later.value("show search_path"), "other")
            self.assertEqual(usual.value("show search_path"), before)

    @rig.but_for("pgbouncer", "does not know what statements do")
    def test_a_statement_that_was_parsed_long_ago(self):
        client, other = self.client(), self.client()
        before = other.value("show statement_timeout")
        client.send(parse("set statement_timeout = '7s'"), SYNC)
        self.assertEqual(client.answer().sqlstates, [])
        self.let_idle()  # what is only of its session's fiber is gone
        client.send(bind(), execute(), SYNC)
        self.assertEqual(client.answer().tags, ["SET"])
        client.end()
        self.assertEqual(other.value("show statement_timeout"), before)

    @rig.but_for("pgbouncer", "a BEGIN takes a server there")
    def test_a_transaction_does_not_go_on_behind_what_was_cancelled(self):
        holder, client = self.client(), self.client()
        table = self.fresh_table("n int")
        holder.run("begin")
        holder.run("select 1")
        client.run("begin")
        client.send(query(f"insert into {table} values (1)"))
        with self.client(user="weft", database="pgbouncer") as console:
            rig.eventually(lambda: console.run("show waits").rows, "nobody waits")
        client.cancel()
        messages = client.rest()
        self.assertEqual(fields_of(messages[-1][1])["C"], "57014")
        holder.run("commit")
        self.assertEqual(holder.value(f"select count(*) from {table}"), "0")

    @rig.but_for("pgbouncer", "does not make plans anew")
    def test_a_long_statement_is_made_anew(self):
        table = self.fresh_table("n int")
        client = self.client()
        comment = "x" * 70_000
        client.send(parse(f"select n, '{comment}' from {table}", "long"), SYNC)
        self.assertEqual(client.answer().sqlstates, [])
        for kind in ("int", "bigint"):
            self.postgres.sql(f"alter table {table} alter n type {kind}", database="shop")
            client.send(bind(statement="long"), execute(), SYNC)
            answer = client.answer()
            self.assertEqual((answer.sqlstates, answer.tags), ([], ["SELECT 0"]))


if __name__ == "__main__":
    unittest.main()
