import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { isId } from "../options/is-id.ts";

/** The ids of a ledger, by module. Throws CliFailure (usage) that names the file, and the line at fault. */
export async function readLedger(path: string): Promise<Map<string, string[]>> {
  const idsByModule = new Map<string, string[]>();
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() === "") continue;
      const { module, id } =
        entryOf(line) ?? fault(`${path}: line ${number} is not one that \`cos memories forgotten\` wrote`);
      idsByModule.getOrInsertComputed(module, () => []).push(id);
    }
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    fault(`--ledger ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  return idsByModule;
}

function fault(message: string): never {
  throw new CliFailure(EXIT.usage, message);
}

function entryOf(line: string): { module: string; id: string } | undefined {
  const { module, id } = parse(line);
  return typeof module === "string" && typeof id === "string" && isId(id)
    ? { module, id: id.toLowerCase() }
    : undefined;
}

function parse(line: string): { module?: unknown; id?: unknown } {
  try {
    return Object(JSON.parse(line)) as { module?: unknown; id?: unknown };
  } catch {
    return {};
  }
}
