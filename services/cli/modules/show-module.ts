import { toJsonString } from "@bufbuild/protobuf";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ModulesOptions } from "../commands/modules.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { writeLines } from "../output/write-lines.ts";
import { describeModule } from "./describe-module.ts";

/** `cos modules show`. */
export function showModule(cli: Cli, name: string, { json, address }: ModulesOptions): Promise<number> {
  return withConnection(cli, address, async ({ modules }) => {
    const { module } = await modules.getModule({ name }, { signal: cli.terminal.signal });
    if (module === undefined) throw new CliFailure(EXIT.notFound, `there is no module ${name}`);
    const lines = json === true ? [toJsonString(ModuleSchema, module)] : describeModule(cli.out, module);
    await writeLines(cli.out, lines);
    return EXIT.ok;
  });
}
