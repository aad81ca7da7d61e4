import { describe, expect, test } from "@jest/globals";
import { RecordCall } from "#services/conductor/store/record-call.ts";
import { RecordQueue } from "#services/conductor/store/record-queue.ts";
import { someMemory } from "../some-memory.ts";

const call = (module: string, text = "x", atomic = false, count = 1, sequence?: object) =>
  new RecordCall(
    Array.from({ length: count }, () => someMemory({ module, text })),
    { atomic, sequence },
    () => undefined,
  );
const textsOf = (calls: readonly RecordCall[]) => calls.map(({ memories }) => memories[0]?.memory.text).join("");
const queueOf = (...calls: RecordCall[]) => {
  const queue = new RecordQueue({ rowsMax: 3, bytesMax: 100_000 });
  for (const one of calls) queue.push(one);
  return queue;
};

describe("the queue of the write path", () => {
  test("calls leave in the order in which they came, up to the rows of a batch", () => {
    const queue = queueOf(...["a", "b", "c", "d", "e"].map((text) => call("cc", text)));
    expect([textsOf(queue.take()), textsOf(queue.take()), textsOf(queue.take())]).toEqual(["abc", "de", ""]);
  });

  test("a batch ends at its bytes, but one call always fits", () => {
    const big = "y".repeat(200_000);
    const queue = queueOf(call("cc", "a"), call("cc", big), call("cc", "b"));
    expect([queue.take().length, textsOf(queue.take()) === big, textsOf(queue.take())]).toEqual([1, true, "b"]);
  });

  test("Q1: an atomic call travels alone, and is never divided", () => {
    const queue = queueOf(call("cc", "a"), call("cc", "b", true, 5), call("cc", "c"));
    expect([textsOf(queue.take()), textsOf(queue.take()), textsOf(queue.take())]).toEqual(["a", "b", "c"]);
  });

  test("Q4: while some of a sequence travel the later ones wait, and others pass", () => {
    const stream = {};
    const of = (text: string, sequence?: object) => call("cc", text, false, 1, sequence);
    const queue = queueOf(of("a", stream), of("b", stream), of("c", stream), of("d", stream), of("e"), of("f", stream));
    const first = queue.take();
    expect([textsOf(first), textsOf(queue.take()), textsOf(queue.take())]).toEqual(["abc", "e", ""]);
    queue.arrived(first);
    const second = queue.take();
    expect(textsOf(second)).toBe("df");
    queue.putBack(second);
    queue.arrived(second);
    queue.push(of("g", stream));
    expect(textsOf(queue.take())).toBe("dfg");
  });

  test("Q4: what does not fit keeps the rest of its sequence behind it", () => {
    const [stream, other] = [{}, {}];
    const queue = queueOf(call("cc", "t", false, 1, other));
    queue.take();
    queue.push(call("cc", "a", false, 2, stream));
    queue.push(call("cc", "b", false, 2, stream));
    queue.push(call("cc", "c", false, 1, stream));
    expect(textsOf(queue.take())).toBe("a");
  });

  test("Q2: a module whose head is held travels alone, one batch at a time, and others pass", () => {
    const held = [call("held", "a"), call("free", "b")];
    const queue = queueOf(...held);
    queue.putBack(queue.take());
    queue.push(call("held", "c"));
    queue.push(call("other", "d"));
    const first = queue.take();
    expect(textsOf(first)).toBe("ac");
    queue.push(call("held", "e"));
    expect(textsOf(queue.take())).toBe("b");
    expect(textsOf(queue.take())).toBe("d");
    expect(textsOf(queue.take())).toBe("");
    queue.release(first);
    expect(textsOf(queue.take())).toBe("e");
  });

  test("Q2: a held module that nobody waits for any more is forgotten", () => {
    const waiting = call("held", "a");
    const queue = queueOf(waiting);
    queue.putBack(queue.take());
    waiting.reject(new Error("too late"));
    expect(queue.take()).toEqual([]);
    queue.push(call("held", "b"));
    queue.push(call("cc", "c"));
    expect(textsOf(queue.take())).toBe("bc");
    return expect(waiting.answer).rejects.toThrow("too late");
  });

  test("Q3: a call that was given up is left behind", async () => {
    const late = call("cc", "a");
    const queue = queueOf(late, call("cc", "b"));
    late.reject(new Error("too late"));
    await expect(late.answer).rejects.toThrow("too late");
    expect(textsOf(queue.take())).toBe("b");
  });

  test("Q3: what was given up is not held until somebody comes for a batch", () => {
    const queue = queueOf();
    const kept = call("cc", "kept");
    for (let n = 0; n < 10_000; n += 1) {
      const late = call("cc", "late");
      late.answer.catch(() => undefined);
      queue.push(late);
      if (n === 5000) queue.push(kept);
      late.reject(new Error("too late"));
    }
    expect(queue.size).toBeLessThan(5000);
    expect(textsOf(queue.take())).toBe("kept");
  });

  test("Q3: nor are its bytes", () => {
    const queue = queueOf();
    for (let n = 0; n < 60; n += 1) {
      const late = call("cc", "y".repeat(1_000_000));
      late.answer.catch(() => undefined);
      queue.push(late);
      late.reject(new Error("too late"));
    }
    expect(queue.size).toBeLessThan(20);
  });

  test("thousands of calls come out as they went in", () => {
    const queue = queueOf(...Array.from({ length: 4000 }, (_, n) => call("cc", `${n},`)));
    let out = "";
    for (let batch = queue.take(); batch.length > 0; batch = queue.take()) out += textsOf(batch);
    expect(out).toBe(Array.from({ length: 4000 }, (_, n) => `${n},`).join(""));
  });
});

describe("a call of the write path", () => {
  test("G1: it is answered once", async () => {
    let settled = 0;
    const one = new RecordCall([someMemory()], { atomic: false }, () => {
      settled += 1;
    });
    one.resolve([]);
    one.reject(new Error("too late"));
    one.resolve([]);
    await expect(one.answer).resolves.toEqual([]);
    expect(settled).toBe(1);
  });
});
