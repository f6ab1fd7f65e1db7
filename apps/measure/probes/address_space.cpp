// SPDX-License-Identifier: Apache-2.0
//
// What processes, threads and fibers have of their own and what they share, tried out: one of a
// kind writes to what another one has, opens a descriptor, and tells where its stack and its
// thread-locals lie. And the map of a process with threads and fibers.
#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

#include <weft/fiber.h>
#include <weft/latch.h>
#include <weft/runtime.h>

#include "child.h"
#include "in_child.h"
#include "lab/proc_metrics.h"
#include "measure/address_map.h"
#include "memory_block.h"
#include "probes.h"
#include "shared_value.h"

namespace weft::measure {

namespace {

/// In the order of the places on the figures' axis.
enum class part : std::uint8_t { code, data, heap, descriptors, stack, thread_locals };

std::atomic<int> global = 0;
thread_local std::atomic<int> local = 0;

/// What the second one of a kind says; in memory that processes share, too.
struct second_one {
    const void* frame = nullptr;
    int descriptor = -1;
};

struct first_one {
    std::atomic<int>& on_heap;
    std::atomic<int>& on_stack;
    second_one& told;
};

/// Runs as the second one: changes what it can reach.
void change_all(const first_one& first) {
    const std::atomic<int> here = 0;
    global = 1;
    first.on_heap = 1;
    first.on_stack = 1;
    local = 1;
    first.told = {.frame = &here, .descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

std::string path_of_program() {
    return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::vector<address_part> map_of_this(const std::vector<address_mark>& marks) {
    return address_map_of(lab::read_file("/proc/self/smaps"), path_of_program(), marks);
}

/// Bytes of the program's code of which this process has a copy.
double copied_code() {
    double copied = 0;
    for (const address_part& one : map_of_this({})) {
        copied += one.kind == "text" ? one.copied : 0;
    }
    return copied;
}

/// Whether something at `other` lies on another stack than what lies at `here`, which is the
/// caller's or its caller's.
bool is_far(const void* other, const void* here) {
    constexpr std::uintptr_t longest_frames = 16 * 1024;
    const auto a = reinterpret_cast<std::uintptr_t>(other);
    const auto b = reinterpret_cast<std::uintptr_t>(here);
    return std::max(a, b) - std::min(a, b) > longest_frames;
}

/// As the first one, which runs change_all() as the second one by `as_second`, and looks then.
void look(probe_round& round, const std::string& kind,
          const std::function<void(const std::function<void()>&)>& as_second) {
    const shared_value<second_one> told;
    const auto on_heap = std::make_unique<std::atomic<int>>(0);
    std::atomic<int> on_stack = 0;
    global = 0;
    local = 0;
    as_second([&] { change_all({.on_heap = *on_heap, .on_stack = on_stack, .told = *told}); });
    const auto own = [&](part what, bool is_own) {
        round.add("own." + kind, static_cast<double>(what), {is_own ? 1.0 : 0.0});
    };
    own(part::code, copied_code() > 0);
    own(part::data, global == 0);
    own(part::heap, *on_heap == 0);
    own(part::descriptors, ::fcntl(told->descriptor, F_GETFD) < 0);
    own(part::stack, on_stack == 0 || is_far(told->frame, &on_stack));
    own(part::thread_locals, local == 0);
}

/// What is told of all others is nothing if this does not share everything.
void as_a_call(probe_round& round) {
    look(round, "call", [](const std::function<void()>& second) { second(); });
}

void as_processes(probe_round& round) {
    look(round, "process", [](const std::function<void()>& second) {
        const pid_t child = fork_child();
        if (child == 0) {
            second();
            ::_exit(0);
        }
        wait_for(child);
    });
}

void as_threads(probe_round& round) {
    look(round, "thread", [](const std::function<void()>& second) { std::thread(second).join(); });
}

void as_fibers(probe_round& round) {
    weft::run(runtime_options{.workers = 1}, [&] {
        look(round, "fiber", [](const std::function<void()>& second) { spawn(second).join(); });
    });
}

/// Uses some of its stack, says where that lies, and waits.
void be_there(std::uint64_t& where, event& there, event& end) {
    std::array<volatile char, 32 * 1024> used{};
    used.front() = 1;
    where = reinterpret_cast<std::uint64_t>(used.data());
    there.set();
    end.wait();
    used.back() = 1;
}

/// Of this process, with threads and fibers that wait.
void draw_map(probe_round& round) {
    constexpr std::size_t threads = 3;
    constexpr std::size_t fibers = 4;
    memory_block block(4 * mib, page_kind::small);
    block.touch();
    weft::run(runtime_options{.workers = 1}, [&] {
        std::array<event, threads + fibers> there;
        std::array<std::uint64_t, threads + fibers> where{};
        event end;
        const auto on_heap = std::make_unique<int>(0);
        std::vector<address_mark> marks{{.address = reinterpret_cast<std::uint64_t>(on_heap.get()),
                                         .kind = "heap",
                                         .name = {}}};
        std::vector<std::jthread> all_threads;
        std::vector<fiber> all_fibers;
        for (std::size_t i = 0; i < threads + fibers; ++i) {
            const auto body = [&, i] { be_there(where[i], there[i], end); };
            if (i < threads) {
                all_threads.emplace_back(body);
            } else {
                all_fibers.push_back(spawn(body));
            }
            there[i].wait();
            marks.push_back({.address = where[i],
                             .kind = "stack",
                             .name = i < threads ? "thread " + std::to_string(i + 1) : "fibers"});
        }
        round.draw(map_of_this(marks));
        end.set();
        for (fiber& one : all_fibers) {
            one.join();
        }
    });
}

}  // namespace

void probe_address_space(probe_round& round) {
    in_child(round, as_a_call);
    in_child(round, as_processes);
    in_child(round, as_threads);
    in_child(round, as_fibers);
    in_child(round, draw_map);
}

}  // namespace weft::measure
