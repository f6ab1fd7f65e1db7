// SPDX-License-Identifier: Apache-2.0
//
// Everyday use of node-postgres. PGHOST and its relatives say where; ends with status 0 if all was right.
"use strict";
const assert = require("assert");
const { Client, Pool } = require("pg");

const table = process.argv[2];

async function queries(client) {
  let result = await client.query("select 6 * 7 as answer");
  assert.strictEqual(result.rows[0].answer, 42);
  result = await client.query("select $1::text as text, $2::int[] as list", ["it's", [1, 2]]);
  assert.deepStrictEqual(result.rows[0], { text: "it's", list: [1, 2] });
  result = await client.query({ text: "select $1::int", values: [1], rowMode: "array" });
  assert.deepStrictEqual(result.rows, [[1]]);
  result = await client.query("select generate_series(1, 20000)");
  assert.strictEqual(result.rowCount, 20000);
}

async function prepared(clients) {
  for (let number = 0; number < 10; ++number) {
    for (const client of clients) {
      const result = await client.query({ name: "twice", text: "select $1::int * 2 as n", values: [number] });
      assert.strictEqual(result.rows[0].n, 2 * number);
    }
  }
}

async function transactions(client) {
  await client.query("begin");
  await client.query(`insert into ${table} values ($1, $2)`, [1, "kept"]);
  await client.query("commit");
  await client.query("begin");
  await assert.rejects(client.query(`insert into ${table} values (1, 'again')`), { code: "23505" });
  await assert.rejects(client.query("select 1"), { code: "25P02" });
  await client.query("rollback");
  const result = await client.query(`select * from ${table}`);
  assert.deepStrictEqual(result.rows, [{ id: 1, name: "kept" }]);
}

async function manyAtOnce() {
  const pool = new Pool({ max: 4 });
  const all = Array.from({ length: 100 }, (_, number) => pool.query("select $1::int as n", [number]));
  const results = await Promise.all(all);
  results.forEach((result, number) => assert.strictEqual(result.rows[0].n, number));
  await pool.end();
}

async function errors(client) {
  await assert.rejects(client.query("selekt 1"), { code: "42601" });
  await assert.rejects(client.query("select 1 / $1::int", [0]), { code: "22012" });
  assert.strictEqual((await client.query("select 1 as one")).rows[0].one, 1);
}

async function main() {
  const clients = [new Client(), new Client()];
  for (const client of clients) await client.connect();
  const [first] = clients;
  await queries(first);
  if (process.env.WEFT_POOL_MODE !== "statement") await transactions(first);
  await errors(first);
  if (process.argv[3] === "prepared") await prepared(clients);
  await manyAtOnce();
  for (const client of clients) await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
