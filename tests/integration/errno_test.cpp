// SPDX-License-Identifier: Apache-2.0
//
// That <weft/errno.h> finds the errno of the kernel thread that a fiber has come to. The plain one
// does not: its address is kept from before the wait.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "support.h"

#include <weft/errno.h>

namespace weft {

namespace {

/// Sets it where it is, as a call of the C library does.
[[gnu::noinline]] void fail_with(int error) {
    *detail::errno_location() = error;
}

long kernel_thread() {
    return ::syscall(SYS_gettid);
}

TEST(Errno, IsThatOfTheKernelThreadAfterAFiberHasMoved) {
    const char* const before = std::getenv("WEFT_STRESS");
    const std::string stress = before != nullptr ? before : "";
    ::setenv("WEFT_STRESS", "migrate", 1);
    runtime home(testing::two_workers);
    before != nullptr ? ::setenv("WEFT_STRESS", stress.c_str(), 1) : ::unsetenv("WEFT_STRESS");
    home.run([] {
        errno = 1;
        const long first = kernel_thread();
        EXPECT_TRUE(testing::eventually([&] { return kernel_thread() != first; }));
        fail_with(ENOENT);
        EXPECT_EQ(errno, ENOENT);
        errno = 3;
        EXPECT_EQ(*detail::errno_location(), 3);
    });
}

}  // namespace

}  // namespace weft
