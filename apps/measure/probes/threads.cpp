// SPDX-License-Identifier: Apache-2.0
//
// What a kernel thread costs to create: beside none and beside many that wait, and by the size of
// its stack, which is reserved and not touched.
#include <array>
#include <semaphore>
#include <vector>

#include <pthread.h>

#include "child.h"
#include "measure/sampling.h"
#include "memory_block.h"
#include "probes.h"

namespace weft::measure {

namespace {

constexpr std::array<std::size_t, 4> stack_sizes{mib / 16, mib, 8 * mib, 64 * mib};
constexpr std::size_t small_stack = mib / 16;

void* return_at_once(void*) {
    return nullptr;
}

class thread_attributes {
public:
    explicit thread_attributes(std::size_t stack) {
        ::pthread_attr_init(&what_);
        ::pthread_attr_setstacksize(&what_, stack);
    }
    ~thread_attributes() { ::pthread_attr_destroy(&what_); }
    thread_attributes(const thread_attributes&) = delete;
    thread_attributes& operator=(const thread_attributes&) = delete;

    pthread_t start(void* (*body)(void*), void* argument) const {
        pthread_t thread;
        if (const int error = ::pthread_create(&thread, &what_, body, argument)) {
            throw std::system_error(error, std::generic_category(), "pthread_create");
        }
        return thread;
    }

private:
    pthread_attr_t what_{};
};

/// Threads that wait until this ends.
class parked_threads {
public:
    explicit parked_threads(std::size_t count) {
        const thread_attributes attributes(small_stack);
        try {
            while (threads_.size() < count) {
                threads_.push_back(attributes.start(&park, &until_));
            }
        } catch (...) {
            end();
            throw;
        }
    }
    ~parked_threads() { end(); }
    parked_threads(const parked_threads&) = delete;
    parked_threads& operator=(const parked_threads&) = delete;

private:
    static void* park(void* until) {
        static_cast<std::counting_semaphore<>*>(until)->acquire();
        return nullptr;
    }
    void end() noexcept {
        until_.release(static_cast<std::ptrdiff_t>(threads_.size()));
        for (const pthread_t thread : threads_) {
            ::pthread_join(thread, nullptr);
        }
    }

    std::counting_semaphore<> until_{0};
    std::vector<pthread_t> threads_;
};

/// pthread_create() alone, and until the thread, which ends at once, has been joined.
std::array<double, 2> create_one(const thread_attributes& attributes) {
    const std::int64_t began = now_ns();
    const pthread_t thread = attributes.start(&return_at_once, nullptr);
    const auto created = static_cast<double>(now_ns() - began);
    ::pthread_join(thread, nullptr);
    return {created, static_cast<double>(now_ns() - began)};
}

}  // namespace

void probe_threads(probe_round& round) {
    const auto counts = round.places({0, 10, 100, 300, 1000, 3000}, {0, 10, 100, 1000});
    const double each = round.seconds() / static_cast<double>(counts.size() + stack_sizes.size());
    const sampling_goal goal{.seconds = each, .least = 20, .most = 200};
    for (const std::size_t count : counts) {
        const parked_threads others(count);
        const thread_attributes attributes(8 * mib);
        auto [created, joined] = take_samples_of<2>(goal, [&] { return create_one(attributes); });
        round.add("thread.create", static_cast<double>(count), std::move(created));
        round.add("thread.create_join", static_cast<double>(count), std::move(joined));
    }
    for (const std::size_t size : stack_sizes) {
        const thread_attributes attributes(size);
        auto [created, joined] = take_samples_of<2>(goal, [&] { return create_one(attributes); });
        round.add("thread.create_join.by_stack", static_cast<double>(size), std::move(joined));
    }
}

}  // namespace weft::measure
