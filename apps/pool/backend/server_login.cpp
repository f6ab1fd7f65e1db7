// SPDX-License-Identifier: Apache-2.0
#include "backend/server_login.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/blocking.h>

#include "auth/md5.h"
#include "auth/scram.h"
#include "backend/message_input.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

using login_failure = std::unexpected<report>;

constexpr std::string_view cannot_connect = "08001";  // sqlclient_unable_to_establish_sqlconnection
constexpr std::string_view protocol_violation = "08P01";
constexpr std::size_t longest_cancel_key = 256;  // of protocol 3.2

report fatal(const auth_error& error) {
    report what = fatal_report(error.sqlstate, error.message);
    what.detail = error.detail;
    return what;
}

bool is_local(std::string_view host) {
    return host.empty() || host.front() == '/' || host.front() == '@';
}

result<socket> connect_to(const server_target& target, dns::resolver& names, deadline until) {
    if (!is_local(target.host)) {
        return dns::connect(names, target.host, target.port, until);
    }
    const auto path =
        endpoint::parse("unix:" + target.host + "/.s.PGSQL." + std::to_string(target.port));
    return path ? connect(*path, until) : std::unexpected(path.error());
}

/// A login under way.
class login {
public:
    login(const server_target& target, const login_environment& with, deadline until)
        : target_(target), with_(with), until_(until), made_(std::make_unique<server>()) {}

    std::expected<std::unique_ptr<server>, report> run() {
        if (auto done = open(); !done) {
            return login_failure(done.error());
        }
        if (auto done = converse(); !done) {
            return login_failure(done.error());
        }
        made_->connected = made_->idle_since = clock::now();
        return std::move(made_);
    }

private:
    using step = std::expected<void, report>;

    step open() {
        auto connected = connect_to(target_, with_.names, until_);
        if (!connected) {
            return login_failure(fatal_report(cannot_connect, connected.error().message()));
        }
        if (const auto peer = connected->peer_endpoint()) {
            made_->address = *peer;
        }
        made_->io = transport(std::move(*connected));
        return start_tls();
    }

    step start_tls() {
        if (target_.tls == sslmode::disable || is_local(target_.host) || !target_.context) {
            return {};
        }
        if (!target_.tls_direct) {
            const auto has_it = ask_for_tls();
            if (!has_it || !*has_it) {
                return has_it ? step() : login_failure(has_it.error());
            }
        }
        if (const auto done = made_->io.start_tls(*target_.context, target_.host, until_); !done) {
            return login_failure(fatal_report(cannot_connect, "TLS: " + made_->io.tls().explain()));
        }
        if (target_.tls_direct && made_->io.tls().alpn() != tls_application) {
            // Whoever is there might take what follows for something else.
            return login_failure(
                fatal_report(cannot_connect, "TLS: the server has no direct TLS for PostgreSQL"));
        }
        return {};
    }

    /// Whether the server has TLS; an error if it must have.
    std::expected<bool, report> ask_for_tls() {
        char answer = 0;
        if (!made_->io.write(ssl_request_packet(), until_) ||
            !made_->io.read(std::span(&answer, 1), until_)) {
            return login_failure(fatal_report(cannot_connect, "the server closed the connection"));
        }
        if (answer != 'S' && target_.tls > sslmode::prefer) {
            return login_failure(fatal_report(cannot_connect, "the server does not support SSL"));
        }
        return answer == 'S';
    }

    step converse() {
        parameter_list parameters{{"user", target_.user}, {"database", target_.database}};
        parameters.insert(parameters.end(), target_.parameters.begin(), target_.parameters.end());
        if (auto sent = send(session_packet(target_.protocol, parameters)); !sent) {
            return sent;
        }
        for (;;) {
            const auto message = read_message(made_->io, made_->in, taken_, until_);
            if (!message) {
                return login_failure(fatal_report(cannot_connect, message.error().message()));
            }
            if (message->type == answer::ready_for_query) {
                if (!is_let_in_) {
                    return login_failure(
                        fatal_report(protocol_violation, "unexpected answer from the server"));
                }
                end_messages(made_->in, taken_);
                note_parameters();
                return {};
            }
            if (auto done = take(*message); !done) {
                return done;
            }
        }
    }

    step send(std::string_view bytes) {
        if (const auto sent = made_->io.write(bytes, until_); !sent) {
            return login_failure(fatal_report(cannot_connect, sent.error().message()));
        }
        return {};
    }

    step take(const whole_message& message) {
        switch (message.type) {
            case answer::authentication:
                return authenticate(byte_reader(message.body));
            case answer::error:
                return login_failure(read_report(message.body));
            case answer::parameter_status: {
                byte_reader body(message.body);
                const std::string_view name = body.text();
                made_->welcome.emplace_back(name, body.text());
                return {};
            }
            case answer::backend_key_data: {
                byte_reader body(message.body);
                made_->cancel.process = body.u32();
                made_->cancel.key = body.rest();
                return made_->cancel.key.size() <= longest_cancel_key
                           ? step()
                           : login_failure(fatal_report(protocol_violation,
                                                        "a cancel key of more than 256 bytes"));
            }
            case answer::notice:
            case answer::negotiate_version:  // an older one: what follows is the same in all
                return {};
            default:
                return login_failure(
                    fatal_report(protocol_violation, "unexpected answer from the server"));
        }
    }

