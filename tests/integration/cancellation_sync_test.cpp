// SPDX-License-Identifier: Apache-2.0
//
// Locks, counters, gates, channels and select: a stop ends each wait, and nothing is lost by it.
#include <weft/channel.h>
#include <weft/co.h>
#include <weft/co_channel.h>
#include <weft/condition_variable.h>
#include <weft/future.h>
#include <weft/latch.h>
#include <weft/mutex.h>
#include <weft/select.h>
#include <weft/semaphore.h>
#include <weft/shared_mutex.h>
#include <weft/wait_group.h>

#include <chrono>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "cancelled_call.h"
#include "sockets.h"
#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr auto never = deadline::never();

/// Has a mutex on a thread of its own until it is let go.
template <class Mutex>
class holder {
public:
    explicit holder(Mutex& m) {
        std::promise<void> locked;
        thread_ = std::thread([this, &m, &locked] {
            const std::lock_guard guard(m);
            locked.set_value();
            let_go_.get_future().wait();
        });
        locked.get_future().wait();
    }
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    ~holder() { let_go(); }

    void let_go() {
        if (thread_.joinable()) {
            let_go_.set_value();
            thread_.join();
        }
    }

private:
    std::promise<void> let_go_;
    std::thread thread_;
};

/// Runs a call_once() on a thread of its own until it is let go.
class once_holder {
public:
    explicit once_holder(once_flag& flag) {
        std::promise<void> begun;
        thread_ = std::thread([this, &flag, &begun] {
            call_once(flag, [&] {
                begun.set_value();
                let_go_.get_future().wait();
            });
        });
        begun.get_future().wait();
    }
    once_holder(const once_holder&) = delete;
    once_holder& operator=(const once_holder&) = delete;
    ~once_holder() { let_go(); }

    void let_go() {
        if (thread_.joinable()) {
            let_go_.set_value();
            thread_.join();
        }
    }

private:
    std::promise<void> let_go_;
    std::thread thread_;
};

struct world {
    mutex plain;
    holder<mutex> has_plain{plain};
    timed_mutex timed;
    holder<timed_mutex> has_timed{timed};
    shared_timed_mutex shared_timed;
    holder<shared_timed_mutex> has_shared_timed{shared_timed};
    once_flag once;
    once_holder has_once{once};
    recursive_mutex recursive;
    holder<recursive_mutex> has_recursive{recursive};
    shared_mutex shared;
    holder<shared_mutex> has_shared{shared};
    mutex of_condition;
    condition_variable condition;
    bool satisfied = false;
    counting_semaphore<> none{0};
    latch closed{1};
    barrier<> two{2};
    event unset;
    channel<int> nobody;
    channel<int> full{1};
    wait_group unfinished{1};
    promise<int> promised;
    future<int> promise_kept = promised.get_future();
    promise<int> other_promised;
    future<int> other = other_promised.get_future();

    world() { EXPECT_TRUE(full.try_send(0)); }

    static const std::vector<waiting_call<world>>& calls();
};

template <class Mutex>
void lock_and_unlock(holder<Mutex>& has, Mutex& m) {
    has.let_go();
    EXPECT_TRUE(m.lock(safety_net));
    m.unlock();
}

void counts_down(world& w) {
    w.closed.count_down();
    EXPECT_TRUE(w.closed.wait(safety_net));
}

void carries_a_value(world& w) {
    auto sent = std::async(std::launch::async, [&] { return w.nobody.send(7, safety_net); });
    EXPECT_EQ(w.nobody.receive(safety_net), 7);
    EXPECT_TRUE(sent.get());
}

void keeps_one_value(world& w) {
    EXPECT_EQ(w.full.try_receive(), 0);
    EXPECT_FALSE(w.full.try_receive()) << "what was not sent";
}

std::error_code wait_for_condition(world& w) {
    std::unique_lock lock(w.of_condition);
    const auto ended = w.condition.wait(lock, never, [&] { return w.satisfied; });
    EXPECT_TRUE(lock.owns_lock());
    return error_of(ended);
}

task<std::error_code> wait_for_condition_in_coroutine(world& w) {
    std::unique_lock lock = co_await co::lock(w.of_condition);
    const auto ended = co_await co::wait(w.condition, lock, never, [&] { return w.satisfied; });
    EXPECT_TRUE(lock.owns_lock());
    co_return error_of(ended);
}

void satisfies(world& w) {
    {
        const std::lock_guard lock(w.of_condition);
        w.satisfied = true;
    }
    w.condition.notify_all();
}

void notifies(world& w) {
    auto waiting = std::async(std::launch::async, [&] { return wait_for_condition(w); });
    satisfies(w);
    EXPECT_FALSE(waiting.get());
}

/// Of a call that tells only whether it succeeded.
std::error_code outcome_of(bool succeeded) {
    return succeeded ? std::error_code()
                     : make_error_code(this_fiber::stop_requested() ? std::errc::operation_canceled
                                                                    : std::errc::timed_out);
}

/// With a stop token of its own, which is that of the caller.
std::error_code wait_with_token(world& w) {
    std::unique_lock lock(w.of_condition);
    const bool ended =
        w.condition.wait(lock, this_fiber::get_stop_token(), [&] { return w.satisfied; });
    EXPECT_TRUE(lock.owns_lock());
    return outcome_of(ended);
}

