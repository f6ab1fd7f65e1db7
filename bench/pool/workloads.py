# SPDX-License-Identifier: Apache-2.0
"""What is measured of a pooler, once: measure(PROGRAM, CROWD, ["select", "--clients", "100", ...]).

By hand, for a line of JSON: python3 -m pool.workloads PROGRAM CROWD select --clients 100, from bench/.
"""
import argparse
import json
import sys
import time

from driver import machine
from driver.process import ProgramError

from . import stage

POINT = "select abalance from pgbench_accounts where aid = 4711"
STREAM = "select * from pgbench_accounts limit 200000"
# Of a query that takes so long on average: from half to one and a half, so that twenty servers that
# start together do not end together for ever.
SLEEP = "select pg_sleep({seconds} * (0.5 + random()))"
SMALL_CLIENTS, SMALL_THINK_MS = 2, 10
BIG_CLIENTS = 200
SCRAM_USER = "alice"


def select(program, _crowd, options):
    """pgbench's point selects: CPU time of the pooler for one."""
    with stage.pooler(program) as pooler:
        before = pooler.process.cpu_seconds()
        figures = stage.select_only(pooler, options.protocol, options.clients, options.seconds)
        cpu = pooler.process.cpu_seconds() - before
    return {**figures, "value": 1e6 * cpu / figures["transactions"], "unit": "us",
            "units": {"tps": "1/s", "latency_us": "us"}}


def latency(program, _crowd, options):
    """What the pooler adds to the latency of one client."""
    direct = stage.select_only(stage.postgres(), options.protocol, 1, options.seconds)
    with stage.pooler(program) as pooler:
        pooled = stage.select_only(pooler, options.protocol, 1, options.seconds)
    added = pooled["latency_us"] - direct["latency_us"]
    if added <= 0:
        raise ProgramError("no latency was added: the machine is too noisy")
    return {"value": added, "unit": "us", "direct_us": direct["latency_us"]}


def _gate(options):
    """How clients log in: (settings of the pooler, words for the crowd)."""
    if options.login == "scram":
        return {"auth_type": "scram-sha-256"}, ["--user", SCRAM_USER, "--password",
                                                stage.servers.PASSWORDS[SCRAM_USER]]
    if options.login == "tls":
        return stage.certificate(stage.postgres().folder), ["--tls"]
    return {}, []


def _crowd_of(crowd, pooler, clients, words):
    return stage.Crowd(crowd, ["connect", f"127.0.0.1:{pooler.port}", str(clients), *words])


def _warm_up(crowd, pooler, words):
    """A first client, so that there is a server whose greeting the others can be told."""
    with _crowd_of(crowd, pooler, 1, words) as one:
        one.result()
        one.release()


def storm(program, crowd, options):
    """So many clients at once: until the last one is ready; and when the median one was."""
    settings, words = _gate(options)
    with stage.pooler(program, settings) as pooler:
        _warm_up(crowd, pooler, words)
        before = pooler.process.cpu_seconds()
        with _crowd_of(crowd, pooler, options.clients, words) as clients:
            figures = clients.result()
        cpu = pooler.process.cpu_seconds() - before
    total = figures["ready_ms_p100"]
    return {"value": total, "unit": "ms", "median": figures["ready_ms_p50"] / total,
            "cpu_us": 1e6 * cpu / options.clients, "units": {"median": "of total", "cpu_us": "us"}}


def idle(program, crowd, options):
    """Memory for each client that is connected and silent, and what is kept when they have gone."""
    settings, words = _gate(options)
    with stage.pooler(program, settings) as pooler:
        _warm_up(crowd, pooler, words)
        before = stage.memory_kb(pooler.process.pid)
        with _crowd_of(crowd, pooler, options.clients, words) as clients:
            clients.result()
            time.sleep(3)  # nothing else says that a pooler has given back what the logins took
            during = stage.memory_kb(pooler.process.pid)
            clients.release()
        _warm_up(crowd, pooler, words)  # it has seen that they have gone
        after = stage.memory_kb(pooler.process.pid)
    return {"value": max(during - before, 0) / options.clients, "unit": "KiB",
            "kept": max(after - before, 0) / options.clients}


