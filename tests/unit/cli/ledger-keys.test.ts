import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FellBehind_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Details, Model } from "#services/cli/ledger/model.ts";
import { nextStanding } from "#services/cli/ledger/next-standing.ts";
import { parseKeys } from "#services/cli/ledger/parse-keys.ts";
import { compareRows, type Row, rowOf } from "#services/cli/ledger/row.ts";
import { type Message, update } from "#services/cli/ledger/update.ts";
import { ledgerOf, memoryAt, rowsAt, standsAt, typed } from "./support/ledger-rows.ts";

const [UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END, ESC] = [
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

describe("searching", () => {
  const model = ledgerOf(
    rowsAt(1, 30).map((row) => (row.position % 10 === 0 ? { ...row, source: "A+B (Ink.)" } : row)),
  );

  test("begins at the selected row and goes to the older; n goes on, N comes back, round the ends", () => {
    const found = typed(model, "/a+b (INK.)\r").model;
    expect([standsAt(found).selected, found.note]).toEqual([30, ""]);
    expect(standsAt(typed(found, "n").model).selected).toBe(20);
    expect(standsAt(typed(found, "nnN").model).selected).toBe(20);
    expect(typed(found, "nnn").model.note).toBe("searched on from the other end");
    expect(standsAt(typed(found, "N").model).selected).toBe(10);
    expect(found.following).toBe(false);
  });

  test("looks into all that is held of a row, and says when nothing has it", () => {
    expect(standsAt(typed(model, "/text 17\r").model).selected).toBe(17);
    expect(standsAt(typed(model, "/cc/7\r").model).selected).toBe(7);
    const tagged = ledgerOf([rowOf(memoryAt(1, { tags: ["sea"], sessionId: "s" })), ...rowsAt(2, 3)]);
    expect(standsAt(typed(tagged, "/sea\r").model).selected).toBe(1);
    expect(typed(model, "/nowhere\r").model).toMatchObject({ selected: 29, note: "none of the 30 held has it" });
    expect(typed(ledgerOf(rowsAt(1, 3), true), "/nowhere\r").model.note).toMatch(/page up reads more$/);
    expect(typed(ledgerOf([]), "/x\r").model.note).toMatch(/^none of the 0/);
  });

  test("n before any search says how to begin; an empty one, or escape, ends it", () => {
    expect(typed(model, "n").model.note).toMatch(/\/ begins/);
    expect(typed(model, "/ink\r/\r").model.search).toBe("");
    expect(typed(model, `/ink\r${ESC}`).model.search).toBe("");
  });

  test("what is typed can be mended, given up, and says nothing a terminal would act upon", () => {
    expect(typed(model, "/tezt\x7f\x7fxt 5é\x7f\r").model.search).toBe("text 5");
    expect(typed(model, "/abc\x15d\r").model.search).toBe("d");
    expect(typed(model, `/abc${ESC}`).model).toMatchObject({ search: "", mode: { kind: "list" } });
    expect(typed(model, "/a\u202eb\u009b\x01c\r").model.search).toBe("abc");
    expect(typed(model, `/${UP}x\r`).model.search).toBe("x");
    expect(typed(model, `/${"x".repeat(300)}\r`).model.search).toHaveLength(200);
  });
});

describe("filters", () => {
  test("are asked for with those in force, and begin the ledger anew", () => {
    const asked = typed({ ...ledgerOf(rowsAt(1, 3)), filters: { type: ["a", "b.*"], tag: ["t"] } }, "t").model;
    expect(asked.mode).toMatchObject({ kind: "input", asks: "type", text: "a|b.*" });
    const { model, effects } = typed(asked, " | c\r");
    const filters = { type: ["a", "b.*", "c"], tag: ["t"] };
    expect(effects).toEqual([{ kind: "restart", filters }]);
    expect(model).toMatchObject({ filters, rows: [], following: true, older: "reading", mode: { kind: "list" } });
    expect(typed(asked, "\x15\r").effects).toEqual([{ kind: "restart", filters: { tag: ["t"] } }]);
  });

  test("sources may have commas", () => {
    expect(typed(ledgerOf([]), "sDoe, John|Doe, Jane\r").effects).toEqual([
      { kind: "restart", filters: { source: ["Doe, John", "Doe, Jane"] } },
    ]);
  });

  test("that the server does not take give way to those that it took", () => {
    const step = update(ledgerOf([]), { kind: "refused", filters: { type: ["good"] }, note: "bad" });
    expect(step).toMatchObject({ model: { note: "bad", filters: { type: ["good"] } }, effects: [{ kind: "restart" }] });
  });
});

describe("one memory", () => {
  const long = memoryAt(3, { text: Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n") });
  const opened = typed(ledgerOf(rowsAt(1, 3)), "\r");
  const shown = take(opened.model, { kind: "readMemory", memory: long });
  const scrolled = (model: Model): number => (model.mode as Details).scrolled;

  test("is read when it is opened, and left by q, enter or escape", () => {
    expect(opened.effects).toMatchObject([{ kind: "readMemory", row: { position: 3 } }]);
    for (const key of ["q", "\r", ESC])
      expect(typed(shown, key)).toMatchObject({ model: { mode: { kind: "list" } }, effects: [] });
    expect(typed(shown, "x").model.mode).toBe(shown.mode);
  });

  test("scrolls by lines, pages, and to both ends", () => {
    expect(scrolled(typed(shown, DOWN + DOWN + UP).model)).toBe(1);
    expect(scrolled(typed(shown, `${PAGE_DOWN} ${PAGE_UP}jk`).model)).toBe(9);
    const { lines } = shown.mode as Details;
    expect(scrolled(typed(shown, `${END}G${DOWN}`).model)).toBe(lines.length - 10);
    expect(scrolled(typed(shown, `${END}b${HOME}g${UP}`).model)).toBe(0);
  });

  test("is wrapped anew for another width, and never scrolled beyond its end", () => {
    const wide = take(typed(shown, END).model, { kind: "resized", size: { columns: 300, rows: 12 } });
    expect(scrolled(wide)).toBeLessThan((wide.mode as Details).lines.length);
    const higher = take(typed(shown, END).model, { kind: "resized", size: { columns: 80, rows: 20 } });
    expect((higher.mode as Details).lines).toEqual((shown.mode as Details).lines);
    expect(take(opened.model, { kind: "resized", size: { columns: 30, rows: 9 } }).mode).toMatchObject({ lines: [] });
  });

  test("one that came too late, or cannot be read, changes nothing else", () => {
    const list = ledgerOf(rowsAt(1, 3));
    expect(take(list, { kind: "readMemory", memory: long }).mode).toEqual({ kind: "list" });
    expect(take(opened.model, { kind: "readMemory", memory: memoryAt(1) }).mode).toBe(opened.model.mode);
    expect(take(opened.model, { kind: "unread", what: "memory", note: "gone" })).toMatchObject({
      note: "gone",
      mode: { kind: "list" },
    });
    expect(take(list, { kind: "unread", what: "memory", note: "gone" }).note).toBe("");
  });

  test("the ledger goes on meanwhile", () => {
    expect(standsAt(record(shown, rowsAt(4, 4)))).toMatchObject({ last: 4 });
  });
});

test("the help scrolls, is wrapped for the width, and is left as a memory is", () => {
  const help = typed(ledgerOf([]), "?").model;
  expect(help.mode).toMatchObject({ kind: "help", scrolled: 0 });
  expect(typed(help, DOWN).model.mode).toMatchObject({ scrolled: 1 });
  const narrow = take(help, { kind: "resized", size: { columns: 20, rows: 12 } });
  expect((narrow.mode as Details).lines.length).toBeGreaterThan((help.mode as Details).lines.length);
  expect(typed(narrow, "q").model.mode).toEqual({ kind: "list" });
});

test("keys that end it, stop it or draw it anew do so wherever one is", () => {
  for (const before of ["", "?", "\r", "/abc"]) {
    const { model } = typed(ledgerOf(rowsAt(1, 3)), before);
    expect(typed(model, "\x03").effects).toEqual([{ kind: "end", how: "interrupted" }]);
    expect(typed(model, "\x1a").effects).toEqual([{ kind: "suspend" }]);
    expect(typed(model, "\f").effects).toEqual([{ kind: "redraw" }]);
  }
  expect(typed(ledgerOf([]), "q").effects).toEqual([{ kind: "end", how: "quit" }]);
  expect(typed(ledgerOf([]), "xy\x02").effects).toEqual([]);
});

test("what is said once is gone with the next key", () => {
  const noted = take(ledgerOf(rowsAt(1, 3)), { kind: "noted", note: "look" });
  expect(noted.note).toBe("look");
  expect(typed(noted, "x").model.note).toBe("");
});

test("how the stream stands", () => {
  const after = (...states: Parameters<typeof nextStanding>[1][]) =>
    states.reduce(nextStanding, { connection: "connecting", behind: [], degraded: false } as Model["standing"]);
  const connected = (resumed: boolean) => ({ kind: "connected", subscriptionId: "", epoch: "", resumed }) as const;
  const behind = (module: string) =>
    ({ kind: "fell_behind", module, reason: FellBehind_Reason.SLOW_SUBSCRIBER }) as const;
  const caughtUp = (all: boolean, ...modules: string[]) => ({ kind: "caught_up", modules, all }) as const;
  const lost = { kind: "lost", cause: undefined, retryInMs: 1, attempt: 1 } as const;
  expect(after(connected(false)).connection).toBe("live");
  expect(after(connected(false), lost).connection).toBe("reconnecting");
  expect(after(lost, connected(true)).connection).toBe("catching up");
  expect(after(lost, connected(true), caughtUp(false, "a")).connection).toBe("catching up");
  expect(after(lost, connected(true), caughtUp(true, "a")).connection).toBe("live");
  expect(after(behind("a"), behind("b"), behind("a")).behind).toEqual(["b", "a"]);
  expect(after(behind("a"), behind("b"), caughtUp(false, "a")).behind).toEqual(["b"]);
  expect(after(behind("a"), caughtUp(true)).behind).toEqual([]);
  expect(after({ kind: "degraded", degraded: true }).degraded).toBe(true);
  const model = take(ledgerOf([]), { kind: "standing", standing: after(lost) });
  expect(model.standing.connection).toBe("reconnecting");
});

describe("keys", () => {
  const names = (input: string): string[] =>
    parseKeys(input).keys.map((key) => (key.name === "character" ? key.character : key.name));

  test("of several kinds of terminals", () => {
    expect(names("\x1b[A\x1bOB\x1b[1;5A\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1bOH\x1b[F\x1b[5;2~")).toEqual([
      "up",
      "down",
      "up",
      "home",
      "end",
      "home",
      "end",
      "home",
      "end",
      "pageup",
    ]);
    expect(names("\r\n\x7f\b\x03\x1a\f\x15\x1b")).toEqual([
      "enter",
      "enter",
      "backspace",
      "backspace",
      "ctrl-c",
      "ctrl-z",
      "ctrl-l",
      "ctrl-u",
      "escape",
    ]);
    expect(names("\x1b[200~\x1b[99X\x01\x1b[M")).toEqual(["unknown", "unknown", "unknown", "unknown"]);
  });

  test("characters of any size are one key each", () => {
    expect(names("aé日😀")).toEqual(["a", "é", "日", "😀"]);
  });

  test("a sequence that is cut off waits for its rest, wherever the cut is", () => {
    for (const sequence of ["\x1b[1;5A", "\x1b[5~", "\x1bOA"]) {
      for (let cut = 2; cut < sequence.length; cut += 1) {
        const { keys, rest } = parseKeys(`x${sequence.slice(0, cut)}`);
        expect(keys).toHaveLength(1);
        expect(names(rest + sequence.slice(cut))).toEqual(names(sequence));
      }
    }
  });

  test("whatever is sent ends in keys, and nothing is taken twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (input) => {
        const { keys, rest } = parseKeys(input);
        expect(keys.length + rest.length).toBeLessThanOrEqual(input.length);
        expect(input.endsWith(rest)).toBe(true);
      }),
    );
  });
});

