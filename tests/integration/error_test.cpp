// SPDX-License-Identifier: Apache-2.0
//
// What a failed call says: the operation, its subject, the reason, and where weft knows what to do,
// that. The same from a fiber, a coroutine and a plain thread.
#include <netinet/in.h>
#include <sys/socket.h>
#include <weft/channel.h>
#include <weft/co.h>
#include <weft/co_channel.h>
#include <weft/file.h>
#include <weft/file_watch.h>
#include <weft/latch.h>
#include <weft/mutex.h>
#include <weft/pipe.h>
#include <weft/process.h>
#include <weft/semaphore.h>
#include <weft/socket.h>

#include <cerrno>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "callers.h"
#include "sockets.h"
#include "temporary_folder.h"

namespace weft {
namespace {

using testing::caller;
using testing::each_caller;
using ::testing::MatchesRegex;
using testing::name_of_caller;
using testing::OnEachCaller;
using ::testing::StartsWith;
using testing::transport;
using namespace std::chrono_literals;

static_assert(std::is_trivially_copyable_v<error>);
static_assert(sizeof(error) == 72);
static_assert(std::is_nothrow_convertible_v<std::error_code, error>);
static_assert(std::is_convertible_v<errc, error>);

std::error_code refused() {
    return std::make_error_code(std::errc::connection_refused);
}

TEST(Error, IsTheCodeThatItCarries) {
    const error failed(refused(), "connect", "192.0.2.1:80");
    EXPECT_TRUE(failed);
    EXPECT_EQ(failed, std::errc::connection_refused);
    EXPECT_EQ(failed, refused());
    EXPECT_NE(failed, std::errc::timed_out);
    EXPECT_FALSE(error());
    const error own = errc::channel_closed;
    EXPECT_EQ(own, errc::channel_closed);
    EXPECT_EQ(own.category(), error_category());
}

TEST(Error, TellsWhatFailed) {
    const error failed(refused(), "reach", "192.0.2.1:80");
    EXPECT_EQ(failed.operation(), "reach");
    EXPECT_EQ(failed.subject(), "192.0.2.1:80");
    EXPECT_EQ(failed.message(), "reach 192.0.2.1:80: Connection refused");
    EXPECT_EQ(error(refused(), "reach").message(), "reach: Connection refused");
    EXPECT_EQ(error(refused()).message(), "Connection refused");
    EXPECT_EQ(error(refused()).operation(), "");
    EXPECT_EQ(error().message(), "Success");
    std::ostringstream out;
    out << failed;
    EXPECT_EQ(out.str(), failed.message());
}

TEST(Error, KeepsTheEndOfALongSubject) {
    const std::string most(error::most_of_subject, 'x');
    EXPECT_EQ(error(refused(), "open", most).subject(), most);
    const error cut(refused(), "open", "/begin" + most + "/the_end");
    EXPECT_EQ(cut.subject().size(), error::most_of_subject);
    EXPECT_THAT(std::string(cut.subject()), MatchesRegex("\\.\\.\\.x+/the_end"));
    EXPECT_EQ(error(refused(), "open", std::string(1'000'000, 'y')).subject().size(),
              error::most_of_subject);
}

TEST(Error, ShowsSubjectsOfUnknownOriginAsText) {
    const std::string_view odd("a\0b\n\x1b[1m\x7f", 9);
    EXPECT_EQ(error(refused(), "parse", odd).message(), "parse a?b??[1m?: Connection refused");
    std::string accents;
    for (int i = 0; i < 50; ++i) {
        accents += "\u00e9";
    }
    const error cut(refused(), "open", accents);
    EXPECT_EQ(cut.subject(), "..." + accents.substr(accents.size() - 44));
    EXPECT_EQ(error(refused(), "open", accents + "x").subject(),
              "..." + accents.substr(accents.size() - 42) + "x");
}

TEST(Error, ForgetsTheOperationWithTheCode) {
    error failed(refused(), "connect", "192.0.2.1:80");
    failed.clear();
    EXPECT_FALSE(failed);
    EXPECT_EQ(failed.message(), "Success");
    failed = error(refused(), "connect");
    failed.assign(ENOENT, std::generic_category());
    EXPECT_EQ(failed.message(), "No such file or directory");
}

TEST(Error, SaysWhatToDo) {
    const auto message = [](std::errc code, const char* operation) {
        return error(std::make_error_code(code), operation).message();
    };
    EXPECT_EQ(message(std::errc::too_many_files_open, "accept"),
              "accept: Too many open files (raise the limit: ulimit -n)");
    EXPECT_EQ(message(std::errc::address_in_use, "listen"),
              "listen: Address already in use (another socket has it: ss -ltnx)");
    EXPECT_EQ(message(std::errc::address_in_use, "bind"), "bind: Address already in use");
    const auto denied = std::make_error_code(std::errc::permission_denied);
    EXPECT_EQ(error(denied, "listen", "0.0.0.0:80").message(),
              "listen 0.0.0.0:80: Permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)");
    EXPECT_EQ(error(denied, "listen", "unix:/run/x").message(),
              "listen unix:/run/x: Permission denied");
}

TEST(Error, NamesAddressesAsTheyAreWritten) {
    for (const std::string text :
         {"127.0.0.1:1", "[::1]:1", "unix:/nonexistent/socket", "unix:@weft-nobody"}) {
        const auto failed = connect(endpoint::parse(text).value());
        ASSERT_FALSE(failed) << text;
        EXPECT_THAT(failed.error().message(), StartsWith("connect " + text + ": "));
    }
    EXPECT_THAT(endpoint::parse("localhost").error().message(),
                StartsWith("parse localhost: not an address"));
}

class ErrorOf : public OnEachCaller {
protected:
    template <class Blocking, class Async>
    std::string message(Blocking blocking, Async async) {
        const auto outcome = call(blocking, async);
        return outcome ? "no failure" : outcome.error().message();
    }
    template <class Blocking, class Async>
    std::string message_when_stopped(Blocking blocking, Async async) {
        std::stop_source stop;
        stop.request_stop();
        const auto outcome = call_in({.token = stop.get_token(), .until = {}}, blocking, async);
        return outcome ? "no failure" : outcome.error().message();
    }

