// SPDX-License-Identifier: Apache-2.0
#include "session/authenticate.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <span>
#include <utility>

#include <weft/blocking.h>
#include <weft/fiber.h>

#include "auth/ident.h"
#include "auth/md5.h"
#include "auth/pam.h"
#include "auth/password.h"
#include "auth/scram.h"
#include "backend/message_input.h"
#include "session/auth_query.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

using proof = std::expected<login_proof, report>;

/// PostgreSQL's bound for a message of a login.
constexpr std::uint32_t longest_password_message = 65'536;

/// Of address space; what is not touched costs nothing.
constexpr std::size_t pam_stack_size = std::size_t{1} << 20;

std::unexpected<report> refusal(std::string_view sqlstate, std::string message) {
    return std::unexpected(fatal_report(sqlstate, std::move(message)));
}

std::unexpected<report> refusal(const auth_error& error) {
    return std::unexpected(report{.severity = "FATAL",
                                  .sqlstate = std::string(error.sqlstate),
                                  .message = error.message,
                                  .detail = error.detail});
}

class authentication {
public:
    authentication(pooler& with, const loaded_configuration& in, client& who,
                   const login_facts& facts, std::string& greeting, deadline until)
        : pooler_(with), in_(in), who_(who), facts_(facts), greeting_(greeting), until_(until) {}

    proof run() {
        if (const auto done = find_user(); !done) {
            return std::unexpected(done.error());
        }
        auto done = by_method(in_.config.general.auth_type);
        if (done) {
            done->user = facts_.user;
            if (looked_up_) {
                done->looked_up = std::move(looked_up_->kept);
            }
            put_authentication_ok(greeting_);
        }
        return done;
    }

private:
    /// In auth_file, or by auth_query; whom nobody knows is asked for a password all the same.
    std::expected<void, report> find_user() {
        const auto found = in_.users.users.find(facts_.user);
        if (found != in_.users.users.end()) {
            known_ = &found->second;
            return {};
        }
        const auth_type method = in_.config.general.auth_type;
        if (method == auth_type::any || method == auth_type::pam ||
            auth_user_for(in_.config, facts_.database).empty()) {
            return {};
        }
        auto asked = look_up_user(pooler_, in_, facts_.database, facts_.user, until_);
        if (!asked) {
            return std::unexpected(asked.error());
        }
        looked_up_ = *std::move(asked);
        if (looked_up_) {
            known_ = &looked_up_->kept;
            facts_.user = looked_up_->name;
        }
        return {};
    }

    /// Without a list of users, and nobody to ask, everybody is on it.
    [[nodiscard]] bool trusts() const {
        return known_ != nullptr || (in_.config.general.auth_file.empty() &&
                                     auth_user_for(in_.config, facts_.database).empty());
    }

    proof by_method(auth_type method) {
        switch (method) {
            case auth_type::any:
                return login_proof();
            case auth_type::trust:
                return trusts() ? proof(login_proof()) : wrong_password();
            case auth_type::plain:
                return by_password();
            case auth_type::md5:
                return known_ != nullptr && known_->kind() == secret_kind::scram ? by_scram()
                                                                                 : by_md5();
            case auth_type::scram_sha_256:
                return by_scram();
            case auth_type::cert:
                return by_certificate({});
            case auth_type::hba:
                return by_rules();
            case auth_type::pam:
                break;
        }
        return by_pam();
    }

    proof by_rules() {
        const hba_rule* const rule =
            in_.hba.match({.address = facts_.address,
                           .tls = who_.io.encrypted(),
                           .physical_replication = facts_.physical_replication,
                           .database = facts_.database,
                           .user = facts_.user});
        if (rule == nullptr) {
            return refusal("28000", "no pg_hba.conf entry for user \"" + facts_.user +
                                        "\", database \"" + facts_.database + "\"");
        }
        switch (rule->method) {
            case hba_method::trust:
                return by_method(auth_type::trust);
            case hba_method::md5:
                return by_method(auth_type::md5);
            case hba_method::password:
                return by_method(auth_type::plain);
            case hba_method::scram_sha_256:
                return by_method(auth_type::scram_sha_256);
            case hba_method::cert:
                return by_certificate(rule->map);
            case hba_method::peer:
                return by_peer(rule->map);
            case hba_method::reject:
                break;
        }
        return refusal("28000", "pg_hba.conf rejects connection for user \"" + facts_.user +
                                    "\", database \"" + facts_.database + "\"");
    }

