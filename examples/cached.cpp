// SPDX-License-Identifier: Apache-2.0
//
// A cache before something slow: a hundred fibers for each of KEYS keys ask for it. It is fetched
// once, while the others wait, and no more than four keys are fetched at a time.
//     cached KEYS
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/shared_mutex.h>
#include <weft/wait_group.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <shared_mutex>

struct entry {
    weft::once_flag fetched;
    int value = 0;
};
static weft::shared_mutex entries_mutex;
static std::map<int, entry> entries;
static weft::counting_semaphore<> fetching(4);
static entry& find(int key) {
    if (const std::shared_lock reading(entries_mutex); entries.contains(key)) {
        return entries.at(key);
    }
    const std::unique_lock changing(entries_mutex);
    return entries[key];
}

static int get(int key) {
    entry& found = find(key);
    weft::call_once(found.fetched, [&] {
        fetching.acquire();
        weft::this_fiber::sleep_for(std::chrono::milliseconds(5));
        found.value = key * key;
        std::printf("fetched %d\n", key);
        fetching.release();
    });
    return found.value;
}

int main(int argc, char** argv) {
    const int keys = argc == 2 ? std::atoi(argv[1]) : 10;
    std::atomic<long> sum = 0;
    weft::wait_group asking;
    weft::run([&] {
        for (int i = 0; i < 100 * keys; ++i) {
            asking.add();
            weft::spawn([&, i] { sum += get(i % keys), asking.done(); }).detach();
        }
        asking.wait();
    });
    std::printf("%ld\n", sum.load());
}
