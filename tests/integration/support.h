// SPDX-License-Identifier: Apache-2.0
//
// For tests of what fibers, coroutines and plain threads do on one object: who acts, and how a test
// learns that somebody waits.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/task.h>

#include "temporary_folder.h"

namespace weft::testing {

inline const runtime_options one_worker{.workers = 1};
inline const runtime_options two_workers{.workers = 2};

/// For what never takes that long unless something is broken.
inline constexpr std::chrono::seconds safety_net{30};

/// Polls `condition`, from a fiber or a plain thread, until it holds; false after `safety_net`.
template <std::predicate Condition>
bool eventually(Condition condition) {
    const auto limit = clock::now() + safety_net;
    while (!condition()) {
        if (clock::now() > limit) {
            return false;
        }
        this_fiber::yield();
    }
    return true;
}

/// Until the kernel thread `tid` of this process sleeps in the kernel; false after `safety_net`.
bool until_asleep(pid_t tid);

/// Until all kernel threads of this process but the caller sleep in the kernel; false after
/// `safety_net`.
bool until_all_others_sleep();

/// How many descriptors this process has open.
std::size_t open_descriptors();

/// While it lives, this process can open no descriptor.
class no_descriptors_left {
public:
    no_descriptors_left();
    ~no_descriptors_left();
    no_descriptors_left(const no_descriptors_left&) = delete;
    no_descriptors_left& operator=(const no_descriptors_left&) = delete;

private:
    std::size_t limit_before_;
};

/// Interrupts whoever runs, and whatever sleeps in the kernel, every 100 us while it lives.
class signal_storm {
public:
    signal_storm();
    ~signal_storm();
    signal_storm(const signal_storm&) = delete;
    signal_storm& operator=(const signal_storm&) = delete;

private:
    std::atomic<bool> stop_ = false;
    std::thread sender_;
};

enum class actor_kind : std::uint8_t { fiber, thread };

inline std::string name_of(actor_kind kind) {
    return kind == actor_kind::fiber ? "fiber" : "thread";
}

inline void PrintTo(actor_kind kind, std::ostream* out) {
    *out << name_of(kind);
}

/// Somebody who does something beside the test: a fiber or a plain thread. Joined at the end.
class actor {
public:
    actor() = default;

    template <class Body>
    actor(runtime& home, actor_kind kind, Body body) {
        if (kind == actor_kind::fiber) {
            fiber_ = home.spawn(std::move(body));
        } else {
            thread_ = std::thread(std::move(body));
        }
    }
    actor(actor&&) noexcept = default;
    actor& operator=(actor&&) = delete;
    actor(const actor&) = delete;
    actor& operator=(const actor&) = delete;
    ~actor() { join(); }

    void join() {
        if (fiber_.joinable()) {
            fiber_.join();
        }
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    fiber fiber_;
    std::thread thread_;
};

/// Runs `body` to its end: on a fiber of `home` or on this thread, which must be a plain one.
template <class Body>
void act(runtime& home, actor_kind kind, Body body) {
    if (kind == actor_kind::fiber) {
        home.run(std::move(body));
    } else {
        body();
    }
}

}  // namespace weft::testing
