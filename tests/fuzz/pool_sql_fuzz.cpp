// SPDX-License-Identifier: Apache-2.0
//
// Any text as SQL. No effect is hidden from the quick look that is taken at each message, none is
// of a statement that is not there, and where PostgreSQL's parser builds a tree, the words tell
// what the tree tells.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pg_query.h>
#include <nlohmann/json.hpp>

#include "require.h"
#include "sql/effects.h"
#include "sql/needs_look.h"
#include "sql/transaction_statement.h"

namespace {

using namespace weft::pool;
using nlohmann::json;
using weft::fuzz::require;

/// A tree of a longer text may be too deep for who writes it as JSON.
constexpr std::size_t longest_tree = 4096;

/// The trees of the statements. Nothing: it does not parse.
std::optional<json> trees_of(const std::string& sql) {
    const PgQueryParseResult result = pg_query_parse(sql.c_str());
    std::optional<json> trees;
    if (result.error == nullptr) {
        // Its strings are the text's bytes, which need not be UTF-8, and not all are escaped.
        json tree = json::parse(result.parse_tree, nullptr, false);
        if (!tree.is_discarded()) {
            trees = std::move(tree["stmts"]);
        }
    }
    pg_query_free_parse_result(result);
    return trees;
}

bool has(const std::vector<effect>& effects, std::size_t statement, effect_kind kind) {
    return std::ranges::any_of(effects, [&](const effect& each) {
        return each.statement == statement && each.kind == kind;
    });
}

/// Whether `wanted` holds for an object with this key, anywhere in the tree.
template <class Predicate>
bool any_node(const json& tree, std::string_view key, const Predicate& wanted) {
    if (tree.is_object()) {
        if (const auto found = tree.find(key); found != tree.end() && wanted(*found)) {
            return true;
        }
    }
    return tree.is_structured() &&
           std::ranges::any_of(tree, [&](const json& each) { return any_node(each, key, wanted); });
}

bool is_temporary_relation(const json& relation) {
    return relation.value("relpersistence", "") == "t" ||
           relation.value("schemaname", "") == "pg_temp";
}

bool calls(const json& tree, std::string_view function) {
    return any_node(tree, "FuncCall", [&](const json& call) {
        return call["funcname"].back()["String"].value("sval", "") == function;
    });
}

/// Whether the statement pins for this; one whose name is encoded, for what may be anything.
bool pins(const std::vector<effect>& effects, std::size_t statement, pin_cause cause) {
    return std::ranges::any_of(effects, [&](const effect& each) {
        return each.statement == statement &&
               (each.cause == cause || each.cause == pin_cause::session_resource);
    });
}

effect_kind kind_of_transaction(const json& statement) {
    const std::string kind = statement.value("kind", "");
    const bool chains = statement.value("chain", false);
    if (kind == "TRANS_STMT_COMMIT") {
        return chains ? effect_kind::begin : effect_kind::commit;
    }
    if (kind == "TRANS_STMT_ROLLBACK") {
        return chains ? effect_kind::begin : effect_kind::rollback;
    }
    if (kind == "TRANS_STMT_PREPARE") {
        return effect_kind::prepare_transaction;
    }
    return kind == "TRANS_STMT_BEGIN" || kind == "TRANS_STMT_START" ? effect_kind::begin
                                                                    : effect_kind::pin;
}

void check_set(const json& set, const std::vector<effect>& effects, std::size_t number) {
    static constexpr std::array<std::string_view, 3> of_transaction{
        "transaction_isolation", "transaction_read_only", "transaction_deferrable"};
    const std::string kind = set.value("kind", "");
    std::string name = set.value("name", "");
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    if (name == "TRANSACTION" || kind == "VAR_SET_MULTI" || kind == "VAR_SET_CURRENT" ||
        std::ranges::count(of_transaction, name) != 0) {
        return;
    }
    if (kind == "VAR_RESET_ALL") {
        require(has(effects, number, effect_kind::reset_all), "a RESET ALL is told");
        return;
    }
    const bool pinned = has(effects, number, effect_kind::pin);
    if (name == "role" || name == "session_authorization") {
        require(pinned || has(effects, number,
                              name == "role" ? effect_kind::set_role
                                             : effect_kind::set_session_authorization),
                "who one is is told", name);
        return;
    }
    const bool resets = kind == "VAR_SET_DEFAULT" || kind == "VAR_RESET";
    const auto told = std::ranges::any_of(effects, [&](const effect& each) {
        return each.statement == number && each.name == name &&
               each.local == set.value("is_local", false) &&
               each.kind == (resets ? effect_kind::reset_parameter : effect_kind::set_parameter);
    });
    require(pinned || told, "a setting is told", name);
}

void check_query(const json& tree, const std::vector<effect>& effects, std::size_t number) {
    static constexpr std::array<std::string_view, 6> run{"SelectStmt", "InsertStmt", "UpdateStmt",
                                                         "DeleteStmt", "MergeStmt",  "CallStmt"};
    const bool runs = std::ranges::any_of(run, [&](auto each) { return tree.contains(each); });
    static constexpr std::array<std::pair<std::string_view, pin_cause>, 3> functions{{
        {"pg_advisory_lock", pin_cause::advisory_lock},
        {"pg_try_advisory_lock", pin_cause::advisory_lock},
        {"currval", pin_cause::sequence_value},
    }};
    for (const auto& [function, cause] : functions) {
        require(!runs || !calls(tree, function) || pins(effects, number, cause), "a call is told",
                function);
    }
    const bool into = any_node(tree, "intoClause", [](const json& clause) {
        return is_temporary_relation(clause.contains("rel") ? clause["rel"] : json::object());
    });
    require(
        !tree.contains("SelectStmt") || !into || pins(effects, number, pin_cause::temporary_object),
        "what is temporary is told");
}

/// Of a statement as the parser understands it.
void check_tree(const json& tree, const std::vector<effect>& effects, std::size_t number) {
    static constexpr std::array<std::pair<std::string_view, effect_kind>, 6> simple{{
        {"PrepareStmt", effect_kind::prepare},
        {"ExecuteStmt", effect_kind::execute},
        {"DeallocateStmt", effect_kind::deallocate},
        {"ListenStmt", effect_kind::listen},
        {"UnlistenStmt", effect_kind::unlisten},
        {"LoadStmt", effect_kind::pin},
    }};
    for (const auto& [type, kind] : simple) {
        require(!tree.contains(type) || has(effects, number, kind), "it is told", type);
    }
    if (const auto set = tree.find("VariableSetStmt"); set != tree.end()) {
        check_set(*set, effects, number);
    }
    if (const auto ends = tree.find("TransactionStmt"); ends != tree.end()) {
        const effect_kind kind = kind_of_transaction(*ends);
        require(kind == effect_kind::pin || has(effects, number, kind), "a transaction is told");
    }
    if (const auto table = tree.find("CreateStmt"); table != tree.end()) {
        require(
            !is_temporary_relation((*table)["relation"]) || has(effects, number, effect_kind::pin),
            "a temporary table is told");
    }
    check_query(tree, effects, number);
}

void check_trees(const std::string& sql, const std::vector<effect>& effects) {
    const std::optional<json> trees = trees_of(sql);
    if (!trees) {
        return;
    }
    for (const effect& each : effects) {
        require(each.statement < trees->size(), "an effect is of a statement");
    }
    for (std::size_t i = 0; i < trees->size(); ++i) {
        check_tree((*trees)[i]["stmt"], effects, i);
    }
    const transaction_statement sole = transaction_statement_of(sql);
    if (sole != transaction_statement::none) {
        require(trees->size() == 1 && (*trees)[0]["stmt"].contains("TransactionStmt"),
                "it is one statement of a transaction");
        const effect_kind kind = kind_of_transaction((*trees)[0]["stmt"]["TransactionStmt"]);
        require(kind == (sole == transaction_statement::begin    ? effect_kind::begin
                         : sole == transaction_statement::commit ? effect_kind::commit
                                                                 : effect_kind::rollback),
                "it is this statement");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string sql(reinterpret_cast<const char*>(data), size);
    const std::vector<effect> effects = effects_of(sql);
    const bool looks = needs_look(sql);
    for (const effect& each : effects) {
        require(looks || each.kind == effect_kind::begin || each.kind == effect_kind::commit ||
                    each.kind == effect_kind::rollback,
                "the quick look sees each effect");
        require(each.place.at + each.place.size <= size, "a name is in the text");
        require((each.kind == effect_kind::pin) == (each.cause != pin_cause::none), "a cause");
    }
    if (sql.resize(std::min(sql.find('\0'), sql.size())); sql.size() <= longest_tree) {
        check_trees(sql, effects);
    }
    return 0;
}
