// SPDX-License-Identifier: Apache-2.0
//
// LISTEN of a client whose server changes: what of it the conversation asks for, confirms and
// drops, and which notifications of the server itself pass.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

/// Writes down what it is asked; a letter says what of: "wish a confirm a".
class noted_wishes final : public channel_wishes {
public:
    bool wish(std::string_view channel) override {
        note("wish", channel);
        there_ += possible ? channel : std::string_view();
        return possible;
    }
    bool confirm(std::string_view channel) override {
        note("confirm", channel);
        const bool asked = there_.find(channel) != std::string::npos;
        heard_ += asked ? channel : std::string_view();
        return asked;
    }
    bool confirm_again(std::string_view channel) override { return hears(channel); }
    [[nodiscard]] bool any() const override { return true; }
    [[nodiscard]] bool hears(std::string_view channel) const override {
        return heard_.find(channel) != std::string::npos;
    }
    void drop(std::string_view channel) override { note("drop", channel); }
    void drop_all() override { note("drop", "all"); }
    void settle(bool rests) override { settled += rests ? 1 : 0; }
    void lose_all() { there_.clear(); }

    std::string noted() { return std::exchange(noted_, {}); }

    bool possible = true;
    int settled = 0;

private:
    void note(std::string_view what, std::string_view channel) {
        noted_ += noted_.empty() ? "" : " ";
        noted_ += std::string(what) + ' ' + std::string(channel);
    }

    std::string noted_;
    std::string there_;
    std::string heard_;
};

class Wishes : public ::testing::Test {
protected:
    Wishes() { talk_.about().wishes = &wishes_; }

    /// A query that succeeds.
    void runs(std::string_view sql, std::string_view tag, char status = transaction::idle) {
        talk_.client(say::query(sql)).server(done(tag) + ready(status));
        (void)talk_.client_got();
    }
    static std::string notification(std::string_view channel) {
        return message(answer::notification, std::string(4, '\0') + texts({channel, "x"}));
    }

    noted_wishes wishes_;
    talk talk_{100, nullptr, true};
};

TEST_F(Wishes, AreToldBeforeTheServerAndConfirmedBehindIt) {
    talk_.client(say::query("LISTEN a"));
    EXPECT_EQ(wishes_.noted(), "wish a");
    talk_.server(done("LISTEN"));
    EXPECT_EQ(wishes_.noted(), "");
    talk_.server(ready());
    EXPECT_EQ(wishes_.noted(), "confirm a");
    EXPECT_TRUE(talk_.over());
    EXPECT_TRUE(talk_.about().listens);
    runs("UNLISTEN a; UNLISTEN *", "UNLISTEN");
    EXPECT_EQ(wishes_.noted(), "drop a drop all");
    runs("DISCARD ALL", "DISCARD ALL");
    EXPECT_EQ(wishes_.noted(), "drop all");
}

TEST_F(Wishes, CountWhenTheTransactionIsCommitted) {
    runs("BEGIN", "BEGIN", transaction::open);
    runs("LISTEN a", "LISTEN", transaction::open);
    runs("UNLISTEN b", "UNLISTEN", transaction::open);
    EXPECT_EQ(wishes_.noted(), "wish a");
    EXPECT_EQ(wishes_.settled, 0);
    runs("COMMIT", "COMMIT");
    EXPECT_EQ(wishes_.noted(), "confirm a drop b");
    EXPECT_EQ(wishes_.settled, 1);
    runs("BEGIN", "BEGIN", transaction::open);
    runs("LISTEN c", "LISTEN", transaction::open);
    runs("ROLLBACK", "ROLLBACK");
    EXPECT_EQ(wishes_.noted(), "wish c");
    EXPECT_EQ(wishes_.settled, 2);
}

/// They are not dropped while the next one is under way, which may be meant.
TEST_F(Wishes, AreSettledWhenNothingIsUnderWay) {
    talk_.client(say::query("LISTEN a") + say::query("LISTEN b"));
    EXPECT_EQ(wishes_.noted(), "wish a wish b");
    talk_.server(done("LISTEN") + ready());
    EXPECT_EQ(wishes_.noted(), "confirm a");
    EXPECT_EQ(wishes_.settled, 0);
    talk_.server(done("LISTEN") + ready());
    EXPECT_EQ(wishes_.noted(), "confirm b");
    EXPECT_EQ(wishes_.settled, 1);
}

