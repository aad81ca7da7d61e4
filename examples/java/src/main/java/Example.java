import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.StatusException;
import io.grpc.stub.MetadataUtils;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * What a Java program does with COS: it records, it listens, and it works as a member of a durable consumer.
 *
 * <p>usage: Example record|subscribe|consume [MODULE [COUNT]]
 */
public final class Example {
  /** What passes: nobody was there, the answer was lost, or the member was given up for dead. docs/errors.md has all reasons. */
  private static final Set<Code> PASSES = EnumSet.of(Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.ABORTED);

  private static final long WAIT_MIN_MS = 100;
  private static final long WAIT_MAX_MS = 5_000;

  private final ManagedChannel connection = connect();

  public static void main(String[] arguments) throws Exception {
    var example = new Example();
    var module = arguments.length > 1 ? arguments[1] : "cc";
    var count = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 5;
    switch (arguments.length == 0 ? "" : arguments[0]) {
      case "record" -> RecordMemories.record(example, module, count);
      case "subscribe" -> Subscribe.subscribe(example, module);
      case "consume" -> Consume.consume(example, module);
      default -> System.err.println("usage: Example record|subscribe|consume [MODULE [COUNT]]");
    }
    example.connection.shutdown();
  }

  /** A connection. Off this machine it uses TLS, without usePlaintext, and a token. */
  private static ManagedChannel connect() {
    var address = System.getenv().getOrDefault("COS_CONDUCTOR_ADDRESS", "localhost:50051");
    // Pings notice a connection that was cut without a word.
    return ManagedChannelBuilder.forTarget(address).usePlaintext().keepAliveTime(20, TimeUnit.SECONDS).build();
  }

  /** What stubs call through: it shows the token, if there is one. */
  Channel channel() {
    var token = System.getenv("COS_TOKEN");
    if (token == null) return connection;
    var headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    return ClientInterceptors.intercept(connection, MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** Calls again and again while the mesh is away, until there is an answer; it waits longer and longer, with chance. */
  <T> T persist(Callable<T> call) throws Exception {
    for (var waitMs = WAIT_MIN_MS; ; ) {
      var began = System.nanoTime();
      try {
        return call.call();
      } catch (StatusException lost) {
        if (!PASSES.contains(lost.getStatus().getCode())) throw lost;
        System.err.println("lost: " + lost.getStatus().getCode());
      }
      var lasted = System.nanoTime() - began > TimeUnit.MILLISECONDS.toNanos(WAIT_MAX_MS);
      waitMs = lasted ? WAIT_MIN_MS : Math.min(waitMs * 2, WAIT_MAX_MS);
      Thread.sleep(ThreadLocalRandom.current().nextLong(waitMs / 2, waitMs));
      // A server that comes back is found at once: the channel's own waits grow to two minutes.
      connection.resetConnectBackoff();
    }
  }
}
