#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prepared statements that SQL makes, runs and ends: they are those of the protocol, and follow it."""
import unittest
from random import Random

import rig
from session_test import NOT_IN_PGBOUNCER, Pair
from wire_client import SYNC, bind, close, describe, execute, parse, query


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

    settings = {"default_pool_size": 6, "max_prepared_statements": 4}
    clients, steps = 4, 500

    def steps_of(self, random, pins):
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
            *([
                [query(f"prepare {name} as select {number}; execute {name}")],
                [query(f"deallocate {name}; select 5")],
                [query(f"execute {name}; execute {name}")],
                [query(f"prepare {name}(point) as select $1")],
                [parse(f"execute {name}", name="n"), SYNC],
                [parse(f"prepare {name} as select 'n'", name="n"), SYNC],
                [bind(statement="n"), execute(), SYNC],
                [query("deallocate n")],
            ] if pins else []),
        ])

    def test_as_in_a_session_of_its_own(self):
        self.check(pins=False)

    def test_with_what_pins(self):
        self.check(pins=True)

    def check(self, pins):
        pairs = [(self.client(), self.client(address=self.postgres.socket_path))
                 for _ in range(self.clients)]
        random = Random(4711)
        status = ["I"] * self.clients
        for step in range(self.steps):
            held = [who for who in range(self.clients) if status[who] != "I"]
            # While too many are in a transaction, there is no server for the others.
            who = random.choice(held if len(held) >= 2 else range(self.clients))
            said = self.steps_of(random, pins)
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


if __name__ == "__main__":
    unittest.main()