    [[nodiscard]] std::unexpected<report> wrong_password() const {
        return refusal("28P01", "password authentication failed for user \"" + facts_.user + "\"");
    }

    /// Who does not exist has the secret that nothing fits.
    [[nodiscard]] const secret& stored() const {
        static const secret none;
        return known_ != nullptr ? *known_ : none;
    }

    /// What the client answers to what is in the greeting.
    std::expected<std::string, report> answer() {
        if (!who_.io.write(std::exchange(greeting_, {}), until_)) {
            return refusal("08006", "the client has gone");
        }
        const auto message =
            read_message(who_.io, who_.in, taken_, until_, longest_password_message);
        if (!message) {
            return refusal("08P01", "the client has not answered");
        }
        if (message->type != request::password) {
            return refusal("08P01", "expected password response, got message type " +
                                        std::to_string(static_cast<unsigned char>(message->type)));
        }
        std::string body(message->body);
        end_messages(who_.in, taken_);
        return body;
    }

    proof by_password() {
        put_password_request(greeting_);
        const auto said = answer();
        if (!said) {
            return std::unexpected(said.error());
        }
        byte_reader body(*said);
        const std::string_view password = body.text();
        const auto check = [&] {
            return body.complete() && check_password(facts_.user, stored(), password);
        };
        const bool right = is_slow_to_check(stored()) ? blocking(check) : check();
        return right ? proof(login_proof()) : wrong_password();
    }

    /// On a fiber with a stack as modules of PAM are used to. Waits until they have answered, also
    /// beyond the deadline: they cannot be told to end.
    proof by_pam() {
        put_password_request(greeting_);
        const auto said = answer();
        if (!said) {
            return std::unexpected(said.error());
        }
        byte_reader body(*said);
        const std::string password(body.text());
        if (!body.complete() || password.empty()) {
            return wrong_password();
        }
        if (!pooler_.pam_turns.acquire(until_)) {
            return refusal("57014", "client_login_timeout");
        }
        const pam_question about{facts_.user, password, pam_host()};
        // Also if the fiber gets no stack, and so never asks.
        std::expected<void, std::string> right =
            std::unexpected("PAM was not asked: out of memory");
        try {
            fiber(fiber_options{.name = "pam", .stack_size = pam_stack_size}, [&] {
                right = blocking([&] { return ask_pam(about); });
            }).join();
        } catch (const std::bad_alloc&) {
            right = std::unexpected("PAM was not asked: out of memory");
        }
        pooler_.pam_turns.release();
        if (!right) {
            pooler_.logger.write(log_level::warning, right.error());
            return refusal("28000", "PAM authentication failed for user \"" + facts_.user + "\"");
        }
        login_proof proved;
        proved.looked_up = secret::parse(password);  // for the server
        return proved;
    }

    [[nodiscard]] std::string pam_host() const {
        std::array<char, INET6_ADDRSTRLEN> text{};
        const bool is_4 = facts_.address.kind == hba_address::family::ipv4;
        return facts_.local || ::inet_ntop(is_4 ? AF_INET : AF_INET6, facts_.address.bytes.data(),
                                           text.data(), text.size()) == nullptr
                   ? "localhost"
                   : text.data();
    }

    proof by_md5() {
        md5_salt salt{};
        if (::getrandom(salt.data(), salt.size(), 0) != static_cast<ssize_t>(salt.size())) {
            std::abort();
        }
        put_md5_request(greeting_,
                        std::string_view(reinterpret_cast<const char*>(salt.data()), salt.size()));
        const auto said = answer();
        if (!said) {
            return std::unexpected(said.error());
        }
        byte_reader body(*said);
        const std::string_view text = body.text();
        const bool right = body.complete() && check_md5_answer(facts_.user, stored(), salt, text);
        return right ? proof(login_proof()) : wrong_password();
    }

