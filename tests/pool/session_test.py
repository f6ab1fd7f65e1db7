#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a session remembers: it must follow its client, and never reach another one.

PostgreSQL itself passes all of it, each client has its session there. In session mode a server is
cleaned before the next client gets it; in transaction mode two clients take turns on one server, or
one client moves between two.
"""
import unittest
from random import Random

import rig
from wire_client import ServerError, SYNC, bind, close, describe, execute, parse, query

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


@rig.modes(*rig.ALL)
class PreparedBySql(Pair):
    """PREPARE, EXECUTE, DEALLOCATE; they and the protocol have one namespace."""

    settings = {"default_pool_size": 2}

    def elsewhere(self, sql):
        """The first of a's rows, while b keeps the server that a had last."""
        self.b.send(query("select pg_sleep(0.05)"))
        answer = self.a.run(sql)
        self.b.answer()
        return answer.rows[0]

    def fails(self, client, sql, sqlstate):
        client.send(query(sql))
        self.assertEqual(client.answer().sqlstates, [sqlstate])

    @NOT_IN_PGBOUNCER
    def test_prepare_and_execute(self):
        self.a.run("prepare p(int) as select $1 + 1")
        self.b.run("prepare p(int) as select $1 + 2")
        for _ in range(3):
            self.assertEqual(self.a.value("execute p(1)"), "2")
            self.assertEqual(self.b.value("execute p(1)"), "3")
            self.assertEqual(self.elsewhere("execute p(2)"), ["3"])
        self.a.run("deallocate p")
        self.fails(self.a, "execute p(1)", "26000")
        self.assertEqual(self.b.value("execute p(1)"), "3")

    @NOT_IN_PGBOUNCER
    def test_many_clients_on_few_servers(self):
        if self.mode == "session":
            self.skipTest("each has a server")
        clients = [self.client() for _ in range(20)]
        for number, each in enumerate(clients):
            each.run(f"prepare p(int) as select $1 + {number}")
        for _ in range(3):
            for number, each in enumerate(clients):
                each.send(query("execute p(100)"))
            for number, each in enumerate(clients):
                self.assertEqual(each.answer().rows, [[str(100 + number)]])

    @NOT_IN_PGBOUNCER
    def test_types(self):
        names = ("int int4 integer bigint smallint text varchar(10) char(3) bool bytea numeric(9,2)"
                 " float8 real date timestamp timestamptz interval uuid json jsonb inet name oid"
                 " int[] text[] uuid[] jsonb[] numeric[] timestamptz[] bool[] date[]").split()
        names += ["double precision", "character varying(5)", "time without time zone",
                  "time(3) with time zone", "timestamp with time zone", "character varying[]"]
        for name in names:
            with self.subTest(type=name):
                self.a.run(f"prepare p({name}) as select pg_typeof($1)")
                there = self.a.value("execute p(null)")
                self.assertEqual(self.elsewhere("execute p(null)"), [there])
                self.a.run("deallocate p")

    @NOT_IN_PGBOUNCER
    def test_type_that_only_the_server_knows(self):
        if self.mode == "statement":
            self.skipTest("pinned for one statement")
        name = self.fresh_table()  # and its row's type
        self.a.run(f"prepare p({name}) as select $1")
        for _ in range(2):
            self.assertEqual(self.elsewhere("execute p(null)"), [None])

    @NOT_IN_PGBOUNCER
    def test_outlives_a_transaction_that_is_rolled_back(self):
        if self.mode == "statement":
            self.skipTest("no transactions")
        self.a.run("begin")
        self.a.run("prepare p as select 'there'")
        self.a.run("rollback")
        self.assertEqual(self.elsewhere("execute p"), ["there"])
        self.a.run("begin")
        self.a.run("deallocate p")
        self.a.run("rollback")
        self.fails(self.a, "execute p", "26000")

    @NOT_IN_PGBOUNCER
    def test_in_a_transaction_that_has_failed(self):
        if self.mode == "statement":
            self.skipTest("no transactions")
        self.b.run("prepare p as select 1")
        self.a.run("begin")
        self.fails(self.a, "select 1/0", "22012")
        self.fails(self.a, "prepare p as select 1", "25P02")
        self.a.run("rollback")
        self.fails(self.a, "execute p", "26000")
        self.assertEqual(self.b.value("execute p"), "1")

    @NOT_IN_PGBOUNCER
    def test_errors(self):
        self.fails(self.a, "prepare p as selekt 1", "42601")
        self.fails(self.a, "prepare p as select nothing", "42703")
        self.fails(self.a, "execute p", "26000")
        self.fails(self.a, "deallocate p", "26000")
        self.a.run("prepare p(int) as select $1")
        self.fails(self.a, "prepare p as select 2", "42P05")
        self.fails(self.a, "execute p", "42601")
        self.assertEqual(self.a.value("execute p(1)"), "1")

    @NOT_IN_PGBOUNCER
    def test_same_names_as_the_protocol(self):
        self.a.send(parse("select $1::int * 2", name="s"), SYNC)
        self.a.answer()
        self.assertEqual(self.elsewhere("execute s(4)"), ["8"])
        self.fails(self.a, "prepare s as select 1", "42P05")
        self.a.run("prepare \"My s\" as select 'sql'")
        self.a.send(parse("select 1", name="My s"), SYNC)
        self.assertEqual(self.a.answer().sqlstates, ["42P05"])
        self.a.send(bind(statement="My s"), execute(), SYNC)
        self.assertEqual(self.a.answer().rows, [["sql"]])
        self.a.send(close("S", "My s"), SYNC)
        self.a.answer()
        self.fails(self.a, "execute \"My s\"", "26000")
        self.a.run("deallocate s")
        self.a.send(bind([1], statement="s"), execute(), SYNC)
        self.assertEqual(self.a.answer().sqlstates, ["26000"])

    @NOT_IN_PGBOUNCER
    def test_by_extended_protocol(self):
        self.a.run_extended("prepare p(int) as select $1 + 1")
        self.b.run_extended("prepare p(int) as select $1 + 2")
        self.assertEqual(self.a.run_extended("execute p(1)").rows, [["2"]])
        self.assertEqual(self.elsewhere("execute p(1)"), ["2"])
        self.assertEqual(self.b.run_extended("execute p(1)").rows, [["3"]])
        self.a.run_extended("deallocate p")
        self.fails(self.a, "execute p(1)", "26000")

    @NOT_IN_PGBOUNCER
    def test_all_are_gone(self):
        for sql in ("deallocate all", "discard all"):
            self.a.run("prepare p as select 'of a'")
            self.b.run("prepare p as select 'of b'")
            self.a.run(sql)
            self.fails(self.a, "execute p", "26000")
            self.assertEqual(self.b.value("execute p"), "of b")
            self.b.run("deallocate p")

    @NOT_IN_PGBOUNCER
    def test_within_other_statements(self):
        self.postgres.sql("grant create on schema public to ann", database="shop")
        self.a.run("prepare p(int) as select generate_series(1, $1) as x")
        self.assertIn("rows=3", self.elsewhere("explain analyze execute p(3)")[0])
        self.a.run("create table made_by_execute as execute p(4)")
        self.assertEqual(self.a.value("select count(*) from made_by_execute"), "4")
        self.a.run("drop table made_by_execute")
        self.assertEqual(self.a.run("select 1; execute p(1); select 2").rows, [["1"], ["1"], ["2"]])

    @NOT_IN_PGBOUNCER
    def test_several_in_one_text(self):
        if self.mode == "statement":
            self.skipTest("pinned for one statement")
        self.a.run("prepare p as select 'p'")
        answer = self.a.run("prepare q as select 'q'; execute q; execute p; deallocate p")
        self.assertEqual(answer.rows, [["q"], ["p"]])
        for _ in range(3):
            self.fails(self.b, "execute q", "26000")
            self.assertEqual(self.elsewhere("execute q"), ["q"])
        self.fails(self.a, "execute p", "26000")
        self.fails(self.forget(), "execute q", "26000")

    @rig.but_for("direct", "the client sees that there")
    @NOT_IN_PGBOUNCER
    def test_table_changed_below_a_statement(self):
        if self.mode == "session":
            self.skipTest("the session is the client's own")
        table = self.fresh_table()
        self.postgres.sql(f"insert into {table} values (1, 'a')", database="shop")
        self.a.run(f"prepare p as select * from {table}")
        self.assertEqual(self.a.run("execute p").rows, [["1", "a"]])
        self.postgres.sql(f"alter table {table} add more int default 3", database="shop")
        self.assertEqual(self.a.run("execute p").rows, [["1", "a", "3"]])

    @NOT_IN_PGBOUNCER
    def test_table_changed_within_a_transaction(self):
        """What has been done in it cannot be done again: the client is told."""
        if self.mode == "statement":
            self.skipTest("no transactions")
        table = self.fresh_table()
        self.a.run(f"prepare p as select * from {table}")
        self.a.run("execute p")
        self.postgres.sql(f"alter table {table} add more int", database="shop")
        for first in (["begin"], ["begin", "select 1"]):
            for each in first:
                self.a.run(each)
            self.fails(self.a, "execute p", "0A000")
            self.a.run("rollback")
        self.a.run("deallocate p")

    @NOT_IN_PGBOUNCER
    def test_table_gone_below_a_statement(self):
        table = self.fresh_table()
        self.a.run(f"prepare p as select * from {table}")
        self.postgres.sql(f"drop table {table}", database="shop")
        for _ in range(2):
            self.b.send(query("select pg_sleep(0.05)"))
            self.fails(self.a, "execute p", "42P01")
            self.b.answer()
        self.assertEqual(self.a.value("select 1"), "1")


