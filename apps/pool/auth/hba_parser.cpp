// SPDX-License-Identifier: Apache-2.0
//
// The text of a pg_hba.conf into rules.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <expected>
#include <utility>

#include "auth/hba.h"
#include "auth/rule_tokens.h"

namespace weft::pool {

namespace {

using token = rule_tokens::kind;

/// What is wrong with a line, or nothing.
using line_outcome = std::expected<void, std::string>;

/// How many files one line may refer to: they may refer to others, and to each other.
constexpr std::size_t most_files = 100;

struct named_connection {
    std::string_view name;
    hba_rule::connection kind;
};

constexpr named_connection connections[] = {{"local", hba_rule::connection::local},
                                            {"host", hba_rule::connection::host},
                                            {"hostssl", hba_rule::connection::host_tls},
                                            {"hostnossl", hba_rule::connection::host_plain}};

constexpr hba_method methods[] = {hba_method::trust,    hba_method::reject,        hba_method::md5,
                                  hba_method::password, hba_method::scram_sha_256, hba_method::cert,
                                  hba_method::peer};

std::optional<std::size_t> prefix_length(std::string_view text, std::size_t most) {
    std::size_t bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && bits <= most ? std::optional(bits) : std::nullopt;
}

std::array<unsigned char, 16> mask_of(std::size_t bits) {
    std::array<unsigned char, 16> mask = {};
    for (std::size_t i = 0; i < bits; ++i) {
        mask[i / 8] = static_cast<unsigned char>(mask[i / 8] | (0x80U >> (i % 8)));
    }
    return mask;
}

class hba_parser {
public:
    explicit hba_parser(const hba_file_reader& read_file) : read_file_(read_file) {}

    hba_file parse(std::string_view text) {
        for (line_ = 1; !text.empty(); ++line_) {
            rule_tokens tokens(take_line(text));
            if (tokens.current() == token::end) {
                continue;
            }
            hba_rule rule;
            rule.line = line_;
            files_ = 0;
            if (auto outcome = parse_rule(tokens, rule); outcome) {
                warn_of(rule);
                rules_.push_back(std::move(rule));
            } else {
                errors_.push_back({line_, std::move(outcome.error())});
            }
        }
        return {hba_rules(std::move(rules_)), std::move(errors_), std::move(warnings_)};
    }

private:
    enum class list : bool { databases, users };

    static std::unexpected<std::string> expected(std::string_view what, const rule_tokens& tokens) {
        return std::unexpected(std::string(what) + " expected, but found " + tokens.shown());
    }

    line_outcome parse_rule(rule_tokens& tokens, hba_rule& rule) {
        const auto type = std::ranges::find_if(
            connections, [&tokens](const auto& each) { return tokens.is_word(each.name); });
        if (type == std::end(connections)) {
            return expected("local, host, hostssl or hostnossl", tokens);
        }
        rule.kind = type->kind;
        tokens.next();
        auto outcome = parse_names(tokens, rule.databases, list::databases);
        if (outcome) {
            outcome = parse_names(tokens, rule.users, list::users);
        }
        if (outcome) {
            outcome = parse_address(tokens, rule);
        }
        if (outcome) {
            outcome = parse_method(tokens, rule);
        }
        if (outcome) {
            outcome = parse_options(tokens, rule);
        }
        return outcome;
    }

    line_outcome parse_names(rule_tokens& tokens, hba_names& into, list of) {
        do {
            if (!tokens.is_name()) {
                return expected(of == list::databases ? "a database" : "a user", tokens);
            }
            if (auto outcome = add_name(tokens, into, of); !outcome) {
                return outcome;
            }
            tokens.next();
        } while (tokens.take_comma());
        return {};
    }

    line_outcome add_name(const rule_tokens& tokens, hba_names& into, list of) {
        const std::string& name = tokens.text();
        const bool database = of == list::databases;
        if (tokens.current() == token::quoted) {
            into.names.insert(name);
        } else if (name == "all") {
            into.all = true;
        } else if (name == "sameuser") {
            into.same_user = true;
        } else if (database && name == "replication") {
            into.replication = true;
        } else if (database && (name == "samerole" || name == "samegroup")) {
            return std::unexpected(name + " is not supported");
        } else if (name.front() == '+') {
            return std::unexpected("groups (" + tokens.shown() + ") are not supported");
        } else if (name.front() == '/') {
            return std::unexpected("regular expressions (" + tokens.shown() +
                                   ") are not supported");
        } else if (name.front() == '@') {
            return add_file(tokens, into, of);
        } else {
            into.names.insert(name);
        }
        return {};
    }

