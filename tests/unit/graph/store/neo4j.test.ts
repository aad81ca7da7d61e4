import { describe, expect, test } from "@jest/globals";
import { Neo4jError } from "neo4j-driver";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Label, Type } from "#services/graph/domain/vocabulary.ts";
import { bare, endOf, idOfGid, prefixOf } from "#services/graph/store/neo4j/gid.ts";
import {
  classifyError,
  engineError,
  isAnswer,
  isLate,
  ServerBusyError,
} from "#services/graph/store/neo4j/neo4j-error.ts";
import { anyOf, safeLabel, safeModule, safeType } from "#services/graph/store/neo4j/whitelist.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { BreakerOpenError } from "#shared/redis/open-breaker.ts";

const ID = "0193a5c1-7e2f-8abc-9def-0123456789ab";

describe("gids", () => {
  test("an item's id comes back from its gid", () => {
    expect(idOfGid(prefixOf(3, 17) + bare(ID))).toBe(ID);
  });

  test("they sort by graph, then generation, then id, and a prefix ends before the next one begins", () => {
    const others = ["00000000-0000-8000-8000-000000000000", "ffffffff-ffff-8fff-bfff-ffffffffffff"];
    const gids = [1, 2, 16].flatMap((graph) =>
      [9, 10, 300].flatMap((generation) =>
        [...others, ID].map((id) => ({ graph, generation, id, gid: prefixOf(graph, generation) + bare(id) })),
      ),
    );
    const sorted = [...gids].sort((left, right) => (left.gid < right.gid ? -1 : 1));
    const wanted = [...gids].sort(
      (left, right) => left.graph - right.graph || left.generation - right.generation || (left.id < right.id ? -1 : 1),
    );
    expect(sorted).toEqual(wanted);
    for (const { graph, generation, gid } of gids) expect(gid < endOf(prefixOf(graph, generation))).toBe(true);
    expect(endOf(prefixOf(1, 9)) < prefixOf(1, 10)).toBe(true);
  });
});

describe("the whitelist", () => {
  test("labels, types and modules that are ours pass as they are", () => {
    expect(safeLabel("Entity")).toBe("Entity");
    expect(anyOf(["REFERENCES", "RELATES_TO"])).toBe("REFERENCES|RELATES_TO");
    expect(safeModule("pepys_2")).toBe("pepys_2");
  });

  test("nothing else does", () => {
    for (const bad of ["Entity`)", "entity", "", "CosItem", "Entity:Admin"])
      expect(() => safeLabel(bad as Label)).toThrow(TypeError);
    for (const bad of ["KNOWS", "REFERENCES]->() DETACH DELETE n //", ""])
      expect(() => safeType(bad as Type)).toThrow(TypeError);
    for (const bad of ["Entity", "a b", "a`b", "", "1a", "a".repeat(41)])
      expect(() => safeModule(bad)).toThrow(TypeError);
  });
});

describe("errors", () => {
  test.each([
    ["ServiceUnavailable", "unavailable"],
    ["SessionExpired", "unavailable"],
    ["N/A", "unavailable"],
    ["Neo.ClientError.Security.Unauthorized", "unavailable"],
    ["Neo.ClientError.Security.AuthenticationRateLimit", "unavailable"],
    ["Neo.ClientError.Database.DatabaseNotFound", "unavailable"],
    ["Neo.ClientError.Cluster.NotALeader", "unavailable"],
    ["Neo.TransientError.General.DatabaseUnavailable", "unavailable"],
    ["Neo.DatabaseError.General.UnknownError", "unavailable"],
    ["Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", "stopped"],
    ["Neo.TransientError.Transaction.DeadlockDetected", "stopped"],
    ["Neo.TransientError.General.MemoryPoolOutOfMemoryError", "stopped"],
    ["Neo.TransientError.General.TransactionOutOfMemoryError", "stopped"],
    ["Neo.ClientError.Statement.SyntaxError", "defect"],
  ])("%s means: %s", (code, trouble) => {
    const error = new Neo4jError("message", code, "50N42", "");
    expect(classifyError(error)).toBe(trouble);
    expect(isAnswer(error)).toBe(trouble !== "unavailable");
    expect(isLate(error)).toBe(trouble === "stopped");
    expect(engineError(error)).toMatchObject({
      reason: trouble === "defect" ? ErrorReason.INTERNAL : ErrorReason.ENGINE_UNAVAILABLE,
      cause: error,
    });
  });

  test("a caller is told what to do, and nothing of what the server said", () => {
    const told = engineError(new Neo4jError("bolt://neo4j:secret@host", "ServiceUnavailable", "50N42", ""));
    expect(told).toMatchObject({ message: "Neo4j does not answer", retryAfterMs: 1000 });
  });

  test("an open breaker, and a server that is busy, are told as one that is away", () => {
    for (const error of [new BreakerOpenError("neo4j does not answer"), new ServerBusyError("soon")])
      expect(engineError(error)).toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE, cause: error });
    expect(isAnswer(new ServerBusyError("soon"))).toBe(true);
    expect(isLate(new ServerBusyError("soon"))).toBe(true);
  });

  test("what did not come from Neo4j stays as it is, and is none of its failures", () => {
    const refusal = new CosError(ErrorReason.REVISION_STALE, "stale");
    for (const error of [refusal, new TypeError("ours"), new DOMException("gone", "AbortError")]) {
      expect(engineError(error)).toBe(error);
      expect(isAnswer(error)).toBe(true);
    }
    expect(isAnswer(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "late"))).toBe(false);
  });
});
