// SPDX-License-Identifier: Apache-2.0
#include "admin/command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

namespace weft::pool {

namespace {

/// No command has so many words; the rest of a long text is not looked at.
constexpr std::size_t most_words = 8;

struct console_word {
    std::string text;
    char quote = '\0';  ///< ' or " if it stood in quotes
};

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

bool ends_word(char c) {
    return is_blank(c) || c == ';' || c == '=' || c == ',' || c == '\'' || c == '"';
}

class word_reader {
public:
    explicit word_reader(std::string_view text) : rest_(text) {}

    /// The words up to the end, or to a semicolon with nothing behind it. Nothing: this cannot be
    /// cut into words.
    std::optional<std::vector<console_word>> all() {
        std::vector<console_word> words;
        bool ended = false;
        for (;;) {
            skip_blanks();
            if (rest_.empty()) {
                return words;
            }
            if (rest_.front() == ';') {
                ended = true;
                rest_.remove_prefix(1);
                continue;
            }
            auto next = one();
            if (!next || ended || words.size() == most_words) {
                return std::nullopt;
            }
            words.push_back(*std::move(next));
        }
    }

private:
    void skip_blanks() {
        for (;;) {
            if (!rest_.empty() && is_blank(rest_.front())) {
                rest_.remove_prefix(1);
            } else if (rest_.starts_with("--")) {
                rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
            } else if (rest_.starts_with("/*")) {
                const std::size_t end = rest_.find("*/", 2);
                rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 2);
            } else {
                return;
            }
        }
    }

    std::optional<console_word> one() {
        const char first = rest_.front();
        if (first == '\'' || first == '"') {
            return quoted(first);
        }
        if (first == '=' || first == ',') {
            rest_.remove_prefix(1);
            return console_word{.text = std::string(1, first), .quote = '\0'};
        }
        const auto end = std::ranges::find_if(rest_, ends_word);
        console_word out{.text = std::string(rest_.begin(), end), .quote = '\0'};
        rest_.remove_prefix(out.text.size());
        return out;
    }

    /// Two quotes in a row are one.
    std::optional<console_word> quoted(char quote) {
        console_word out{.text = {}, .quote = quote};
        rest_.remove_prefix(1);
        for (;;) {
            const std::size_t end = rest_.find(quote);
            if (end == std::string_view::npos) {
                return std::nullopt;
            }
            out.text += rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (rest_.empty() || rest_.front() != quote) {
                return out;
            }
            out.text += quote;
            rest_.remove_prefix(1);
        }
    }

    std::string_view rest_;
};

struct command_form {
    std::string_view name;
    verb what;
    bool takes_argument;
};

// What must have an argument says so itself, in words of its own.
constexpr std::array command_forms = {
    command_form{"disable", verb::disable, true},
    command_form{"enable", verb::enable, true},
    command_form{"kill", verb::kill, true},
    command_form{"kill_client", verb::kill_client, true},
    command_form{"pause", verb::pause, true},
    command_form{"reconnect", verb::reconnect, true},
    command_form{"reload", verb::reload, false},
    command_form{"resume", verb::resume, true},
    command_form{"select", verb::show, true},
    command_form{"show", verb::show, true},
    command_form{"shutdown", verb::shutdown, true},
    command_form{"suspend", verb::suspend, false},
    command_form{"wait_close", verb::wait_close, true},
};

/// Tags of what drivers say around their commands.
constexpr std::pair<std::string_view, std::string_view> transaction_words[] = {
    {"begin", "BEGIN"},         {"start", "START TRANSACTION"}, {"commit", "COMMIT"},
    {"end", "COMMIT"},          {"rollback", "ROLLBACK"},       {"abort", "ROLLBACK"},
    {"discard", "DISCARD ALL"}, {"deallocate", "DEALLOCATE"},   {"reset", "RESET"},
};

std::string upper_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return out;
}

bool is_bare(const console_word& w, std::string_view text) {
    return w.quote == '\0' && lower_case(w.text) == text;
}

/// SET name = value, SET SESSION name TO value.
command parse_set(std::vector<console_word> words) {
    if (words.size() == 5 && (is_bare(words[1], "session") || is_bare(words[1], "local"))) {
        words.erase(words.begin() + 1);
    }
    if (words.size() != 4 || words[1].text.empty() ||
        !(is_bare(words[2], "=") || is_bare(words[2], "to"))) {
        return {};
    }
    return {.what = verb::set,
            .argument = lower_case(words[1].text),
            .value = words[3].text,
            .tag = "SET"};
}

/// SELECT * FROM name.
bool is_select_from(const std::vector<console_word>& words) {
    return words.size() == 4 && is_bare(words[0], "select") && is_bare(words[1], "*") &&
           is_bare(words[2], "from");
}

command parse_words(const std::vector<console_word>& words) {
    const std::string first = lower_case(words.front().text);
    if (first == "set") {
        return parse_set(words);
    }
    if (is_select_from(words)) {
        return {.what = verb::show, .argument = lower_case(words[3].text), .tag = "SHOW"};
    }
    for (const auto& [name, tag] : transaction_words) {
        if (first == name) {
            return command{.what = verb::transaction, .tag = std::string(tag)};
        }
    }
    const auto found = std::ranges::find(command_forms, first, &command_form::name);
    if (found == command_forms.end() || words.size() > 2 ||
        (words.size() == 2 && (!found->takes_argument || words[1].quote == '\''))) {
        return {};
    }
    command out{.what = found->what, .tag = upper_case(found->name)};
    if (words.size() == 2) {
        out.argument = words[1].text;
    }
    if (out.what == verb::show) {
        out.argument = lower_case(out.argument);
        out.tag = "SHOW";
    }
    return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    return out;
}

command parse_command(std::string_view sql) {
    const auto words = word_reader(sql).all();
    if (!words) {
        return {};
    }
    return words->empty() ? command{.what = verb::nothing} : parse_words(*words);
}

}  // namespace weft::pool
