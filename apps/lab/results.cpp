// SPDX-License-Identifier: Apache-2.0
//
// Each struct lists its members once, in describe(); a writer and a reader walk that list, so
// that what is written and what is read cannot drift apart. The library's own macros were not
// used: they know no optionals and put throwing conversions into the interface.
#include "results.h"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

namespace weft::lab {

namespace {

using nlohmann::json;

template <class Self, class Struct>
concept like = std::same_as<std::remove_const_t<Self>, Struct>;

template <class Enum>
struct word {
    Enum value;
    std::string_view text;
};

constexpr std::array model_words{
    word{model_id::process, "process"},
    word{model_id::thread, "thread"},
    word{model_id::fiber, "fiber"},
    word{model_id::coroutine, "coroutine"},
};

constexpr std::array state_words{
    word{outcome_state::ok, "ok"},         word{outcome_state::left_out, "left_out"},
    word{outcome_state::died, "died"},     word{outcome_state::interrupted, "interrupted"},
    word{outcome_state::failed, "failed"},
};

template <class Enum>
constexpr const auto& words() {
    if constexpr (std::same_as<Enum, model_id>) {
        return model_words;
    } else {
        return state_words;
    }
}

void describe(auto& archive, like<outcome> auto& self) {
    archive("state", self.state);
    archive("reason", self.reason);
    archive("lift", self.lift);
    archive("signal", self.signal);
}

void describe(auto& archive, like<latency_summary> auto& self) {
    archive("count", self.count);
    archive("mean_us", self.mean_us);
    archive("p50_us", self.p50_us);
    archive("p90_us", self.p90_us);
    archive("p99_us", self.p99_us);
    archive("p999_us", self.p999_us);
    archive("max_us", self.max_us);
}

void describe(auto& archive, like<histogram_bucket> auto& self) {
    archive("us", self.us);
    archive("count", self.count);
}

void describe(auto& archive, like<memory_use> auto& self) {
    archive("virtual_bytes", self.virtual_bytes);
    archive("resident_bytes", self.resident_bytes);
    archive("proportional_bytes", self.proportional_bytes);
    archive("private_bytes", self.private_bytes);
    archive("page_table_bytes", self.page_table_bytes);
    archive("kernel_stack_bytes", self.kernel_stack_bytes);
    archive("socket_bytes", self.socket_bytes);
    archive("slab_bytes", self.slab_bytes);
}

void describe(auto& archive, like<server_use> auto& self) {
    archive("user_seconds", self.user_seconds);
    archive("system_seconds", self.system_seconds);
    archive("voluntary_switches", self.voluntary_switches);
    archive("involuntary_switches", self.involuntary_switches);
    archive("processes", self.processes);
    archive("threads", self.threads);
    archive("memory", self.memory);
}

void describe(auto& archive, like<connect_phase> auto& self) {
    archive("clients_asked", self.clients_asked);
    archive("clients", self.clients);
    archive("failures", self.failures);
    archive("seconds", self.seconds);
    archive("rate_per_s", self.rate_per_s);
    archive("latency", self.latency);
    archive("server", self.server);
    archive("load_cpu_share", self.load_cpu_share);
    archive("load_waiting_share", self.load_waiting_share);
}

void describe(auto& archive, like<idle_phase> auto& self) {
    archive("clients", self.clients);
    archive("seconds", self.seconds);
    archive("before", self.before);
    archive("server", self.server);
}

void describe(auto& archive, like<load_phase> auto& self) {
    archive("clients", self.clients);
    archive("active_clients", self.active_clients);
    archive("rate_asked_per_s", self.rate_asked_per_s);
    archive("requests", self.requests);
    archive("errors", self.errors);
    archive("seconds", self.seconds);
    archive("requests_per_s", self.requests_per_s);
    archive("latency", self.latency);
    archive("histogram", self.histogram);
    archive("server", self.server);
    archive("cpu_us_per_request", self.cpu_us_per_request);
    archive("load_cpu_share", self.load_cpu_share);
    archive("load_waiting_share", self.load_waiting_share);
    archive("load_lag_p99_us", self.load_lag_p99_us);
}

void describe(auto& archive, like<poison_phase> auto& self) {
    archive("kind", self.kind);
    archive("clients", self.clients);
    archive("poisoned", self.poisoned);
    archive("died", self.died);
    archive("survived", self.survived);
    archive("server_died", self.server_died);
    archive("signal", self.signal);
    archive("last_words", self.last_words);
    archive("went_on", self.went_on);
    archive("leaked_bytes", self.leaked_bytes);
}

void describe(auto& archive, like<noise> auto& self) {
    archive("steal_percent", self.steal_percent);
    archive("foreign_percent", self.foreign_percent);
    archive("flags", self.flags);
}

void describe(auto& archive, like<repeat> auto& self) {
    archive("index", self.index);
    archive("outcome", self.outcome);
    archive("noise", self.noise);
    archive("connect", self.connect);
    archive("idle", self.idle);
    archive("closed", self.closed);
    archive("open", self.open);
    archive("idle_majority", self.idle_majority);
    archive("poison", self.poison);
}

void describe(auto& archive, like<model_result> auto& self) {
    archive("model", self.model);
    archive("outcome", self.outcome);
    archive("clients", self.clients);
    archive("repeats", self.repeats);
}

void describe(auto& archive, like<probe> auto& self) {
    archive("name", self.name);
    archive("live", self.live);
    archive("nanoseconds", self.nanoseconds);
}

void describe(auto& archive, like<limit> auto& self) {
    archive("name", self.name);
    archive("value", self.value);
}

void describe(auto& archive, like<machine> auto& self) {
    archive("kernel", self.kernel);
    archive("cpu_model", self.cpu_model);
    archive("cores", self.cores);
    archive("memory_bytes", self.memory_bytes);
    archive("hypervisor", self.hypervisor);
    archive("compiler", self.compiler);
    archive("limits", self.limits);
}

void describe(auto& archive, like<adjustment> auto& self) {
    archive("what", self.what);
    archive("reason", self.reason);
    archive("lift", self.lift);
}

void describe(auto& archive, like<run_info> auto& self) {
    archive("started_at", self.started_at);
    archive("elapsed_seconds", self.elapsed_seconds);
    archive("weft_version", self.weft_version);
    archive("command_line", self.command_line);
    archive("seed", self.seed);
    archive("repeats", self.repeats);
    archive("clients_asked", self.clients_asked);
    archive("clients", self.clients);
    archive("message_bytes", self.message_bytes);
    archive("handler", self.handler);
    archive("duration_seconds", self.duration_seconds);
    archive("workers", self.workers);
    archive("thread_stack_bytes", self.thread_stack_bytes);
    archive("fiber_stack_bytes", self.fiber_stack_bytes);
    archive("order", self.order);
    archive("interrupted", self.interrupted);
    archive("machine", self.machine);
    archive("noise", self.noise);
    archive("adjustments", self.adjustments);
    archive("warnings", self.warnings);
}

void describe(auto& archive, like<results> auto& self) {
    archive("run", self.run);
    archive("models", self.models);
    archive("probes", self.probes);
}

class writer {
public:
    template <class T>
    void operator()(const char* name, const T& value) {
        document_[name] = written(value);
    }

