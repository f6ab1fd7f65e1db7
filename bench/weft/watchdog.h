// SPDX-License-Identifier: Apache-2.0
//
// Ends the process with a message when what it watches stands still, so that a deadlock is a
// failure and not a run that never ends. A plain thread: it needs no worker.
#pragma once

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <thread>

namespace bench {

class watchdog {
public:
    /// `progress` must change within each `patience`, until the watchdog is destroyed.
    watchdog(const std::atomic<long>& progress, std::chrono::seconds patience)
        : thread_([&progress, patience](const std::stop_token& stop) {
              std::mutex mutex;
              std::condition_variable_any stopped;
              std::unique_lock lock(mutex);
              long before = progress;
              while (
                  !stopped.wait_for(lock, stop, patience, [&] { return stop.stop_requested(); })) {
                  const long now = progress;
                  if (now == before) {
                      // Neither streams nor exit(): who stands still may hold their locks.
                      static constexpr char message[] = "deadlock: nothing was done for too long\n";
                      static_cast<void>(!::write(STDERR_FILENO, message, sizeof message - 1));
                      std::_Exit(1);
                  }
                  before = now;
              }
          }) {}

private:
    std::jthread thread_;
};

}  // namespace bench
