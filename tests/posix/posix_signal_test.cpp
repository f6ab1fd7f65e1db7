// SPDX-License-Identifier: Apache-2.0
//
// Calls by the C library's names in handlers of signals, the program's and weft's own.
#include <signal.h>

#include <cerrno>
#include <cstddef>
#include <span>

#include <weft/pipe.h>
#include <weft/signal.h>

#include "one_worker.h"

namespace weft {

namespace {

using testing::descriptor_pair;
using testing::run_together;

constexpr int many =
    200;  // more calls than a fiber makes at a stretch; a socket takes that many bytes

int written_by_handler = -1;

void write_a_byte(int) {
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(written_by_handler, "x", 1);
    errno = error;
}

bool is_blocked(int signal) {
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    return ::sigismember(&now, signal) == 1;
}

TEST(PosixSignal, AFiberDoesNotLeaveItsKernelThreadInAHandler) {
    for (const auto kind : {descriptor_pair::kind::stream, descriptor_pair::kind::pipe}) {
        const descriptor_pair pair(kind);
        written_by_handler = pair.far();
        struct sigaction ours{};
        struct sigaction before{};
        ours.sa_handler = &write_a_byte;
        ::sigaction(SIGUSR1, &ours, &before);
        bool others_ran = false;
        run_together({[&] {
                          for (int i = 0; i < many; ++i) {
                              ::raise(SIGUSR1);
                          }
                          EXPECT_FALSE(others_ran);
                          EXPECT_FALSE(is_blocked(SIGUSR1));
                      },
                      [&] { others_ran = true; }});
        EXPECT_TRUE(others_ran);
        ::sigaction(SIGUSR1, &before, nullptr);
    }
}

TEST(PosixSignal, NorInThatOfASignalSet) {
    signal_set raised({SIGUSR1});
    bool others_ran = false;
    run_together({[&] {
                      for (int i = 0; i < many; ++i) {
                          ::raise(SIGUSR1);
                      }
                      EXPECT_FALSE(others_ran);
                      EXPECT_EQ(raised.wait()->signal, SIGUSR1);
                  },
                  [&] { others_ran = true; }});
    EXPECT_TRUE(others_ran);
}

TEST(PosixSignal, OthersDoNotRunWhileSigpipeIsHeldBack) {
    auto [out, in] = *make_pipe();
    bool is_over = false;
    run_together({[&] {
                      for (int i = 0; i < 10 * many; ++i) {
                          const std::byte byte{};
                          ASSERT_TRUE(in.write(std::span(&byte, 1)));
                      }
                      is_over = true;
                  },
                  [&] {
                      do {
                          EXPECT_FALSE(is_blocked(SIGPIPE));
                          this_fiber::yield();
                      } while (!is_over);
                  }});
}

}  // namespace

}  // namespace weft
