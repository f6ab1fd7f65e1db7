#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The extended protocol message by message, as drivers seldom or never send it."""
import unittest

import rig
from wire_client import (FLUSH, SYNC, Closed, bind, close, describe, execute, message, parse, query,
                         statement)


@rig.modes(*rig.ALL)
class Messages(rig.PoolCase):
    """Which messages come, and in which order."""

    def test_one_statement(self):
        client = self.client()
        client.send(statement("select $1::int + 1", [41]), SYNC)
        answer = client.answer()
        self.assertEqual((answer.kinds, answer.rows), ("12TDCZ", [["42"]]))

    def test_pieces_of_one_byte(self):
        client = self.client()
        for byte in statement("select 'slow'") + SYNC:
            client.send(bytes([byte]))
        self.assertEqual(client.answer().rows, [["slow"]])

    def test_flush_answers_before_sync(self):
        client = self.client()
        client.send(parse("select 7"), describe("S"), FLUSH)
        self.assertEqual([client.receive()[0] for _ in range(3)], ["1", "t", "T"])
        client.send(bind(), execute(), FLUSH)
        self.assertEqual([client.receive()[0] for _ in range(3)], ["2", "D", "C"])
        client.send(SYNC)
        self.assertEqual(client.answer().kinds, "Z")

    def test_sync_alone(self):
        client = self.client()
        client.send(SYNC, SYNC, SYNC)
        self.assertEqual([client.answer().kinds for _ in range(3)], ["Z"] * 3)

    def test_many_syncs_in_flight(self):
        client = self.client()
        client.send(*(statement(f"select {number}") + SYNC for number in range(200)))
        for number in range(200):
            answer = client.answer()
            self.assertEqual((answer.kinds, answer.rows), ("12TDCZ", [[str(number)]]))

    def test_simple_and_extended_in_flight(self):
        client = self.client()
        client.send(query("select 1"), statement("select 2"), SYNC, query("select 3; select 4"))
        self.assertEqual([client.answer().rows for _ in range(3)],
                         [[["1"]], [["2"]], [["3"], ["4"]]])

    def test_error_skips_to_sync(self):
        client = self.client()
        client.send(statement("select 1"), statement("select 1 / 0"), statement("select 3"), SYNC,
                    statement("select 4"), SYNC)
        failed, after = client.answer(), client.answer()
        self.assertEqual(failed.rows, [["1"]])
        self.assertEqual(failed.sqlstates, ["22012"])
        self.assertTrue(failed.kinds.endswith("EZ"), failed.kinds)
        self.assertEqual(after.rows, [["4"]])

    def test_error_in_the_middle_of_many_syncs(self):
        client = self.client()
        pieces = [statement(f"select 1 / {number % 3}") + SYNC for number in range(30)]
        client.send(*pieces)
        for number in range(30):
            expected = ["22012"] if number % 3 == 0 else []
            self.assertEqual(client.answer().sqlstates, expected, number)

    def test_a_long_message_behind_short_ones(self):
        """The buffer must grow for it while the others are on their way."""
        client = self.client()
        for size in (600, 9_000, 40_000, 300_000):
            with self.subTest(size=size):
                long = "x" * size
                client.send(*(statement(f"select {number}") for number in range(20)),
                            parse(f"select '{long}'", f"long {size}"),
                            bind(statement=f"long {size}"), execute(), SYNC)
                answer = client.answer()
                self.assertEqual(answer.sqlstates, [])
                self.assertEqual([row[0] for row in answer.rows],
                                 [*map(str, range(20)), long])

    def test_a_long_error_behind_rows(self):
        client = self.client()
        for size in (40_000, 300_000):
            with self.subTest(size=size):
                client.send(statement("select generate_series(1, 3000)"),
                            statement(f"select repeat('x', {size})::int"), SYNC)
                answer = client.answer()
                self.assertEqual(answer.sqlstates, ["22P02"])
                self.assertEqual([row[0] for row in answer.rows],
                                 [str(number) for number in range(1, 3001)])

    def test_portal_in_portions(self):
        client = self.client()
        client.send(parse("select generate_series(1, 5)"), bind(portal="p"),
                    execute("p", 2), execute("p", 2), execute("p", 2), SYNC)
        answer = client.answer()
        self.assertEqual(answer.kinds, "12DDsDDsDCZ")

    def test_close_of_what_is_not_there(self):
        client = self.client()
        client.send(close("S", "nothing"), close("P", "nothing"), SYNC)
        self.assertEqual(client.answer().kinds, "33Z")

    def test_empty_query(self):
        client = self.client()
        client.send(query(""), statement(""), SYNC)
        self.assertEqual(client.answer().kinds, "IZ")
        self.assertEqual(client.answer().kinds, "12nIZ")

    def test_binary_results(self):
        client = self.client()
        client.send(parse("select 258::int"), bind(result_formats=[1]), execute(), SYNC)
        kinds = []
        while not kinds or kinds[-1][0] != "Z":
            kinds.append(client.receive())
        self.assertIn(("D", b"\x00\x01\x00\x00\x00\x04\x00\x00\x01\x02"), kinds)

    def test_long_message_both_ways(self):
        client = self.client()
        long = "x" * 5_000_000
        self.assertEqual(client.run(f"select '{long}'").rows, [[long]])
        self.assertEqual(client.run_extended("select $1::text", [long]).rows, [[long]])

    def test_notice_comes_before_its_tag(self):
        client = self.client()
        answer = client.run("do $$ begin raise notice 'look'; end $$")
        self.assertEqual(answer.kinds, "NCZ")
        self.assertEqual(answer.notices[0]["M"], "look")

    def test_function_call(self):
        client = self.client()
        oid = int(client.value("select 'abs(int4)'::regprocedure::oid"))
        client.send(message("F", oid.to_bytes(4, "big") + b"\0\0\0\1\0\0\0\2-5\0\0"))
        answer = [client.receive() for _ in range(2)]
        self.assertEqual(answer[0], ("V", b"\0\0\0\x015"))
        self.assertEqual(answer[1][0], "Z")


