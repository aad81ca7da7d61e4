import com.google.protobuf.util.Durations;
import cos.highway.v1.Consumers.Consumer;
import cos.highway.v1.Consuming.ConsumeRequest;
import cos.highway.v1.Consuming.ConsumeResponse;
import cos.highway.v1.Consuming.Credit;
import cos.highway.v1.Consuming.Delivery;
import cos.highway.v1.Consuming.Join;
import cos.highway.v1.Consuming.Leave;
import cos.highway.v1.Consuming.Settle;
import cos.highway.v1.HighwayServiceGrpc;
import cos.highway.v1.HighwayServiceGrpc.HighwayServiceBlockingV2Stub;
import cos.highway.v1.HighwayServiceOuterClass.CreateConsumerRequest;
import io.grpc.stub.BlockingClientCall;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Works as a member of a durable consumer, whose place the mesh keeps: start it twice, and both share the work. */
final class Consume {
  private final HighwayServiceBlockingV2Stub highway;
  private final String consumer;
  /** A member that comes back by its own name takes up at once what it held. */
  private final String member = UUID.randomUUID().toString();
  private volatile boolean stopping;

  private Consume(Example mesh, String module) {
    highway = HighwayServiceGrpc.newBlockingV2Stub(mesh.channel());
    consumer = "example-" + module.replace('_', '-');
  }

  static void consume(Example mesh, String module) throws Exception {
    var worker = new Consume(mesh, module);
    var wanted = Consumer.newBuilder().setName(worker.consumer).addModules(module);
    wanted.setKey(Consumer.Key.KEY_SOURCE).setLease(Durations.fromSeconds(6));
    var request = CreateConsumerRequest.newBuilder().setConsumer(wanted).setFromBeginning(true).build();
    mesh.persist(() -> worker.highway.createConsumer(request));
    worker.stopInGoodOrder(Thread.currentThread());
    while (!worker.stopping) mesh.persist(worker::work);
  }

  /** Ctrl-C waits until it has finished what is at work. */
  private void stopInGoodOrder(Thread busy) {
    Runnable stop = () -> {
      stopping = true;
      try {
        busy.join(10_000);
      } catch (InterruptedException ignored) {
        // The machine is in more of a hurry.
      }
    };
    Runtime.getRuntime().addShutdownHook(new Thread(stop));
  }

  /** One stream of a member. */
  private Void work() throws Exception {
    var stream = highway.consume();
    var join = Join.newBuilder().setConsumer(consumer).setMember(member);
    stream.write(ConsumeRequest.newBuilder().setJoin(join).build());
    // One at a time: after one that fails, what follows of its key waits for it. (With more in hand: docs/consumers.md, rule 1.)
    stream.write(credit(1));
    while (!stopping) {
      try {
        var response = stream.read(1, TimeUnit.SECONDS);
        if (response == null) return null;
        take(stream, response);
      } catch (TimeoutException silence) {
        // A sign of life: a silence of the lease would cost it its work. (Work that takes long belongs into a thread of its own.)
        stream.write(credit(0));
      }
    }
    stream.write(ConsumeRequest.newBuilder().setLeave(Leave.getDefaultInstance()).build());
    stream.halfClose();
    // What comes now comes too late and goes to others; the end says that all settlements have arrived.
    while (stream.read() != null) {}
    return null;
  }

  private void take(BlockingClientCall<ConsumeRequest, ConsumeResponse> stream, ConsumeResponse response) throws Exception {
    for (var delivery : response.getDeliveries().getDeliveriesList()) {
      var memory = delivery.getEvent().getMemory();
      var settle = Settle.newBuilder().setModule(memory.getModule()).addPositions(memory.getPosition());
      settle.setGeneration(response.getDeliveries().getGeneration());
      try {
        handle(delivery);
      } catch (RuntimeException failed) {
        settle.setOutcome(Settle.Outcome.OUTCOME_RETRY).setError(String.format("%.2000s", failed.getMessage()));
      }
      stream.write(ConsumeRequest.newBuilder().setSettle(settle).build());
      stream.write(credit(1));
    }
    Thread.sleep(Durations.toMillis(response.getGoAway().getRetryAfter()));
  }

  /** The work. It may come again for the same event: (module, position) recognises that. */
  private static void handle(Delivery delivery) {
    var memory = delivery.getEvent().getMemory();
    System.out.printf("%s/%d done, try %d%n", memory.getModule(), memory.getPosition(), delivery.getAttempt());
  }

  private static ConsumeRequest credit(int events) {
    return ConsumeRequest.newBuilder().setCredit(Credit.newBuilder().setEvents(events)).build();
  }
}
