// SPDX-License-Identifier: Apache-2.0

// Everyday use of pgx. PGHOST and its relatives say where; ends with status 0 if all was right.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(state string, err error) {
	var told *pgconn.PgError
	if !errors.As(err, &told) || told.Code != state {
		panic(fmt.Sprintf("not %s but %v", state, err))
	}
}

func number(ctx context.Context, db *pgx.Conn, sql string, arguments ...interface{}) int {
	var n int
	check(db.QueryRow(ctx, sql, arguments...).Scan(&n))
	return n
}

func same(a, b int, what string) {
	if a != b {
		panic(fmt.Sprintf("%s: %d, not %d", what, a, b))
	}
}

func transactions(ctx context.Context, db *pgx.Conn, table string) {
	check(db.BeginFunc(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into "+table+" values ($1, $2)", 1, "kept")
		return err
	}))
	tx, err := db.Begin(ctx)
	check(err)
	_, err = tx.Exec(ctx, "insert into "+table+" values ($1, $2)", 1, "again")
	expect("23505", err)
	check(tx.Rollback(ctx))
	same(number(ctx, db, "select count(*)::int from "+table), 1, "rows")
}

func batchAndCopy(ctx context.Context, db *pgx.Conn, table string) {
	batch := &pgx.Batch{}
	for i := 0; i < 100; i++ {
		batch.Queue("select $1::int + 1", i)
	}
	results := db.SendBatch(ctx, batch)
	for i := 0; i < 100; i++ {
		var n int
		check(results.QueryRow().Scan(&n))
		same(n, i+1, "batch")
	}
	check(results.Close())
	rows := make([][]interface{}, 2000)
	for i := range rows {
		rows[i] = []interface{}{int32(i + 10), "copied"}
	}
	count, err := db.CopyFrom(ctx, pgx.Identifier{table}, []string{"id", "name"}, pgx.CopyFromRows(rows))
	check(err)
	same(int(count), 2000, "copied")
}

func connect(ctx context.Context) *pgx.Conn {
	config, err := pgx.ParseConfig("")
	check(err)
	db, err := pgx.ConnectConfig(ctx, config)
	check(err)
	return db
}

func main() {
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	first, second := connect(ctx), connect(ctx)
	for i := 0; i < 10; i++ {
		same(number(ctx, first, "select $1::int * 2", i), 2*i, "first")
		same(number(ctx, second, "select $1::int * 3", i), 3*i, "second")
	}
	transactions(ctx, first, os.Args[1])
	batchAndCopy(ctx, second, os.Args[1])
	_, err := first.Exec(ctx, "select 1 / $1::int", 0)
	expect("22012", err)
	check(first.Close(ctx))
	check(second.Close(ctx))
}
