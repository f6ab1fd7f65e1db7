// SPDX-License-Identifier: Apache-2.0
//
// What tests of server_pool share: a runtime of one worker, on which all happens in one order, and
// servers that are socket pairs, of which the test holds the far end.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weft/fiber.h>
#include <weft/runtime.h>

#include "backend/server_pool.h"

namespace weft::pool {

using namespace std::chrono_literals;

/// A test that did not get on would hang; with this it fails.
inline constexpr auto longest_test_wait = 20s;

/// Runs `body` on a fiber.
template <class Body>
void on_one_worker(Body body) {
    runtime one({.workers = 1, .fifo = true, .preempt = false});
    one.spawn(std::move(body)).join();
}

/// Lets all others go on until they wait: with one worker and no clock, a few turns are enough.
inline void let_others_run() {
    for (int i = 0; i < 20; ++i) {
        this_fiber::yield();
    }
}

/// Where the pool of a test connects to.
class backends {
public:
    /// What the next connections come to, in order; after that they succeed.
    void fail_next(report why, int times = 1) {
        plan_.insert(plan_.end(), static_cast<std::size_t>(times), std::move(why));
    }
    [[nodiscard]] int connects() const { return connects_; }
    /// The far ends, in the order of the connections.
    std::vector<socket>& far_ends() { return far_; }

    server_pool::connector connector() {
        return [this]() -> std::expected<std::unique_ptr<server>, report> {
            ++connects_;
            if (!plan_.empty()) {
                report why = std::move(plan_.front());
                plan_.pop_front();
                return std::unexpected(std::move(why));
            }
            int ends[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
                return std::unexpected(report{"FATAL", "53000", "socketpair"});
            }
            auto made = std::make_unique<server>();
            made->io = transport(socket::from_native(ends[0]).value());
            made->welcome = {{"server_version", "15.1"}};
            made->connected = made->idle_since = clock::now();
            far_.push_back(socket::from_native(ends[1]).value());
            return made;
        };
    }

private:
    std::deque<report> plan_;
    std::vector<socket> far_;
    int connects_ = 0;
};

/// A client of the pool of a test.
class visitor {
public:
    visitor(server_pool& of, const std::string& tenant, const tenant_rule& rule = {}) : pool_(of) {
        pool_.enter(place, tenant, rule);
    }
    visitor(const visitor&) = delete;
    visitor& operator=(const visitor&) = delete;
    ~visitor() {
        if (const auto ticket = pool_.begin_cancel(place, {"ERROR", "57014", "the test ends"})) {
            pool_.finish_cancel(*ticket);
        }
        if (asks_.joinable()) {
            asks_.join();
        }
        if (holds()) {
            release();
        }
        pool_.leave(place);
    }

    /// Asks on a fiber of its own.
    void ask(deadline until = longest_test_wait) {
        got_.reset();
        asks_ = fiber([this, until] { got_ = pool_.acquire(place, until); });
    }
    /// Asks and lets the others run, too.
    visitor& ask_and_look(deadline until = longest_test_wait) {
        ask(until);
        let_others_run();
        return *this;
    }

    [[nodiscard]] bool waits() const { return !got_.has_value(); }
    [[nodiscard]] bool holds() const { return got_.has_value() && got_->has_value(); }
    [[nodiscard]] server* held() const { return holds() ? **got_ : nullptr; }
    /// "sqlstate message" of a refusal.
    [[nodiscard]] std::string refusal() const {
        return got_ && !*got_ ? got_->error().sqlstate + " " + got_->error().message : "none";
    }
    void join() { asks_.join(); }

    /// And lets the others run.
    void release(bool reusable = true) {
        ASSERT_TRUE(holds());
        got_.reset();
        pool_.release(place, reusable);
        let_others_run();
    }

    claimant place;

private:
    server_pool& pool_;
    std::optional<std::expected<server*, report>> got_;
    fiber asks_;
};

/// Looks after `pool` until `done`.
inline void look_after_until(server_pool& pool, const std::function<bool()>& done) {
    const deadline end = longest_test_wait;
    while (!done() && !end.expired()) {
        pool.look_after();
        ASSERT_TRUE(this_fiber::sleep_for(2ms));
    }
    EXPECT_TRUE(done());
}

}  // namespace weft::pool
