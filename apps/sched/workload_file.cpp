// SPDX-License-Identifier: Apache-2.0
#include "workload_file.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "workload_reader.h"

namespace weft::sim {

namespace {

constexpr bounds any_step{shortest_step, longest_duration};
constexpr bounds any_time{0, longest_duration};

/// Each may stand for a table in a table: toml++ takes any depth, and destroys it by recursion.
constexpr std::ptrdiff_t most_dots_in_line = 200;

/// The name of a file without folder and ending.
std::string stem_of(std::string_view file) {
    file.remove_prefix(file.rfind('/') + 1);  // npos + 1 == 0
    constexpr std::string_view ending = ".toml";
    if (file.ends_with(ending) && file.size() > ending.size()) {
        file.remove_suffix(ending.size());
    }
    return file == "-" ? "standard input" : std::string(file.substr(0, longest_name));
}

/// The number of the first line with more dots than any workload has; 0: there is none.
std::size_t line_with_dots(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (std::ranges::count(line, '.') > most_dots_in_line) {
            return number;
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return 0;
}

class file_parser {
public:
    file_parser(const toml::table& root, std::string_view file) : root_(root), read_(file) {}

    std::expected<workload, std::string> run() {
        machine();
        tables("group", most_groups, [this](const toml::table& t) { group(t); });
        tables("task", most_tasks, [this](const toml::table& t) { task(t); });
        if (made_.tasks.empty()) {
            read_.fail(root_.source(), "there is no [[task]]");
        }
        if (!read_.error().empty()) {
            return std::unexpected(read_.error());
        }
        return std::move(made_);
    }

private:
    void machine() {
        constexpr std::array<std::string_view, 9> keys{
            "title", "duration", "cpus", "tick", "seed", "show", "switch_cost", "group", "task"};
        constexpr std::size_t longest_title = 100;
        read_.only(root_, keys);
        read_.text(root_, "title", made_.title, longest_title);
        read_.duration(root_, "duration", made_.duration, {shortest_duration, longest_duration});
        read_.number(root_, "cpus", made_.cpus, 1, most_cpus);
        read_.duration(root_, "tick", made_.tick, {shortest_tick, longest_tick});
        read_.duration(root_, "switch_cost", made_.switch_cost, {0, longest_switch_cost});
        read_.number(root_, "seed", made_.seed, 0, std::numeric_limits<std::int64_t>::max());
        made_.shown.to = std::min(made_.shown.to, made_.duration);
        shown();
    }

    void shown() {
        const toml::node* const node = root_.get("show");
        if (node == nullptr) {
            return;
        }
        const toml::array* const ends = node->as_array();
        if (ends == nullptr || ends->size() != 2) {
            read_.fail(node->source(), "show must be two times, as in [\"0 ms\", \"80 ms\"]");
            return;
        }
        const auto from = read_.duration_of(*ends->get(0), "show", {0, made_.duration});
        const auto to = read_.duration_of(*ends->get(1), "show", {0, made_.duration});
        if (from && to && *from >= *to) {
            read_.fail(node->source(), "show: the first time must be the earlier one");
        }
        if (from && to) {
            made_.shown = {*from, *to};
        }
    }

    template <class Each>
    void tables(std::string_view key, std::uint64_t most, Each each) {
        const toml::node* const node = root_.get(key);
        if (node == nullptr) {
            return;
        }
        const toml::array* const all = node->as_array();
        if (all == nullptr) {
            read_.fail(node->source(), fmt::format("write [[{}]], with two brackets", key));
            return;
        }
        if (all->size() > most) {
            read_.fail(all->source(), fmt::format("there are more than {} {}s", most, key));
            return;
        }
        for (const toml::node& one : *all) {
            if (const toml::table* const table = one.as_table()) {
                each(*table);
            } else {
                read_.fail(one.source(), fmt::format("write [[{}]], with two brackets", key));
            }
        }
    }

    /// The name of a task or group, which must be new.
    std::string name(const toml::table& in, std::set<std::string>& taken) {
        std::string name;
        read_.text(in, "name", name, longest_name);
        const toml::node* const node = in.get("name");
        if (node == nullptr) {
            read_.fail(in.source(), "name is missing");
        } else if (!is_name(name)) {
            read_.fail(node->source(), "name must be letters and digits, with . _ - between them");
        } else if (!taken.insert(name).second) {
            read_.fail(node->source(), fmt::format("there is another '{}'", name));
        }
        return name;
    }

    void group(const toml::table& in) {
        constexpr std::array<std::string_view, 5> keys{"name", "weight", "quota", "period",
                                                       "burst"};
        group_spec made;
        read_.only(in, keys);
        made.name = name(in, group_names_);
        read_.number(in, "weight", made.weight, least_weight, greatest_weight);
        read_.duration(in, "period", made.period, {ms, second});
        read_.duration(in, "quota", made.quota, {ms, made.period * made_.cpus});
        read_.duration(in, "burst", made.burst, {0, made.quota});
        for (const std::string_view key : {"period", "burst"}) {
            if (in.contains(key) && !in.contains("quota")) {
                read_.fail(in.get(key)->source(), fmt::format("{} without a quota", key));
            }
        }
        made_.groups.push_back(std::move(made));
    }

    void task(const toml::table& in) {
        constexpr std::array<std::string_view, 11> keys{"name",    "count", "nice", "slice",
                                                        "arrival", "group", "cpu",  "run",
                                                        "sleep",   "total", "fork"};
        task_spec made;
        read_.only(in, keys);
        made.name = name(in, task_names_);
        read_.number(in, "count", made.count, 1, most_tasks);
        read_.number(in, "nice", made.nice, least_nice, greatest_nice);
        read_.duration(in, "slice", made.slice, {least_slice_ns, greatest_slice_ns});
        read_.duration(in, "arrival", made.arrival, any_time);
        if (in.contains("cpu")) {
            made.cpu = 0;
            read_.number(in, "cpu", *made.cpu, 0, std::int64_t{made_.cpus} - 1);
        }
        for (std::uint64_t n = 1; n <= made.count && made.count > 1; ++n) {
            if (const std::string copy = fmt::format("{}-{}", made.name, n);
                !task_names_.insert(copy).second) {
                read_.fail(in.source(), fmt::format("there is another '{}'", copy));
            }
        }
        member(in, made);
        pattern(in, made);
        fork(in, made);
        tasks_ += made.count + (made.fork ? made.fork->limit : 0);
        if (tasks_ > most_tasks) {
            read_.fail(
                in.source(),
                fmt::format("more than {} tasks in all, copies and forks included", most_tasks));
        }
        made_.tasks.push_back(std::move(made));
    }

    void member(const toml::table& in, task_spec& made) {
        const toml::node* const node = in.get("group");
        if (node == nullptr) {
            return;
        }
        std::string name;
        read_.text(in, "group", name, longest_name);
        const auto found = std::ranges::find(made_.groups, name, &group_spec::name);
        if (found == made_.groups.end()) {
            read_.fail(node->source(), "there is no [[group]] of this name");
            return;
        }
        made.group = static_cast<std::size_t>(found - made_.groups.begin());
    }

    void pattern(const toml::table& in, task_spec& made) {
        const toml::node* const run = in.get("run");
        if (run == nullptr) {
            read_.fail(in.source(), "run is missing: \"forever\", or a time until it sleeps");
            return;
        }
        const auto* const word = run->as_string();
        const bool forever = word != nullptr && word->get() == "forever";
        if (!forever) {
            read_.drawn(in, "run", made.run, any_step);
        }
        read_.drawn(in, "sleep", made.sleep, any_step);
        if (forever && in.contains("sleep")) {
            read_.fail(in.get("sleep")->source(), "who runs for ever does not sleep");
        }
        read_.duration(in, "total", made.total, any_step);
    }

    void fork(const toml::table& in, task_spec& made) {
        const toml::node* const node = in.get("fork");
        if (node == nullptr) {
            return;
        }
        const toml::table* const table = node->as_table();
        if (table == nullptr || !table->contains("every") || !table->contains("limit")) {
            read_.fail(node->source(), "fork must be { every = \"10 ms\", limit = 30 }");
            return;
        }
        constexpr std::array<std::string_view, 2> keys{"every", "limit"};
        forking how;
        read_.only(*table, keys);
        read_.duration(*table, "every", how.every, any_step);
        read_.number(*table, "limit", how.limit, 1, most_tasks);
        made.fork = how;
    }

    const toml::table& root_;
    workload_reader read_;
    workload made_;
    std::set<std::string> group_names_;
    std::set<std::string> task_names_;
    std::uint64_t tasks_ = 0;
};

}  // namespace

std::string head_comment_of(std::string_view text) {
    std::string comment;
    while (text.starts_with('#')) {
        const std::string_view line = text.substr(0, text.find('\n'));
        std::string_view words = line.substr(std::min(line.find_first_not_of("# "), line.size()));
        if (words.ends_with('\r')) {
            words.remove_suffix(1);
        }
        if (!words.starts_with("SPDX-")) {
            comment += comment.empty() || words.empty() || comment.ends_with('\n') ? "" : " ";
            comment += words.empty() && !comment.empty() ? "\n" : words;
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    while (comment.ends_with('\n')) {
        comment.pop_back();
    }
    return comment;
}

std::expected<workload, std::string> parse_workload(std::string_view text, std::string_view file) {
    if (text.size() > longest_file) {
        return std::unexpected(
            fmt::format("{}: longer than {} bytes, which no workload is", file, longest_file));
    }
    if (const std::size_t line = line_with_dots(text); line != 0) {
        return std::unexpected(
            fmt::format("{}:{}:1: more than {} dots in a line", file, line, most_dots_in_line));
    }
    toml::table root;
    try {
        root = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        std::string what(error.description());
        std::ranges::replace_if(what, [](char c) { return c >= 0 && c < 0x20; }, ' ');
        return std::unexpected(fmt::format("{}:{}:{}: {}", file, error.source().begin.line,
                                           error.source().begin.column, what));
    }
    auto made = file_parser(root, file).run();
    if (made) {
        made->name = stem_of(file);
        made->about = head_comment_of(text);
        if (made->title.empty()) {
            made->title = made->name;
        }
    }
    return made;
}

}  // namespace weft::sim
