// A few thousand hostile requests; `npm run fuzz` sends as many as one likes.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type FuzzMesh, openFuzzMesh } from "#tests/support/fuzz/fuzz-mesh.ts";

jest.setTimeout(180_000);

const SEED = 17_590_526;
const REQUESTS = 3_000;

let mesh: FuzzMesh;
beforeAll(async () => {
  mesh = await openFuzzMesh();
});
afterAll(() => mesh?.stop());

test(`every hostile request is answered as the contracts say, and the mesh is none the worse (seed ${SEED})`, async () => {
  const { mistakes, ends } = await mesh.fuzz({ seed: SEED, requests: REQUESTS });
  expect(mistakes).toEqual([]);
  // The requests are worth something only if they get everywhere: to the parsers, the rules, the rights and the handlers.
  const met = [
    "OK",
    "MALFORMED_MESSAGE",
    "INVALID_FIELD",
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "RIGHT_MISSING",
    "KIND_REFUSED",
    "MODULE_NOT_FOUND",
  ];
  expect([...ends.keys()]).toEqual(expect.arrayContaining(met));
  await expect(mesh.damage()).resolves.toEqual([]);
});
