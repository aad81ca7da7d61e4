import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ImportOptions } from "../commands/import.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { commitItem } from "./commit-item.ts";
import { countCommits, readCommits } from "./git-log.ts";
import { lineItems } from "./line-items.ts";
import { planLines } from "./plan-lines.ts";
import { readLines, unpack } from "./read-lines.ts";
import type { Item } from "./record-items.ts";
import { type ImportSource, runImport } from "./run-import.ts";
import { openSource } from "./source-bytes.ts";

/** `cos import`. */
export async function importMemories(
  cli: Cli,
  file: string,
  folder: string | undefined,
  options: ImportOptions,
): Promise<number> {
  if (file !== "git" && folder !== undefined) {
    throw new CliFailure(EXIT.usage, "one file at a time (a folder is named only after `git`)");
  }
  const source = file === "git" ? await gitSource(cli, folder ?? ".", options) : await fileSource(cli, file, options);
  return withConnection(cli, options.address, (connection) => runImport(cli, connection, source, options));
}

async function fileSource(cli: Cli, path: string, options: ImportOptions): Promise<ImportSource> {
  const { map, module, source, eventType } = options;
  const { name, bytes, size, read } = await openSource(path, cli.terminal.stdin);
  const plan = planLines({ map, module, source, eventType, fileName: name });
  return { name, total: size, done: read, items: (onFault) => lineItems(readLines(unpack(bytes)), plan, onFault) };
}

async function gitSource(cli: Cli, folder: string, options: ImportOptions): Promise<ImportSource> {
  const { map, module, source, eventType = "git.commit" } = options;
  if (map !== undefined) throw new CliFailure(EXIT.usage, "--map is for files: commits have no fields to name");
  const repository = { folder, env: cli.terminal.env };
  const total = await countCommits(repository);
  let done = 0;
  async function* items(): AsyncGenerator<Item[]> {
    if (total === 0) return;
    for await (const commits of readCommits(repository)) {
      done += commits.length;
      yield commits.map((commit) => commitItem(commit, module, source, eventType));
    }
  }
  return { name: `git ${folder}`, total, done: () => done, items };
}