    template <class T>
    static json written(const T& value) {
        if constexpr (std::is_enum_v<T>) {
            for (const auto& entry : words<T>()) {
                if (entry.value == value) {
                    return entry.text;
                }
            }
            return nullptr;
        } else if constexpr (std::floating_point<T>) {
            return std::isfinite(value) ? json(value) : json(nullptr);
        } else if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
            return value;
        } else {
            writer inner;
            describe(inner, value);
            return std::move(inner.document_);
        }
    }

    template <class T>
    static json written(const std::optional<T>& value) {
        return value ? written(*value) : json(nullptr);
    }

    template <class T>
    static json written(const std::vector<T>& values) {
        json list = json::array();
        for (const T& value : values) {
            list.push_back(written(value));
        }
        return list;
    }

private:
    json document_ = json::object();
};

/// Throws wrong_shape, caught in results_from_json: an error deep inside must name its place, and
/// a result passed up by hand through each member would bury the list of members.
class wrong_shape : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class reader {
public:
    reader(const json& document, std::string place)
        : document_(document), place_(std::move(place)) {
        expect(document_.is_object(), "an object", place_);
    }

    template <class T>
    void operator()(const char* name, T& value) {
        const auto found = document_.find(name);
        if (found != document_.end() && !found->is_null()) {
            read(*found, value, place_ + "/" + name);
        }
    }