@rig.modes("transaction")
class PreparedAtRandom(rig.PoolCase):
    """Clients that prepare, run and end statements in all ways get what a session of their own gives.

    Each has a session of PostgreSQL's beside it that is told the same.
    """

    settings = {"default_pool_size": 3, "max_prepared_statements": 4}
    clients, steps = 4, 500

    def steps_of(self, random):
        name = random.choice(["p", "q", "s"])
        number = random.randrange(6)
        return random.choice([
            [query(f"prepare {name} as select {number}")] * 2,
            [query(f"prepare {name}(int) as select $1 + {number}")],
            [query(f"prepare {name}(text, int) as select $1 || {number}, $2")],
            [query(f"prepare {name} as select wrong{number}")],
            [parse(f"select {number}", name=name), SYNC],
            [parse(f"select $1::int + {number}", name=name), describe("S", name), SYNC],
            [parse("selekt", name=name), SYNC],
            [query(f"execute {name}")],
            [query(f"execute {name}({number})")],
            [query(f"execute {name}('x', {number})")],
            [query(f"explain (costs off) execute {name}")],
            [query(f"select 'first'; execute {name}; select 'last'")],
            [parse(f"execute {name}"), bind(), execute(), SYNC],
            [parse(f"prepare {name} as select {number}"), bind(), execute(), SYNC],
            [parse(f"deallocate {name}"), bind(), execute(), SYNC],
            [bind(statement=name), execute(), SYNC],
            [bind([str(number)], statement=name), describe("P", ""), execute(), SYNC],
            [close("S", name), SYNC],
            [query(f"deallocate {name}")],
            [query("begin")], [query("begin")], [query("commit")], [query("rollback")],
            [query("select 1/0")],
            [query(random.choice(["deallocate all", "discard all"]))],
        ])

    def test_as_in_a_session_of_its_own(self):
        pairs = [(self.client(), self.client(address=self.postgres.socket_path))
                 for _ in range(self.clients)]
        random = Random(4711)
        status = ["I"] * self.clients
        for step in range(self.steps):
            held = [who for who in range(self.clients) if status[who] != "I"]
            # While too many are in a transaction, there is no server for the others.
            who = random.choice(held if len(held) >= 2 else range(self.clients))
            said = self.steps_of(random)
            got = []
            for each in pairs[who]:
                each.send(*said)
                answers = [each.answer() for _ in range(2 if said[0] == said[-1] and said[1:] else 1)]
                # In a transaction that has failed it is the pooler's Parse that is told so.
                got.append([(a.kinds, a.rows, a.sqlstates if status[who] != "E" else [], a.tags,
                             a.status) for a in answers])
            self.assertEqual(got[0], got[1], f"step {step}, client {who}: {said}")
            status[who] = got[0][-1][-1]
        for pooled, own in pairs:
            pooled.run("rollback")
            own.run("rollback")


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


if __name__ == "__main__":
    unittest.main()
