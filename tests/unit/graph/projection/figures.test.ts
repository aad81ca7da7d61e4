import { describe, expect, test } from "@jest/globals";
import type { Place } from "#services/graph/domain/graph-rows.ts";
import { Figures } from "#services/graph/projection/figures.ts";

const place = (position: number, module = "cc"): Place => ({ module, position, epoch: "e", atMs: 1 });

/** Figures with a clock that a test moves. */
function figures() {
  const clock = { ms: 1_000 };
  return { clock, figures: new Figures(() => clock.ms) };
}

describe("the figures of a projection", () => {
  test("V1: places and heads only go up, until all begins anew", () => {
    const { figures: all } = figures();
    all.reached(place(5));
    all.reached(place(3));
    all.saw("cc", 2);
    expect(all.of("cc")).toMatchObject({ place: { position: 5 }, head: 5, lagPositions: 0, lagMs: 0 });
    all.begin([place(2)]);
    expect(all.of("cc")).toMatchObject({ place: { position: 2 }, head: 5, lagPositions: 3 });
    expect(all.of("pepys")).toBeUndefined();
    all.saw("pepys", 7);
    expect(all.of("pepys")).toMatchObject({ place: undefined, head: 7, lagPositions: 7 });
    expect(all.all().map(({ module }) => module)).toEqual(["cc", "pepys"]);
  });

  test("V1: of a log that was restored the head may be lower, and what is missing has been known as long", () => {
    const { clock, figures: all } = figures();
    all.saw("cc", 4);
    all.saw("cc", 9);
    all.begin([place(2)]);
    clock.ms += 100;
    all.saw("cc", 6);
    expect(all.of("cc")).toMatchObject({ head: 6, lagPositions: 4, lagMs: 100 });
    all.reached(place(6));
    expect(all.of("cc")).toMatchObject({ lagPositions: 0, lagMs: 0 });
    all.begin([place(6)]);
    all.saw("cc", 3);
    all.saw("cc", 8);
    expect(all.of("cc")).toMatchObject({ head: 8, lagPositions: 2, lagMs: 0 });
  });

  test("V2: the lag is how long the lowest missing position has been known", () => {
    const { clock, figures: all } = figures();
    all.saw("cc", 2);
    clock.ms += 100;
    all.saw("cc", 5);
    clock.ms += 50;
    expect(all.of("cc")?.lagMs).toBe(150);
    all.reached(place(1));
    expect(all.of("cc")?.lagMs).toBe(150);
    all.reached(place(2));
    expect(all.of("cc")?.lagMs).toBe(50);
    all.reached(place(5));
    expect(all.of("cc")?.lagMs).toBe(0);
  });

  test("V2: however far the log runs ahead, it takes bounded memory, and never looks shorter", () => {
    const { clock, figures: all } = figures();
    for (let head = 1; head <= 2_000; head += 1) {
      clock.ms += 1;
      all.saw("cc", head);
    }
    all.reached(place(1_000));
    expect(all.of("cc")?.lagMs).toBeGreaterThanOrEqual(999);
    all.reached(place(2_000));
    expect(all.of("cc")?.lagMs).toBe(0);
  });

  test("V3: whoever waits is woken by a move, by the signal, or when the time is up", async () => {
    const { figures: all } = figures();
    const never = new AbortController().signal;
    const moved = all.moved(60_000, never);
    all.reached(place(1));
    await moved;
    await all.moved(1, never);
    const leaving = new AbortController();
    const left = all.moved(60_000, leaving.signal);
    leaving.abort();
    await left;
    await all.moved(60_000, AbortSignal.abort());
  });
});
