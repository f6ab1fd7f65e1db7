// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong where a fiber that is preempted goes on on another kernel thread, or where nobody
// takes the role from one that waits for a suspended one: the allocator, exceptions in flight,
// std::mutex and call_once, each at its work when the slice ends.
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "watchdog.h"
#include "workloads.h"

namespace bench {

namespace {

constexpr std::size_t fibers = 64;

class torture_chamber {
public:
    void work(std::size_t number) {
        auto random = static_cast<unsigned>(number);
        while (!stop_.load(std::memory_order_relaxed)) {
            random = random * 1664525 + 1013904223;
            switch (random >> 30) {
                case 0:
                    check(allocate(random));
                    break;
                case 1:
                    check(throw_and_catch(std::to_string(random)));
                    break;
                case 2:
                    count();
                    break;
                default:
                    check(call_once());
            }
            ++rounds_[number];
            ++all_rounds_;
        }
    }

    void stop() { stop_ = true; }

    [[nodiscard]] const std::atomic<long>& rounds() const { return all_rounds_; }

    /// Wrong results, and fibers that did nothing. When all have ended.
    [[nodiscard]] long errors() const {
        long all = wrong_ + (counted_ == expected_count_ ? 0 : 1);
        for (const long each : rounds_) {
            all += each == 0 ? 1 : 0;
        }
        return all;
    }

private:
    void check(bool right) { wrong_ += right ? 0 : 1; }

    static bool allocate(unsigned random) {
        std::vector<std::unique_ptr<unsigned[]>> pieces;
        for (unsigned i = 0; i < 100; ++i) {
            const std::size_t size = 4 + (random >> i % 16) % 1000;
            pieces.push_back(std::make_unique<unsigned[]>(size));
            pieces.back()[size - 1] = random + i;
            pieces.back()[0] = random + i;
        }
        bool right = true;
        for (unsigned i = 0; i < pieces.size(); ++i) {
            right = right && pieces[i][0] == random + i;
        }
        return right;
    }

    static bool throw_and_catch(const std::string& text) {
        bool right = true;
        for (int i = 0; i < 10; ++i) {
            try {
                try {
                    throw std::runtime_error(text);
                } catch (const std::exception& error) {
                    right = right && error.what() == text;
                    throw;
                }
            } catch (const std::runtime_error& error) {
                right = right && error.what() == text;
            }
        }
        return right;
    }

    void count() {
        constexpr int times = 100;
        for (int i = 0; i < times; ++i) {
            const std::lock_guard guard(mutex_);
            ++counted_;
        }
        expected_count_ += times;
    }

    static bool call_once() {
        std::once_flag flag;
        int called = 0;
        for (int i = 0; i < 3; ++i) {
            std::call_once(flag, [&] { called += std::stoi(std::to_string(1)); });
        }
        return called == 1;
    }

    std::atomic<bool> stop_{false};
    std::array<long, fibers> rounds_{};  // each by its fiber
    std::atomic<long> all_rounds_{0};
    std::atomic<long> wrong_{0};
    std::mutex mutex_;
    long counted_ = 0;
    std::atomic<long> expected_count_{0};
};

}  // namespace

cost torture(std::size_t size) {
    torture_chamber chamber;
    const watchdog watch(chamber.rounds(), std::chrono::seconds(10));
    weft::runtime rt({.workers = 2, .slice = std::chrono::microseconds(500)});
    rt.run([&] {
        std::vector<weft::fiber> all;
        for (std::size_t i = 0; i < fibers; ++i) {
            all.emplace_back([&, i] { chamber.work(i); });
        }
        weft::this_fiber::sleep_for(std::chrono::seconds(size));
        chamber.stop();
    });
    double preempted = 0;
    double blocked = 0;
    for (const weft::worker_stats& each : rt.stats().workers) {
        preempted += static_cast<double>(each.preempted);
        blocked += static_cast<double>(each.blocked);
    }
    return {.value = static_cast<double>(chamber.errors()),
            .others = {{"rounds", static_cast<double>(chamber.rounds()), "times"},
                       {"preempted", preempted, "times"},
                       {"blocked", blocked, "times"}}};
}

}  // namespace bench