    /// What the client must know: kept, made of a plain password, or what nobody can.
    std::expected<scram_secret, report> expected_secret() {
        if (stored().kind() == secret_kind::scram) {
            return stored().scram();
        }
        const auto iterations = static_cast<std::uint32_t>(in_.config.general.scram_iterations);
        if (stored().kind() != secret_kind::plain) {
            return unanswerable_secret(pooler_.salting, facts_.user, iterations);
        }
        const auto keys = blocking([&] {
            return derive_scram_keys(stored().password(),
                                     challenge_for(pooler_.salting, facts_.user, iterations));
        });
        return keys ? std::expected<scram_secret, report>(secret_of(*keys)) : refusal(keys.error());
    }

    /// What ties SCRAM to this connection; empty: it has nothing, and -PLUS is not offered.
    [[nodiscard]] std::string channel_binding() const {
        return who_.io.encrypted()
                   ? tls_server_end_point(who_.io.tls().local_certificate()).value_or("")
                   : std::string();
    }

    proof by_scram() {
        auto secret = expected_secret();
        if (!secret) {
            return std::unexpected(secret.error());
        }
        const std::string binding = channel_binding();
        const std::array<std::string_view, 2> mechanisms{name_of(scram_mechanism::sha_256_plus),
                                                         name_of(scram_mechanism::sha_256)};
        put_sasl_request(greeting_, std::span(mechanisms).subspan(binding.empty() ? 1 : 0));
        const auto first = answer();
        if (!first) {
            return std::unexpected(first.error());
        }
        byte_reader body(*first);
        const auto mechanism = read_scram_mechanism(body.text(), !binding.empty());
        if (!mechanism) {
            return refusal(mechanism.error());
        }
        const std::string_view initial = body.bytes(body.u32());
        if (!body.complete()) {
            return refusal("08P01", "invalid SASL initial response");
        }
        scram_server login({.mechanism = *mechanism,
                            .binding = binding,
                            .nonce = make_scram_nonce(),
                            .user = facts_.user},
                           *std::move(secret));
        const auto challenge = login.read_first(initial);
        if (!challenge) {
            return refusal(challenge.error());
        }
        put_sasl_continue(greeting_, *challenge);
        const auto last = answer();
        if (!last) {
            return std::unexpected(last.error());
        }
        const auto final = login.read_last(*last);
        if (!final) {
            return refusal(final.error());
        }
        put_sasl_final(greeting_, *final);
        login_proof proved;
        proved.keys = *login.keys();
        return proved;
    }

    proof by_certificate(const std::string& map) {
        if (!who_.io.encrypted() || !who_.io.tls().has_peer_certificate()) {
            return refusal("28000", "connection requires a valid client certificate");
        }
        const auto name = common_name(who_.io.tls().peer_subject());
        return name && in_.idents.allows(map, *name, facts_.user)
                   ? proof(login_proof())
                   : refusal("28000",
                             "certificate authentication failed for user \"" + facts_.user + "\"");
    }

    proof by_peer(const std::string& map) {
        const auto who = who_.io.raw().peer_credentials();
        const auto name = who ? user_name_of(who->user) : std::nullopt;
        return name && in_.idents.allows(map, *name, facts_.user)
                   ? proof(login_proof())
                   : refusal("28000",
                             "Peer authentication failed for user \"" + facts_.user + "\"");
    }

    static std::optional<std::string> user_name_of(uid_t user);

    pooler& pooler_;
    const loaded_configuration& in_;
    client& who_;
    login_facts facts_;
    std::string& greeting_;
    const deadline until_;
    const secret* known_ = nullptr;
    std::optional<looked_up_user> looked_up_;
    std::size_t taken_ = 0;
};

std::optional<std::string> authentication::user_name_of(uid_t user) {
    return blocking([user]() -> std::optional<std::string> {
        std::array<char, 4096> buffer{};
        passwd entry{};
        passwd* found = nullptr;
        if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 ||
            found == nullptr) {
            return std::nullopt;
        }
        return std::string(found->pw_name);
    });
}

}  // namespace

std::expected<login_proof, report> authenticate_client(pooler& with, const loaded_configuration& in,
                                                       client& who, const login_facts& facts,
                                                       std::string& greeting, deadline until) {
    return authentication(with, in, who, facts, greeting, until).run();
}

}  // namespace weft::pool