    line_outcome add_file(const rule_tokens& tokens, hba_names& into, list of) {
        const std::string name = tokens.text().substr(1);
        if (++files_ > most_files) {
            return std::unexpected("more than " + std::to_string(most_files) + " files with names");
        }
        const auto text = read_file_ ? read_file_(name) : std::nullopt;
        if (!text) {
            return std::unexpected("the file of " + tokens.shown() + " cannot be read");
        }
        std::string_view rest = *text;
        while (!rest.empty()) {
            rule_tokens names(take_line(rest));
            if (names.current() == token::end) {
                continue;
            }
            if (auto outcome = parse_names(names, into, of); !outcome) {
                return outcome;
            }
            if (names.current() != token::end) {
                return expected("a comma or the end of the line", names);
            }
        }
        return {};
    }

    line_outcome parse_address(rule_tokens& tokens, hba_rule& rule) {
        if (rule.kind == hba_rule::connection::local) {
            return {};
        }
        rule.any_address = tokens.take_word("all");
        if (rule.any_address) {
            return {};
        }
        if (tokens.current() != token::word) {
            return expected("an address", tokens);
        }
        const std::string text = tokens.text();
        const std::size_t slash = std::min(text.find('/'), text.size());
        const auto address = hba_address::parse(std::string_view(text).substr(0, slash));
        if (!address) {
            return std::unexpected(tokens.shown() +
                                   " is no address in numbers; names are not supported");
        }
        rule.address = *address;
        if (slash < text.size()) {
            const bool ipv4 = address->kind == hba_address::family::ipv4;
            const auto bits =
                prefix_length(std::string_view(text).substr(slash + 1), ipv4 ? 32 : 128);
            if (!bits) {
                return std::unexpected(tokens.shown() + " has an invalid length of the mask");
            }
            rule.mask = mask_of(*bits);
            tokens.next();
            return {};
        }
        tokens.next();
        return parse_mask(tokens, rule);
    }

    static line_outcome parse_mask(rule_tokens& tokens, hba_rule& rule) {
        const auto mask =
            tokens.current() == token::word ? hba_address::parse(tokens.text()) : std::nullopt;
        if (!mask || mask->kind != rule.address.kind) {
            return expected("/length or a mask of the same family", tokens);
        }
        rule.mask = mask->bytes;
        tokens.next();
        return {};
    }

    static line_outcome parse_method(rule_tokens& tokens, hba_rule& rule) {
        const auto method = std::ranges::find_if(
            methods, [&tokens](hba_method each) { return tokens.is_word(name_of(each)); });
        if (method == std::end(methods)) {
            return expected("trust, reject, md5, password, scram-sha-256, cert or peer", tokens);
        }
        rule.method = *method;
        tokens.next();
        return {};
    }

    static line_outcome parse_options(rule_tokens& tokens, hba_rule& rule) {
        constexpr std::string_view map = "map=";
        if (tokens.current() == token::word && tokens.text().starts_with(map)) {
            rule.map = tokens.text().substr(map.size());
            tokens.next();
            if (rule.map.empty() && tokens.current() == token::quoted) {
                rule.map = tokens.text();
                tokens.next();
            }
            if (rule.map.empty()) {
                return expected("a name after map=", tokens);
            }
        }
        if (tokens.current() != token::end) {
            return std::unexpected("the option " + tokens.shown() + " is not supported");
        }
        return {};
    }

    void warn(std::string message) { warnings_.push_back({line_, std::move(message)}); }

    void warn_of(const hba_rule& rule) {
        const bool local = rule.kind == hba_rule::connection::local;
        for (std::size_t i = 0; i < rule.mask.size(); ++i) {
            if ((rule.address.bytes[i] & ~rule.mask[i]) != 0) {
                warn("no client fits: the address has bits beyond its mask");
                break;
            }
        }
        if (rule.method == hba_method::peer && !local) {
            warn("peer refuses everybody who does not come by a Unix socket");
        }
        if (rule.method == hba_method::cert &&
            (local || rule.kind == hba_rule::connection::host_plain)) {
            warn("cert refuses everybody without TLS");
        }
        if (!rule.map.empty() && rule.method != hba_method::peer &&
            rule.method != hba_method::cert) {
            warn("map= means something for peer and cert only");
        }
    }

    const hba_file_reader& read_file_;
    std::size_t line_ = 0;
    std::size_t files_ = 0;
    std::vector<hba_rule> rules_;
    std::vector<line_error> errors_;
    std::vector<line_error> warnings_;
};

}  // namespace

hba_file parse_hba(std::string_view text, const hba_file_reader& read_file) {
    return hba_parser(read_file).parse(text);
}

}  // namespace weft::pool