TEST_F(Wishes, ThatCannotBeFulfilledPin) {
    wishes_.possible = false;
    runs("LISTEN a", "LISTEN");
    EXPECT_EQ(talk_.about().pinned_by, "LISTEN");
    EXPECT_EQ(wishes_.noted(), "wish a");
    runs("LISTEN b", "LISTEN");
    EXPECT_EQ(wishes_.noted(), "") << "its server listens by itself";
}

/// A statement that was parsed in an earlier transaction.
TEST_F(Wishes, MayComeLate) {
    talk_.client(parse("", "LISTEN a") + sync()).server(parsed() + ready());
    EXPECT_EQ(wishes_.noted(), "wish a");
    wishes_.lose_all();
    talk_.client(bind("") + execute() + sync()).server(bound() + done("LISTEN") + ready());
    EXPECT_EQ(wishes_.noted(), "confirm a wish a confirm a");
    EXPECT_TRUE(talk_.over());
}

TEST_F(Wishes, NotificationsOfAServerThatIsSharedAreNotForTheClient) {
    talk_.client(say::query("SELECT 1")).server(notification("a") + done("SELECT 1") + ready());
    EXPECT_EQ(talk_.client_got(), "C(SELECT 1) Z(I)");
    runs("CREATE TEMP TABLE t()", "CREATE TABLE");
    talk_.client(say::query("SELECT 1")).server(notification("a") + done("SELECT 1") + ready(), 1);
    EXPECT_EQ(talk_.client_got(), "A C(SELECT 1) Z(I)");
    (void)wishes_.wish("a");
    (void)wishes_.confirm("a");
    talk_.client(say::query("SELECT 1")).server(notification("a") + notification("b") + ready());
    EXPECT_EQ(talk_.client_got(), "A Z(I)") << "what comes by the other connection";
}

/// What of them is committed no answer says.
TEST_F(Wishes, InATextThatEndsATransactionPin) {
    runs("BEGIN; LISTEN a; COMMIT; SELECT 1", "SELECT 1");
    EXPECT_EQ(talk_.about().pinned_by, "LISTEN");
    EXPECT_EQ(wishes_.noted(), "");
}

TEST_F(Wishes, AreInDoubtBehindARollbackToASavepoint) {
    runs("BEGIN", "BEGIN", transaction::open);
    runs("LISTEN a", "LISTEN", transaction::open);
    runs("SAVEPOINT s", "SAVEPOINT", transaction::open);
    runs("ROLLBACK TO s", "ROLLBACK", transaction::open);
    talk_.client(say::query("NOTIFY a")).server(done("NOTIFY") + ready(transaction::open));
    EXPECT_EQ(talk_.about().pinned_by, "LISTEN");
    (void)talk_.client_got();
    talk_.client(say::query("COMMIT")).server(done("COMMIT") + notification("a") + ready());
    EXPECT_EQ(talk_.client_got(), "C(COMMIT) A Z(I)") << "its server listens by itself";
}

TEST_F(Wishes, ForANameThatIsEncodedPin) {
    runs("LISTEN U&\"d\\0061ta\"", "LISTEN");
    EXPECT_EQ(talk_.about().pinned_by, "LISTEN to an encoded name");
}

/// The pooler's own question ends no transaction of the client.
TEST_F(Wishes, AreToldAboutBetweenTheClientsTransactions) {
    talk_.own_query();
    talk_.client(say::query("SELECT 1")).server(done("SET") + ready());
    EXPECT_FALSE(talk_.about().between);
    talk_.server(done("SELECT 1") + ready());
    EXPECT_TRUE(talk_.about().between);
}

/// With a request under way at all times, too.
TEST_F(Wishes, AreSettledUnlessAListenFollows) {
    talk_.client(say::query("UNLISTEN a") + say::query("SELECT 1"));
    talk_.server(done("UNLISTEN") + ready());
    EXPECT_EQ(wishes_.settled, 1);
    talk_.client(say::query("SELECT 2")).server(done("SELECT 1") + ready());
    EXPECT_EQ(wishes_.settled, 2);
}

}  // namespace
}  // namespace weft::pool
