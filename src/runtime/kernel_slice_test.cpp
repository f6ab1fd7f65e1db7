// SPDX-License-Identifier: Apache-2.0
//
// The slice that the kernel gives to the threads of a runtime, and to those that fibers start.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <thread>

#include <weft/runtime.h>

namespace weft {
namespace {

/// Of the calling thread, in nanoseconds. By sched_getattr(2), of whose result it is the fourth
/// pair of words.
std::uint64_t kernel_slice() {
    alignas(8) std::array<std::uint64_t, 6> attributes{};
    EXPECT_EQ(::syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0), 0);
    return attributes[3];
}

bool kernel_has_slices() {
    utsname name{};
    int major = 0;
    int minor = 0;
    ::uname(&name);
    return std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 12));
}

TEST(KernelSlice, OfAWorkerIsShort) {
    if (!kernel_has_slices()) {
        GTEST_SKIP() << "slices may be asked for since Linux 6.12";
    }
    const std::uint64_t usual = kernel_slice();
    const std::uint64_t workers = weft::run([] { return kernel_slice(); });
    EXPECT_EQ(workers, 100'000u);
    EXPECT_LT(workers, usual);
}

TEST(KernelSlice, OfAThreadThatAFiberStartsIsTheUsualOne) {
    const std::uint64_t usual = kernel_slice();
    const std::uint64_t inherited = weft::run([] {
        std::uint64_t slice = 0;
        std::thread([&] { slice = kernel_slice(); }).join();
        return slice;
    });
    EXPECT_EQ(inherited, usual);
}

}  // namespace
}  // namespace weft
