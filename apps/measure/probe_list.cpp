// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "probe.h"
#include "probes/probes.h"

namespace weft::measure {

namespace {

using lab::unit;

constexpr const char* by_resident = "resident memory";
constexpr const char* by_alive = "alive";
constexpr const char* by_parked = "parked";
constexpr const char* by_working_set = "touched between switches";

figure_info time_of(std::string_view id, std::string_view what) {
    return {.id = id, .what = what, .unit = unit::nanoseconds};
}
figure_info time_by(std::string_view id, std::string_view what, std::string_view axis,
                    unit of = unit::plain) {
    return {.id = id, .what = what, .unit = unit::nanoseconds, .axis = axis, .axis_unit = of};
}
figure_info bytes_by(std::string_view id, std::string_view what, std::string_view axis,
                     unit of = unit::plain) {
    return {.id = id, .what = what, .unit = unit::bytes, .axis = axis, .axis_unit = of};
}

probe fork_probe() {
    return {
        .name = "fork",
        .what = "fork a process, by its resident memory",
        .how =
            "A process touches memory in 4 KiB pages and forks a child that ends at once: fork() "
            "until it "
            "returns in the parent (call), until the child has been waited for (wait), until the "
            "child's "
            "first byte has come through a pipe (first_word). The same with memory in huge pages "
            "where the "
            "kernel gives them. zygote: a process that was forked while this one was small forks "
            "the child, "
            "on a byte through a pipe; its child's first byte. clone3: the system call alone, "
            "without what the C library's fork() does around it.",
        .claims = {"C2", "C19", "C29"},
        .figures = {time_by("fork.call", "fork(), until it returns in the parent", by_resident,
                            unit::bytes),
                    time_by("fork.wait", "fork(), the child's end and wait()", by_resident,
                            unit::bytes),
                    time_by("fork.clone3", "clone3(), until it returns in the parent", by_resident,
                            unit::bytes),
                    time_by("fork.huge.call", "fork() with memory in huge pages", by_resident,
                            unit::bytes),
                    time_by("fork.first_word", "fork(), until the child's first byte", by_resident,
                            unit::bytes),
                    time_by("zygote.first_word", "a zygote's fork, until the child's first byte",
                            by_resident, unit::bytes)},
        .seconds = 4,
        .why_not = nullptr,
        .run = probe_fork};
}

probe exec_probe() {
    return {.name = "exec",
            .what = "start another program, by the resident memory of who starts it",
            .how =
                "/bin/true, from its start until its end has been waited for: by fork() and "
                "execve(), by "
                "vfork() and execve(), by posix_spawn().",
            .claims = {"C29"},
            .figures = {time_by("exec.fork", "fork, exec and wait", by_resident, unit::bytes),
                        time_by("exec.vfork", "vfork, exec and wait", by_resident, unit::bytes),
                        time_by("exec.spawn", "posix_spawn and wait", by_resident, unit::bytes)},
            .seconds = 3,
            .why_not = nullptr,
            .run = probe_exec};
}

probe copy_on_write_probe() {
    return {.name = "copy_on_write",
            .what = "the first write to a page after fork",
            .how =
                "4 MiB in 4 KiB pages, all touched; after fork() one byte of each page is "
                "written: by the "
                "child, by the parent while the child lives. Beside it the same write to pages "
                "that are "
                "one's own (none), the first touch of fresh memory, the write to memory that is "
                "mapped as "
                "shared, and to huge pages. private: how much of the block the child's private "
                "memory grew "
                "by (Private_Dirty of smaps_rollup).",
            .claims = {"C16", "C17"},
            .figures = {time_of("cow.none", "a write to a page of one's own"),
                        time_of("cow.first_touch", "the first touch of a fresh page"),
                        time_of("cow.child", "the child's first write to a 4 KiB page"),
                        time_of("cow.parent", "the parent's first write to a 4 KiB page"),
                        time_of("cow.huge", "the child's first write to a 2 MiB page"),
                        time_of("shared.child", "the child's first write to a shared 4 KiB page"),
                        {.id = "cow.private",
                         .what = "of what the child wrote, copied",
                         .unit = unit::percent},
                        {.id = "shared.private",
                         .what = "of what the child wrote to shared memory, copied",
                         .unit = unit::percent}},
            .seconds = 2,
            .why_not = nullptr,
            .run = probe_copy_on_write};
}

probe thread_probe() {
    return {
        .name = "thread",
        .what = "create a kernel thread, by the number alive and by stack size",
        .how =
            "pthread_create() of a thread that ends at once, until it returns (create) and until "
            "pthread_join() has returned (create_join), beside as many threads that wait on a "
            "futex.",
        .claims = {"C5", "C20"},
        .figures = {time_by("thread.create", "pthread_create()", by_alive),
                    time_by("thread.create_join", "pthread_create() and pthread_join()", by_alive),
                    time_by("thread.create_join.by_stack", "the same, by the size of its stack",
                            "stack size", unit::bytes)},
        .seconds = 2,
        .why_not = nullptr,
        .run = probe_threads};
}

probe fiber_probe() {
    return {.name = "fiber",
            .what = "create fibers and coroutines, and switch fibers, by their number",
            .how =
                "One worker. create: empty ones in batches of 500, each created, run and joined, "
                "beside as "
                "many that wait. switch: fibers that yield without end under fifo, one turn each; "
                "fair: two "
                "of them under fair sharing, which is the default.",
            .claims = {"C8", "C10", "C21", "C23"},
            .figures = {time_by("fiber.create", "create, run and join a fiber", by_alive),
                        time_by("coroutine.create", "create, run and join a coroutine", by_alive),
                        time_by("switch.fiber", "a yield between fibers", "runnable"),
                        time_by("switch.fiber.fair", "a yield between two fibers, fair sharing",
                                "runnable")},
            .seconds = 4,
            .why_not = nullptr,
            .run = probe_fibers};
}

probe memory_probe() {
    return {.name = "memory",
            .what = "what one that waits costs in memory, by kind and number",
            .how =
                "That many are created and wait, in a process of their own; private pages, page "
                "tables (of "
                "/proc/PID) and kernel stacks (of /proc/meminfo) after less before, divided by "
                "their number. "
                "by_stack: resident memory of a fiber that waits with so much of its stack in use.",
            .claims = {"C6", "C9", "C24", "C25", "C26", "C27"},
            .figures = {bytes_by("memory.process", "a process that waits", by_parked),
                        bytes_by("memory.process.resident", "its private pages", by_parked),
                        bytes_by("memory.process.page_tables", "its page tables", by_parked),
                        bytes_by("memory.process.kernel_stack", "its kernel stack", by_parked),
                        bytes_by("memory.process.reserved", "its address space", by_parked),
                        bytes_by("memory.thread", "a kernel thread that waits", by_parked),
                        bytes_by("memory.thread.resident", "its private pages", by_parked),
                        bytes_by("memory.thread.page_tables", "its page tables", by_parked),
                        bytes_by("memory.thread.kernel_stack", "its kernel stack", by_parked),
                        bytes_by("memory.thread.reserved", "its address space", by_parked),
                        bytes_by("memory.fiber", "a fiber that waits", by_parked),
                        bytes_by("memory.fiber.resident", "its private pages", by_parked),
                        bytes_by("memory.fiber.page_tables", "its page tables", by_parked),
                        bytes_by("memory.fiber.reserved", "its address space", by_parked),
                        bytes_by("memory.fiber.by_stack", "a fiber that uses its stack",
                                 "stack in use", unit::bytes),
                        bytes_by("memory.coroutine", "a coroutine that waits", by_parked),
                        bytes_by("memory.coroutine.resident", "its private pages", by_parked),
                        bytes_by("memory.coroutine.page_tables", "its page tables", by_parked)},
            .seconds = 3,
            .why_not = nullptr,
            .run = probe_memory};
}

probe switch_probe() {
    return {
        .name = "switch",
        .what = "switch threads, processes, fibers and coroutines, by what they touch",
        .how =
            "Two that wake each other in turn: by a futex (threads and processes, on one CPU; "
            "other_cpu: "
            "on two), by a byte through a pipe (processes, with the write and the read), by a "
            "yield (fibers and coroutines). Between two switches each writes to one "
            "byte "
            "of every cache line of its own memory, of the size on the axis; the same work by one "
            "alone, "
            "without a switch, is switch.work. runnable: threads of one CPU that all call "
            "sched_yield(); "
            "time for a switch that the kernel counted.",
        .claims = {"C7", "C10", "C15", "C22"},
        .figures = {time_by("switch.work", "the work alone, without a switch", by_working_set,
                            unit::bytes),
                    time_by("switch.thread", "a switch between threads of one CPU, with the work",
                            by_working_set, unit::bytes),
                    time_by("switch.process",
                            "a switch between processes of one CPU, with the work", by_working_set,
                            unit::bytes),
                    time_by("switch.fiber.working_set", "a switch between fibers, with the work",
                            by_working_set, unit::bytes),
                    time_of("switch.pipe",
                            "processes of one CPU pass a byte to and fro through pipes, one way"),
                    time_of("switch.coroutine", "a yield between two coroutines"),
                    time_of("switch.thread.other_cpu",
                            "one thread wakes another one on another CPU"),
                    time_by("switch.thread.runnable",
                            "a switch among threads that are all runnable", "runnable")},
        .seconds = 4,
        .why_not = nullptr,
        .run = probe_switches};
}

probe step_probe() {
    return {
        .name = "steps",
        .what = "the steps of a switch, one by one",
        .how =
            "getppid(), which does nothing but enter the kernel and come back; the callee-saved "
            "registers "
            "and the stack pointer saved and taken from another stack; MXCSR and the x87 control "
            "word "
            "read and written; XSAVE and XRSTOR of all state that the kernel enabled.",
        .claims = {"C15"},
        .figures = {time_of("step.registers", "callee-saved registers and the stack"),
                    time_of("step.control_words", "control words of SSE and x87"),
                    time_of("step.simd", "all floating-point and SIMD state, saved and restored"),
                    time_of("step.system_call", "into the kernel and back")},
        .seconds = 0.5,
        .why_not = nullptr,
        .run = probe_steps};
}

probe scheduling_probe() {
    return {
        .name = "scheduling",
        .what = "turns, wake-ups and shares",
        .how =
            "turn: two threads compute on one CPU and read the clock; a gap of 0.2 ms ends a turn. "
            "wake: how "
            "much later than asked a sleep of 1 ms ends, alone and beside one that computes. "
            "share: nice "
            "0, 5 and 10 compute on one CPU; the largest distance from what the weights give.",
        .claims = {"C13", "C14"},
        .figures = {time_of("sched.tick", "the kernel's timer tick"),
                    time_of("sched.turn", "a turn of one of two threads that compute on one CPU"),
                    time_of("wake.thread.idle", "a thread wakes too late, alone"),
                    time_of("wake.thread.beside_hog",
                            "a thread wakes too late beside one that computes"),
                    time_of("wake.fiber.idle", "a fiber wakes too late, alone"),
                    time_of("wake.fiber.beside_hog",
                            "a fiber wakes too late beside one that computes"),
                    {.id = "share.thread.error",
                     .what = "shares of threads, points off",
                     .unit = unit::plain},
                    {.id = "share.fiber.error",
                     .what = "shares of fibers, points off",
                     .unit = unit::plain}},
        .seconds = 4,
        .why_not = nullptr,
        .run = probe_scheduling};
}

probe storm_probe() {
    return {
        .name = "storm",
        .what = "ten thousand that sleep for a millisecond at a time",
        .how =
            "10,000 threads, then 10,000 fibers, that sleep for 1 ms again and again for 0.3 s: "
            "CPU "
            "time of the process for one wake-up, without what it takes to let all begin and end, "
            "and wake-ups a second.",
        .claims = {"C28"},
        .figures = {time_of("storm.thread.cpu", "CPU for a wake-up of one of 10,000 threads"),
                    time_of("storm.fiber.cpu", "CPU for a wake-up of one of 10,000 fibers"),
                    {.id = "storm.thread.rate",
                     .what = "wake-ups of 10,000 threads",
                     .unit = unit::per_second},
                    {.id = "storm.fiber.rate",
                     .what = "wake-ups of 10,000 fibers",
                     .unit = unit::per_second}},
        .seconds = 3,
        .why_not = why_no_storm,
        .run = probe_storm};
}

probe address_space_probe() {
    const auto own = [](std::string_view id, std::string_view what) {
        return figure_info{
            .id = id,
            .what = what,
            .unit = unit::plain,
            .axis = "part",
            .places = {"code", "data", "heap", "descriptors", "stack", "thread-locals"}};
    };
    return {.name = "address_space",
            .what = "what processes, threads and fibers share, and the map of a process",
            .how =
                "One of two, a process, thread or fiber, writes to a global variable, to memory "
                "that the other one has allocated, to the other one's stack, and to a "
                "thread-local; opens a descriptor; and says where its stack is. 1: the other one "
                "sees nothing of it, or its stack lies elsewhere; 0: they share it. Code is "
                "shared unless a page of it has been copied. A call is a function that does the "
                "same, for control. The map: smaps(5) of a process with three threads and four "
                "fibers that wait.",
            .claims = {"C11", "C12"},
            .figures = {own("own.call", "of a function that is called, not shared"),
                        own("own.process", "of a process, not shared"),
                        own("own.thread", "of a thread, not shared"),
                        own("own.fiber", "of a fiber, not shared")},
            .seconds = 0.3,
            .why_not = nullptr,
            .run = probe_address_space};
}

probe isolation_probe() {
    const auto others = [](std::string_view id, std::string_view what) {
        return figure_info{.id = id,
                           .what = what,
                           .unit = unit::plain,
                           .axis = "bug",
                           .places = {"null call", "overflow", "wild write", "abort"}};
    };
    return {.name = "isolation",
            .what = "who dies of a bug in one of four",
            .how =
                "Four processes, threads or fibers; the first one calls a null pointer, overflows "
                "its stack, writes over its neighbour's data or aborts; how many of the other "
                "three then run and find their data as it was.",
            .claims = {"C18"},
            .figures = {others("isolation.process", "of three other processes, unharmed"),
                        others("isolation.thread", "of three other threads, unharmed"),
                        others("isolation.fiber", "of three other fibers, unharmed")},
            .seconds = 0.3,
            .why_not = nullptr,
            .run = probe_isolation};
}

probe postgres_probe() {
    constexpr const char* connections = "connections";
    return {
        .name = "postgres",
        .what = "connections to PostgreSQL, by their number",
        .how =
            "A server of its own with a new cluster, the defaults but for fsync=off and "
            "autovacuum=off, through a "
            "Unix socket. "
            "connect: until it is ready for a query, and closing; query: 'select 1' and its "
            "answer. memory: "
            "private pages and page tables of all its processes, after that many "
            "connections less before, divided by their number; by_use: how much more one has that "
            "has "
            "read the catalogues once.",
        .claims = {"C1", "C3", "C4"},
        .figures = {time_of("postgres.connect", "a connection, until it is ready, and its end"),
                    time_of("postgres.query", "'select 1' and its answer"),
                    {.id = "postgres.processes",
                     .what = "processes for a connection",
                     .unit = unit::plain,
                     .axis = connections},
                    bytes_by("postgres.memory", "a connection that nobody uses", connections),
                    {.id = "postgres.memory.by_use",
                     .what = "what the first use adds",
                     .unit = unit::bytes}},
        .seconds = 6,
        .why_not = why_not_postgres,
        .run = probe_postgres};
}

}  // namespace

std::span<const probe> all_probes() {
    static const std::array probes{fork_probe(),    exec_probe(),          copy_on_write_probe(),
                                   thread_probe(),  fiber_probe(),         memory_probe(),
                                   switch_probe(),  step_probe(),          scheduling_probe(),
                                   storm_probe(),   address_space_probe(), isolation_probe(),
                                   postgres_probe()};
    return probes;
}

const probe* find_probe(std::string_view name) {
    const auto found = std::ranges::find(all_probes(), name, &probe::name);
    return found == all_probes().end() ? nullptr : &*found;
}

}  // namespace weft::measure
