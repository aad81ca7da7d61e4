import { createPublicKey, type KeyObject } from "node:crypto";
import { objectOf, optional, type Shape, type Tell, textLike, textOf } from "./json-shape.ts";

const KEY_BYTES = 32;

const ANY_TEXT = optional(textLike(/^/, "must be a text"), undefined);

const JWK = objectOf({
  kty: textLike(/^OKP$/, "must be OKP: the key must be of Ed25519"),
  crv: textLike(/^Ed25519$/, "must be Ed25519"),
  x: textOf("must be 32 bytes in base64url", (text) => (isKey(text) ? text : undefined)),
  d: optional(
    textOf(
      "makes this a private key, which is not safe any more: make another, and give its public half",
      () => undefined,
    ),
    undefined,
  ),
  kid: ANY_TEXT,
  use: ANY_TEXT,
  alg: ANY_TEXT,
});

/** A public key of Ed25519 as a JWK (RFC 8037). */
export const PUBLIC_KEY: Shape<KeyObject> = {
  read(value, path, tell) {
    let isSound = true;
    const heard: Tell = (...fault) => {
      isSound = false;
      tell(...fault);
    };
    const jwk = JWK.read(value, path, heard);
    if (!isSound) return undefined as never;
    return createPublicKey({ format: "jwk", key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x } });
  },
};

function isKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === KEY_BYTES && bytes.toString("base64url") === text;
}