describe("a row", () => {
  test("holds the beginning of what a memory says, without what a terminal would act upon", () => {
    const row = rowOf(
      memoryAt(1, { text: `\x1b[31mred\x07\r\n\u202ex\u0000${"e".padEnd(99, "\u0301")}${"y".repeat(9000)}` }),
    );
    expect(row.text).toMatch(/^\[31mred xé{0,1}/);
    expect(row.text.length).toBeLessThanOrEqual(2000);
    expect(row.text).not.toMatch(/\p{Cc}|\p{Cf}|\p{M}{9}/u);
    expect(rowOf(memoryAt(1, { text: "a\ud800" })).text).toBe("a\ufffd");
  });

  test("of the same microsecond are in the order of their modules, and of their positions", () => {
    const [a1] = rowsAt(1, 1, { module: "a" });
    const b1 = { ...a1!, module: "b" };
    expect([compareRows(a1!, b1), compareRows(b1, a1!), compareRows(a1!, a1!)]).toEqual([-1, 1, 0]);
    expect(rowOf(memoryAt(1, { recordedAt: undefined })).recordedUs).toBe(0);
  });
});

test("whatever is pressed and recorded, the ledger keeps its word", () => {
  const keys = fc.constantFrom(
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    HOME,
    END,
    " ",
    "f",
    "n",
    "N",
    "\r",
    "q",
    "/text\r",
    "?",
    ESC,
  );
  const message = fc.oneof(
    keys.map((key) => ({ key })),
    fc.integer({ min: 1, max: 30 }).map((count) => ({ count })),
    fc
      .record({ columns: fc.integer({ min: 1, max: 300 }), rows: fc.integer({ min: 1, max: 60 }) })
      .map((size) => ({ size })),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      let model = ledgerOf(rowsAt(1, 5), true);
      let next = 6;
      for (const each of messages) {
        if ("key" in each) model = typed(model, each.key).model;
        else if ("size" in each) model = take(model, { kind: "resized", size: each.size });
        else {
          model = record(model, rowsAt(next, next + each.count - 1));
          next += each.count;
        }
        const { rows, selected, top, following, size } = model;
        expect(rows.map(({ position }) => position)).toEqual(Array.from({ length: next - 1 }, (_, index) => index + 1));
        expect(selected).toBeLessThan(rows.length);
        expect(top).toBeLessThanOrEqual(selected + (size.rows === 1 ? 1 : 0));
        if (following) expect(selected).toBe(rows.length - 1);
      }
    }),
    { numRuns: 60 },
  );
});
