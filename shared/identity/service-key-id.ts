import { createHash, type KeyObject } from "node:crypto";

/** The name of a public key: its thumbprint (RFC 7638), so that it cannot be given to another one. Ed25519 only. */
export function serviceKeyId(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: "jwk" });
  return createHash("sha256").update(JSON.stringify({ crv, kty, x })).digest("base64url");
}