    template <class T>
    static void read(const json& from, T& value, const std::string& place) {
        if constexpr (std::is_enum_v<T>) {
            value = read_word<T>(from, place);
        } else if constexpr (std::same_as<T, bool>) {
            expect(from.is_boolean(), "true or false", place);
            value = from.get<bool>();
        } else if constexpr (std::same_as<T, std::string>) {
            expect(from.is_string(), "a string", place);
            value = from.get<std::string>();
        } else if constexpr (std::floating_point<T>) {
            expect(from.is_number(), "a number", place);
            value = from.get<T>();
        } else if constexpr (std::integral<T>) {
            read_integer(from, value, place);
        } else {
            reader inner(from, place);
            describe(inner, value);
        }
    }

    template <class T>
    static void read(const json& from, std::optional<T>& value, const std::string& place) {
        read(from, value.emplace(), place);
    }

    template <class T>
    static void read(const json& from, std::vector<T>& values, const std::string& place) {
        expect(from.is_array(), "a list", place);
        values.clear();
        values.reserve(from.size());
        for (std::size_t i = 0; i < from.size(); ++i) {
            read(from[i], values.emplace_back(), place + "/" + std::to_string(i));
        }
    }

private:
    static void expect(bool holds, const char* what, const std::string& place) {
        if (!holds) {
            throw wrong_shape(place + ": expected " + what);
        }
    }

    template <class T>
    static void read_integer(const json& from, T& value, const std::string& place) {
        expect(from.is_number_integer(), "a whole number", place);
        const bool fits = from.is_number_unsigned() ? std::in_range<T>(from.get<std::uint64_t>())
                                                    : std::in_range<T>(from.get<std::int64_t>());
        expect(fits, "a number that fits", place);
        value = from.get<T>();
    }

    template <class Enum>
    static Enum read_word(const json& from, const std::string& place) {
        expect(from.is_string(), "a word", place);
        const auto text = from.get<std::string>();
        for (const auto& entry : words<Enum>()) {
            if (entry.text == text) {
                return entry.value;
            }
        }
        throw wrong_shape(place + ": unknown word '" + text + "'");
    }

    const json& document_;
    std::string place_;
};

}  // namespace

std::string_view name_of(model_id model) noexcept {
    for (const auto& entry : model_words) {
        if (entry.value == model) {
            return entry.text;
        }
    }
    return "unknown";
}

nlohmann::json to_json(const results& value) {
    json document = writer::written(value);
    document["schema_version"] = results_schema_version;
    return document;
}

std::expected<results, std::string> results_from_json(const nlohmann::json& document) {
    if (!document.is_object() || !document.contains("schema_version")) {
        return std::unexpected("not a result of weft clients: no schema_version");
    }
    if (document["schema_version"] != results_schema_version) {
        return std::unexpected("schema_version " + document["schema_version"].dump() + " is not " +
                               std::to_string(results_schema_version));
    }
    try {
        results value;
        reader top(document, "");
        describe(top, value);
        return value;
    } catch (const wrong_shape& error) {
        return std::unexpected(error.what());
    }
}

std::expected<results, std::string> results_from_text(std::string_view text) {
    const json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) {
        return std::unexpected("not JSON");
    }
    return results_from_json(document);
}

}  // namespace weft::lab
