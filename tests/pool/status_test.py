#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Metrics, the status page and structured logs of weft-pool, with clients before it.

The page is looked at in Chromium where there is one.
"""
import html
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import rig
from wire_client import Closed, ServerError, query

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DASHBOARD = os.path.join(ROOT, "apps", "pool", "grafana.json")
GUIDE = os.path.join(ROOT, "docs", "pool.md")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)
# What a client may call itself.
NASTY = "<img src=x onerror=document.title='taken'>\"\\"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def fetch(address, path, method="GET", host=None):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection(*address, timeout=rig.DEADLINE_SECONDS)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def samples_of(text):
    """{name: [(labels, value)]}; each line must be one of Prometheus' format."""
    families, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in families, f"{name} comes twice"
            families[name] = kind
        elif not line.startswith("# HELP "):
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in families or families.get(family) == "histogram", line
            labels = {key: re.sub(r"\\(.)", lambda m: m[1].replace("n", "\n"), text)
                      for key, text in LABEL.findall(labels or "")}
            samples.setdefault(name, []).append((labels, float(value)))
    return samples


def value_of(samples, metric, **labels):
    """Of all samples with these labels."""
    return sum(value for has, value in samples.get(metric, ())
               if labels.items() <= has.items())


@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Observed(rig.PoolCase):
    """A pooler with a page; port 0 is one that the kernel chooses, which the log tells."""

    settings = {"metrics_listen": 0, "status_listen": 0}

    @classmethod
    def address(cls, what):
        def told():
            return re.search(rf"LOG {what} at 127\.0\.0\.1:(\d+)", cls.server.process.said())
        return "127.0.0.1", int(rig.eventually(told, f"there are no {what}")[1])

    def page(self, path, **options):
        return fetch(self.address("metrics and status page"), path, **options)

    def metrics(self):
        status, headers, body = self.page("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        return samples_of(body)

    def table(self, name):
        return json.loads(self.page("/status.json")[2])["tables"][name]["rows"]

    def browse(self, address, milliseconds):
        """What the page is after so much time, as Chromium writes it."""
        with tempfile.TemporaryDirectory(prefix="weft-pool-") as profile:
            done = subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", f"--user-data-dir={profile}", "--enable-logging=stderr",
                 f"--virtual-time-budget={milliseconds}", "--dump-dom",
                 f"http://{address[0]}:{address[1]}/"],
                env={**os.environ, "HOME": profile}, capture_output=True, text=True, timeout=120,
                check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        # What the page's script or its policy complained about.
        self.assertEqual([line for line in done.stderr.splitlines() if "CONSOLE" in line], [])
        return done.stdout

    @staticmethod
    def rows(shown, table):
        """The texts of the cells of a table of the page."""
        found = re.search(rf'<table id="table-{table}">.*?<tbody>(.*?)</tbody>', shown)
        if not found:
            raise AssertionError(shown)
        return [[html.unescape(re.sub("<[^>]*>", "", cell))
                 for cell in re.findall("<td[^>]*>(.*?)</td>", line)]
                for line in re.findall("<tr>(.*?)</tr>", found[1])]

    def all_servers_held(self, count=5, **options):
        holders = [self.client(**options) for _ in range(count)]
        for each in holders:
            each.run("begin; select 1")
        return holders


