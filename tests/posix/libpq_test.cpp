// SPDX-License-Identifier: Apache-2.0
//
// That libpq, which knows nothing of fibers and blocks, does its work on fibers of one or two
// kernel threads, with a real server.
#include <libpq-fe.h>

#include <memory>
#include <string>

#include <weft/scope.h>
#include <weft/semaphore.h>

#include "one_worker.h"
#include "postgres_server.h"

namespace weft {

namespace {

using testing::run_together;

constexpr int many = 200;

class Libpq : public ::testing::Test {
public:
    static void SetUpTestSuite() { server = std::make_unique<testing::postgres_server>(many + 20); }
    static void TearDownTestSuite() { server.reset(); }

protected:
    static std::unique_ptr<testing::postgres_server> server;
};

std::unique_ptr<testing::postgres_server> Libpq::server;

class connection {
public:
    explicit connection(const testing::postgres_server& server)
        : native_(::PQconnectdb(server.connection_string().c_str()), ::PQfinish) {
        EXPECT_EQ(::PQstatus(native_.get()), CONNECTION_OK) << ::PQerrorMessage(native_.get());
    }

    /// The first field of the answer, or "error: " and why.
    std::string ask(const std::string& query) {
        const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(
            ::PQexec(native_.get(), query.c_str()), ::PQclear);
        if (::PQresultStatus(answer.get()) != PGRES_TUPLES_OK) {
            return std::string("error: ") + ::PQerrorMessage(native_.get());
        }
        return ::PQgetvalue(answer.get(), 0, 0);
    }

private:
    std::unique_ptr<PGconn, void (*)(PGconn*)> native_;
};

TEST_F(Libpq, AQueryLetsTheFiberRunThatItWaitsFor) {
    counting_semaphore<> held(0);
    run_together({[&] {
                      connection owner(*server);
                      owner.ask("select pg_advisory_lock(1)");
                      held.release();
                      // Until the server says that the other waits: it can say so only if both
                      // run.
                      while (owner.ask("select count(*) from pg_locks where locktype = 'advisory' "
                                       "and not granted") != "1") {
                      }
                      EXPECT_EQ(owner.ask("select pg_advisory_unlock(1)"), "t");
                  },
                  [&] {
                      connection waiting(*server);
                      held.acquire();
                      waiting.ask("select pg_advisory_lock(1)");
                      EXPECT_EQ(waiting.ask("select pg_advisory_unlock(1)"), "t");
                  }});
}

TEST_F(Libpq, ManyFibersQueryOnTwoKernelThreads) {
    runtime home({.workers = 2});
    home.run([] {
        with_scope([](scope& s) {
            for (int i = 0; i < many; ++i) {
                s.spawn([i] {
                    connection own(*server);
                    for (int k = 0; k < 5; ++k) {
                        ASSERT_EQ(own.ask("select " + std::to_string(i) + " * 100 + " +
                                          std::to_string(k)),
                                  std::to_string(i * 100 + k));
                    }
                    const std::string long_answer = own.ask("select repeat('x', 1000000)");
                    ASSERT_EQ(long_answer.size(), 1'000'000u);
                });
            }
        });
    });
}

TEST_F(Libpq, AStopEndsAQuery) {
    run_together({[] {
        connection own(*server);
        with_scope([&](scope& s) {
            s.spawn([&] {
                const std::string answer = own.ask("select pg_sleep(600)");
                EXPECT_TRUE(answer.starts_with("error: ")) << answer;
            });
            connection other(*server);
            while (other.ask("select count(*) from pg_stat_activity where state = 'active' and "
                             "wait_event = 'PgSleep'") != "1") {
            }
            s.request_stop();
        });
    }});
}

TEST_F(Libpq, ADeadlineEndsAQuery) {
    run_together({[] {
        connection own(*server);
        with_deadline(std::chrono::milliseconds(5),
                      [&] { EXPECT_TRUE(own.ask("select pg_sleep(600)").starts_with("error: ")); });
    }});
}

}  // namespace

}  // namespace weft
