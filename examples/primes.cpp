// SPDX-License-Identifier: Apache-2.0
//
// The first N primes by a chain of coroutines: each lets through what its prime does not divide.
//     primes N
#include <weft/channel.h>
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/generator.h>
#include <weft/runtime.h>
#include <weft/task.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

using numbers = weft::channel<int>;

static weft::generator<int> candidates() {
    co_yield 2;
    for (int i = 3;; i += 2) {
        co_yield i;
    }
}

static void send_candidates(const numbers& to) {
    for (const int each : candidates()) {
        if (!to.send(each)) {
            return;  // closed: enough
        }
    }
}

static weft::task<> filter(numbers from, numbers to, int prime) {
    while (const std::optional<int> number = co_await weft::co::receive(from)) {
        if (*number % prime != 0) {
            const auto sent = co_await weft::co::send(to, *number);
            if (!sent) {
                break;
            }
        }
    }
    from.close();  // nobody wants more
}

static void show_primes(int count) {
    numbers from, next;
    weft::spawn([from] { send_candidates(from); }).detach();
    for (int i = 0; i < count; ++i) {
        const int prime = *from.receive();
        std::printf("%d\n", prime);
        weft::spawn(filter(from, next, prime)).detach();
        from = std::exchange(next, numbers());
    }
    from.close();
}

int main(int argc, char** argv) {
    weft::run([&] { show_primes(argc == 2 ? std::atoi(argv[1]) : 10); });
}
