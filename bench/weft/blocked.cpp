// SPDX-License-Identifier: Apache-2.0
//
// A fiber that blocks its kernel thread, and what another one on the same worker notices of it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "workloads.h"

namespace bench {

namespace {

using std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// The longest time between two of a fiber's wake-ups, which sleeps for 1 ms each time.
template <class Block>
cost longest_gap_beside(Block block) {
    return weft::run({.workers = 1}, [&] {
        std::atomic<bool> over{false};
        weft::fiber blocked([&] {
            block();
            over = true;
        });
        std::vector<double> gaps;
        auto before = steady_clock::now();
        do {
            weft::this_fiber::sleep_for(std::chrono::milliseconds(1));
            const auto now = steady_clock::now();
            gaps.push_back(std::chrono::duration<double, std::milli>(now - before).count());
            before = now;
        } while (!over);
        return cost{
            .value = percentile(gaps, 100),
            .others = {{"p50", percentile(gaps, 50)}, {"p99", percentile(gaps, 99)}},
        };
    });
}

/// A file that is locked through one of two open descriptions of it.
class locked_file {
public:
    locked_file() {
        if (holder_ < 0) {
            fail("memfd_create");
        }
        other_ = ::open(("/proc/self/fd/" + std::to_string(holder_)).c_str(), O_RDWR);
        if (other_ < 0 || ::flock(holder_, LOCK_EX) != 0) {
            fail("flock");
        }
    }
    ~locked_file() {
        ::close(other_);
        ::close(holder_);
    }
    locked_file(const locked_file&) = delete;
    locked_file& operator=(const locked_file&) = delete;

    void unlock() { ::flock(holder_, LOCK_UN); }

    /// Waits until unlock().
    void lock_again() {
        if (::flock(other_, LOCK_EX) != 0) {
            fail("flock");
        }
    }

private:
    int holder_ = ::memfd_create("bench", MFD_CLOEXEC);
    int other_ = -1;
};

}  // namespace

cost blocked_sleep(std::size_t size) {
    return longest_gap_beside([size] { ::sleep(static_cast<unsigned>(size)); });
}

cost blocked_none(std::size_t size) {
    return longest_gap_beside([size] { weft::this_fiber::sleep_for(std::chrono::seconds(size)); });
}

cost blocked_flock(std::size_t size) {
    locked_file file;
    std::jthread unlocker([&] {
        std::this_thread::sleep_for(std::chrono::seconds(size));
        file.unlock();
    });
    return longest_gap_beside([&] { file.lock_again(); });
}

}  // namespace bench
