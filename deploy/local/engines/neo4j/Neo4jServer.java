// A Neo4j of this machine's own: the Community edition's database, in one process, reached over bolt on loopback.
//
// Purpose: `npm start -- --neo4j` and the tests, without Docker and without an installation.
// Owner:   local-neo4j.ts, which starts it and stops it by SIGTERM. It outlives its owner.
//
//  J1  Only this machine reaches it, and only with its password, which comes through the environment (a command line is everybody's to read);
//      without one everybody is let in, for tests.
//  J2  It reads no files for a caller (LOAD CSV).
//  J3  READY is printed once bolt answers and the password holds.
//  J4  Its number and its port stand in `server.pid` of its folder before it opens it, so that whoever comes next can find it.
//  J5  SIGTERM stops it in good order; what was committed survives SIGKILL as well.
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

public class Neo4jServer {
  private static final long MIB = 1024L * 1024L;

  /** Arguments: the data folder, the port, the page cache in MiB, and for how many seconds at least a plan is kept. */
  public static void main(String[] arguments) throws Exception {
    var folder = Path.of(arguments[0]);
    Files.writeString(folder.resolve("server.pid"), ProcessHandle.current().pid() + "\n" + arguments[1] + "\n");
    var password = System.getenv("NEO4J_PASSWORD");
    var address = new SocketAddress("127.0.0.1", Integer.parseInt(arguments[1]));
    var server = new DatabaseManagementServiceBuilder(folder)
        .setConfig(BoltConnector.enabled, true)
        .setConfig(BoltConnector.listen_address, address)
        .setConfig(BoltConnector.advertised_address, address)
        .setConfig(GraphDatabaseSettings.auth_enabled, !password.isEmpty())
        .setConfig(GraphDatabaseSettings.allow_file_urls, false)
        .setConfig(GraphDatabaseSettings.pagecache_memory, Long.parseLong(arguments[2]) * MIB)
        // Our queries say which index they use, so nothing here looks at samples.
        .setConfig(GraphDatabaseSettings.index_background_sampling_enabled, false)
        .setConfig(GraphDatabaseSettings.cypher_min_replan_interval, Duration.ofSeconds(Long.parseLong(arguments[3])))
        .build();
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
    try {
      if (!password.isEmpty()) {
        server.database("system").executeTransactionally(
            "CREATE OR REPLACE USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED", Map.of("password", password));
      }
      System.out.println("READY");
    } catch (RuntimeException error) {
      // Its threads would keep a server alive that lets nobody in.
      error.printStackTrace();
      System.exit(1);
    }
    Thread.currentThread().join();
  }
}