std::vector<waiting_call<world>> of_timed_locks() {
    return {
        {"timed_mutex", [](world& w) { return outcome_of(w.timed.try_lock_for(1h)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock(w.timed, never));
         },
         [](world& w) {
             w.has_timed.let_go();
             EXPECT_TRUE(w.timed.try_lock_for(safety_net));
             w.timed.unlock();
         }},
        {"shared_timed_mutex", [](world& w) { return outcome_of(w.shared_timed.try_lock_for(1h)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock(w.shared_timed, never));
         },
         [](world& w) { lock_and_unlock(w.has_shared_timed, w.shared_timed); }},
        {"shared_timed_mutex_shared",
         [](world& w) { return outcome_of(w.shared_timed.try_lock_shared_for(1h)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock_shared(w.shared_timed, never));
         },
         [](world& w) { lock_and_unlock(w.has_shared_timed, w.shared_timed); }},
        {"condition_variable_with_token", wait_with_token, nullptr, notifies, satisfies},
        {"call_once", [](world& w) { return error_of(call_once(w.once, never, [] {})); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::call_once(w.once, never, [] {}));
         },
         [](world& w) {
             w.has_once.let_go();
             EXPECT_TRUE(call_once(w.once, safety_net, [] { ADD_FAILURE() << "it was done"; }));
         },
         [](world& w) { w.has_once.let_go(); }},
    };
}

std::vector<waiting_call<world>> of_futures() {
    return {
        {"wait_group", [](world& w) { return error_of(w.unfinished.wait(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::wait(w.unfinished, never));
         },
         [](world& w) {
             w.unfinished.done();
             EXPECT_TRUE(w.unfinished.wait(safety_net));
         },
         [](world& w) { w.unfinished.done(); }},
        {"when_any", [](world& w) { return error_of(when_any(w.promise_kept, w.other)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::when_any(w.promise_kept, w.other));
         },
         [](world& w) {
             w.other_promised.set_value(7);
             EXPECT_EQ(when_any_until(safety_net, w.promise_kept, w.other), 1u);
             EXPECT_EQ(w.other.get(), 7);
         },
         [](world& w) { w.promised.set_value(1); }},
    };
}

std::vector<waiting_call<world>> of_locks() {
    return {
        {"mutex", [](world& w) { return error_of(w.plain.lock(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock(w.plain, never));
         },
         [](world& w) { lock_and_unlock(w.has_plain, w.plain); }},
        {"recursive_mutex", [](world& w) { return error_of(w.recursive.lock(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock(w.recursive, never));
         },
         [](world& w) { lock_and_unlock(w.has_recursive, w.recursive); }},
        {"shared_mutex", [](world& w) { return error_of(w.shared.lock(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock(w.shared, never));
         },
         [](world& w) { lock_and_unlock(w.has_shared, w.shared); }},
        {"shared_mutex_shared", [](world& w) { return error_of(w.shared.lock_shared(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::lock_shared(w.shared, never));
         },
         [](world& w) { lock_and_unlock(w.has_shared, w.shared); }},
        {"condition_variable", wait_for_condition, wait_for_condition_in_coroutine, notifies,
         satisfies},
    };
}

std::vector<waiting_call<world>> of_counters() {
    return {
        {"semaphore", [](world& w) { return error_of(w.none.acquire(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::acquire(w.none, never));
         },
         [](world& w) {
             w.none.release();
             EXPECT_TRUE(w.none.try_acquire());
             EXPECT_FALSE(w.none.try_acquire());
         },
         [](world& w) { w.none.release(); }},
        {"latch", [](world& w) { return error_of(w.closed.wait(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::wait(w.closed, never));
         },
         counts_down, [](world& w) { w.closed.count_down(); }},
        {"barrier", [](world& w) { return error_of(w.two.arrive_and_wait(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::arrive_and_wait(w.two, never));
         },
         [](world& w) { EXPECT_TRUE(w.two.arrive_and_wait(safety_net)) << "it had arrived"; }},
        {"event", [](world& w) { return error_of(w.unset.wait(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::wait(w.unset, never));
         },
         [](world& w) {
             w.unset.set();
             EXPECT_TRUE(w.unset.wait(safety_net));
         }},
    };
}

std::vector<waiting_call<world>> of_channels() {
    return {
        {"receive", [](world& w) { return error_of(w.nobody.receive(never)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive(w.nobody, never));
         },
         carries_a_value, [](world& w) { EXPECT_TRUE(w.nobody.send(1, safety_net)); }},
        {"send", [](world& w) { return error_of(w.nobody.send(1)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::send(w.nobody, 1));
         },
         carries_a_value},
        {"send_to_a_full_one", [](world& w) { return error_of(w.full.send(1)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::send(w.full, 1));
         },
         keeps_one_value},
        {"select",
         [](world& w) {
             return error_of(select(on_receive(w.nobody, [](std::optional<int>) {}),
                                    on_send(w.full, 1, [] {})));
         },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::select(on_receive(w.nobody, [](std::optional<int>) {}),
                                                    on_send(w.full, 1, [] {})));
         },
         [](world& w) {
             carries_a_value(w);
             keeps_one_value(w);
         },
         [](world& w) { EXPECT_TRUE(w.nobody.send(1, safety_net)); }},
    };
}

const std::vector<waiting_call<world>>& world::calls() {
    static const auto all =
        joined<world>({of_locks(), of_timed_locks(), of_counters(), of_futures(), of_channels()});
    return all;
}

using CancellationOfSync = CancelledCall<world>;
WEFT_TEST_CANCELLED_CALLS(CancellationOfSync, {2});

}  // namespace
}  // namespace weft
