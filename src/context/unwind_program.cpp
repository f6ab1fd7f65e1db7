// SPDX-License-Identifier: Apache-2.0
//
// A program for gdb and Valgrind to look at: two contexts that take turns, and a function in which
// to stop (see CMakeLists.txt).
#include <cstdio>

#include "context/strand_for_test.h"

extern "C" [[gnu::noinline]] int weft_test_innermost(int n) {
    asm volatile("" : "+r"(n));
    return n;
}

int main() {
    using weft::context::strand;
    int sum = 0;
    auto body = [&sum](strand& self) {
        for (int i = 0; i < 3; ++i) {
            self.suspend();
            char large[32 * 1024];
            large[sum % 1024] = 1;
            asm volatile("" : : "r"(large) : "memory");
            sum += weft_test_innermost(i);
        }
    };
    strand a(body);
    strand b(body);
    while (!a.ended() || !b.ended()) {
        if (!a.ended()) {
            a.resume();
        }
        if (!b.ended()) {
            b.resume();
        }
    }
    std::printf("sum %d\n", sum);
    return sum == 6 ? 0 : 1;
}
