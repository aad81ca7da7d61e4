import cos.conductor.v1.ConductorServiceGrpc;
import cos.conductor.v1.ConductorServiceOuterClass.RecordMemoryRequest;
import cos.memory.v1.MemoryOuterClass.Memory;
import java.util.concurrent.TimeUnit;

/** Records some memories. The key makes it safe to call again: nothing is ever recorded twice. */
final class RecordMemories {
  private RecordMemories() {}

  static void record(Example mesh, String module, int count) throws Exception {
    var conductor = ConductorServiceGrpc.newBlockingV2Stub(mesh.channel());
    for (var n = 1; n <= count; n++) {
      var text = "Hello from Java, " + n;
      var memory = Memory.newBuilder().setModule(module).setEventType("note").setSource("java").setText(text);
      var request = RecordMemoryRequest.newBuilder().setMemory(memory).setIdempotencyKey("java-" + n).build();
      var answer = mesh.persist(() -> conductor.withDeadlineAfter(10, TimeUnit.SECONDS).recordMemory(request));
      var outcome = answer.getDeduplicated() ? "was there" : "recorded";
      System.out.printf("%s/%d %s%n", module, answer.getMemory().getPosition(), outcome);
    }
  }
}
