import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "@jest/globals";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { secondsOf, tokenLifetimeSeconds } from "#services/conductor/domain/token-lifetime.ts";

test("a token lives 90 days, an agent's 30, or as long as was asked", () => {
  const days = (kind: PrincipalKind) => tokenLifetimeSeconds(kind, undefined) / 86_400;
  expect([PrincipalKind.PERSON, PrincipalKind.SERVICE, PrincipalKind.AGENT].map(days)).toEqual([90, 90, 30]);
  const asked = create(DurationSchema, { seconds: 61n, nanos: 500_000_000 });
  expect(tokenLifetimeSeconds(PrincipalKind.AGENT, asked)).toBe(61.5);
  expect(secondsOf(undefined)).toBe(0);
});
