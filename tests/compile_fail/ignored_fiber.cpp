// SPDX-License-Identifier: Apache-2.0
// The handle of a spawned fiber joins it when it dies: who drops it waits at once, by mistake.
#include <weft/fiber.h>

void start() {
#ifdef WEFT_MISUSE
    weft::spawn([] {});
#else
    weft::spawn([] {}).detach();
#endif
}
