import { toJsonString } from "@bufbuild/protobuf";
import { type Module, ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";

/** Tells what became of a module: a sentence, or the module for programs. */
export async function tellModule(
  cli: Cli,
  module: Module | undefined,
  json: boolean | undefined,
  done: string,
): Promise<number> {
  await cli.out.line(json === true && module !== undefined ? toJsonString(ModuleSchema, module) : done);
  return EXIT.ok;
}
