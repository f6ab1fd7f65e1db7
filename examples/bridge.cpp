// SPDX-License-Identifier: Apache-2.0
//
// A bridge that bears three cars, all in one direction: a monitor of a mutex and a condition
// variable. CARS cars come from each side; who has waited for a second turns back.
//     bridge CARS
#include <weft/condition_variable.h>
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

class bridge {
public:
    bool enter(int direction) {
        std::unique_lock lock(mutex_);
        const auto free = [&] { return cars_ == 0 || (cars_ < 3 && direction == direction_); };
        const bool enters = changed_.wait(lock, std::chrono::seconds(1), free).has_value();
        direction_ = enters ? direction : direction_;
        cars_ += enters ? 1 : 0;
        return enters;
    }

    void leave() {
        const std::lock_guard lock(mutex_);
        --cars_;
        changed_.notify_all();
    }

private:
    weft::mutex mutex_;
    weft::condition_variable changed_;
    int cars_ = 0;
    int direction_ = 0;
};

int main(int argc, char** argv) {
    const int cars = argc == 2 ? std::atoi(argv[1]) : 10;
    bridge narrow;
    std::vector<weft::fiber> all;
    weft::run([&] {
        for (int i = 0; i < 2 * cars; ++i) {
            all.emplace_back([&narrow, i] {
                if (narrow.enter(i % 2)) {
                    weft::this_fiber::sleep_for(std::chrono::milliseconds(1));
                    std::printf("car %d has crossed\n", i);
                    narrow.leave();
                }
            });
        }
        for (weft::fiber& each : all) {
            each.join();
        }
    });
}