def _load(crowd, pooler, seconds, *groups):
    return stage.Crowd(crowd, ["load", f"127.0.0.1:{pooler.port}", str(seconds),
                               *(",".join(map(str, group)) for group in groups)])


def _run(crowd, pooler, seconds, *groups):
    with _load(crowd, pooler, seconds, *groups) as load:
        return load.result()


def streams(program, crowd, options):
    """Point selects beside eight clients that read 200,000 rows again and again: their latency."""
    with stage.pooler(program) as pooler:
        # In a process of its own: the reader of streams must not delay who measures.
        with _load(crowd, pooler, options.seconds + 3, ("stream", 8, "big", 0, STREAM)) as readers:
            figures = _run(crowd, pooler, options.seconds,
                           ("point", SMALL_CLIENTS, "small", SMALL_THINK_MS, POINT))
            readers.result()
    return {"value": figures["point_ms_p99"], "unit": "ms", "p50": figures["point_ms_p50"]}


def tenants(program, crowd, options):
    """Two clients with point selects beside 200 that keep all servers busy: the small one's wait."""
    small = ("small", SMALL_CLIENTS, "small", SMALL_THINK_MS, POINT)
    big = ("big", BIG_CLIENTS, "big", 0, SLEEP.format(seconds=options.milliseconds / 1000))
    with stage.pooler(program, own={"headroom": options.headroom}) as pooler:
        both = _run(crowd, pooler, options.seconds, small, big)
        figures = {"value": both.get("small_ms_p50", 1000 * options.seconds), "unit": "ms",
                   "p99": both.get("small_ms_p99", 1000 * options.seconds)}
        if options.alone:
            small_alone = _run(crowd, pooler, options.seconds / 4, small)
            big_alone = _run(crowd, pooler, options.seconds, big)
            figures |= {
                "throughput": both["small_per_second"] / small_alone["small_per_second"],
                "big_loses": 100 * (1 - both["big_per_second"] / big_alone["big_per_second"]),
                "units": {"throughput": "of alone", "big_loses": "%"}}
    return figures


def weights(program, crowd, options):
    """Two tenants of weights 3 and 1 that could both use all servers: distance from 75 : 25."""
    query = SLEEP.format(seconds=options.milliseconds / 1000)
    with stage.pooler(program, tenants={"heavy": 3072, "light": 1024}) as pooler:
        figures = _run(crowd, pooler, options.seconds, ("heavy", 60, "heavy", 0, query),
                       ("light", 60, "light", 0, query))
    heavy, light = figures["heavy_count"], figures["light_count"]
    return {"value": abs(100 * heavy / (heavy + light) - 75), "unit": "points"}


WORKLOADS = {"select": select, "latency": latency, "storm": storm, "idle": idle,
             "streams": streams, "tenants": tenants, "weights": weights}


def options_of(words):
    """Throws ProgramError: a mistake in bench/bars.toml."""
    parser = argparse.ArgumentParser(prog="pool", exit_on_error=False, add_help=False)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--protocol", choices=("simple", "extended", "prepared"), default="simple")
    parser.add_argument("--login", choices=("trust", "scram", "tls"), default="trust")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--milliseconds", type=float, default=500)
    parser.add_argument("--headroom", type=int, default=0)
    parser.add_argument("--alone", action="store_true")
    try:
        options, unknown = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise ProgramError(f"pool: {error}") from error
    if unknown:
        raise ProgramError(f"pool: unknown: {' '.join(unknown)}")
    return options


def measure(program, crowd, words):
    """The figures of one round. Throws ProgramError."""
    options = options_of(words)
    return WORKLOADS[options.workload](program, crowd, options)


if __name__ == "__main__":
    machine.raise_descriptor_limit()
    print(json.dumps(measure(sys.argv[1], sys.argv[2], sys.argv[3:])))
