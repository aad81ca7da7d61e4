// The whole terminal, for as long as a command has it.
//
// Owner: one `cos ledger`.
//
//  S1  Whoever enters leaves: what was on the terminal is there again, with its cursor, its wrapping of lines and its echo, however often
//      and in whatever order enter and leave are called, and whether or not the terminal still answers.
//  S2  A line is written anew only where it changed, at its own place: one that the terminal measures otherwise than we do spoils no other.
//  S3  One drawing at a time: while the terminal is slow, what is drawn next is what there is to see then.
//
// Failure mode: a terminal that has gone rejects `draw` with PipeClosed, or with its own error.
import type { Output } from "../output/output.ts";
import type { TerminalInput } from "../terminal.ts";
import type { Line } from "./line.ts";

// The sequences are those of ECMA-48, and xterm's private modes (ctlseqs): 1049 another screen, 25 the cursor, 7 wrapping; 2026 begins and
// ends what is to appear at once, and is passed over by terminals that do not know it.
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const [BEGIN, END] = ["\x1b[?2026h", "\x1b[?2026l"];
const ERASE_ALL = "\x1b[2J";
/** To the beginning of a line, which is erased first: erased behind a full one, its last character would go. */
const lineAt = (row: number): string => `\x1b[${row};1H\x1b[2K`;

export class Screen {
  readonly #out: Output;
  readonly #stdin: TerminalInput;
  #entered = false;
  /** What is on the screen, by line; undefined: not known. */
  #drawn: readonly string[] | undefined;

  constructor(out: Output, stdin: TerminalInput) {
    this.#out = out;
    this.#stdin = stdin;
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#drawn = [];
    this.#setRaw(true);
    this.#write(ENTER);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#write(LEAVE);
    this.#setRaw(false);
  }

  /** Whatever is on the screen now, all of it is drawn anew the next time. */
  forget(): void {
    this.#drawn = undefined;
  }

  /** Shows these lines, from the top; resolves once the terminal has taken them. */
  async draw(lines: readonly Line[]): Promise<void> {
    if (!this.#entered) return;
    const before = this.#drawn ?? [];
    const texts = lines.map((line) => this.#textOf(line));
    const changed = texts.flatMap((text, index) => (text === (before[index] ?? "") ? [] : [lineAt(index + 1) + text]));
    const erased = this.#drawn === undefined ? ERASE_ALL : "";
    this.#drawn = texts;
    if (erased !== "" || changed.length > 0) await this.#out.write(`${BEGIN}${erased}${changed.join("")}${END}`);
  }

  #textOf(line: Line): string {
    return line.map(({ text, style }) => (style === undefined ? text : this.#out.style(style, text))).join("");
  }

  #write(text: string): void {
    this.#out.write(text).catch(() => undefined);
  }

  #setRaw(raw: boolean): void {
    try {
      this.#stdin.setRawMode?.(raw);
    } catch {
      // A terminal that has gone (EIO) has no modes to set.
    }
  }
}
