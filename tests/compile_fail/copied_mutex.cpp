// SPDX-License-Identifier: Apache-2.0
// A mutex has an address that others wait at: it cannot be copied.
#include <weft/mutex.h>

int main() {
    weft::mutex first;
#ifdef WEFT_MISUSE
    weft::mutex second(first);
#endif
    return first.try_lock() ? 0 : 1;
}
