#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is taken back from who has a server while others wait: idle transactions, and queries of tenants
that have used up their quota. Tenants are told apart by application_name, so that they share a pool."""
import unittest

import rig
from wire_client import fields_of, query


class PreemptCase(rig.PoolCase):
    @classmethod
    def setUpClass(cls):
        if rig.TARGET != "weft-pool":
            raise unittest.SkipTest("settings of weft-pool's own")
        super().setUpClass()

    def tenant(self, name):
        return self.client(application_name=name)

    def waiting(self):
        """How many clients of the pool wait for a server."""
        rows = self.client(user="weft", database="pgbouncer").run("show pools").rows
        return sum(int(row[3]) for row in rows)  # cl_waiting

    def wait_until_waited_for(self):
        rig.eventually(lambda: self.waiting() == 1, "nobody waits")


@rig.modes("transaction")
class IdleTransaction(PreemptCase):
    settings = {"default_pool_size": 1, "preempt_idle_transaction": "0.3s",
                "tenant_by": ["application_name"]}
    tenants = {"idler": {"application_name": "idler"}}

    def test_is_ended_for_one_who_waits(self):
        idler = self.tenant("idler")
        idler.run("begin")
        idler.run("create temp table left_behind (n int)")
        # The other one needs the same server, and gets it clean.
        self.assertEqual(self.tenant("other").value("select count(*) from pg_class "
                                                    "where relname = 'left_behind'"), "0")
        kind, body = idler.receive()
        self.assertEqual((kind, fields_of(body)["C"]), ("E", "25P03"))

    def test_goes_on_while_nobody_waits(self):
        idler = self.tenant("idler")
        idler.run("begin")
        idler.run("select 1")
        # Longer than it may idle while others wait.
        self.postgres.sql("select pg_sleep(0.7)")
        self.assertEqual(idler.value("select 2"), "2")
        idler.run("commit")

    def test_who_works_is_left_alone(self):
        worker = self.tenant("worker")
        worker.run("begin")
        worker.send(query("select pg_sleep(1)"), query("commit"))  # it never idles
        self.wait_for_query("pg_sleep")
        other = self.tenant("other")
        other.send(query("select 3"))
        self.wait_until_waited_for()
        self.assertEqual(worker.answer().errors + worker.answer().errors, [])
        self.assertEqual(other.answer().rows, [["3"]])


@rig.modes("transaction")
class OverQuota(PreemptCase):
    settings = {"default_pool_size": 1, "preempt_over_quota": True,
                "tenant_by": ["application_name"]}
    tenants = {"greedy": {"application_name": "greedy", "quota": "0.2s", "period": "1s"},
               "modest": {"application_name": "modest", "quota": "30s", "period": "1s"}}

    def test_query_is_cancelled_for_another_tenant(self):
        greedy = self.tenant("greedy")
        greedy.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        self.assertEqual(self.tenant("modest").value("select 1"), "1")
        self.assertEqual(greedy.answer().sqlstates, ["57014"])
        self.assertEqual(greedy.value("select 2"), "2")  # it goes on, when it has a quota again

    def test_not_for_its_own_clients(self):
        greedy = self.tenant("greedy")
        greedy.send(query("select pg_sleep(1.5)"))
        self.wait_for_query("pg_sleep")
        second = self.tenant("greedy")
        second.send(query("select 3"))
        self.assertEqual(greedy.answer().errors, [])
        self.assertEqual(second.answer().rows, [["3"]])

    def test_not_within_its_quota(self):
        modest = self.tenant("modest")
        modest.send(query("select pg_sleep(1)"))
        self.wait_for_query("pg_sleep")
        self.assertEqual(self.tenant("other").value("select 1"), "1")
        self.assertEqual(modest.answer().errors, [])


@rig.modes("transaction")
class NotUnlessAsked(PreemptCase):
    settings = {"default_pool_size": 1, "tenant_by": ["application_name"]}
    tenants = {"greedy": {"application_name": "greedy", "quota": "0.1s", "period": "1s"}}

    def test_nobody_is_interrupted(self):
        greedy = self.tenant("greedy")
        greedy.run("begin")
        greedy.send(query("select pg_sleep(1)"))
        self.wait_for_query("pg_sleep")
        other = self.tenant("other")
        other.send(query("select 1"))
        self.assertEqual(greedy.answer().errors, [])
        greedy.run("commit")
        self.assertEqual(other.answer().rows, [["1"]])


if __name__ == "__main__":
    unittest.main()
