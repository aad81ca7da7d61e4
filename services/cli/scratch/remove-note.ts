import type { Cli } from "../cli.ts";
import type { RemoveNoteOptions } from "../commands/scratch.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";

/** `cos scratch rm`. */
export function removeNote(cli: Cli, key: string, options: RemoveNoteOptions): Promise<number> {
  const { module, revision = 0, json, address } = options;
  return withConnection(cli, address, async ({ scratch }) => {
    const request = { module, key, revision: BigInt(revision) };
    await scratch.deleteNote(request, { signal: cli.terminal.signal });
    await cli.out.line(json === true ? JSON.stringify({ module, key }) : `deleted ${cli.out.style("bold", key)}`);
    return EXIT.ok;
  });
}
