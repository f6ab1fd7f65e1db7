// SPDX-License-Identifier: Apache-2.0
#include "sql/effects.h"

#include <array>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sql/needs_look.h"

namespace weft::pool {
namespace {

std::string_view word_of(effect_kind kind) {
    static constexpr std::array words{
        "begin",
        "commit",
        "rollback",
        "prepare_transaction",
        "set",
        "reset",
        "reset_all",
        "role",
        "session_authorization",
        "prepare",
        "execute",
        "deallocate",
        "discard_all",
        "discard_temp",
        "discard_plans",
        "discard_sequences",
        "listen",
        "unlisten",
        "pin",
        "unlock",
    };
    return words.at(static_cast<std::size_t>(kind));
}

/// An effect a line: what it is, `local`, the name in brackets, the text behind a colon.
std::string shown(const effect& each) {
    std::string line(word_of(each.kind));
    line += each.local ? " local" : "";
    if (each.kind == effect_kind::pin) {
        line.append(" ").append(describe(each.cause));
    }
    line += each.name.empty() ? "" : " [" + each.name + "]";
    line += each.types.empty() ? "" : " (" + each.types + ")";
    line += each.text.empty() ? "" : ": " + each.text;
    return line;
}

std::string effects_shown(std::string_view sql) {
    std::string all;
    for (const effect& each : effects_of(sql)) {
        all += (all.empty() ? "" : " | ") + shown(each);
    }
    return all;
}

bool is_of_transactions(const effect& each) {
    return each.kind == effect_kind::begin || each.kind == effect_kind::commit ||
           each.kind == effect_kind::rollback;
}

struct row {
    const char* sql;
    const char* effects;
};

template <std::size_t Count>
void check(const row (&rows)[Count]) {
    for (const auto& [sql, effects] : rows) {
        EXPECT_EQ(effects_shown(sql), effects) << sql;
        for (const effect& each : effects_of(sql)) {
            EXPECT_TRUE(is_of_transactions(each) || needs_look(sql)) << sql;
        }
    }
}

TEST(effects, are_none_of_what_the_session_does_not_notice) {
    check({
        {"syntax error", ""},
        {"", ""},
        {";", ""},
        {" ; ;\n", ""},
        {"-- nothing", ""},
        {"/* set x to 1 */", ""},
        {"SELECT 1", ""},
        {"SELECT * FROM temp", ""},
        {"SELECT a INTO b FROM c", ""},
        {"INSERT INTO temp VALUES (1)", ""},
        {"INSERT INTO temporary SELECT 1", ""},
        {"WITH a AS (SELECT 1) INSERT INTO temp SELECT * FROM a", ""},
        {"UPDATE t SET x = 1", ""},
        {"DELETE FROM t WHERE x = 'set x to 1'", ""},
        {"MERGE INTO temp USING b ON true WHEN MATCHED THEN DELETE", ""},
        {"NOTIFY news, 'listen'", ""},
        {"SAVEPOINT a", ""},
        {"RELEASE a", ""},
        {"ROLLBACK TO SAVEPOINT a", ""},
        {"ROLLBACK TRANSACTION TO a", ""},
        {"COMMIT PREPARED 'a'", ""},
        {"ROLLBACK PREPARED 'a'", ""},
        {"SHOW search_path", ""},
        {"CREATE TABLE t (x int)", ""},
        {"CREATE UNLOGGED TABLE temp (x int)", ""},
        {"CREATE INDEX ON t (x)", ""},
        {"CREATE FUNCTION f() RETURNS void AS 'set x to 1' LANGUAGE sql", ""},
        {"CREATE FUNCTION f() RETURNS bool RETURN pg_try_advisory_lock(1)", ""},
        {"CREATE FUNCTION f() RETURNS int AS 'x' LANGUAGE c SET search_path = a, pg_temp", ""},
        {"CREATE VIEW v AS SELECT pg_advisory_lock(1)", ""},
        {"GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO bob", ""},
        {"ALTER ROLE bob SET search_path TO a", ""},
        {"ALTER DATABASE shop SET work_mem = '1MB'", ""},
        {"ALTER SYSTEM SET work_mem = '1MB'", ""},
        {"ALTER TABLE t SET (fillfactor = 70)", ""},
        {"DECLARE c CURSOR FOR SELECT 1", ""},
        {"DECLARE c SCROLL CURSOR WITHOUT HOLD FOR SELECT 1", ""},
        {"FETCH 10 FROM c", ""},
        {"CLOSE c", ""},
        {"COPY t FROM STDIN", ""},
        {"LOCK TABLE t", ""},
    });
}

TEST(effects, are_none_of_what_ends_with_the_transaction_or_is_only_named) {
    check({
        {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""},
        {"SET LOCAL TRANSACTION READ ONLY", ""},
        {"SET transaction_isolation = 'serializable'", ""},
        {"SET CONSTRAINTS ALL DEFERRED", ""},
        {"RESET transaction_isolation", ""},
        {"EXPLAIN SELECT pg_advisory_lock(1)", ""},
        {"EXPLAIN (COSTS off) SELECT 1 INTO TEMP x", ""},
        {"EXPLAIN (SELECT analyze FROM t)", ""},
        {"DO $$ BEGIN UPDATE t SET x = 1; END $$", ""},
        {"DO $$ BEGIN SET LOCAL x = 1; PERFORM pg_advisory_xact_lock(1); END $$", ""},
        {"SELECT 'pg_advisory_lock(1)', $$;SET x = 1$$, E'\\';SET x = 1;'", ""},
        {"SELECT pg_advisory_lock FROM t", ""},
        {"SELECT \"PG_ADVISORY_LOCK\"(1)", ""},
        {"SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(1)", ""},
        {"SELECT nextval('s'), setval('s', 1)", ""},
        {"SELECT * FROM pg_settings FOR SHARE", ""},
    });
}

TEST(effects, of_transactions) {
    check({
        {"BEGIN", "begin: BEGIN"},
        {"begin isolation level serializable, read only;",
         "begin: begin isolation level serializable, read only"},
        {"/* a */ START TRANSACTION READ WRITE", "begin: START TRANSACTION READ WRITE"},
        {"COMMIT", "commit"},
        {"END WORK", "commit"},
        {"COMMIT AND CHAIN", "commit | begin"},
        {"COMMIT AND NO CHAIN", "commit"},
        {"ROLLBACK", "rollback"},
        {"ABORT TRANSACTION", "rollback"},
        {"ROLLBACK AND CHAIN", "rollback | begin"},
        {"PREPARE TRANSACTION 'x'", "prepare_transaction"},
    });
}

TEST(effects, of_settings) {
    check({
        {"SET search_path TO a, b", "set [search_path]: SET search_path TO a, b"},
        {"set Search_Path = \"A\", 'b c'", "set [search_path]: SET Search_Path = \"A\", 'b c'"},
        {"SET SESSION work_mem = '4MB';", "set [work_mem]: SET work_mem = '4MB'"},
        {"SET LOCAL work_mem TO 64", "set local [work_mem]: SET work_mem TO 64"},
        {"SET my.\"Name\" TO -1.5e3", "set [my.name]: SET my.\"Name\" TO -1.5e3"},
        {"SET session.user_id = 5", "set [session.user_id]: SET session.user_id = 5"},
        {"SET local.x TO 5", "set [local.x]: SET local.x TO 5"},
        {"SET x TO /* why */ 1 -- because", "set [x]: SET x TO 1"},
        {"SET x TO 'a'\n 'b'", "set [x]: SET x TO 'a'\n 'b'"},
        {"SET x TO DEFAULT", "reset [x]"},
        {"SET LOCAL x = DEFAULT", "reset local [x]"},
        {"SET TIME ZONE 'UTC'", "set [timezone]: SET TIME ZONE 'UTC'"},
        {"SET TIME ZONE INTERVAL '-3' HOUR TO MINUTE",
         "set [timezone]: SET TIME ZONE INTERVAL '-3' HOUR TO MINUTE"},
        {"SET LOCAL TIME ZONE -7", "set local [timezone]: SET TIME ZONE -7"},
        {"SET TIME ZONE LOCAL", "reset [timezone]"},
        {"SET TIME ZONE DEFAULT", "reset [timezone]"},
        {"SET timezone TO 'UTC'", "set [timezone]: SET timezone TO 'UTC'"},
        {"SET NAMES 'utf8'", "set [client_encoding]: SET NAMES 'utf8'"},
        {"SET NAMES", "reset [client_encoding]"},
        {"SET NAMES DEFAULT", "reset [client_encoding]"},
        {"SET SCHEMA 'a'", "set [search_path]: SET SCHEMA 'a'"},
        {"SET XML OPTION DOCUMENT", "set [xmloption]: SET XML OPTION DOCUMENT"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
         "set [default_transaction_isolation]: "
         "SET default_transaction_isolation TO 'repeatable read'"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, NOT DEFERRABLE",
         "set [default_transaction_read_only]: SET default_transaction_read_only TO 'on' | "
         "set [default_transaction_deferrable]: SET default_transaction_deferrable TO 'off'"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION DEFERRABLE READ WRITE",
         "set [default_transaction_deferrable]: SET default_transaction_deferrable TO 'on' | "
         "set [default_transaction_read_only]: SET default_transaction_read_only TO 'off'"},
        {"SET session_replication_role = replica",
         "set [session_replication_role]: SET session_replication_role = replica"},
        {"RESET work_mem", "reset [work_mem]"},
        {"RESET My.Name", "reset [my.name]"},
        {"RESET TIME ZONE", "reset [timezone]"},
        {"RESET ALL", "reset_all"},
        {"SET seed TO 0.5", "pin setting that cannot be set again"},
        {"SET x FROM CURRENT", "pin setting that cannot be set again"},
        {"SET LOCAL x FROM CURRENT", ""},
        {"SET U&\"\\0078\" TO 1", "pin setting that cannot be set again"},
        {"SET search_path = pg_temp, a",
         "pin temporary object | set [search_path]: SET search_path = pg_temp, a"},
        {"SET search_path = a, pg_temp", "set [search_path]: SET search_path = a, pg_temp"},
        {"UPDATE pg_settings SET setting = 'a' WHERE name = 'x'",
         "pin setting that cannot be set again"},
        {"WITH a AS (UPDATE pg_catalog.\"pg_settings\" SET setting = 'a') SELECT 1",
         "pin setting that cannot be set again"},
    });
}

TEST(effects, of_who_one_is) {
    check({
        {"SET ROLE bob", "role [bob]: SET ROLE bob"},
        {"SET ROLE 'Bob'", "role [Bob]: SET ROLE 'Bob'"},
        {"SET LOCAL ROLE \"Bob\"", "role local [Bob]: SET ROLE \"Bob\""},
        {"SET ROLE NONE", "role [none]: SET ROLE NONE"},
        {"SET role TO bob", "role [bob]: SET role TO bob"},
        {"RESET ROLE", "role: RESET ROLE"},
        {"SET SESSION AUTHORIZATION bob",
         "session_authorization [bob]: SET SESSION AUTHORIZATION bob"},
        {"SET LOCAL SESSION AUTHORIZATION 'bob'",
         "session_authorization local [bob]: SET SESSION AUTHORIZATION 'bob'"},
        {"SET SESSION SESSION AUTHORIZATION bob",
         "session_authorization [bob]: SET SESSION AUTHORIZATION bob"},
        {"SET SESSION AUTHORIZATION DEFAULT", "session_authorization: RESET SESSION AUTHORIZATION"},
        {"RESET SESSION AUTHORIZATION", "session_authorization: RESET SESSION AUTHORIZATION"},
        {"SELECT set_config('role', 'bob', false)",
         "role [bob]: SELECT pg_catalog.set_config('role', 'bob', false)"},
    });
}

TEST(effects, of_set_config) {
    const char* const pinned = "pin setting that cannot be set again";
    check({
        {"SELECT set_config('Work_Mem', '4MB', false)",
         "set [work_mem]: SELECT pg_catalog.set_config('Work_Mem', '4MB', false)"},
        {"select 1, pg_catalog.set_config('a.b'::text, $$c$$, 'f') as x, 2",
         "set [a.b]: SELECT pg_catalog.set_config('a.b'::text, $$c$$, 'f')"},
        {"SELECT set_config('a', 'b', true) FROM t",
         "set local [a]: SELECT pg_catalog.set_config('a', 'b', true)"},
        {"SELECT set_config($1, $2, true)",
         "set local: SELECT pg_catalog.set_config($1, $2, true)"},
        {"SELECT set_config('a', 'b', false), set_config('c', 'd', false)",
         "set [a]: SELECT pg_catalog.set_config('a', 'b', false) | "
         "set [c]: SELECT pg_catalog.set_config('c', 'd', false)"},
        {"SELECT set_config($1, $2, $3)", pinned},
        {"SELECT set_config('a', $1, false)", pinned},
        {"SELECT set_config('a', 'b', 1 = 1)", pinned},
        {"SELECT set_config('a', E'\\x41', false)", pinned},
        {"SELECT set_config('a', 'b', false) FROM t", pinned},
        {"SELECT set_config('a', 'b', false) WHERE false", pinned},
        {"SELECT coalesce(x, set_config('a', 'b', false))", pinned},
        {"SELECT CASE WHEN true THEN set_config('a', 'b', false) END", pinned},
        {"INSERT INTO t VALUES (set_config('a', 'b', false))", pinned},
        {"SELECT set_config(", pinned},
        {"SELECT set_config('search_path', 'pg_temp', true)",
         "pin temporary object | "
         "set local [search_path]: SELECT pg_catalog.set_config('search_path', 'pg_temp', true)"},
    });
}

TEST(effects, of_prepared_statements) {
    check({
        {"PREPARE p AS SELECT $1", "prepare [p]: SELECT $1"},
        {"PREPARE \"P q\" (int, text) AS /* hint */ SELECT $1 /*+ x */ + 1; -- end",
         "prepare [P q] (int, text): SELECT $1 /*+ x */ + 1"},
        {"PREPARE transaction AS SELECT 1", "prepare [transaction]: SELECT 1"},
        {"PREPARE p AS SELECT pg_advisory_lock(1)", "prepare [p]: SELECT pg_advisory_lock(1)"},
        {"EXECUTE p", "execute [p]"},
        {"EXECUTE P(1, 'a;b')", "execute [p]: (1, 'a;b')"},
        {"EXECUTE p(pg_advisory_lock(1))",
         "execute [p]: (pg_advisory_lock(1)) | pin session advisory lock"},
        {"EXPLAIN EXECUTE p(1)", "execute [p]: (1)"},
        {"EXPLAIN (ANALYZE, BUFFERS) EXECUTE p(1)", "execute [p]: (1)"},
        {"CREATE TABLE t AS EXECUTE p(1) WITH NO DATA", "execute [p]: (1)"},
        {"EXPLAIN CREATE TABLE t AS EXECUTE p", "execute [p]"},
        {"CREATE TEMP TABLE t AS EXECUTE p", "pin temporary object | execute [p]"},
        {"DEALLOCATE p", "deallocate [p]"},
        {"DEALLOCATE PREPARE \"P\"", "deallocate [P]"},
        {"DEALLOCATE prepare", "deallocate [prepare]"},
        {"DEALLOCATE ALL", "deallocate"},
        {"DEALLOCATE PREPARE ALL", "deallocate"},
    });
}

TEST(effects, name_the_place_of_a_prepared_statement) {
    for (const std::string sql :
         {"PREPARE \"a b\" AS SELECT 1", "EXECUTE \"a b\"(1)",
          "SELECT 1; EXPLAIN ANALYZE EXECUTE \"a b\"", "DEALLOCATE PREPARE \"a b\"",
          "CREATE TABLE t AS EXECUTE \"a b\""}) {
        const auto effects = effects_of(sql);
        ASSERT_EQ(effects.size(), 1U) << sql;
        EXPECT_EQ(sql.substr(effects[0].place.at, effects[0].place.size), "\"a b\"");
    }
}

TEST(effects, of_discard_and_listen) {
    check({
        {"DISCARD ALL", "discard_all"},
        {"DISCARD TEMP", "discard_temp"},
        {"discard temporary;", "discard_temp"},
        {"DISCARD PLANS", "discard_plans"},
        {"DISCARD SEQUENCES", "discard_sequences"},
        {"LISTEN news", "listen [news]"},
        {"LISTEN \"News\"", "listen [News]"},
        {"UNLISTEN news", "unlisten [news]"},
        {"UNLISTEN *", "unlisten"},
    });
}

TEST(effects, are_pins_of_what_is_temporary) {
    const char* const pinned = "pin temporary object";
    check({
        {"CREATE TEMP TABLE t (x int)", pinned},
        {"create temporary table if not exists t as select 1", pinned},
        {"CREATE LOCAL TEMPORARY TABLE t (x int)", pinned},
        {"CREATE GLOBAL TEMP TABLE t (x int)", pinned},
        {"CREATE TEMP SEQUENCE s", pinned},
        {"CREATE TEMP VIEW v AS SELECT 1", pinned},
        {"CREATE OR REPLACE TEMP VIEW v AS SELECT 1", pinned},
        {"CREATE OR REPLACE TEMPORARY RECURSIVE VIEW v (n) AS SELECT 1", pinned},
        {"CREATE TABLE pg_temp.t (x int)", pinned},
        {"CREATE TABLE pg_temp_3.t (x int)", pinned},
        {"CREATE FUNCTION pg_temp.f() RETURNS int AS 'SELECT 1' LANGUAGE sql", pinned},
        {"CREATE TYPE \"pg_temp\" . x AS (a int)", pinned},
        {"CREATE/**/TEMP/*x*/TABLE t (x int)", pinned},
        {"SELECT 1 INTO TEMP t", pinned},
        {"SELECT a INTO LOCAL TEMPORARY TABLE t FROM b", pinned},
        {"SELECT a INTO pg_temp.t FROM b", pinned},
        {"(SELECT 1 INTO TEMP t) UNION SELECT 2", pinned},
        {"WITH a AS (SELECT 1) SELECT * INTO TEMP t FROM a", pinned},
        {"EXPLAIN ANALYZE SELECT 1 INTO TEMP t", pinned},
        {"EXPLAIN (ANALYZE) CREATE TEMP TABLE t AS SELECT 1", pinned},
        {"CREATE TEMP TABLE t (a int GENERATED ALWAYS AS (1) VIRTUAL)", pinned},
    });
}

TEST(effects, are_pins_of_calls) {
    const char* const lock = "pin session advisory lock";
    const char* const sequence = "pin currval() or lastval()";
    const char* const resource = "pin resource of the session";
    check({
        {"SELECT pg_advisory_lock(1)", lock},
        {"SELECT pg_try_advisory_lock(1, 2)", lock},
        {"SELECT pg_advisory_lock_shared(1)", lock},
        {"SELECT pg_try_advisory_lock_shared(1)", lock},
        {"SELECT PG_Catalog . Pg_Advisory_Lock /* x */ (1)", lock},
        {"SELECT \"pg_advisory_lock\"(1)", lock},
        {"SELECT * FROM (SELECT pg_try_advisory_lock(id) FROM t) x WHERE y IN (1)", lock},
        {"(SELECT pg_advisory_lock(1))", lock},
        {"VALUES (pg_advisory_lock(1))", lock},
        {"WITH a AS (SELECT pg_advisory_lock(1)) SELECT 1", lock},
        {"UPDATE t SET x = 1 WHERE pg_try_advisory_lock(x)", lock},
        {"DELETE FROM t RETURNING pg_advisory_lock(1)", lock},
        {"CALL p(pg_advisory_lock(1))", lock},
        {"COPY (SELECT pg_advisory_lock(1)) TO STDOUT", lock},
        {"CREATE TABLE t AS SELECT pg_advisory_lock(1)", lock},
        {"CREATE MATERIALIZED VIEW v AS SELECT pg_advisory_lock(1)", lock},
        {"EXPLAIN ANALYZE SELECT pg_advisory_lock(1)", lock},
        {"DECLARE c CURSOR FOR SELECT pg_advisory_lock(1)", lock},
        {"SELECT pg_advisory_lock(1), pg_advisory_lock(2)", lock},
        {"SELECT pg_advisory_unlock(1)", "unlock"},
        {"SELECT pg_advisory_unlock_shared(1, 2)", "unlock"},
        {"SELECT pg_advisory_unlock_all()", "unlock [all]"},
        {"SELECT currval('s')", sequence},
        {"INSERT INTO t VALUES (1) RETURNING LASTVAL()", sequence},
        {"ALTER TABLE t ADD x int DEFAULT currval('s')", sequence},
        {"SELECT setseed(0.5)", "pin setting that cannot be set again"},
        {"SELECT set_limit(0.5)", "pin setting that cannot be set again"},
        {"SELECT dblink_connect('c', 'dbname=x')", resource},
        {"SELECT pg_backup_start('x')", resource},
        {"SELECT pg_create_logical_replication_slot('a', 'b', true)", resource},
        {"SELECT U&\"pg\\005fadvisory_lock\"(1)", resource},
    });
}

TEST(effects, are_pins_of_other_things) {
    const char* const held = "pin cursor WITH HOLD";
    const char* const block = "pin DO block that changes the session";
    check({
        {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", held},
        {"declare c binary insensitive no scroll cursor with hold for select 1", held},
        {"LOAD 'auto_explain'", "pin LOAD"},
        {"DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$", block},
        {"DO LANGUAGE plpgsql 'BEGIN\n SET x = 1; END'", block},
        {"DO $$ BEGIN IF true THEN RESET x; END IF; END $$", block},
        {"DO $a$ BEGIN EXECUTE 'create temp table t (x int)'; END $a$", block},
        {"DO $a$ BEGIN EXECUTE $b$ LISTEN x $b$; END $a$", block},
        {"DO E'BEGIN\\nCREATE TEMP TABLE t (x int); END'", block},
        {"DO $$ BEGIN PERFORM set_config('a', 'b', true); END $$", block},
    });
}

TEST(effects, come_in_the_order_of_the_statements) {
    const auto effects = effects_of(
        "BEGIN;; SET x TO 1; SELECT 1;\n"
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT currval('s'); END;"
        "CREATE RULE r AS ON INSERT TO t DO ALSO (NOTIFY a; NOTIFY b); LISTEN a; COMMIT;");
    ASSERT_EQ(effects.size(), 4U);
    EXPECT_EQ(effects[0].kind, effect_kind::begin);
    EXPECT_EQ(effects[0].statement, 0U);
    EXPECT_EQ(effects[1].kind, effect_kind::set_parameter);
    EXPECT_EQ(effects[1].statement, 1U);
    EXPECT_EQ(effects[2].kind, effect_kind::listen);
    EXPECT_EQ(effects[2].statement, 5U);
    EXPECT_EQ(effects[3].kind, effect_kind::commit);
    EXPECT_EQ(effects[3].statement, 6U);
}

TEST(effects, are_told_of_a_syntax_that_only_a_newer_server_knows) {
    EXPECT_EQ(effects_shown("SELECT * FROM NEW SYNTAX [(;)]; SET x TO 1; LISTEN a"),
              "set [x]: SET x TO 1 | listen [a]");
}

TEST(effects, are_pins_in_a_long_text) {
    const std::string filler = "SELECT '" + std::string(longest_read, 'a') + "';";
    const char* const pinned = "pin text too long to read";
    EXPECT_EQ(effects_shown(filler + "SELECT 'SET x', x AS temp, pg_advisory_xact_lock(1)"), "");
    EXPECT_EQ(effects_shown(filler + "SET x TO 1"), pinned);
    EXPECT_EQ(effects_shown(filler + "(SELECT currval('s'))"), pinned);
    EXPECT_EQ(effects_shown(filler + "SELECT 1 INTO TEMP t"), pinned);
    EXPECT_EQ(effects_shown(filler + "UPDATE pg_settings SET setting = 'a'"), pinned);
}

TEST(effects, end_with_a_zero_byte) {
    EXPECT_EQ(effects_shown({"SET x TO 1\0; LISTEN a", 21}), "set [x]: SET x TO 1");
}

TEST(effects, of_hostile_texts_take_little_time) {
    for (const char* const part :
         {"(", "set_config(", "select set_config('a','b',false),", "explain analyze ",
          "create table as execute a(", "set x to ", "do '", ";", "set x;", "$a", "/*", "'\n"}) {
        std::string sql;
        while (sql.size() < longest_read - 40) {
            sql += part;
        }
        EXPECT_LT(effects_of(sql).size(), longest_read) << part;
    }
}

TEST(effects, keep_many_calls_of_set_config_short) {
    std::string sql = "SELECT set_config('a', 'b', false)";
    for (int i = 0; i < 64; ++i) {
        sql += ", set_config('a', 'b', false)";
    }
    const auto effects = effects_of(sql);
    ASSERT_EQ(effects.size(), 65U);
    EXPECT_EQ(effects.back().kind, effect_kind::pin);
}

}  // namespace
}  // namespace weft::pool