    step authenticate(byte_reader body) {
        switch (body.u32()) {
            case 0:
                return let_in();
            case 3:
                return answer_with_password();
            case 5:
                return answer_md5(body.bytes(4));
            case 10:
                return begin_scram(body);
            case 11:
                return answer_challenge(body.rest());
            case 12:
                return check_server(body.rest());
            default:
                return login_failure(
                    fatal_report(protocol_violation, "unknown kind of authentication"));
        }
    }

    step let_in() {
        if (scram_ && !scram_->succeeded()) {
            return login_failure(fatal_report(
                protocol_violation, "the server has not shown that it knows the password"));
        }
        is_let_in_ = true;
        return {};
    }

    step answer_with_password() {
        if (target_.password.kind() != secret_kind::plain) {
            return login_failure(no_secret("a password"));
        }
        std::string out;
        put_password(out, target_.password.password());
        return send(out);
    }

    step answer_md5(std::string_view salt) {
        md5_salt bytes{};
        std::ranges::copy(salt, bytes.begin());
        const auto text = md5_answer(target_.user, target_.password, bytes);
        if (!text) {
            return login_failure(no_secret("a password or its md5"));
        }
        std::string out;
        put_password(out, *text);
        return send(out);
    }

    step begin_scram(byte_reader body) {
        std::vector<std::string_view> offered;
        while (body.ok()) {
            const std::string_view name = body.text();
            if (name.empty()) {
                break;
            }
            offered.push_back(name);
        }
        const std::string binding =
            made_->io.encrypted()
                ? tls_server_end_point(made_->io.tls().peer_certificate()).value_or("")
                : std::string();
        const auto chosen = choose_scram_mechanism(offered, binding, channel_binding_use::prefer);
        if (!chosen) {
            return login_failure(fatal(chosen.error()));
        }
        scram_.emplace(*chosen, binding, make_scram_nonce());
        std::string out;
        put_sasl_start(out, name_of(chosen->mechanism), scram_->first());
        return send(out);
    }

    step answer_challenge(std::string_view data) {
        if (!scram_) {
            return login_failure(fatal_report(protocol_violation, "SASL has not begun"));
        }
        const auto challenge = scram_->read_challenge(data);
        if (!challenge) {
            return login_failure(fatal(challenge.error()));
        }
        const auto keys = keys_for(*challenge);
        if (!keys) {
            return login_failure(keys.error());
        }
        const auto proof = scram_->answer(*keys);
        if (!proof) {
            return login_failure(fatal(proof.error()));
        }
        std::string out;
        put_sasl_answer(out, *proof);
        return send(out);
    }

    std::expected<scram_keys, report> keys_for(const scram_challenge& challenge) {
        if (target_.keys && target_.keys->challenge == challenge) {
            return *target_.keys;
        }
        if (target_.password.kind() != secret_kind::plain) {
            return login_failure(no_secret("a password"));
        }
        auto derived =
            blocking([&] { return derive_scram_keys(target_.password.password(), challenge); });
        if (!derived) {
            return login_failure(fatal(derived.error()));
        }
        return *std::move(derived);
    }

    step check_server(std::string_view data) {
        if (!scram_) {
            return login_failure(fatal_report(protocol_violation, "SASL has not begun"));
        }
        if (const auto known = scram_->read_last(data); !known) {
            return login_failure(fatal(known.error()));
        }
        return {};
    }

    [[nodiscard]] report no_secret(std::string_view what) const {
        return fatal_report(sqlstate_invalid_password,
                            "the server asks for the password of \"" + target_.user + "\", and " +
                                std::string(what) + " of that user is not known here");
    }

    void note_parameters() {
        std::vector<std::string_view> values(with_.followed.count());
        for (const auto& [name, value] : made_->welcome) {
            if (const auto index = with_.followed.index_of(name)) {
                values[*index] = value;
            }
        }
        made_->parameters = make_set(with_.sets, values);
    }

    const server_target& target_;
    const login_environment& with_;
    const deadline until_;
    std::unique_ptr<server> made_;
    std::size_t taken_ = 0;
    std::optional<scram_client> scram_;
    bool is_let_in_ = false;
};

}  // namespace

std::expected<std::unique_ptr<server>, report> log_in(const server_target& target,
                                                      const login_environment& with,
                                                      deadline until) {
    return login(target, with, until).run();
}

result<void> send_cancel(const endpoint& address, const cancel_request& which, deadline until) {
    auto connected = connect(address, until);
    if (!connected) {
        return std::unexpected(connected.error());
    }
    transport to(std::move(*connected));
    if (const auto sent = to.write(cancel_packet(which), until); !sent) {
        return sent;
    }
    // It sends nothing, and closes when the signal is on its way.
    char none = 0;
    const auto end = to.read(std::span(&none, 1), until);
    return end ? result<void>() : std::unexpected(end.error());
}

}  // namespace weft::pool
