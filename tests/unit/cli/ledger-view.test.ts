import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { detailLines } from "#services/cli/ledger/detail-lines.ts";
import { fitLine, type Line, lastColumns, lineColumns } from "#services/cli/ledger/line.ts";
import type { Model } from "#services/cli/ledger/model.ts";
import { rowOf } from "#services/cli/ledger/row.ts";
import { update } from "#services/cli/ledger/update.ts";
import { view } from "#services/cli/ledger/view.ts";
import { wrapText } from "#services/cli/ledger/wrap-text.ts";
import { columnsOf, graphemesOf } from "#services/cli/output/columns-of.ts";
import { shorten } from "#services/cli/output/one-line.ts";
import { ledgerOf, memoryAt, rowsAt, typed } from "./support/ledger-rows.ts";

const textOf = (line: Line): string => line.map(({ text }) => text).join("");
const screen = (model: Model): string[] => view(model).map(textOf);
const sized = (model: Model, columns: number, rows: number): Model =>
  update(model, { kind: "resized", size: { columns, rows } }).model;

/** Texts of all that makes a terminal's lines longer or shorter than they look. */
const odd = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "a",
      " ",
      "\t",
      "\n",
      "\x1b[2J",
      "\x07",
      "\u0301",
      "\u202e",
      "\u200d",
      "\ufe0f",
      "é",
      "日",
      "。",
      "ｶ",
      "👩",
      "👍🏽",
      "🇬🇧",
      "❤️",
      "각",
      "\u1100\u1161",
    ),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 120,
});
const memory = fc
  .record({
    text: odd,
    source: odd,
    sessionId: odd,
    recordedBy: odd,
    tags: fc.array(odd, { maxLength: 3 }),
    position: fc.integer({ min: 1, max: 1e12 }),
  })
  .map(({ position, ...extra }) => memoryAt(position, { ...extra, payload: { [extra.text]: extra.source } }));
const size = fc.record({ columns: fc.integer({ min: 1, max: 300 }), rows: fc.integer({ min: 1, max: 60 }) });
const keys = fc.constantFrom("", "\x1b[A", "?", "\r", "/日本👩a", "t", "s", "n", "/text\r", " ");

