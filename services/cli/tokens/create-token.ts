import { create, toJsonString } from "@bufbuild/protobuf";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CreateTokenRequestSchema, CreateTokenResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { CreateTokenOptions } from "../commands/tokens.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { grantsOf } from "../output/format-rights.ts";
import { durationOf } from "./duration-of.ts";
import { showSecret } from "./show-secret.ts";

const KIND_VALUES: Readonly<Record<CreateTokenOptions["kind"], PrincipalKind>> = {
  person: PrincipalKind.PERSON,
  agent: PrincipalKind.AGENT,
  service: PrincipalKind.SERVICE,
};

/** `cos tokens create`. */
export function createToken(cli: Cli, options: CreateTokenOptions): Promise<number> {
  const request = create(CreateTokenRequestSchema, {
    name: options.name,
    kind: KIND_VALUES[options.kind],
    grants: grantsOf(options.module ?? []),
    ...(options.expires !== undefined && { expiresIn: durationOf(options.expires) }),
  });
  return withConnection(cli, options.address, async ({ auth }) => {
    const answer = await auth.createToken(request, { signal: cli.terminal.signal });
    if (options.json === true) await cli.out.line(toJsonString(CreateTokenResponseSchema, answer));
    else await showSecret(cli, answer.secret, answer.token);
    return EXIT.ok;
  });
}
