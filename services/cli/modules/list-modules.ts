import { toJsonString } from "@bufbuild/protobuf";
import { type Module, ModuleSchema, ModuleState } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ModulesOptions } from "../commands/modules.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";

/** The most that one page may have (cos.conductor.v1.ListModulesRequest). */
const PAGE_MAX = 1000;
const HEADINGS = ["NAME", "STATE", "MEMORIES", "LANGUAGE", "TITLE"];

/** `cos modules`. */
export function listModules(cli: Cli, { json, address }: ModulesOptions): Promise<number> {
  return withConnection(cli, address, async (connection) => {
    const modules = await Array.fromAsync(pagesOf(connection, cli.terminal.signal));
    if (json === true) {
      await writeLines(
        cli.out,
        modules.map((module) => toJsonString(ModuleSchema, module)),
      );
    } else if (modules.length === 0) {
      await cli.err.line("cos: there is no module that you may read: `cos whoami` shows what you may do");
    } else {
      await writeLines(cli.out, tableLines(cli.out, HEADINGS, modules.map(rowOf), { right: [2], gives: 4 }));
    }
    return EXIT.ok;
  });
}

function rowOf({ name, state, head, language, title }: Module): string[] {
  const positions = (head?.position ?? 0n).toLocaleString("en");
  return [name, state === ModuleState.RETIRED ? "retired" : "", positions, language, title === name ? "" : title];
}

async function* pagesOf({ modules }: Pick<Connection, "modules">, signal: AbortSignal): AsyncGenerator<Module> {
  let pageToken = "";
  do {
    const page = await modules.listModules({ pageSize: PAGE_MAX, pageToken }, { signal });
    yield* page.modules;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
