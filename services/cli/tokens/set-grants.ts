import { toJsonString } from "@bufbuild/protobuf";
import type { Grant, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { SetGrantsResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { SetGrantsOptions } from "../commands/tokens.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatVerb, grantsOf } from "../output/format-rights.ts";
import { pagesOfTokens } from "./pages-of-tokens.ts";

/** `cos tokens grant`. */
export async function setGrants(cli: Cli, name: string, options: SetGrantsOptions): Promise<number> {
  const { module: given = [], none, json, address } = options;
  if (given.length === 0 && none !== true) {
    throw new CliFailure(EXIT.usage, "say which rights: --module module=right, or --none");
  }
  return withConnection(cli, address, async (connection) => {
    const { signal } = cli.terminal;
    const before = await grantsBefore(connection, name, signal);
    const answer = await connection.auth.setGrants({ name, grants: grantsOf(given) }, { signal });
    if (json === true) {
      await cli.out.line(toJsonString(SetGrantsResponseSchema, answer));
      return EXIT.ok;
    }
    const changes = describeChanges(before, answer.principal?.grants ?? []);
    if (changes.length === 0) await cli.out.line(`${name}: nothing has changed`);
    for (const change of changes) await cli.out.line(`${name}: ${change}`);
    return EXIT.ok;
  });
}

/** Rights come with any of the principal's tokens, those that ended included. */
async function grantsBefore(connection: Connection, name: string, signal: AbortSignal): Promise<Grant[]> {
  for await (const { principal } of pagesOfTokens(connection, { name, showEnded: true }, signal)) {
    return principal?.grants ?? [];
  }
  return [];
}

/** What became of each right, one a line: `drafts: read -> record`. */
export function describeChanges(before: readonly Grant[], after: readonly Grant[]): string[] {
  const verbs = (grants: readonly Grant[]) => new Map(grants.map(({ module, verb }): [string, Verb] => [module, verb]));
  const [old, now] = [verbs(before), verbs(after)];
  const modules = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  const word = (verb: Verb | undefined): string => (verb === undefined ? "nothing" : formatVerb(verb));
  return modules
    .filter((module) => old.get(module) !== now.get(module))
    .map((module) => `${module}: ${word(old.get(module))} -> ${word(now.get(module))}`);
}
