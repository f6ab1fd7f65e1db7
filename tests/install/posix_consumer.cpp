// SPDX-License-Identifier: Apache-2.0
//
// Links weft::posix: a fiber that reads by the C library's name lets the one run that writes.
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <unistd.h>

int main() {
    int ends[2];
    if (::pipe(ends) != 0) {
        return 1;
    }
    weft::runtime home({.workers = 1, .preempt = false});
    return home.run([&] {
        char got = 0;
        weft::fiber reader = weft::spawn([&] { return ::read(ends[0], &got, 1); });
        weft::this_fiber::yield();
        const bool written = ::write(ends[1], "x", 1) == 1;
        reader.join();
        return written && got == 'x' ? 0 : 1;
    });
}
