import type { Cli } from "../cli.ts";
import type { ModuleSettingsOptions } from "../commands/modules.ts";
import { withConnection } from "../connection/with-connection.ts";
import { moduleOfOptions } from "./module-of-options.ts";
import { tellModule } from "./tell-module.ts";

/** `cos modules add`. */
export function addModule(cli: Cli, name: string, options: ModuleSettingsOptions): Promise<number> {
  return withConnection(cli, options.address, async ({ modules }) => {
    const request = { module: moduleOfOptions(name, options) };
    const { module } = await modules.registerModule(request, { signal: cli.terminal.signal });
    return tellModule(cli, module, options.json, `registered module ${cli.out.style("bold", name)}`);
  });
}
