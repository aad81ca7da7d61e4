import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { EMPTY_POLICY, type Policy } from "#shared/identity/policy.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();

function readText(text: string): Policy {
  const path = join(folder, "policy.json");
  writeFileSync(path, text);
  return readPolicy(path);
}

function faultsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

/** The faults of a policy, without the variable's name before each. */
function faults(policy: unknown): string[] {
  return faultsOf(() => readText(JSON.stringify(policy))).map((fault) => {
    expect(fault).toMatch(/^COS_AUTH_POLICY: /);
    return fault.slice("COS_AUTH_POLICY: ".length);
  });
}

const publicKey = (): object => generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });

const issuer = { name: "studio", issuer: "https://id.example", audience: "cos", jwksUri: "https://id.example/keys" };
const certificate = { name: "spiffe://cos/graph", principal: "graph", kind: "service", grants: { "*": "read" } };
const service = { name: "graph", publicKeys: [publicKey()], grants: { "*": "read" } };

describe("the file of the policy", () => {
  test("says whom the mesh believes, and what they may do", () => {
    const policy = readText(
      JSON.stringify({
        jwt: [
          {
            ...issuer,
            principalClaim: "email",
            kindClaim: "typ",
            kinds: { human: "person", bot: "agent" },
            grantsClaim: "groups",
            grants: { "studio editors": { drafts: "approve", "*": "read" } },
            defaultGrants: { cc: "record" },
          },
        ],
        certificates: [certificate],
        services: [service],
      }),
    );
    expect(policy.jwt).toEqual([
      {
        ...issuer,
        principalClaim: "email",
        kindClaim: "typ",
        kinds: new Map<string, PrincipalKind>([
          ["human", PrincipalKind.PERSON],
          ["bot", PrincipalKind.AGENT],
        ]),
        grantsClaim: "groups",
        grants: new Map([
          [
            "studio editors",
            new Map<string, Verb>([
              ["drafts", Verb.APPROVE],
              ["*", Verb.READ],
            ]),
          ],
        ]),
        defaultGrants: new Map([["cc", Verb.RECORD]]),
      },
    ]);
    const graph = { name: "graph", kind: PrincipalKind.SERVICE, grants: new Map([["*", Verb.READ]]) };
    expect(policy.certificates).toEqual([{ name: "spiffe://cos/graph", principal: graph }]);
    expect(policy.services[0]?.principal).toEqual(graph);
    expect(policy.services[0]?.publicKeys[0]?.asymmetricKeyType).toBe("ed25519");
  });

  test("is what docs/auth-policy.md shows", () => {
    const page = readFileSync(join(import.meta.dirname, "../../../docs/auth-policy.md"), "utf8");
    const examples = [...page.matchAll(/^```json\n(.*?)^```/gms)].map(([, example]) => readText(example ?? ""));
    expect(
      examples.map(({ jwt, certificates, services }) => [jwt, certificates, services].map((list) => list.length)),
    ).toEqual([[1, 1, 1]]);
  });

  test("believes nobody when there is none, or nothing in it", () => {
    expect(readPolicy(undefined)).toBe(EMPTY_POLICY);
    expect(readText("{}")).toEqual(EMPTY_POLICY);
  });

  test("takes the claim `sub`, agents and no rights for what an issuer's entry leaves out", () => {
    expect(readText(JSON.stringify({ jwt: [issuer] })).jwt[0]).toEqual({
      ...issuer,
      principalClaim: "sub",
      kindClaim: undefined,
      kinds: new Map(),
      grantsClaim: undefined,
      grants: new Map(),
      defaultGrants: new Map(),
    });
  });

  test("is refused when it is not there, no JSON, or anybody's to write", () => {
    expect(faultsOf(() => readPolicy(join(folder, "missing.json")))).toEqual([
      expect.stringMatching(/^COS_AUTH_POLICY names a file that cannot be read \(ENOENT\): .*missing\.json$/),
    ]);
    expect(faultsOf(() => readText("{"))).toEqual([
      expect.stringMatching(/^COS_AUTH_POLICY names a file that is not JSON/),
    ]);
    const open = join(folder, "open.json");
    writeFileSync(open, "{}");
    chmodSync(open, 0o666);
    expect(faultsOf(() => readPolicy(open))).toEqual([expect.stringMatching(/everybody may write.*chmod o-w/)]);
  });

  test("says nothing twice in one object", () => {
    expect(faultsOf(() => readText('{"jwt": [], "jw\\u0074": []}'))).toEqual([
      'COS_AUTH_POLICY: "jwt" stands twice in one object',
    ]);
  });

  test("is told of all its faults at once, each with its path", () => {
    expect(
      faults({
        jwt: [{ name: "Studio", issuer: "", audience: "cos", jwksUri: "http://id.example", kinds: { human: "boss" } }],
        certificates: [{ ...certificate, grants: { Drafts: "read", drafts: "write" } }, "graph"],
        services: [{ name: "graph", publicKeys: [], grants: [] }],
        tokens: [],
      }),
    ).toEqual([
      "tokens is not known here; known are jwt, certificates, services",
      expect.stringMatching(/^jwt\[0\]\.name must be 1 to 32 small letters/),
      expect.stringMatching(/^jwt\[0\]\.issuer must be the issuer as it stands in the tokens/),
      expect.stringMatching(/^jwt\[0\]\.jwksUri must be an https:\/\/ URL/),
      "jwt[0].kinds.human must be one of person, agent, service",
      expect.stringMatching(/^certificates\[0\]\.grants\.Drafts is no module's name/),
      "certificates[0].grants.drafts must be one of read, record, approve, admin",
      "certificates[1] must be an object",
      "services[0].publicKeys must be a list of at least 1",
      "services[0].grants must be an object",
    ]);
  });

  test.each([
    ["a list", [], ["the file must be an object"]],
    ["no list of issuers", { jwt: {} }, ["jwt must be a list"]],
    ["a missing member", { jwt: [{ ...issuer, audience: undefined }] }, ["jwt[0].audience is missing"]],
    ["a key of the language", JSON.parse('{"__proto__": 1}'), [expect.stringMatching(/^__proto__ is not known here/)]],
    [
      "a value that is no word",
      { jwt: [{ ...issuer, grantsClaim: "g", grants: { "a b": { cc: 2 } } }] },
      ['jwt[0].grants["a b"].cc must be one of read, record, approve, admin'],
    ],
  ])("is refused with %s", (_, policy, expected) => {
    expect(faults(policy)).toEqual(expected);
  });

  test.each(["https://id.example/keys", "http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:1/keys"])(
    "takes keys from %s",
    (jwksUri) => {
      expect(faults({ jwt: [{ ...issuer, jwksUri }] })).toEqual([]);
    },
  );

  test.each([
    "http://id.example/keys",
    "http://127.0.0.1.example/",
    "ftp://id.example",
    "https://me:secret@id.example",
    "https://me@id.example",
    "keys",
  ])("takes no keys from %s", (jwksUri) => {
    expect(faults({ jwt: [{ ...issuer, jwksUri }] })).toEqual([expect.stringMatching(/^jwt\[0\]\.jwksUri must be/)]);
  });

  test("gives nobody the mesh's own name, or the names of those who need no entry", () => {
    expect(faults({ jwt: [{ ...issuer, issuer: "urn:cos:mesh" }] })).toEqual([
      expect.stringMatching(/^jwt\[0\]\.issuer must be .* not urn:cos:mesh$/),
    ]);
    for (const principal of ["local", "owner", "studio:ada"]) {
      expect(faults({ certificates: [{ ...certificate, principal }] })).toHaveLength(1);
    }
  });

  test("takes names of certificates of SPIFFE alone", () => {
    for (const name of ["cos/graph", "spiffe://", "spiffe://cos/a b", 'spiffe://cos/"a"']) {
      expect(faults({ certificates: [{ ...certificate, name }] })).toEqual([
        "certificates[0].name must be a SPIFFE name: spiffe://cos/graph",
      ]);
    }
  });

  test("takes public keys of Ed25519 alone, and warns of a private one without repeating it", () => {
    const withKey = (key: unknown): string[] => faults({ services: [{ ...service, publicKeys: [key] }] });
    const { d, ...rest } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
    expect(withKey({ ...rest, kid: "graph-1", use: "sig", alg: "EdDSA" })).toEqual([]);
    const [fault, ...others] = withKey({ ...rest, d });
    expect(fault).toMatch(/^services\[0\]\.publicKeys\[0\]\.d makes this a private key/);
    expect(fault).not.toContain(d);
    expect(others).toEqual([]);
    expect(
      withKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" })),
    ).toHaveLength(3);
    expect(withKey({ ...rest, x: `${rest.x}A` })).toEqual([
      "services[0].publicKeys[0].x must be 32 bytes in base64url",
    ]);
    expect(withKey("MCowBQYDK2VwAyEA")).toEqual(["services[0].publicKeys[0] must be an object"]);
  });
});

describe("the parts of a policy agree", () => {
  test("no name, issuer or key stands for two", () => {
    expect(faults({ jwt: [issuer, issuer] })).toEqual([
      "jwt[1].name is that of jwt[0] already",
      "jwt[1].issuer is that of jwt[0] already",
    ]);
    expect(faults({ certificates: [certificate, certificate] })).toEqual([
      "certificates[1].name is that of certificates[0] already",
    ]);
    expect(faults({ services: [service, service] })).toEqual([
      "services[1].name is that of services[0] already",
      "services[1].publicKeys[0] is services[0].publicKeys[0] already: each service needs a key of its own",
    ]);
  });

  test("a service may have two keys, while one replaces the other", () => {
    expect(faults({ services: [{ ...service, publicKeys: [publicKey(), publicKey()] }] })).toEqual([]);
  });

  test("a claim has its table, and a table its claim", () => {
    expect(faults({ jwt: [{ ...issuer, kindClaim: "kind", grants: { editors: { "*": "read" } } }] })).toEqual([
      "jwt[0].kindClaim needs jwt[0].kinds: what its values mean",
      "jwt[0].grants needs jwt[0].grantsClaim: the claim whose values they are",
    ]);
  });

  test("an agent is given no more than record, by a certificate or by an issuer that knows agents alone", () => {
    expect(faults({ certificates: [{ ...certificate, kind: "agent", grants: { drafts: "approve" } }] })).toEqual([
      "certificates[0].grants gives agents more than record, which agents never have",
    ]);
    const editors = {
      grantsClaim: "groups",
      grants: { editors: { drafts: "approve" } },
      defaultGrants: { "*": "admin" },
    };
    expect(faults({ jwt: [{ ...issuer, ...editors }] })).toEqual([
      'jwt[0].grants["editors"] gives agents more than record, which agents never have',
      "jwt[0].defaultGrants gives agents more than record, which agents never have",
    ]);
    expect(faults({ jwt: [{ ...issuer, ...editors, kindClaim: "kind", kinds: { human: "person" } }] })).toEqual([]);
  });

  test("one principal is of one kind", () => {
    const other = { ...certificate, name: "spiffe://cos/other", kind: "person" };
    expect(faults({ certificates: [certificate, other], services: [service] })).toEqual([
      "certificates[1].kind: graph is of another kind elsewhere in the file",
    ]);
  });
});
