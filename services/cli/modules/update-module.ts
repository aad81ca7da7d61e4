import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { UNSETTABLE, UpdateModuleOptions } from "../commands/modules.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { type ModuleInit, moduleOfOptions } from "./module-of-options.ts";
import { tellModule } from "./tell-module.ts";

/** Fields of the contract, by the names that a message has for them. */
const PATHS = {
  title: "title",
  description: "description",
  language: "language",
  scratchNotesMax: "scratch_notes_max",
  scratchBytesMax: "scratch_bytes_max",
  scratchTtl: "scratch_ttl",
  scratchTtlMax: "scratch_ttl_max",
} as const;

/** The fields behind what `--unset` names. */
const UNSET: Readonly<Record<(typeof UNSETTABLE)[number], keyof typeof PATHS>> = {
  language: "language",
  "notes-max": "scratchNotesMax",
  "bytes-max": "scratchBytesMax",
  ttl: "scratchTtl",
  "ttl-max": "scratchTtlMax",
};

/** `cos modules update`. */
export async function updateModule(cli: Cli, name: string, options: UpdateModuleOptions): Promise<number> {
  const module = moduleOfOptions(name, options);
  const paths = pathsOf(module, options);
  if (paths.length === 0) throw new CliFailure(EXIT.usage, "nothing to change: give a setting, or --unset one");
  return withConnection(cli, options.address, async ({ modules }) => {
    const request = { module, updateMask: { paths }, revision: BigInt(options.revision ?? 0) };
    const answer = await modules.updateModule(request, { signal: cli.terminal.signal });
    const done = `changed module ${cli.out.style("bold", name)}, revision ${answer.module?.revision}`;
    return tellModule(cli, answer.module, options.json, done);
  });
}

function pathsOf(module: ModuleInit, { unset = [] }: UpdateModuleOptions): string[] {
  const given = Object.entries(PATHS).filter(([field]) => Object.hasOwn(module, field));
  const taken = unset.map((setting) => UNSET[setting]);
  const both = given.find(([field]) => taken.some((each) => each === field));
  if (both !== undefined) throw new CliFailure(EXIT.usage, `${both[1]} is given and unset at once`);
  return [...given.map(([, path]) => path), ...new Set(taken.map((field) => PATHS[field]))];
}
