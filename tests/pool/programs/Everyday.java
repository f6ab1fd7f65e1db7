// SPDX-License-Identifier: Apache-2.0
//
// Everyday use of PostgreSQL's JDBC driver. PGHOST and its relatives say where; ends with status 0 if
// all was right.
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;

public final class Everyday {
    private static String table;

    private static Connection connect(String options) throws SQLException {
        String address = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
        return DriverManager.getConnection("jdbc:postgresql://" + address + "/" +
            System.getenv("PGDATABASE") + "?user=" + System.getenv("PGUSER") + "&" + options);
    }

    private static void check(boolean right, String what) {
        if (!right) {
            throw new AssertionError(what);
        }
    }

    private static void expect(String state, SQLException error) {
        check(state.equals(error.getSQLState()), error.getSQLState() + ": " + error.getMessage());
    }

    private static int number(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
             ResultSet rows = statement.executeQuery(sql)) {
            check(rows.next(), sql);
            return rows.getInt(1);
        }
    }

    private static void prepared(Connection connection) throws SQLException {
        // From its fifth use on, the driver gives a statement a name on the server.
        try (PreparedStatement twice = connection.prepareStatement("select ? * 2, ?")) {
            for (int i = 0; i < 20; ++i) {
                twice.setInt(1, i);
                twice.setString(2, "it's");
                try (ResultSet rows = twice.executeQuery()) {
                    check(rows.next() && rows.getInt(1) == 2 * i, "twice " + i);
                }
            }
        }
    }

    private static void transactions(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement insert =
                 connection.prepareStatement("insert into " + table + " values (?, ?)")) {
            for (int i = 0; i < 500; ++i) {
                insert.setInt(1, i);
                insert.setString(2, "name " + i);
                insert.addBatch();
            }
            check(insert.executeBatch().length == 500, "batch");
        }
        connection.commit();
        try {
            number(connection, "insert into " + table + " values (1, 'again') returning id");
            check(false, "a row that is there");
        } catch (SQLException error) {
            expect("23505", error);
        }
        connection.rollback();
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);  // a portal in portions
            int count = 0;
            try (ResultSet rows = statement.executeQuery("select generate_series(1, 1000)")) {
                while (rows.next()) {
                    ++count;
                }
            }
            check(count == 1000, "portions");
        }
        connection.commit();
        connection.setAutoCommit(true);
        check(number(connection, "select count(*) from " + table) == 500, "rows");
    }

    private static void copyAndCancel(Connection connection) throws Exception {
        long rows = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(
            "copy " + table + " from stdin", new StringReader("1000\ta\n1001\tb\n"));
        check(rows == 2, "copied");
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("select pg_sleep(60)");
            check(false, "a timeout");
        } catch (SQLException error) {
            expect("57014", error);
        }
        check(number(connection, "select 5") == 5, "after the timeout");
    }

    public static void main(String[] arguments) throws Exception {
        table = arguments[0];
        String options = arguments[1].equals("prepared") ? "" : "prepareThreshold=0";
        try (Connection first = connect(options); Connection second = connect(options)) {
            for (int i = 0; i < 3; ++i) {
                prepared(first);
                prepared(second);
            }
            transactions(first);
            copyAndCancel(second);
        }
        try (Connection simple = connect("preferQueryMode=simple")) {
            prepared(simple);
        }
    }
}
