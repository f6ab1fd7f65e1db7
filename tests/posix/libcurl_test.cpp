// SPDX-License-Identifier: Apache-2.0
//
// That libcurl fetches from a server on fibers of the same kernel thread.
#include <curl/curl.h>

#include <memory>
#include <string>

#include <weft/buffered.h>
#include <weft/scope.h>
#include <weft/socket.h>

#include "../integration/sockets.h"
#include "one_worker.h"

namespace weft {

namespace {

using testing::bytes_of;

/// One request and its answer: the path, many times.
void answer_one(socket peer) {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
        const std::string part = testing::read_text(peer);
        if (part.empty()) {
            return;
        }
        request += part;
    }
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    std::string body;
    for (int i = 0; i < 20'000; ++i) {
        body += path;
    }
    EXPECT_TRUE(peer.write(bytes_of("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n\r\n")));
    EXPECT_TRUE(peer.write(bytes_of(body)));
}

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* out) {
    static_cast<std::string*>(out)->append(bytes, size * count);
    return size * count;
}

std::string fetch(const std::string& url) {
    std::string body;
    const std::unique_ptr<CURL, void (*)(CURL*)> call(::curl_easy_init(), ::curl_easy_cleanup);
    ::curl_easy_setopt(call.get(), CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(call.get(), CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(call.get(), CURLOPT_PROXY, "");
    ::curl_easy_setopt(call.get(), CURLOPT_WRITEFUNCTION, append);
    ::curl_easy_setopt(call.get(), CURLOPT_WRITEDATA, &body);
    const CURLcode code = ::curl_easy_perform(call.get());
    return code == CURLE_OK ? body : std::string("error: ") + ::curl_easy_strerror(code);
}

TEST(Libcurl, FetchesFromAServerOnTheSameKernelThread) {
    ::curl_global_init(CURL_GLOBAL_ALL);
    constexpr int clients = 20;
    runtime home(testing::one_kernel_thread);
    home.run([] {
        listener door = testing::listen_on(testing::transport::tcp);
        const std::string base = "http://" + door.local_endpoint()->to_string() + "/";
        with_scope([&](scope& s) {
            s.spawn([&] {
                for (int i = 0; i < clients; ++i) {
                    auto peer = door.accept();
                    ASSERT_TRUE(peer);
                    s.spawn([own = std::move(*peer)]() mutable { answer_one(std::move(own)); });
                }
            });
            for (int i = 0; i < clients; ++i) {
                s.spawn([&, i] {
                    const std::string name = std::to_string(100 + i);
                    const std::string body = fetch(base + name);
                    ASSERT_EQ(body.size(), 20'000 * 4u) << body.substr(0, 100);
                    ASSERT_TRUE(body.ends_with("/" + name));
                });
            }
        });
    });
    ::curl_global_cleanup();
}

}  // namespace

}  // namespace weft
