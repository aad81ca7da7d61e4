import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { followingFilter } from "#services/cli/ledger/filter-of-ledger.ts";
import { mergeRows, ROWS_MAX } from "#services/cli/ledger/hold-rows.ts";
import { type Details, type Model, openModel } from "#services/cli/ledger/model.ts";
import { joinFound } from "#services/cli/ledger/read-rows.ts";
import { forgottenBy, type Row, rowOf } from "#services/cli/ledger/row.ts";
import { type Message, update } from "#services/cli/ledger/update.ts";
import { ledgerOf, memoryAt, rowsAt, standsAt, typed } from "./support/ledger-rows.ts";

const [UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END, _ESC] = [
  "\x1b[A",
  "\x1b[B",
  "\x1b[5~",
  "\x1b[6~",
  "\x1b[H",
  "\x1b[F",
  "\x1b",
] as const;

const take = (model: Model, message: Message): Model => update(model, message).model;
const record = (model: Model, rows: readonly Row[], forgotten: readonly string[] = []): Model =>
  take(model, { kind: "recorded", rows, forgotten });

describe("L1: what is held is one stretch without a gap", () => {
  test("what both the stream and the first page have is held once, in the order of recording", () => {
    const early = record(openModel({ columns: 80, rows: 12 }, ["cc"], {}), rowsAt(4, 6));
    const model = take(early, { kind: "readRows", before: undefined, rows: rowsAt(1, 5), more: false });
    expect(model.rows.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(model.older).toBe("none");
  });

  test("of what came before the first page's first row, nothing is kept while others may stand between", () => {
    const early = record(openModel({ columns: 80, rows: 12 }, ["cc"], {}), rowsAt(1, 1));
    const model = take(early, { kind: "readRows", before: undefined, rows: rowsAt(5, 6), more: true });
    expect(standsAt(model)).toMatchObject({ first: 5, last: 6 });
    expect(standsAt(record(model, rowsAt(2, 2)))).toMatchObject({ first: 5 });
    expect(standsAt(record(ledgerOf(rowsAt(5, 6)), rowsAt(2, 2)))).toMatchObject({ first: 2 });
  });

  test("modules are mixed by the time of recording, and each stays in the order of its positions", () => {
    const b = (position: number, ms: number): Row => ({
      ...rowsAt(position, position, { module: "b" })[0]!,
      recordedUs: ms * 1000,
    });
    const a = (position: number, ms: number): Row => ({ ...rowsAt(position, position)[0]!, recordedUs: ms * 1000 });
    const merged = mergeRows([a(1, 1), a(2, 5)], [b(1, 1), b(2, 1), b(3, 9)]);
    expect(merged.map(({ module, position }) => `${module}/${position}`)).toEqual([
      "b/1",
      "b/2",
      "cc/1",
      "cc/2",
      "b/3",
    ]);
  });

  test("any two lists of one ledger become one: sorted, complete, each memory once", () => {
    const positions = fc.uniqueArray(fc.nat(40)).map((all) => all.toSorted((x, y) => x - y));
    fc.assert(
      fc.property(positions, positions, (x, y) => {
        const list = (all: number[]): Row[] => all.map((position) => rowsAt(position, position)[0]!);
        const union = [...new Set([...x, ...y])].toSorted((p, q) => p - q);
        expect(mergeRows(list(x), list(y)).map(({ position }) => position)).toEqual(union);
      }),
    );
  });

  test("pages of several modules are joined as far back as all of them have told", () => {
    const of = (module: string, from: number, to: number): Row[] => rowsAt(from, to, { module });
    const { rows, more } = joinFound([
      { rows: of("a", 5, 9), more: true },
      { rows: of("b", 2, 8), more: true },
      { rows: of("c", 1, 6), more: false },
    ]);
    expect(rows.map(({ module, position }) => `${module}${position}`)).toEqual([
      "a5",
      "b5",
      "c5",
      "a6",
      "b6",
      "c6",
      "a7",
      "b7",
      "a8",
      "b8",
      "a9",
    ]);
    expect(more).toBe(true);
    expect(joinFound([{ rows: [], more: false }])).toEqual({ rows: [], more: false });
  });

  test("following, the oldest are let go of beyond the limit, and can be read again", () => {
    const model = record(ledgerOf(rowsAt(1, ROWS_MAX)), rowsAt(ROWS_MAX + 1, ROWS_MAX + 3));
    expect(model.rows).toHaveLength(ROWS_MAX);
    expect(standsAt(model)).toMatchObject({ first: 4, selected: ROWS_MAX + 3 });
    expect(model.older).toBe("some");
    expect(model.cut).toBe(false);
  });

  test("an older page whose place was let go of meanwhile is not taken", () => {
    const full = ledgerOf(rowsAt(10, ROWS_MAX + 9), true);
    const [before] = full.rows;
    const moved = record(full, rowsAt(ROWS_MAX + 10, ROWS_MAX + 12));
    const model = take(moved, { kind: "readRows", before, rows: rowsAt(1, 9), more: false });
    expect(standsAt(model)).toMatchObject({ first: 13 });
    expect(model.older).toBe("some");
  });
});

describe("L2: following", () => {
  test("the newest is selected and shown as it comes", () => {
    const model = record(ledgerOf(rowsAt(1, 30)), rowsAt(31, 32));
    expect(standsAt(model)).toEqual({ first: 1, last: 32, selected: 32, top: 23 });
  });

  test("space pauses: the screen stays, what is recorded is counted, and space goes on", () => {
    const paused = record(typed(ledgerOf(rowsAt(1, 30)), " ").model, rowsAt(31, 34));
    expect(standsAt(paused)).toMatchObject({ last: 34, selected: 30, top: 21 });
    expect(paused.unseen).toBe(4);
    const resumed = typed(paused, " ").model;
    expect(standsAt(resumed)).toMatchObject({ selected: 34, top: 25 });
    expect(resumed.unseen).toBe(0);
  });

  test("moving up pauses, f and end follow", () => {
    for (const [up, follow] of [
      [UP, "f"],
      ["k", "G"],
      [PAGE_UP, END],
    ] as const) {
      const moved = typed(ledgerOf(rowsAt(1, 30)), up).model;
      expect(moved.following).toBe(false);
      expect(typed(moved, follow).model.following).toBe(true);
    }
  });

  test("nobody moves beyond the ends, or in an empty ledger", () => {
    const model = ledgerOf(rowsAt(1, 3));
    expect(standsAt(typed(model, UP.repeat(9)).model).selected).toBe(1);
    expect(standsAt(typed(model, `${HOME}${DOWN}j${PAGE_DOWN}${DOWN}`).model).selected).toBe(3);
    const empty = ledgerOf([]);
    expect(typed(empty, `${UP}${DOWN}${HOME}${PAGE_UP}\r`)).toMatchObject({
      model: { selected: 0, top: 0 },
      effects: [],
    });
    expect(typed(empty, DOWN).model.following).toBe(true);
  });

  test("the selected row stays on the screen when the terminal becomes small, and none is left empty when it grows", () => {
    const up = typed(ledgerOf(rowsAt(1, 30)), `${UP}${UP}`).model;
    const small = take(up, { kind: "resized", size: { columns: 20, rows: 3 } });
    expect(standsAt(small)).toMatchObject({ selected: 28, top: 27 });
    expect(standsAt(take(small, { kind: "resized", size: { columns: 20, rows: 42 } })).top).toBe(1);
    expect(standsAt(take(up, { kind: "resized", size: { columns: 1, rows: 1 } })).selected).toBe(28);
  });
});

describe("what is older", () => {
  test("is asked for once, as one comes near it", () => {
    const model = ledgerOf(rowsAt(11, 40), true);
    expect(typed(model, PAGE_UP).effects).toEqual([]);
    const step = typed(model, PAGE_UP.repeat(3) + UP);
    expect(step.effects).toEqual([{ kind: "readOlder", before: model.rows[0] }]);
    expect(step.model.older).toBe("reading");
  });

  test("is put before what is held, and the screen stays where it is", () => {
    const { model } = typed(ledgerOf(rowsAt(11, 40), true), HOME);
    const read = take(model, { kind: "readRows", before: model.rows[0], rows: rowsAt(1, 10), more: true });
    expect(standsAt(read)).toEqual({ first: 1, last: 40, selected: 11, top: 11 });
    expect(read.older).toBe("some");
  });

  test("if it cannot be read, it is said, and asked for again", () => {
    const { model } = typed(ledgerOf(rowsAt(11, 40), true), HOME);
    const failed = take(model, { kind: "unread", what: "rows", note: "away" });
    expect(failed).toMatchObject({ note: "away", older: "some" });
    expect(typed(failed, UP).effects).toMatchObject([{ kind: "readOlder" }]);
  });

  test("L3: beyond the limit the newest are let go of; following reads them again, with what came meanwhile", () => {
    const { model } = typed(ledgerOf(rowsAt(101, ROWS_MAX + 100), true), HOME);
    const cut = take(model, { kind: "readRows", before: model.rows[0], rows: rowsAt(1, 100), more: false });
    expect(cut).toMatchObject({ cut: true, following: false });
    expect(standsAt(cut)).toMatchObject({ first: 1, last: ROWS_MAX, selected: 101 });
    const more = record(cut, rowsAt(ROWS_MAX + 101, ROWS_MAX + 102));
    expect(standsAt(more)).toMatchObject({ last: ROWS_MAX });
    expect(more.unseen).toBe(2);
    const { model: following, effects } = typed(more, "f");
    expect(effects).toEqual([{ kind: "readLatest" }]);
    const met = record(following, rowsAt(ROWS_MAX + 103, ROWS_MAX + 103));
    const read = take(met, { kind: "readRows", before: undefined, rows: rowsAt(ROWS_MAX, ROWS_MAX + 102), more: true });
    expect(standsAt(read)).toMatchObject({ first: ROWS_MAX, last: ROWS_MAX + 103, selected: ROWS_MAX + 103 });
    expect(read).toMatchObject({ cut: false, unseen: 0 });
  });
});

describe("L4: what is forgotten", () => {
  const forgotten = rowOf(
    memoryAt(4, { eventType: "cos.memory.forgotten", text: "", payload: { ids: ["cc-2"], positions: ["2"] } }),
  );

  test("loses its text at once, wherever it is held, and cannot be found", () => {
    const model = record(ledgerOf(rowsAt(1, 3)), [forgotten], ["cc-2"]);
    expect(model.rows.map(({ text }) => text).slice(0, 3)).toEqual(["text 1", "(forgotten)", "text 3"]);
    expect(typed(model, "/text 2\r").model.note).toMatch(/^none of the 4 held/);
  });

  test("and on a page that was on its way", () => {
    const model = record(openModel({ columns: 80, rows: 12 }, ["cc"], {}), [forgotten], ["cc-2"]);
    const read = take(model, { kind: "readRows", before: undefined, rows: rowsAt(1, 3), more: false });
    expect(read.rows.map(({ text }) => text).slice(0, 3)).toEqual(["text 1", "(forgotten)", "text 3"]);
    expect(read.forgotten).toEqual([]);
  });

  test("and while one looks at it", () => {
    const opened = typed(ledgerOf(rowsAt(1, 2)), "\r").model;
    const shown = take(opened, { kind: "readMemory", memory: memoryAt(2) });
    expect((shown.mode as Details).lines.length).toBeGreaterThan(3);
    const step = update(shown, { kind: "recorded", rows: [forgotten], forgotten: ["cc-2"] });
    expect(step.model.mode).toMatchObject({ memory: undefined, lines: [] });
    expect(step.effects).toMatchObject([{ kind: "readMemory", row: { id: "cc-2" } }]);
    expect(record(shown, [], ["cc-1"]).mode).toBe(shown.mode);
  });

  describe("what was said of a link", () => {
    const payload = { links: [{ position: "2" }, "no link"], forgotten: true };
    const unlinked = memoryAt(4, { eventType: "cos.memory.unlinked", text: "", payload });
    const linked = memoryAt(2, { eventType: "cos.memory.linked", text: "", payload: { rationale: "secret" } });
    const told = forgottenBy(unlinked);

    test("goes from the rows that are held, in that module, and from those on their way", () => {
      expect(told).toEqual(["cc/2"]);
      const rows = [...rowsAt(1, 1), rowOf(linked), ...rowsAt(3, 3)];
      const model = record(ledgerOf([...rows, ...rowsAt(2, 2, { module: "b" })]), [rowOf(unlinked)], told);
      expect(JSON.stringify(model.rows)).not.toContain("secret");
      expect(model.rows.map(({ text }) => text).slice(0, 4)).toEqual(["text 1", "(forgotten)", "text 3", "text 2"]);
      const reading = record(openModel({ columns: 80, rows: 12 }, ["cc"], {}), [rowOf(unlinked)], told);
      const read = take(reading, { kind: "readRows", before: undefined, rows, more: false });
      expect(read.rows[1]!.text).toBe("(forgotten)");
    });

    test("and is read again while one looks at it", () => {
      const opened = typed(ledgerOf([...rowsAt(1, 1), rowOf(linked)]), "\r").model;
      const shown = take(opened, { kind: "readMemory", memory: linked });
      const step = update(shown, { kind: "recorded", rows: [], forgotten: told });
      expect(step.model.mode).toMatchObject({ memory: undefined, lines: [] });
      expect(step.effects).toMatchObject([{ kind: "readMemory", row: { id: "cc-2" } }]);
    });

    test("stays when the link was only taken back, and after acts that tell nothing of it", () => {
      expect(forgottenBy(memoryAt(4, { ...unlinked, payload: { links: [{ position: "2" }] } }))).toEqual([]);
      expect(forgottenBy(memoryAt(4, { ...unlinked, payload: { forgotten: true } }))).toEqual([]);
      expect(forgottenBy(linked)).toEqual([]);
    });

    test("is followed through a filter of types, and shown only to those who asked for it", () => {
      expect(followingFilter({ type: ["cos.memory.linked"] }).eventTypes).toEqual([
        "cos.memory.linked",
        "cos.memory.unlinked",
      ]);
      expect(followingFilter({ type: ["cos.memory.unlinked"] }).eventTypes).toEqual(["cos.memory.unlinked"]);
      expect(followingFilter({ type: ["note"] }).eventTypes).toEqual(["note"]);
      expect(followingFilter({ source: ["cos"] }).eventTypes).toEqual([]);
      const shows = (filters: Model["filters"]): boolean =>
        record({ ...ledgerOf([]), filters }, [rowOf(unlinked)]).rows.length === 1;
      expect(shows({})).toBe(true);
      expect(shows({ source: ["cos"] })).toBe(true);
      expect(shows({ type: ["cos.*"] })).toBe(true);
      expect(shows({ type: ["cos.memory.linked"] })).toBe(false);
    });
  });

  test("is told through every filter, and shown only to those who asked for it", () => {
    const shows = (filters: Model["filters"]): boolean =>
      record({ ...ledgerOf([]), filters }, [forgotten]).rows.length === 1;
    expect(shows({})).toBe(true);
    expect(shows({ type: ["note", "cos.*"] })).toBe(true);
    expect(shows({ type: ["cos.memory.forgotten"] })).toBe(true);
    expect(shows({ type: ["note", "cos.memory"] })).toBe(false);
    expect(shows({ source: ["me"] })).toBe(false);
  });
});