@rig.modes(*rig.ALL)
class BrokenMessages(rig.PoolCase):
    """Bytes that are no message end the connection; the others do not notice."""

    def assert_refused(self, *pieces):
        client, other = self.client(), self.client()
        client.send(*pieces)
        # With a reason or, as PostgreSQL does when it has lost its place, without one.
        self.assertIn([kind for kind, _ in client.rest()], (["E"], []))
        self.assertEqual(other.value("select 1"), "1")
        self.assertEqual(self.client().value("select 2"), "2")

    def test_unknown_letter(self):
        self.assert_refused(message("!", b"what"))

    def test_length_below_four(self):
        self.assert_refused(b"Q\0\0\0\3")

    def test_negative_length(self):
        self.assert_refused(b"Q\xff\xff\xff\xff")

    def test_length_of_two_gigabytes(self):
        client, other = self.client(), self.client()
        client.send(b"Q\x7f\xff\xff\xff", b"select 1" * 1000)
        client.vanish()
        self.assertEqual(other.value("select 1"), "1")

    def test_text_without_its_end(self):
        client = self.client()
        client.send(message("Q", b"select 1"))
        answer = client.answer()
        self.assertEqual(answer.sqlstates, ["08P01"])

    def test_bind_with_wrong_counts(self):
        client = self.client()
        client.send(parse("select 1"), message("B", b"\0\0\0\0\x7f\xff\0\0"), SYNC)
        with self.assertRaises((AssertionError, Closed)):
            self.assertEqual(client.answer().sqlstates, [])
        self.assertEqual(self.client().value("select 1"), "1")

    def test_copy_data_where_there_is_no_copy(self):
        client = self.client()
        client.send(message("d", b"1\n"), message("c"), message("f", b"no\0"), query("select 5"))
        self.assertEqual(client.answer().rows, [["5"]])


@rig.modes(*rig.TRANSACTIONS)
class Transactions(rig.PoolCase):
    """ReadyForQuery says where one is."""

    def test_status_of_each_answer(self):
        client = self.client()
        self.assertEqual(client.run("begin").status, "T")
        self.assertEqual(client.run("select 1").status, "T")
        client.send(query("select 1 / 0"))
        self.assertEqual(client.answer().status, "E")
        client.send(query("select 1"))
        answer = client.answer()
        self.assertEqual((answer.sqlstates, answer.status), (["25P02"], "E"))
        self.assertEqual(client.run("rollback").status, "I")

    def test_pipeline_over_the_end_of_a_transaction(self):
        table = self.fresh_table()
        client = self.client()
        client.send(statement("begin"), statement(f"insert into {table} values (1, 'a')"), SYNC,
                    statement("commit"), SYNC, statement("begin"),
                    statement(f"insert into {table} values (2, 'b')"), SYNC,
                    statement("rollback"), SYNC, statement(f"select id from {table}"), SYNC)
        answers = [client.answer() for _ in range(5)]
        self.assertEqual([answer.status for answer in answers], ["T", "I", "T", "I", "I"])
        self.assertEqual(answers[-1].rows, [["1"]])

    def test_implicit_transaction_of_a_pipeline(self):
        table = self.fresh_table()
        client = self.client()
        client.send(statement(f"insert into {table} values (1, 'a')"), statement("select 1 / 0"),
                    SYNC)
        self.assertEqual(client.answer().sqlstates, ["22012"])
        self.assertEqual(client.value(f"select count(*) from {table}"), "0")

    def test_two_transactions_in_one_query(self):
        client = self.client()
        answer = client.run("begin; select 1; commit; begin; select 2")
        self.assertEqual((answer.rows, answer.status), ([["1"], ["2"]], "T"))
        self.assertEqual(client.run("commit").status, "I")

    def test_savepoints(self):
        client = self.client()
        client.run("begin")
        client.run("savepoint a")
        client.send(query("select 1 / 0"))
        self.assertEqual(client.answer().status, "E")
        self.assertEqual(client.run("rollback to a").status, "T")
        self.assertEqual(client.run("commit").tags, ["COMMIT"])

    def test_portal_over_syncs(self):
        client = self.client()
        client.run("begin")
        client.send(parse("select generate_series(1, 3)"), bind(portal="p"), execute("p", 1), SYNC)
        self.assertEqual(client.answer().rows, [["1"]])
        client.send(execute("p", 0), SYNC)
        self.assertEqual(client.answer().rows, [["2"], ["3"]])
        client.run("commit")

    def test_cursor(self):
        client = self.client()
        client.run("begin")
        client.run("declare c cursor for select generate_series(1, 10)")
        self.assertEqual(len(client.run("fetch 4 from c").rows), 4)
        self.assertEqual(len(client.run("fetch all from c").rows), 6)
        client.run("commit")


if __name__ == "__main__":
    unittest.main()
