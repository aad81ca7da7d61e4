import type { Cli } from "../cli.ts";
import type { RetireOptions } from "../commands/modules.ts";
import { withConnection } from "../connection/with-connection.ts";
import { tellModule } from "./tell-module.ts";

/** `cos modules reactivate`. */
export function reactivateModule(
  cli: Cli,
  name: string,
  { address, json, revision = 0 }: RetireOptions,
): Promise<number> {
  return withConnection(cli, address, async ({ modules }) => {
    const request = { name, revision: BigInt(revision) };
    const { module } = await modules.reactivateModule(request, { signal: cli.terminal.signal });
    return tellModule(cli, module, json, `module ${cli.out.style("bold", name)} takes memories and notes again`);
  });
}
