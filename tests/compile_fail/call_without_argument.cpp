// SPDX-License-Identifier: Apache-2.0
// What a fiber runs must be callable with the arguments given: said at the call, in one line.
#include <weft/fiber.h>

void start(int value) {
    const auto use = [](int) {};
#ifdef WEFT_MISUSE
    weft::fiber(use).join();
    (void)value;
#else
    weft::fiber(use, value).join();
#endif
}
