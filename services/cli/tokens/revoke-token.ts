import { toJsonString } from "@bufbuild/protobuf";
import { RevokeTokenResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { RevokeTokenOptions } from "../commands/tokens.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";

/** `cos tokens revoke`. */
export function revokeToken(cli: Cli, name: string, { id = "", json, address }: RevokeTokenOptions): Promise<number> {
  return withConnection(cli, address, async ({ auth }) => {
    const answer = await auth.revokeToken({ name, tokenId: id }, { signal: cli.terminal.signal });
    const ended = answer.tokens.length;
    if (json === true) await cli.out.line(toJsonString(RevokeTokenResponseSchema, answer));
    else if (ended === 0) await cli.out.line(`${name} had no token that held`);
    else
      await cli.out.line(
        `revoked ${countOf(ended, "token", "tokens")} of ${name}; what they opened ends within 5 seconds`,
      );
    return EXIT.ok;
  });
}
