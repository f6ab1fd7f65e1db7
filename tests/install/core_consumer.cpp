// SPDX-License-Identifier: Apache-2.0
//
// Includes every part of the public API that a first program needs, runs fibers on it and fails
// unless all of them ran.
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>

#include <mutex>
#include <vector>

int main() {
    constexpr int count = 1000;
    int ran = 0;
    weft::run([&ran] {
        weft::mutex lock;
        std::vector<weft::fiber> fibers;
        for (int i = 0; i < count; ++i) {
            fibers.push_back(weft::spawn([&ran, &lock] {
                weft::this_fiber::yield();
                const std::lock_guard guard(lock);
                ++ran;
            }));
        }
        for (weft::fiber& fiber : fibers) {
            fiber.join();
        }
    });
    return ran == count ? 0 : 1;
}
