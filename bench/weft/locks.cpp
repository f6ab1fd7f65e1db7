// SPDX-License-Identifier: Apache-2.0
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/wait_group.h>

#include <mutex>
#include <stdexcept>

#include "workloads.h"

namespace bench {

cost mutex_contended(std::size_t size) {
    constexpr std::size_t fibers = 100;
    const std::size_t each = (size + fibers - 1) / fibers;
    return weft::run({.workers = 2}, [&] {
        weft::mutex m;
        std::size_t count = 0;
        weft::wait_group all(fibers);
        const cost measured = timed(fibers * each, [&] {
            for (std::size_t i = 0; i < fibers; ++i) {
                weft::spawn([&] {
                    for (std::size_t n = 0; n < each; ++n) {
                        const std::lock_guard guard(m);
                        ++count;
                    }
                    all.done();
                }).detach();
            }
            all.wait();
        });
        if (count != fibers * each) {
            throw std::runtime_error("the mutex let two in at a time");
        }
        return cost{.value = measured.wall,
                    .wall = measured.wall,
                    .others = {{.name = "cpu", .value = measured.value}}};
    });
}

}  // namespace bench
