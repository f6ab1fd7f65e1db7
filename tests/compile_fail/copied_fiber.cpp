// SPDX-License-Identifier: Apache-2.0
// A fiber has one owner, as a std::jthread has: the handle moves, it is not copied.
#include <utility>

#include <weft/fiber.h>

weft::fiber hand_on(weft::fiber& owner) {
#ifdef WEFT_MISUSE
    return owner;
#else
    return std::move(owner);
#endif
}
