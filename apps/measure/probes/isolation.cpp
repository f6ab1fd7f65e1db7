// SPDX-License-Identifier: Apache-2.0
//
// Who dies of a bug. Four of a kind wait; one of them calls a null pointer, overflows its stack,
// writes over its neighbour's data or aborts; then it is seen who still answers. Each case in a
// process of its own.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "child.h"
#include "probes.h"
#include "shared_value.h"

namespace weft::measure {

namespace {

enum class bug { null_call, overflow, wild_write, abort };

struct named_bug {
    bug what;
    const char* name;
};

constexpr std::array bugs{named_bug{bug::null_call, "null call"},
                          named_bug{bug::overflow, "overflow"},
                          named_bug{bug::wild_write, "wild write"}, named_bug{bug::abort, "abort"}};
constexpr int members = 4;

/// What each member keeps in memory that all members of one address space share; and, beside it,
/// what processes tell their parent.
struct board {
    std::array<int, members> own_data{};
    std::array<std::atomic<bool>, members> goes_on{};
};

using call = void (*)();

[[gnu::noinline]] int use_up_the_stack(int depth) {  // NOLINT(misc-no-recursion): that is the bug
    std::array<volatile int, 1024> used{};
    used[0] = depth;  // never negative
    return used[0] < 0 ? 0 : use_up_the_stack(depth + 1) + used[1];
}

void trip(bug what, int* neighbours_data) {
    switch (what) {
        case bug::null_call: {
            volatile call nothing = nullptr;
            nothing();
            break;
        }
        case bug::overflow:
            static_cast<void>(use_up_the_stack(0));
            break;
        case bug::wild_write:
            *neighbours_data = -1;
            break;
        case bug::abort:
            std::abort();
    }
}

/// One member: 0 has the bug; the others look at their data afterwards and say that they go on.
void be_member(int me, bug what, std::array<int, members>& data, board& told) {
    if (me == 0) {
        trip(what, &data[1]);
    } else {
        told.goes_on[static_cast<std::size_t>(me)] = data[static_cast<std::size_t>(me)] == 0;
    }
}

void as_processes(bug what, board& told) {
    std::array<int, members> data{};
    for (int me = 0; me < members; ++me) {
        const pid_t child = fork_child();
        if (child == 0) {
            be_member(me, what, data, told);
            ::_exit(0);
        }
        wait_for(child);  // in turn: the one with the bug comes first
    }
}

void as_threads(bug what, board& told) {
    std::array<int, members> data{};
    for (int me = 0; me < members; ++me) {
        std::thread([&] { be_member(me, what, data, told); }).join();
    }
}

void as_fibers(bug what, board& told) {
    std::array<int, members> data{};
    weft::run(runtime_options{.workers = 1}, [&] {
        for (int me = 0; me < members; ++me) {
            spawn([&] { be_member(me, what, data, told); }).join();
        }
    });
}

struct kind {
    const char* name;
    void (*run)(bug, board&);
};
constexpr std::array kinds{kind{"process", as_processes}, kind{"thread", as_threads},
                           kind{"fiber", as_fibers}};

/// In a child whose death is looked at; its messages go nowhere.
void try_one(probe_round& round, const kind& kind, const named_bug& bug) {
    const shared_value<board> told;
    const pid_t child = fork_child();
    if (child == 0) {
        const rlimit no_core{};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::close(STDERR_FILENO);
        kind.run(bug.what, *told);
        ::_exit(0);
    }
    const int status = wait_for(child);
    int alive = 0;
    for (const auto& one : told->goes_on) {
        alive += one ? 1 : 0;
    }
    std::string text =
        std::to_string(alive) + " of " + std::to_string(members - 1) + " others go on";
    if (WIFSIGNALED(status)) {
        text += "; the process died of signal " + std::to_string(WTERMSIG(status));
    }
    round.tell(std::string("isolation: ") + kind.name + ", " + bug.name, text);
    round.add(std::string("isolation.") + kind.name, static_cast<double>(&bug - bugs.data()),
              {static_cast<double>(alive)});
}

}  // namespace

void probe_isolation(probe_round& round) {
    for (const kind& kind : kinds) {
        for (const named_bug& bug : bugs) {
            try_one(round, kind, bug);
        }
    }
}

}  // namespace weft::measure
