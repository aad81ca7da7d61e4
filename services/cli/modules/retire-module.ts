import type { Cli } from "../cli.ts";
import type { RetireOptions } from "../commands/modules.ts";
import { withConnection } from "../connection/with-connection.ts";
import { tellModule } from "./tell-module.ts";

/** `cos modules retire`. */
export function retireModule(cli: Cli, name: string, { address, json, revision = 0 }: RetireOptions): Promise<number> {
  return withConnection(cli, address, async ({ modules }) => {
    const request = { name, revision: BigInt(revision) };
    const { module } = await modules.retireModule(request, { signal: cli.terminal.signal });
    const last = (module?.head?.position ?? 0n).toLocaleString("en");
    const done = `retired module ${cli.out.style("bold", name)} at position ${last}: it is read as before, and takes nothing any more`;
    return tellModule(cli, module, json, done);
  });
}
