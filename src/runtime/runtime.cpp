// SPDX-License-Identifier: Apache-2.0
//
// The only place that knows all parts. Start: options, poller, scheduler, kernel threads. Stop, in
// the reverse order: wait until nothing lives, end the kernel threads, free the scheduler, then the
// poller, which closed sockets still use until then.
#include <weft/runtime.h>

#include <sched.h>

#include <bit>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include <weft/fiber_group.h>

#include "base/assert.h"
#include "coro/frame_pool.h"
#include "io/netpoll_epoll.h"
#include "sched/current.h"
#include "sched/scheduler.h"

namespace weft {

namespace {

constexpr unsigned most_workers = 1024;
constexpr std::size_t smallest_stack = std::size_t{16} * 1024;
constexpr std::size_t largest_stack = std::size_t{1} << 30;

unsigned usable_cpus() noexcept {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
        return static_cast<unsigned>(CPU_COUNT(&set));
    }
    return std::max(1u, std::thread::hardware_concurrency());  // more CPUs than a cpu_set_t holds
}

unsigned worker_count(unsigned asked) {
    if (asked == 0) {
        const char* const text = std::getenv("WEFT_WORKERS");
        if (text == nullptr || *text == '\0') {
            return usable_cpus();
        }
        const std::string_view view(text);
        const auto [end, error] = std::from_chars(view.begin(), view.end(), asked);
        if (error != std::errc() || end != view.end() || asked == 0) {
            throw std::invalid_argument("WEFT_WORKERS must be a number from 1 to " +
                                        std::to_string(most_workers) + ", not '" + text + "'");
        }
    }
    if (asked > most_workers) {
        throw std::invalid_argument("a runtime has at most " + std::to_string(most_workers) +
                                    " workers");
    }
    return asked;
}

bool stress(std::string_view what) {
    const char* const text = std::getenv("WEFT_STRESS");
    return text != nullptr && std::string_view(text).find(what) != std::string_view::npos;
}

sched::scheduler_options scheduler_options_of(const runtime_options& options) {
    if (options.stack_size > largest_stack) {
        throw std::invalid_argument("runtime_options::stack_size is beyond 1 GiB");
    }
    if (options.slice.count() < sched::shortest_slice ||
        options.slice.count() > sched::longest_slice) {
        throw std::invalid_argument("runtime_options::slice must be from 0.1 ms to 100 ms");
    }
    return {
        .workers = worker_count(options.workers),
        .stack_size = std::bit_ceil(std::max(options.stack_size, smallest_stack)),
        .fair = !options.fifo,
        .preempt = options.preempt,
        .slice = options.slice.count(),
        .most_threads = options.most_kernel_threads,
        .stress_migrate = stress("migrate"),
    };
}

}  // namespace

struct runtime::parts {
    explicit parts(const runtime_options& options)
        : scheduler(scheduler_options_of(options), poller) {
        scheduler.start();
    }

    io::netpoll poller;
    sched::scheduler scheduler;
};

runtime::runtime(const runtime_options& options) : parts_(std::make_unique<parts>(options)) {}

runtime::~runtime() {
    WEFT_ASSERT(sched::current_scheduler() != &parts_->scheduler,
                "a runtime is destroyed by one of its own fibers");
    parts_->scheduler.wait_quiescent();
    parts_->scheduler.stop();
}

fiber_group::fiber_group(runtime& on, const fiber_group_options& options)
    : fiber_group(on.get_scheduler(), options) {}

sched::scheduler& runtime::get_scheduler() const noexcept {
    return parts_->scheduler;
}

unsigned runtime::workers() const noexcept {
    return static_cast<unsigned>(parts_->scheduler.worker_count());
}

void runtime::trim() noexcept {
    parts_->scheduler.trim_stacks();
    coro::frame_pool::trim();
}

runtime_stats runtime::stats() const {
    sched::scheduler& s = parts_->scheduler;
    runtime_stats out;
    for (std::size_t i = 0; i < s.worker_count(); ++i) {
        sched::worker& w = s.worker_at(i);
        const sched::worker_counters& c = w.counters();
        out.workers.push_back({
            .started = c.created.load(base::relaxed),
            .finished = c.finished.load(base::relaxed),
            .dispatched = w.tick(),
            .stolen = c.stolen.load(base::relaxed),
            .slept = c.slept.load(base::relaxed),
            .queued = w.queue().size(),
            .preempted = c.preempted.load(base::relaxed),
            .blocked = c.taken_away.load(base::relaxed),
        });
        out.start_failures += c.start_failures.load(base::relaxed);
    }
    out.kernel_threads = s.threads().count();
    out.live = s.live();
    const context::stack_pool_stats stacks = s.default_stacks().stats();
    out.stacks_in_use = stacks.in_use;
    out.stacks_mapped = stacks.mapped;
    return out;
}

}  // namespace weft
