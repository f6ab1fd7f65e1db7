# SPDX-License-Identifier: Apache-2.0
"""What the machine has, and how much of it others took during the run."""
import dataclasses
import os
import resource
import shutil


def usable_cpus():
    """The numbers of the CPUs that this process may use, in order."""
    return sorted(os.sched_getaffinity(0))


def raise_descriptor_limit():
    """Raises the soft limit of open descriptors to the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def memory_mb(path="/proc/meminfo"):
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return 0


def missing(needs):
    """Why this machine cannot measure a bar with these needs; empty if it can."""
    for command in needs.commands:
        if shutil.which(command) is None:
            return f"{command} is not installed"
    if len(usable_cpus()) < needs.cpus:
        return f"needs {needs.cpus} CPUs, {len(usable_cpus())} may be used"
    if memory_mb() < needs.memory_mb:
        return f"needs {needs.memory_mb} MB of free memory, there are {memory_mb()}"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needs.descriptors:
        return f"needs {needs.descriptors} descriptors per process, the limit is {hard}"
    return ""


@dataclasses.dataclass(frozen=True)
class Noise:
    """Percent of all CPUs' time taken by the hypervisor, and by processes that are not ours."""
    steal_percent: float
    foreign_percent: float


class NoiseMeter:
    """From its construction on. Ours is what this process, those that it has started and theirs use."""

    def __init__(self):
        self._start = _cpu_times()

    def read(self):
        total, busy, steal, own = (
            now - then for now, then in zip(_cpu_times(), self._start, strict=True))
        if total <= 0:
            return Noise(0.0, 0.0)
        return Noise(100 * steal / total, max(0.0, 100 * (busy - own) / total))


def parse_cpu_line(line):
    """(total, busy, steal) in ticks, from the first line of /proc/stat. Busy is without steal."""
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, line.split()[1:9])
    busy = user + nice + system + irq + softirq
    return busy + idle + iowait + steal, busy, steal


def _cpu_times():
    with open("/proc/stat", encoding="ascii") as file:
        total, busy, steal = parse_cpu_line(file.readline())
    tick = os.sysconf("SC_CLK_TCK")
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return total / tick, busy / tick, steal / tick, own + sum(_ticks_of_descendants()) / tick


def _ticks_of_descendants():
    """Of those that still run, a server for example: what they, and those that they waited for, have used."""
    children = {}
    ticks = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent, used = parse_process_line(file.read())
            except OSError:  # it has ended
                continue
            children.setdefault(parent, []).append(int(entry))
            ticks[int(entry)] = used
    left = list(children.get(os.getpid(), []))
    while left:
        pid = left.pop()
        yield ticks[pid]
        left += children.get(pid, [])


def parse_process_line(line):
    """(its parent, ticks of CPU time with those of children that it waited for), of /proc/PID/stat."""
    fields = line[line.rindex(")") + 2:].split()  # the name before that may hold anything
    return int(fields[1]), sum(map(int, fields[11:15]))
