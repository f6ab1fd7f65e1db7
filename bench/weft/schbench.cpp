// SPDX-License-Identifier: Apache-2.0
//
// Message threads wake workers, which sleep a little as if for a network or a disk, and compute.
// After schbench (Chris Mason, masoncl/schbench): what it measures is the latency of a wake-up,
// that of a whole request, and requests per second when all CPUs are busy. As there, who computes
// holds a spinlock of its CPU, so that it is expensive to take the CPU from it.
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "concurrency.h"
#include "workloads.h"

namespace bench {

namespace {

using std::chrono::steady_clock;

constexpr unsigned cpus = 2;
constexpr std::size_t messengers = 2;
constexpr std::size_t workers_each = 8;
constexpr auto pause = std::chrono::microseconds(100);

double microseconds_since(steady_clock::time_point start) {
    return std::chrono::duration<double, std::micro>(steady_clock::now() - start).count();
}

/// A lock for each CPU; lock() takes that of the one it runs on then.
class cpu_locks {
public:
    std::atomic<bool>& lock() {
        while (true) {
            std::atomic<bool>& own = locks_[static_cast<std::size_t>(::sched_getcpu()) % most_cpus];
            if (!own.exchange(true, std::memory_order_acquire)) {
                return own;
            }
        }
    }
    static void unlock(std::atomic<bool>& own) { own.store(false, std::memory_order_release); }

private:
    static constexpr std::size_t most_cpus = 1024;
    std::array<std::atomic<bool>, most_cpus> locks_{};
};

/// Three matrices of 256 KiB together, as there.
class matrices {
public:
    void multiply() {
        for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t j = 0; j < rows; ++j) {
                double sum = 0;
                for (std::size_t k = 0; k < rows; ++k) {
                    sum += a_[i * rows + k] * b_[k * rows + j];
                }
                product_[i * rows + j] = sum;
            }
        }
        asm volatile("" : : "r"(product_.data()) : "memory");
    }

private:
    static constexpr std::size_t rows = 104;
    std::vector<double> a_ = std::vector<double>(rows * rows, 1.5);
    std::vector<double> b_ = a_;
    std::vector<double> product_ = a_;
};

template <class Model>
class messenger;

template <class Model>
class worker {
public:
    /// Until `stop`.
    void run(messenger<Model>& from, cpu_locks& locks, const std::atomic<bool>& stop) {
        matrices work;
        while (!stop) {
            from.enlist(*this);
            posted_.acquire();
            wakeups_.push_back(microseconds_since(posted_at_));
            const auto start = steady_clock::now();
            Model::sleep_for(pause);
            Model::sleep_for(pause);
            std::atomic<bool>& lock = locks.lock();
            work.multiply();
            cpu_locks::unlock(lock);
            requests_.push_back(microseconds_since(start));
        }
    }

    void post() {
        posted_at_ = steady_clock::now();
        posted_.release();
    }

    [[nodiscard]] const std::vector<double>& wakeups() const { return wakeups_; }
    [[nodiscard]] const std::vector<double>& requests() const { return requests_; }

private:
    typename Model::semaphore posted_{0};
    steady_clock::time_point posted_at_;
    std::vector<double> wakeups_;
    std::vector<double> requests_;
};

template <class Model>
class messenger {
public:
    /// To be woken as soon as the messenger runs.
    void enlist(worker<Model>& ready) {
        {
            const std::lock_guard guard(mutex_);
            ready_.push_back(&ready);
        }
        work_.release();
    }

    /// Until close().
    void run() {
        std::vector<worker<Model>*> some;
        while (true) {
            work_.acquire();
            {
                const std::lock_guard guard(mutex_);
                some.swap(ready_);
                if (some.empty() && closed_) {
                    return;
                }
            }
            for (worker<Model>* const each : some) {
                each->post();
            }
            some.clear();
        }
    }

    /// When its workers have ended.
    void close() {
        {
            const std::lock_guard guard(mutex_);
            closed_ = true;
        }
        work_.release();
    }

private:
    typename Model::mutex mutex_;
    typename Model::semaphore work_{0};
    std::vector<worker<Model>*> ready_;
    bool closed_ = false;
};

struct latencies {
    std::vector<double> wakeups;
    std::vector<double> requests;
};

template <class Model>
latencies message_and_work(std::chrono::seconds duration) {
    return Model::run(cpus, [duration] {
        std::atomic<bool> stop{false};
        const auto locks = std::make_unique<cpu_locks>();
        std::array<messenger<Model>, messengers> senders;
        std::vector<worker<Model>> workers(messengers * workers_each);
        {
            std::vector<typename Model::thread> sending;
            for (auto& each : senders) {
                sending.emplace_back([&each] { each.run(); });
            }
            {
                std::vector<typename Model::thread> working;
                for (std::size_t i = 0; i < workers.size(); ++i) {
                    working.emplace_back(
                        [&, i] { workers[i].run(senders[i % messengers], *locks, stop); });
                }
                Model::sleep_for(duration);
                stop = true;
            }
            for (auto& each : senders) {
                each.close();
            }
        }
        latencies all;
        for (const auto& each : workers) {
            all.wakeups.insert(all.wakeups.end(), each.wakeups().begin(), each.wakeups().end());
            all.requests.insert(all.requests.end(), each.requests().begin(), each.requests().end());
        }
        return all;
    });
}

template <class Model>
cost request_figures(std::size_t seconds) {
    const latencies all = message_and_work<Model>(std::chrono::seconds(seconds));
    cost result{.value = percentile(all.wakeups, 99)};
    const auto add = [&](const std::string& name, const std::vector<double>& values) {
        result.others.push_back({name + "_p50", percentile(values, 50)});
        result.others.push_back({name + "_p99", percentile(values, 99)});
        result.others.push_back({name + "_p999", percentile(values, 99.9)});
    };
    add("wakeup", all.wakeups);
    add("request", all.requests);
    const auto count = static_cast<double>(all.requests.size());
    result.others.push_back({"requests_per_second", count / static_cast<double>(seconds), "1/s"});
    return result;
}

}  // namespace

cost schbench(std::size_t size) {
    return request_figures<fibers>(size);
}

cost schbench_thread(std::size_t size) {
    return request_figures<kernel_threads>(size);
}

}  // namespace bench
