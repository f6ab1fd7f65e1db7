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
    /// Something to be done by a fiber.
    class job {
    public:
        job() = default;
        job(const job&) = delete;
        job& operator=(const job&) = delete;
        virtual ~job() = default;

        /// On a fiber, once. It may end in that.
        virtual void run() = 0;
        /// Instead of run(), when the starter ends.
        virtual void drop() noexcept = 0;
        [[nodiscard]] virtual const fiber_options& options() const noexcept {
            static constexpr fiber_options usual;
            return usual;
        }

    private:
        friend fiber_starter;
        job* next_ = nullptr;  // while it is kept
    };

    fiber_starter() = default;
    fiber_starter(const fiber_starter&) = delete;
    fiber_starter& operator=(const fiber_starter&) = delete;
    ~fiber_starter() {
        for (job* each = take_all(); each != nullptr;) {
            std::exchange(each, each->next_)->drop();
        }
    }

    /// Runs it on a fiber of its own, now or after a try_again().
    void start(job& what) noexcept {
        try {
            fiber tries(what.options(), attempt{this, &what});
            tries.detach();
        } catch (const std::bad_alloc&) {
            keep(&what);
        }
    }

    /// The same for `act()`. Throws std::bad_alloc: then it is never run.
    template <class Act>
    void start(const fiber_options& options, Act act) {
        start(*std::make_unique<job_of<Act>>(options, std::move(act)).release());
    }

    /// Starts what could not be started before.
    void try_again() noexcept {
        for (job* each = take_all(); each != nullptr;) {
            start(*std::exchange(each, each->next_));
        }
    }

private:
    template <class Act>
    struct job_of final : job {
        job_of(const fiber_options& with, Act what) : how(with), act(std::move(what)) {}
        void run() override {
            const std::unique_ptr<job_of> ends(this);
            act();
        }
        void drop() noexcept override { delete this; }
        [[nodiscard]] const fiber_options& options() const noexcept override { return how; }

        const fiber_options how;
        Act act;
    };

    /// What a fiber is given.
    struct attempt {
        void operator()() { what->run(); }
        void not_started(detail::no_stack) noexcept { by->keep(what); }

        fiber_starter* by;
        job* what;
    };

    void keep(job* what) noexcept {
        job* first = kept_.load(std::memory_order_relaxed);
        do {
            what->next_ = first;
        } while (!kept_.compare_exchange_weak(first, what, std::memory_order_acq_rel));
    }

    job* take_all() noexcept { return kept_.exchange(nullptr, std::memory_order_acq_rel); }

    std::atomic<job*> kept_{nullptr};
};

}  // namespace weft::pool
