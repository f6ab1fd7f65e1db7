// SPDX-License-Identifier: Apache-2.0
//
// Each struct lists its members once, in describe(), and a writer walks that list. The library's
// own macros were not used: they know no optionals and put conversions into the interface.
#include "results.h"

#include <cmath>
#include <concepts>
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
    archive("crashed", self.crashed);
    archive("last_words", self.last_words);
    archive("went_on", self.went_on);
    archive("leaked_bytes", self.leaked_bytes);
}

void describe(auto& archive, like<noise> auto& self) {
    archive("steal_percent", self.steal_percent);
    archive("foreign_percent", self.foreign_percent);
}

void describe(auto& archive, like<heard_noise> auto& self) {
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
    archive("servers", self.servers);
    archive("loads", self.loads);
    archive("workers", self.workers);
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

}  // namespace

std::string_view name_of(model_id model) noexcept {
    for (const auto& entry : model_words) {
        if (entry.value == model) {
            return entry.text;
        }
    }
    return "unknown";
}

std::optional<model_id> model_named(std::string_view name) noexcept {
    for (const auto& entry : model_words) {
        if (entry.text == name) {
            return entry.value;
        }
    }
    return std::nullopt;
}

outcome failed_outcome(std::string reason) {
    return {.state = outcome_state::failed, .reason = std::move(reason), .lift = "", .signal = 0};
}

outcome interrupted_outcome() {
    return {.state = outcome_state::interrupted, .reason = "", .lift = "", .signal = 0};
}

nlohmann::json to_json(const results& value) {
    json document = writer::written(value);
    document["schema_version"] = results_schema_version;
    return document;
}

}  // namespace weft::lab