describe("the screen", () => {
  test("has as many lines as the terminal, none wider than it, and nothing that a terminal acts upon", () => {
    fc.assert(
      fc.property(
        fc.array(memory, { maxLength: 12 }),
        size,
        keys,
        odd,
        (memories, { columns, rows }, pressed, note) => {
          let model = sized(ledgerOf(memories.map(rowOf)), columns, rows);
          model = typed(model, pressed).model;
          if (model.mode.kind === "details") {
            const opened = memories.at(model.selected);
            model = update(model, { kind: "readMemory", memory: { ...opened!, id: model.mode.row.id } }).model;
          } else if (note.length % 2 === 0) model = update(model, { kind: "noted", note }).model;
          const lines = view(model);
          expect(lines).toHaveLength(rows);
          for (const line of lines) {
            expect(lineColumns(line)).toBeLessThanOrEqual(columns);
            expect(textOf(line)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  const diary = ledgerOf(
    rowsAt(1, 20, {
      module: "pepys",
      eventType: "diary.entry",
      source: "Samuel Pepys",
      recordedBy: "importer",
      text: `Up betimes, ${"and so to bed ".repeat(30)}`,
    }),
  );

  test("shows of each memory what there is room for: on a wide terminal when, where, what, from whom, by whom", () => {
    const [first] = screen(sized(diary, 160, 6));
    expect(first).toMatch(
      /^ {2}2027-01-15 08:00:00Z {2}pepys\/17 {2}diary\.entry {2}Samuel Pepys {2}by importer {2}Up betimes/,
    );
    expect(columnsOf(first!)).toBe(160);
    expect(screen(sized(diary, 60, 6))[0]).toMatch(/^ {2}2027-01-15 08:00:00Z {2}pepys\/17 {2}Up betimes/);
    expect(screen(sized(diary, 40, 6))[0]).toMatch(/^ {2}pepys\/17 {2}Up betimes/);
    expect(screen(sized(diary, 20, 6))[0]).toMatch(/^ {2}Up betimes/);
  });

  test("marks the row that keys are about, without colours too", () => {
    const lines = screen(typed(sized(diary, 40, 6), "k").model);
    expect(lines.map((line) => line.slice(0, 2))).toEqual(["  ", "  ", "> ", "  ", "co", "? "]);
  });

  test("sets off what was searched for", () => {
    const found = view(typed(sized(diary, 160, 6), "/BETIMES\r").model)[0]!;
    expect(found.filter(({ style }) => JSON.stringify(style)?.includes("underline")).map(({ text }) => text)).toEqual([
      "betimes",
    ]);
  });

  test("says so when there is nothing", () => {
    expect(screen(ledgerOf([]))[0]).toMatch(/^Nothing is recorded/);
    expect(screen({ ...ledgerOf([]), older: "reading" })[0]).toBe("");
    expect(screen({ ...ledgerOf([]), older: "reading" })[10]).toMatch(/^connecting {2}reading/);
  });

  test("keeps the end of what is typed in sight", () => {
    const line = screen(sized(typed(ledgerOf([]), `/${"x".repeat(50)}END`).model, 20, 6)).at(-1);
    expect(line).toBe("search: xxxxxxxxEND ");
    expect(screen(sized(typed(ledgerOf([]), "s").model, 20, 6)).at(-1)).toBe("sources, with | bet…");
  });

  test("keeps one line for the list on three rows, and how things stand on one", () => {
    expect(screen(sized(diary, 40, 3))).toHaveLength(3);
    expect(screen(sized(diary, 40, 3)).at(-1)).toMatch(/^connecting/);
    expect(screen(sized(diary, 40, 1))).toEqual([expect.stringMatching(/^connecting/)]);
    expect(screen(sized(typed(diary, "/ab").model, 40, 1))).toEqual(["search: ab "]);
  });

  test("tells which keys are useful", () => {
    expect(screen(diary).at(-1)).toMatch(/space pauses/);
    expect(screen(typed(diary, " ").model).at(-1)).toMatch(/f follows/);
    expect(screen(typed(diary, "?").model).at(-1)).toMatch(/q goes back/);
    expect(screen(typed(diary, "?").model)[0]).toMatch(/^up, down, k, j +one memory up or down$/);
  });
});

describe("the status line", () => {
  const status = (change: Partial<Model>, columns = 200): string =>
    screen({ ...sized(ledgerOf(rowsAt(1, 3)), columns, 12), ...change }).at(-2)!;
  const standing = (change: Partial<Model["standing"]>): Partial<Model> => ({
    standing: { connection: "live", behind: [], degraded: false, ...change },
  });

  test("says how the stream stands", () => {
    expect(status({})).toBe("connecting  cc  at cc/3  3 rows held");
    expect(status(standing({}))).toMatch(/^live {2}/);
    expect(status(standing({ degraded: true }))).toMatch(/^degraded {2}/);
    expect(status(standing({ behind: ["cc"] }))).toMatch(/^behind \(cc\) {2}/);
    expect(status(standing({ behind: ["a", "b"] }))).toMatch(/^behind \(2 modules\) {2}/);
    expect(status(standing({ connection: "reconnecting", degraded: true }))).toMatch(/^reconnecting {2}/);
    expect(status(standing({ connection: "catching up" }))).toMatch(/^catching up {2}/);
  });

  test("names modules, place, rows, filters and search", () => {
    expect(status({ modules: undefined })).toMatch(/all modules/);
    expect(status({ modules: ["a", "b", "c", "d", "e"] })).toMatch(/a, b, c and 2 more/);
    expect(status({ rows: [] })).toBe("connecting  cc  0 rows held");
    const filters = { type: ["diary.*"], source: ["Samuel\x1b Pepys"], tag: ["sea"], session: ["s"] };
    expect(status({ filters, search: "pla\x07gue" })).toMatch(/diary\.\* Samuel Pepys s sea {2}\/plague$/);
    expect(status({ filters: { since: { seconds: 0n, nanos: 0 } } })).toMatch(/within a time$/);
    expect(status({ following: false })).toMatch(/connecting {2}paused {2}/);
    expect(status({ following: false, unseen: 1234 })).toMatch(/paused, 1,234 new/);
  });

  test("leaves out what matters least where there is no room for all", () => {
    expect(status({ following: false, unseen: 2 }, 36)).toBe("connecting  paused, 2 new  at cc/3");
    expect(status({ following: false, unseen: 2 }, 30)).toBe("connecting  paused, 2 new");
    expect(status({ following: false, unseen: 2 }, 10)).toBe("connecting");
  });
});

describe("one memory", () => {
  const full = memoryAt(7, {
    text: "first line\n\nthird\twith a tab \x1b[31mand red",
    payload: { pages: 2, names: ["a"] },
    payloadType: "cos.x.v1.Y",
    sessionId: "s1",
    tags: ["a", "b"],
    causationId: "c",
    requestId: "r",
    traceId: "t",
    recordedBy: "me",
    promptTrace: {
      model: "m",
      prompt: "why?",
      response: "because",
      executionTimeMs: 12,
      tokenCount: 9,
      promptTokenCount: 4,
      responseTokenCount: 0,
    },
  } as never);

  test("shows all its fields, then all that it says, the payload as JSON", () => {
    const lines = detailLines(full, 80).map(textOf);
    expect(lines.slice(0, 5)).toEqual([
      "id             cc-7",
      "place          cc/7",
      "type           note",
      "source         me",
      "recorded       2027-01-15 08:00:00Z",
    ]);
    for (const line of [
      "session        s1",
      "tags           a, b",
      "cause          c",
      "request        r",
      "trace          t",
      "payload type   cos.x.v1.Y",
      "model          m",
      "took           12 ms",
      "tokens         9 (prompt 4, response ?)",
    ]) {
      expect(lines).toContain(line);
    }
    const text = lines.slice(lines.indexOf("text"));
    expect(text).toEqual([
      "text",
      "first line",
      "",
      "third    with a tab [31mand red",
      "",
      "prompt",
      "why?",
      "",
      "response",
      "because",
      "",
      "payload",
      "{",
      '  "pages": 2,',
      '  "names": [',
      '    "a"',
      "  ]",
      "}",
    ]);
  });

  test("on a narrow terminal has its values below their names", () => {
    expect(detailLines(full, 20).map(textOf).slice(0, 4)).toEqual(["id", "  cc-7", "place", "  cc/7"]);
  });

  test("a prompt trace of which little is known shows no more", () => {
    const lines = detailLines(
      memoryAt(1, {
        text: "",
        promptTrace: {
          prompt: "p",
          response: "",
          model: "",
          executionTimeMs: 0,
          tokenCount: 0,
          promptTokenCount: 0,
          responseTokenCount: 0,
        },
      } as never),
      80,
    );
    expect(lines.map(textOf)).not.toContain(expect.stringMatching(/tokens|took|model/));
    expect(lines.map(textOf).slice(-2)).toEqual(["prompt", "p"]);
  });
});

describe("wrapping", () => {
  test("is between words, or within those that are too long; spaces at the end hang over", () => {
    expect(wrapText("up betimes and to bed", 10)).toEqual(["up betimes", "and to bed"]);
    expect(wrapText("abcdefghij klm", 4)).toEqual(["abcd", "efgh", "ij", "klm"]);
    expect(wrapText(" ab cd", 4)).toEqual([" ab", "cd"]);
    expect(wrapText("日本語日本", 5)).toEqual(["日本", "語日", "本"]);
    expect(wrapText("", 5)).toEqual([""]);
    expect(wrapText("ab  \n\ncd", 2)).toEqual(["ab", "", "cd"]);
  });

  test("loses nothing but spaces, and no line is too wide", () => {
    fc.assert(
      fc.property(odd, fc.integer({ min: 8, max: 60 }), (text, columns) => {
        const lines = wrapText(text, columns);
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
        const bare = (all: string): string => all.replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
        expect(bare(lines.join(""))).toBe(bare(text.toWellFormed()));
      }),
      { numRuns: 100 },
    );
  });
});

describe("columns", () => {
  test("are two for East Asian letters, punctuation and full-width forms, and for pictographs; none for marks", () => {
    const columns = (text: string): number => columnsOf(text);
    expect(
      ["a", "é", "e\u0301", "日", "。", "「", "Ａ", "￥", "한", "㎏", "𠀋", "😀", "❤\ufe0f", "❤", "⚡\ufe0f", "…"].map(
        columns,
      ),
    ).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 1]);
    expect(columnsOf("plain text")).toBe(10);
  });

  test("graphemes are never torn", () => {
    expect(shorten("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
    expect(shorten("a🇬🇧b", 4)).toBe("a…");
    expect([...graphemesOf("ab")]).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(lastColumns("日本語", 5)).toBe("本語");
    expect(lastColumns("abc", 0)).toBe("");
    expect(lastColumns("abc", -3)).toBe("");
  });

  test("a line is cut where it is full", () => {
    const line = [{ text: "abc", style: "red" as const }, { text: "日本" }, { text: "x" }];
    expect(fitLine(line, 8)).toEqual(line);
    expect(fitLine(line, 7).map(({ text }) => text)).toEqual(["abc", "日本"]);
    expect(fitLine(line, 6).map(({ text }) => text)).toEqual(["abc", "日…"]);
    expect(fitLine(line, 2)).toEqual([{ text: "a…", style: "red" }]);
    expect(fitLine(line, 0)).toEqual([]);
  });
});