@rig.modes("transaction")
class Metrics(Observed):

    def test_count_what_clients_do(self):
        self.client().run("select 1")
        labels = {"database": "shop", "user": "ann"}
        before = self.metrics()
        client = self.client()
        for _ in range(10):
            client.run("select 1")
        client.run("begin; select pg_sleep(0.02)")
        during = self.metrics()
        self.assertEqual(value_of(during, "weft_pool_clients", state="active", **labels), 1)
        self.assertEqual(value_of(during, "weft_pool_servers", state="active", **labels), 1)
        client.run("commit")
        client.end()
        # They are counted a moment after their answers: so may the one before `before` be.
        rig.eventually(lambda: value_of(self.metrics(), "weft_pool_transactions_total", **labels)
                       >= value_of(before, "weft_pool_transactions_total", **labels) + 11,
                       "the transactions are not counted")
        after = self.metrics()
        self.assertEqual(value_of(after, "weft_pool_client_logins_total", **labels),
                         value_of(before, "weft_pool_client_logins_total", **labels) + 1)
        for what in ("server", "transaction"):
            name = f"weft_pool_tenant_{what}_seconds"
            taken = (value_of(after, f"{name}_sum", tenant="shop/ann")
                     - value_of(before, f"{name}_sum", tenant="shop/ann"))
            self.assertGreaterEqual(taken, 0.02)
            self.assertLess(taken, rig.DEADLINE_SECONDS)

    def test_histograms_are_whole(self):
        self.client().run("select 1")
        samples = self.metrics()
        for what in ("wait", "server", "transaction"):
            name = f"weft_pool_tenant_{what}_seconds"
            series = {}
            for labels, value in samples[f"{name}_bucket"]:
                bound = labels.pop("le")
                series.setdefault(tuple(sorted(labels.items())), []).append((float(bound), value))
            self.assertTrue(series)
            for labels, buckets in series.items():
                self.assertEqual(buckets, sorted(buckets))
                counts = [count for _, count in buckets]
                self.assertEqual(counts, sorted(counts), "they are cumulative")
                self.assertEqual(buckets[-1][0], float("inf"))
                self.assertEqual(value_of(samples, f"{name}_count", **dict(labels)), counts[-1])

    def test_refused_logins(self):
        def refused(reason):
            return value_of(self.metrics(), "weft_pool_refused_logins_total", reason=reason)
        before = refused("authentication"), refused("other")
        for user, database in (("nobody", "shop"), ("ann", "nowhere")):
            with self.assertRaises((ServerError, Closed)):
                self.client(user=user, database=database)
        self.assertEqual((refused("authentication"), refused("other")),
                         (before[0] + 1, before[1] + 1))

    def test_under_load(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        failed = []

        def work():
            try:
                while not stop.is_set():
                    client = self.client(application_name=NASTY)
                    for _ in range(20):
                        client.run_extended("select 1")
                    client.end()
            except (ServerError, Closed, OSError) as error:
                failed.append(error)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for each in threads:
            each.start()
        for _ in range(30):
            self.metrics()
            json.loads(self.page("/status.json")[2])
        stop.set()
        for each in threads:
            each.join(rig.DEADLINE_SECONDS)
            self.assertFalse(each.is_alive())
        self.assertEqual(failed, [])

    def test_the_guide_lists_all(self):
        self.client().run("select 1")
        there = {re.sub("_seconds_(bucket|sum|count)$", "_seconds", name)
                 for name in self.metrics()}
        with open(GUIDE, encoding="utf-8") as file:
            told = set(re.findall(r"`(weft_pool_\w+)`", file.read()))
        self.assertEqual(there, told)

    def test_the_dashboard_asks_for_what_there_is(self):
        self.client().run("select 1")
        samples = self.metrics()
        with open(DASHBOARD, encoding="utf-8") as file:
            dashboard = json.load(file)
        asked = [target["expr"] for panel in dashboard["panels"]
                 for target in panel.get("targets", ())]
        asked += [variable["query"]["query"] for variable in dashboard["templating"]["list"]
                  if variable["type"] == "query"]
        self.assertGreater(len(asked), 10)
        # Prometheus itself adds the last two, and Grafana knows words that begin with $.
        known = {"job", "instance"}
        for sample in samples.values():
            known.update(*(labels for labels, _ in sample))
        for expression in asked:
            names = re.findall(r"\bweft_pool_\w+", expression)
            self.assertTrue(names, expression)
            for name in names:
                self.assertIn(name, samples, expression)
            for labels in re.findall(r"\b(?:by|on|ignoring) ?\(([^)]*)\)", expression):
                self.assertLessEqual(set(labels.replace(" ", "").split(",")), known, expression)
            for label in re.findall(r"[{,] ?(\w+) ?=~?", expression):
                self.assertIn(label, known, expression)


    def test_listeners(self):
        listeners = [self.client() for _ in range(2)]
        for each in listeners:
            each.run("listen news")
        listeners[0].run("listen other")
        listeners[0].run("notify other")
        self.assertEqual(listeners[0].receive()[0], "A")
        self.postgres.sql("notify news", database="shop")
        for each in listeners:
            self.assertEqual(each.receive()[0], "A")
        now = self.metrics()
        for metric, value in (("listening_clients", 2), ("listened_channels", 2),
                              ("notifications_received_total", 2),
                              ("notifications_delivered_total", 3)):
            self.assertEqual(value_of(now, f"weft_pool_{metric}", database="shop"), value, metric)


@rig.modes("transaction")
class Page(Observed):

    settings = {**Observed.settings, "tenant_by": "database,user,application_name"}

    def test_tables(self):
        holders = self.all_servers_held(application_name="batch")
        late = self.client(application_name=NASTY)
        late.send(query("select 1"))
        row = rig.eventually(lambda: self.table("waits"), "nobody waits")[0]
        self.assertEqual((row["application_name"], row["reason"], row["held_by"]),
                         (NASTY, "servers in use", "shop/ann/batch: 5"))
        self.assertEqual([row["tenant"] for row in self.table("holders")],
                         ["shop/ann/batch"] * 5)
        self.assertNotIn("statement", self.table("holders")[0])
        pool = next(row for row in self.table("pools") if row["database"] == "shop")
        self.assertEqual((pool["sv_active"], pool["cl_waiting"]), (5, 1))
        for each in holders:
            each.run("commit")
        self.assertEqual(late.answer().rows, [["1"]])

    def test_only_get_only_here(self):
        self.assertEqual(self.page("/")[0], 200)
        self.assertEqual(self.page("/nothing")[0], 404)
        self.assertEqual(self.page("/", method="POST")[0], 405)
        self.assertEqual(self.page("/", host="evil.example")[0], 421)

    @unittest.skipUnless(BROWSER, "there is no Chromium")
    def test_in_a_browser(self):
        holders = self.all_servers_held(application_name="batch")
        late = self.client(application_name=NASTY)
        late.send(query("select 1"))
        rig.eventually(lambda: self.table("waits"), "nobody waits")
        shown = self.browse(self.address("metrics and status page"), 3000)
        for each in holders:
            each.run("commit")
        late.answer()
        self.assertIn("<title>weft-pool</title>", shown)
        self.assertRegex(shown, r'<span id="state"[^>]*>active</span>')
        self.assertEqual([(row[0], row[3], row[7]) for row in self.rows(shown, "pools")],
                         [("shop / ann", "5", "1")])
        self.assertEqual({row[0] for row in self.rows(shown, "tenants")},
                         {"shop/ann/batch", f"shop/ann/{NASTY}"})
        self.assertEqual([(row[2], row[6], row[7]) for row in self.rows(shown, "waiting-now")],
                         [(NASTY, "servers in use", "shop/ann/batch: 5")])
        self.assertEqual([row[3] for row in self.rows(shown, "longest-with-a-server")],
                         ["shop/ann/batch"] * 5)

    @unittest.skipUnless(BROWSER, "there is no Chromium")
    def test_the_page_asks_again(self):
        asked = []
        case = self

        class Relay(http.server.BaseHTTPRequestHandler):
            """The pooler's pages, counted."""

            def do_GET(self):
                asked.append(self.path)
                status, headers, body = case.page(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay) as relay:
            threading.Thread(target=relay.serve_forever, daemon=True).start()
            try:
                self.browse(relay.server_address, 9000)
            finally:
                relay.shutdown()
        self.assertGreaterEqual(asked.count("/status.json"), 3)
        self.assertEqual(set(asked), {"/", "/status.json"}, "it needs nothing else")


@rig.modes("transaction")
class Statements(Observed):

    settings = {**Observed.settings, "status_statements": 1}

    def test_without_constants(self):
        holders = self.all_servers_held()
        self.assertEqual([row["statement"] for row in self.table("holders")],
                         ["begin; select ?"] * 5)
        for each in holders:
            each.run("commit")
        pinned = self.client()
        pinned.run("select pg_advisory_lock(77)")
        self.assertEqual([row["statement"] for row in self.table("pins")],
                         ["select pg_advisory_lock(?)"])

    @unittest.skipUnless(BROWSER, "there is no Chromium")
    def test_in_a_browser(self):
        holder = self.client()
        holder.run("begin; select '<script>alert(1)</script>' as \"<b>\"")
        shown = self.browse(self.address("metrics and status page"), 3000)
        holder.run("commit")
        self.assertEqual([row[-1] for row in self.rows(shown, "longest-with-a-server")],
                         ["begin; select ? as \"<b>\""])


@rig.modes("transaction")
class Apart(Observed):
    """Metrics for some, the page for others."""

    settings = {"metrics_listen": 0, "status_listen": "127.0.0.1:0"}

    def test_each_has_its_own(self):
        metrics, page = self.address("metrics"), self.address("status page")
        self.assertNotEqual(metrics, page)
        self.assertEqual([fetch(metrics, path)[0] for path in ("/metrics", "/", "/status.json")],
                         [200, 404, 404])
        self.assertEqual([fetch(page, path)[0] for path in ("/metrics", "/", "/status.json")],
                         [404, 200, 200])

    def test_those_who_are_silent_do_not_keep_it_from_ending(self):
        silent = [socket.create_connection(self.address("metrics")) for _ in range(20)]
        for each in silent:
            self.addCleanup(each.close)
        begun = time.monotonic()
        self.server.process.stop()
        self.assertLess(time.monotonic() - begun, 4)  # less than a request may take
        self.server.start()


@rig.modes("transaction")
class Logs(Observed):

    settings = {"log_format": "json", "slow_wait": 0.05}

    def events(self, kind):
        """Each line must be JSON."""
        lines = [json.loads(line) for line in self.server.process.said().splitlines()]
        return [line for line in lines if line.get("event") == kind]

    def test_a_slow_wait_says_why_and_for_whom(self):
        holders = self.all_servers_held()
        late = self.client(application_name=NASTY)
        late.send(query("select 1"))
        time.sleep(0.1)  # what makes it a slow one
        for each in holders:
            each.run("commit")
        late.answer()
        line = rig.eventually(lambda: self.events("slow_wait"), "nothing was logged")[-1]
        self.assertEqual({name: line[name] for name in (
            "level", "database", "user", "tenant", "application_name", "reason", "held_by")},
                         {"level": "WARNING", "database": "shop", "user": "ann",
                          "tenant": "shop/ann", "application_name": NASTY,
                          "reason": "servers in use", "held_by": "shop/ann: 5"})
        self.assertGreaterEqual(line["waited_ms"], 50)
        self.assertIn(" slow wait: ", line["message"])

    def test_logins_and_ends(self):
        self.client(application_name="once").end()
        with self.assertRaises((ServerError, Closed)):
            self.client(database="nowhere")
        ended = rig.eventually(lambda: [line for line in self.events("disconnect")
                                        if line["application_name"] == "once"], "it did not end")
        self.assertEqual((ended[0]["database"], ended[0]["address"]), ("shop", "unix"))
        refused = rig.eventually(lambda: self.events("pooler_error"), "nobody was refused")
        self.assertEqual(refused[-1]["sqlstate"], "3D000")
        self.assertEqual(self.events("login_attempt")[-1]["tls"], "no")


@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Address(unittest.TestCase):
    def test_that_is_none_is_an_error_of_the_configuration(self):
        with tempfile.TemporaryDirectory(prefix="weft-pool-") as folder:
            path = os.path.join(folder, "pool.ini")
            for name in ("metrics_listen", "status_listen"):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"[databases]\n[pgbouncer]\n{name} = nowhere\n")
                done = subprocess.run([rig.program(), "--check", path], capture_output=True,
                                      text=True, timeout=rig.DEADLINE_SECONDS, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f'{name}: "nowhere" is neither a port nor an address', done.stderr)


if __name__ == "__main__":
    unittest.main()
