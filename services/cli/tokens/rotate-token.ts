import { create, toJsonString } from "@bufbuild/protobuf";
import { RotateTokenRequestSchema, RotateTokenResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { RotateTokenOptions } from "../commands/tokens.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatDurationS } from "../output/format-duration.ts";
import { durationOf } from "./duration-of.ts";
import { showSecret } from "./show-secret.ts";

/** `cos tokens rotate`. */
export function rotateToken(cli: Cli, name: string, options: RotateTokenOptions): Promise<number> {
  const { overlap, expires } = options;
  const request = create(RotateTokenRequestSchema, {
    name,
    ...(overlap !== undefined && { overlap: durationOf(overlap) }),
    ...(expires !== undefined && { expiresIn: durationOf(expires) }),
  });
  return withConnection(cli, options.address, async ({ auth }) => {
    const answer = await auth.rotateToken(request, { signal: cli.terminal.signal });
    if (options.json === true) {
      await cli.out.line(toJsonString(RotateTokenResponseSchema, answer));
      return EXIT.ok;
    }
    await showSecret(cli, answer.secret, answer.token);
    const end =
      overlap === undefined || overlap === 0 ? "have ended" : `end in ${formatDurationS(overlap)} at the latest`;
    await cli.err.line(`cos: the tokens that ${name} had before ${end}`);
    return EXIT.ok;
  });
}
