/**
 * What stands on a terminal that was sent a text: enough of ECMA-48 and xterm's modes for what our commands send. Anything else is an
 * error, so that a command that begins to send more is noticed.
 */
export class Glass {
  columns: number;
  rows: number;
  lines: string[] = [];
  /** The screen that was there before `1049`. */
  #main: string[] = [];
  #row = 0;
  #column = 0;
  #rest = "";
  isOther = false;
  hasCursor = true;
  wraps = true;
  isStyled = false;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  take(text: string): void {
    let left = this.#rest + text;
    while (left !== "") {
      const [whole, parameters = "", end = ""] = /^\x1b\[([?\d;]*)([A-Za-z])/.exec(left) ?? [];
      if (whole !== undefined) this.#act(parameters, end);
      else if (left.startsWith("\x1b")) break;
      else this.#write(String.fromCodePoint(left.codePointAt(0) as number));
      left = left.slice(whole?.length ?? String.fromCodePoint(left.codePointAt(0) as number).length);
    }
    this.#rest = left;
  }

  /** Each line as wide as the terminal lets it be. */
  text(): string {
    return Array.from({ length: this.rows }, (_, row) => (this.lines[row] ?? "").trimEnd()).join("\n");
  }

  #act(parameters: string, end: string): void {
    const mode = `${parameters}${end}`;
    if (mode === "?1049h") [this.#main, this.lines, this.isOther] = [this.lines, [], true];
    else if (mode === "?1049l") [this.lines, this.isOther] = [this.#main, false];
    else if (/^\?25[hl]$/.test(mode)) this.hasCursor = end === "h";
    else if (/^\?7[hl]$/.test(mode)) this.wraps = end === "h";
    else if (end === "m") this.isStyled = !["", "0", "22", "24", "27", "39", "49"].includes(parameters);
    else if (mode === "2J") this.lines = [];
    else if (end === "K") this.lines[this.#row] = "";
    else if (end === "H")
      [this.#row, this.#column] = parameters.split(";").map((each) => Number(each) - 1) as [number, number];
    else if (!/^\?2026[hl]$/.test(mode)) throw new Error(`a sequence that this terminal does not know: ${mode}`);
  }

  #write(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#row += 1;
    else {
      this.lines[this.#row] = (this.#column === 0 ? "" : (this.lines[this.#row] ?? "")) + character;
      this.#column += 1;
    }
  }
}
