// SPDX-License-Identifier: Apache-2.0
//
// fiber_starter: starts fibers for what must be done, whatever happens: a fiber for which there is
// no stack is tried again. weft says so on a worker's own stack, where nothing may wait and nothing
// should need memory, so what was to run is kept in a list that needs neither.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include <weft/fiber.h>

namespace weft::pool {

/// Thread-safe.
class fiber_starter {
public:
    fiber_starter() = default;
    fiber_starter(const fiber_starter&) = delete;
    fiber_starter& operator=(const fiber_starter&) = delete;
    ~fiber_starter() {
        for (job* each = take_all(); each != nullptr;) {
            const std::unique_ptr<job> dropped(each);
            each = dropped->next;
        }
    }

    /// Runs `act()` on a fiber of its own, now or after a try_again(). Throws std::bad_alloc: then
    /// it is never run.
    template <class Act>
    void start(const fiber_options& options, Act act) {
        std::unique_ptr<job> what = std::make_unique<job_of<Act>>(options, std::move(act));
        launch(what);
    }

    /// Starts what got no stack before.
    void try_again() noexcept {
        for (job* each = take_all(); each != nullptr;) {
            std::unique_ptr<job> what(each);
            each = what->next;
            try {
                launch(what);
            } catch (const std::bad_alloc&) {
                keep(what.release());
            }
        }
    }

private:
    struct job {
        explicit job(const fiber_options& with) : options(with) {}
        job(const job&) = delete;
        job& operator=(const job&) = delete;
        virtual ~job() = default;
        virtual void run() = 0;

        const fiber_options options;
        job* next = nullptr;  // while it is kept
    };

    template <class Act>
    struct job_of final : job {
        job_of(const fiber_options& with, Act what) : job(with), act(std::move(what)) {}
        void run() override { act(); }

        Act act;
    };

    /// What a fiber is given.
    struct attempt {
        void operator()() { std::unique_ptr<job>(what)->run(); }
        void not_started(detail::no_stack) noexcept { by->keep(what); }

        fiber_starter* by;
        job* what;
    };

    /// `what` is still the caller's if that throws.
    void launch(std::unique_ptr<job>& what) {
        fiber tries(what->options, attempt{this, what.get()});
        (void)what.release();
        tries.detach();
    }

    void keep(job* what) noexcept {
        job* first = kept_.load(std::memory_order_relaxed);
        do {
            what->next = first;
        } while (!kept_.compare_exchange_weak(first, what, std::memory_order_acq_rel));
    }

    job* take_all() noexcept { return kept_.exchange(nullptr, std::memory_order_acq_rel); }

    std::atomic<job*> kept_{nullptr};
};

}  // namespace weft::pool
