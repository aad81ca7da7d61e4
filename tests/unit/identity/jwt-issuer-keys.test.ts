import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { TestIssuer } from "#tests/support/test-issuer.ts";
import { anIssuer, aVerifier, reasonOf, refusalOf, trusting } from "./jwt-test-verifier.ts";

/** Another token than those before it. */
let number = 0;
function another(issuer: TestIssuer): string {
  number += 1;
  return issuer.sign({ claims: { jti: String(number) } });
}

const cutOff: Parameters<TestIssuer["misbehave"]>[0] = (request) => request.socket.destroy();

/** Waits until something of this process has come about. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the keys of an issuer", () => {
  test("K1: are fetched once for all tokens that wait for them", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    await Promise.all(Array.from({ length: 20 }, async () => verifyJwt(another(issuer))));
    await verifyJwt(another(issuer));
    expect(issuer.fetches).toBe(1);
  });

  test("K2: are fetched again when they have been here for a while, and no token waits for it", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { refreshAfterMs: 0 });
    await verifyJwt(another(issuer));
    issuer.misbehave(() => {});
    await verifyJwt(another(issuer));
    await until(() => issuer.fetches === 2);
  });

  test("K2: a key that its issuer took back is gone after the next refresh", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { refreshAfterMs: 0, cooldownMs: 60_000 });
    const old = Array.from({ length: 100 }, () => another(issuer));
    await verifyJwt(old.pop() as string);
    issuer.rotate("taken back");
    await until(async () => {
      const outcome = await Promise.resolve(verifyJwt(old.pop() as string)).catch(({ reason }) => reason);
      return outcome === ErrorReason.TOKEN_INVALID;
    });
  });

  test("K3: an unknown key makes them be fetched", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { cooldownMs: 0 });
    const old = another(issuer);
    await verifyJwt(another(issuer));
    issuer.rotate("kept");
    await verifyJwt(another(issuer));
    await verifyJwt(old);
    expect(issuer.fetches).toBe(2);
  });

  test("K3: unknown keys do so once in a while, however many come", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    await verifyJwt(another(issuer));
    issuer.rotate("kept");
    for (let n = 0; n < 5; n += 1)
      expect(await reasonOf(() => verifyJwt(another(issuer)))).toBe(ErrorReason.TOKEN_INVALID);
    expect(issuer.fetches).toBe(1);
  });

  test("K4: go on while their issuer is away; of an unknown one nobody knows, and that is said", async () => {
    const issuer = await anIssuer();
    const { verifyJwt, lines } = aVerifier(
      { jwt: [trusting(issuer)] },
      { refreshAfterMs: 0, cooldownMs: 0, retryAfterMs: 60_000 },
    );
    const [first, second, third] = [another(issuer), another(issuer), another(issuer)];
    await verifyJwt(first);
    issuer.misbehave(cutOff);
    issuer.rotate("kept");
    const { reason, retryAfterMs } = await refusalOf(() => verifyJwt(another(issuer)));
    expect([reason, retryAfterMs]).toEqual([ErrorReason.ENGINE_UNAVAILABLE, 60_000]);
    await verifyJwt(second);
    const asked = issuer.fetches;
    expect((await refusalOf(() => verifyJwt(another(issuer)))).retryAfterMs).toBeLessThanOrEqual(60_000);
    await verifyJwt(third);
    expect(issuer.fetches).toBe(asked);
    expect(lines).toContainEqual(expect.objectContaining({ level: "warn", name: "studio" }));
  });

  test("K4: are asked for again when the issuer has had its pause", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { retryAfterMs: 0 });
    issuer.misbehave(cutOff);
    const jwt = another(issuer);
    expect(await reasonOf(() => verifyJwt(jwt))).toBe(ErrorReason.ENGINE_UNAVAILABLE);
    issuer.comeBack();
    expect((await verifyJwt(jwt)).principal.name).toBe("studio:ada");
  });

  test("K5: are not believed any more when nobody has seen them for too long", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { trustedMs: 0 });
    await verifyJwt(another(issuer));
    issuer.misbehave(cutOff);
    expect(await reasonOf(() => verifyJwt(another(issuer)))).toBe(ErrorReason.ENGINE_UNAVAILABLE);
  });

  test.each<[string, Parameters<TestIssuer["misbehave"]>[0]]>([
    ["does not answer in time", () => {}],
    ["answers with an error", (_, response) => response.writeHead(500).end('{"keys":[]}')],
    [
      "answers with a redirect",
      (request, response) => response.writeHead(302, { location: `http://${request.headers.host}/` }).end(),
    ],
    ["answers with no JSON", (_, response) => response.end("<html>")],
    ["answers with no set of keys", (_, response) => response.end("[]")],
    [
      "answers with more than keys can be",
      (_, response) => response.end(JSON.stringify({ keys: [], x: "x".repeat(2 ** 20) })),
    ],
  ])("cannot be had of an issuer that %s", async (_, answer) => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { fetchTimeoutMs: 200 });
    issuer.misbehave(answer);
    expect(await reasonOf(() => verifyJwt(another(issuer)))).toBe(ErrorReason.ENGINE_UNAVAILABLE);
    expect(issuer.fetches).toBe(1);
  });

  test("are not waited for by a process that stops", async () => {
    const issuer = await anIssuer();
    const { verifyJwt, close, lines } = aVerifier({ jwt: [trusting(issuer)] });
    issuer.misbehave(() => {});
    const waiting = reasonOf(() => verifyJwt(another(issuer)));
    await until(() => issuer.fetches === 1);
    close();
    expect(await waiting).toBe(ErrorReason.ENGINE_UNAVAILABLE);
    expect(lines.filter(({ level }) => level === "warn")).toEqual([]);
  });
});
