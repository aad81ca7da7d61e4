import com.google.protobuf.util.Durations;
import com.google.protobuf.util.JsonFormat;
import cos.conductor.v1.ConductorServiceGrpc;
import cos.conductor.v1.ConductorServiceGrpc.ConductorServiceBlockingV2Stub;
import cos.conductor.v1.ConductorServiceOuterClass.SubscribeRequest;
import cos.highway.v1.Highway.Cursor;
import cos.highway.v1.Highway.Event;
import cos.highway.v1.Highway.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * Listens from where it stopped last: a file keeps the cursor. (Kept in one transaction with what you do with the events, it would give
 * exactly-once effect.)
 */
final class Subscribe {
  private final ConductorServiceBlockingV2Stub conductor;
  private final Path file;
  private Cursor place;

  private Subscribe(Example mesh, String module) throws IOException {
    conductor = ConductorServiceGrpc.newBlockingV2Stub(mesh.channel());
    file = Path.of("cursor-" + module + ".json");
    // Position 0 is the place before the first memory.
    var stored = Cursor.newBuilder().setModule(module);
    if (Files.exists(file)) JsonFormat.parser().merge(Files.readString(file), stored.clear());
    place = stored.build();
  }

  static void subscribe(Example mesh, String module) throws Exception {
    var subscriber = new Subscribe(mesh, module);
    while (true) mesh.persist(subscriber::listen);
  }

  private Void listen() throws Exception {
    var request = SubscribeRequest.newBuilder().addModules(place.getModule()).addCursors(place).build();
    var stream = conductor.subscribe(request);
    while (stream.hasNext()) {
      var response = stream.read();
      switch (response.getFrameCase()) {
        case STARTED -> move(response.getStarted().getProgressList());
        case BATCH -> {
          var batch = response.getBatch();
          move(batch.getAfter(), batch.getCursor(), batch.getEventsList());
        }
        case CHECKPOINT -> move(response.getCheckpoint().getProgressList());
        case GO_AWAY -> Thread.sleep(Durations.toMillis(response.getGoAway().getRetryAfter()));
        default -> {} // What one does not know is to be ignored.
      }
    }
    return null;
  }

  private void move(List<Progress> progress) throws IOException {
    for (var one : progress) move(one.getAfter(), one.getCursor(), List.of());
  }

  private void move(long after, Cursor cursor, List<Event> events) throws IOException {
    // Each frame says from where to where it leads: that proves that nothing is missing and nothing comes twice.
    if (after != place.getPosition()) {
      throw new IllegalStateException("a gap: the stream goes on above " + after + ", not above " + place.getPosition());
    }
    for (var event : events) {
      var memory = event.getMemory();
      System.out.printf("%s/%d %s%n", memory.getModule(), memory.getPosition(), memory.getText());
    }
    var written = Files.writeString(Path.of(file + ".new"), JsonFormat.printer().print(cursor));
    Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
    place = cursor;
  }
}
