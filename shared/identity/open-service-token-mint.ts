import { createPublicKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { KIND_OF_WORD, VERB_OF_WORD, wordFor } from "./policy-words.ts";
import { JWT_LENGTH_MAX } from "./prove-jwt.ts";
import { serviceKeyId } from "./service-key-id.ts";
import {
  MESH_ISSUER,
  SERVICE_TOKEN_ALGORITHM,
  SERVICE_TOKEN_LIFETIME_S,
  SERVICE_TOKEN_TYPE,
  type ServiceTokenClaims,
} from "./service-token.ts";

/** Makes the tokens with which one service calls others on somebody's behalf. */
export interface ServiceTokenMint {
  /**
   * A token for calls of the service `audience` within the next 60 s, on behalf of `actor`: with the rights that count here (those of
   * a service that called on its behalf are a bound already), and for no longer than what the caller came with. That itself is
   * never passed on. Rejects with why the access has ended, or with QUOTA_EXCEEDED when the rights do not fit into a token.
   */
  mint(call: { readonly audience: string; readonly actor: Access }): Promise<string>;
}

/** `service` is the name by which the others' policies know the public half of `privateKey` (Ed25519). */
export function openServiceTokenMint(options: {
  readonly service: string;
  readonly privateKey: KeyObject;
}): ServiceTokenMint {
  const { service, privateKey } = options;
  const header = {
    alg: SERVICE_TOKEN_ALGORITHM,
    typ: SERVICE_TOKEN_TYPE,
    kid: serviceKeyId(createPublicKey(privateKey)),
  };
  return {
    async mint({ audience, actor }) {
      if (actor.ended !== undefined) throw actor.ended;
      const nowS = Math.floor(Date.now() / 1000);
      const token = await new SignJWT({ ...claimsFor(service, actor) })
        .setProtectedHeader(header)
        .setIssuer(MESH_ISSUER)
        .setAudience(audience)
        .setIssuedAt(nowS)
        .setExpirationTime(Math.min(nowS + SERVICE_TOKEN_LIFETIME_S, Math.ceil(actor.expiresMs / 1000)))
        .sign(privateKey);
      if (token.length <= JWT_LENGTH_MAX) return token;
      throw new CosError(
        ErrorReason.QUOTA_EXCEEDED,
        "the caller has rights in too many modules for one service to tell another: one right in `*` would do",
      );
    },
  };
}

function claimsFor(service: string, { principal: { name, kind }, grants }: Access): ServiceTokenClaims {
  const words = [...grants].map(([module, verb]) => [module, wordFor(VERB_OF_WORD, verb)]);
  return { sub: name, kind: wordFor(KIND_OF_WORD, kind), grants: Object.fromEntries(words), act: { sub: service } };
}