    static inline const std::string timed_out = ": Connection timed out";
    static inline const std::string stopped =
        ": Operation canceled (a stop was requested, or it was closed meanwhile)";
    const deadline past{clock::time_point::min()};
};

INSTANTIATE_TEST_SUITE_P(Callers, ErrorOf, each_caller, name_of_caller);

TEST_P(ErrorOf, Sockets) {
    auto listening = testing::listen_on(transport::tcp);
    EXPECT_EQ(message(WEFT_BOTH_OF(listening, accept, past)), "accept" + timed_out);
    EXPECT_EQ(message_when_stopped(WEFT_BOTH_OF(listening, accept)), "accept" + stopped);
    const endpoint here = listening.local_endpoint().value();
    EXPECT_EQ(listener::bind(here).error().message(),
              "listen " + here.to_string() +
                  ": Address already in use (another socket has it: ss -ltnx)");
    auto pair = testing::connect_pair(transport::tcp);
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(message(WEFT_BOTH_OF(pair.near, read, bytes, past)), "read" + timed_out);
    EXPECT_EQ(message(WEFT_BOTH_OF(pair.near, read_exactly, bytes, past)),
              "read_exactly" + timed_out);
    pair.near.close();
    EXPECT_EQ(message(WEFT_BOTH_OF(pair.near, write, bytes)), "write: Bad file descriptor");
    const unique_fd held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    endpoint nobody = endpoint::loopback(0);
    socklen_t size = sizeof(sockaddr_in);
    sockaddr_in bound{};
    ASSERT_EQ(::bind(held.get(), nobody.data(), nobody.size()), 0);
    ASSERT_EQ(::getsockname(held.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
    nobody = endpoint::from_native(reinterpret_cast<sockaddr*>(&bound), size).value();
    EXPECT_EQ(message(WEFT_BOTH(connect(nobody))),
              "connect " + nobody.to_string() + ": Connection refused (nobody listens there)");
}

TEST_P(ErrorOf, Waits) {
    EXPECT_EQ(message_when_stopped([] { return this_fiber::sleep_for(1h); },
                                   [] { return co::sleep_for(1h); }),
              "sleep" + stopped);
    latch closed(1);
    EXPECT_EQ(message(WEFT_BOTH_OF(closed, wait, past)), "wait" + timed_out);
    counting_semaphore<> none(0);
    EXPECT_EQ(message(WEFT_BOTH_OF(none, acquire, past)), "acquire" + timed_out);
    channel<int> nobody;
    EXPECT_EQ(message_when_stopped([&] { return nobody.receive({}); },
                                   [&] { return co::receive(nobody, deadline()); }),
              "receive" + stopped);
    EXPECT_EQ(
        message([&] { return nobody.send(1, past); }, [&] { return co::send(nobody, 1, past); }),
        "send" + timed_out);
}

TEST_P(ErrorOf, FilesAndPrograms) {
    const testing::temporary_folder folder;
    const std::string missing = folder / "missing";
    const std::string reason = missing + ": No such file or directory";
    EXPECT_EQ(message([&] { return file::open(missing); }, [&] { return co::open_file(missing); }),
              "open " + reason);
    EXPECT_EQ(message(WEFT_BOTH(read_file(missing))), "read_file " + reason);
    EXPECT_EQ(message(WEFT_BOTH(list_directory(missing))), "list_directory " + reason);
    EXPECT_EQ(message(WEFT_BOTH(run_process({.program = missing}))), "spawn " + reason);
    auto watcher = file_watcher::make().value();
    EXPECT_EQ(watcher.add(missing, file_events::all).error().message(), "watch " + reason);
    auto pipe = make_pipe().value();
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(message(WEFT_BOTH_OF(pipe.reader, read, bytes, past)), "read" + timed_out);
}

}  // namespace
}  // namespace weft
