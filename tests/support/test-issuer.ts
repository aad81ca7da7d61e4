import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWK } from "jose";

export type TestAlgorithm = "EdDSA" | "ES256" | "RS256";

/** What a test's token says beside or instead of what a good one does; undefined takes a member out. */
export interface TokenChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer of signed tokens on loopback. It signs by Node's crypto, apart from the library that is under test. */
export interface TestIssuer {
  readonly issuer: string;
  /** Where its public keys are. */
  readonly jwksUri: string;
  /** How often they were asked for. */
  readonly fetches: number;
  /** The latest of them. */
  readonly publicKey: JWK;
  /** A token of the latest key: `at+jwt`, for the audience `cos`, of `ada`, good for an hour. */
  sign(changes?: TokenChanges): string;
  /** A token of these very texts. */
  signTexts(header: string, claims: string): string;
  /** Takes a new key; the old ones are shown on, or taken back. */
  rotate(old: "kept" | "taken back"): void;
  /** Answers as told instead of with the keys, until `comeBack`. */
  misbehave(answer: RequestListener): void;
  comeBack(): void;
  close(): Promise<void>;
}

interface Key {
  readonly privateKey: KeyObject;
  readonly jwk: JWK;
}

/** Opens an issuer whose keys are of one algorithm. */
export async function openTestIssuer(algorithm: TestAlgorithm = "ES256"): Promise<TestIssuer> {
  let fetches = 0;
  let keys = [makeKey(algorithm, "key-1")] as [Key, ...Key[]];
  let misbehaviour: RequestListener | undefined;
  const server = createServer((request, response) => {
    fetches += 1;
    if (misbehaviour !== undefined) misbehaviour(request, response);
    else response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function signTexts(header: string, claims: string): string {
    const signed = `${base64url(header)}.${base64url(claims)}`;
    const key = { key: keys[0].privateKey, dsaEncoding: "ieee-p1363" } as const;
    return `${signed}.${sign(algorithm === "EdDSA" ? null : "sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  return {
    issuer,
    jwksUri: `${issuer}/keys`,
    get fetches() {
      return fetches;
    },
    get publicKey() {
      return keys[0].jwk;
    },
    sign({ claims, header } = {}) {
      const nowS = Math.floor(Date.now() / 1000);
      return signTexts(
        JSON.stringify({ alg: algorithm, typ: "at+jwt", kid: keys[0].jwk.kid, ...header }),
        JSON.stringify({ iss: issuer, aud: "cos", sub: "ada", iat: nowS, exp: nowS + 3600, ...claims }),
      );
    },
    signTexts,
    rotate(old) {
      const kid = `key-${Number(keys[0].jwk.kid?.slice("key-".length)) + 1}`;
      keys = [makeKey(algorithm, kid), ...(old === "kept" ? keys : [])];
    },
    misbehave(answer) {
      misbehaviour = answer;
    },
    comeBack() {
      misbehaviour = undefined;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function makeKey(algorithm: TestAlgorithm, kid: string): Key {
  const { publicKey, privateKey } = makeKeyPair(algorithm);
  return { privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: algorithm, use: "sig" } };
}

function makeKeyPair(algorithm: TestAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
