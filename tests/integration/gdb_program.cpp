// SPDX-License-Identifier: Apache-2.0
//
// What gdb looks into: one worker, one fiber that computes until a second one has run, which it
// cannot unless the first is preempted. So in weft_test_second() there is a suspended fiber.
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <atomic>
#include <cstdio>

namespace {

std::atomic<bool> second_has_run{false};

}  // namespace

extern "C" {

[[gnu::noinline]] void weft_test_first() {
    while (!second_has_run.load(std::memory_order_relaxed)) {
    }
}

[[gnu::noinline]] void weft_test_second() {
    second_has_run.store(true, std::memory_order_relaxed);
}

}  // extern "C"

int main() {
    weft::runtime rt({.workers = 1});
    rt.run([] {
        weft::fiber first([] {
            weft_test_first();
            std::puts("the first goes on");
        });
        weft::fiber second([] { weft_test_second(); });
    });
}
