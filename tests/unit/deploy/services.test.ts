import { afterAll, describe, expect, test } from "@jest/globals";
import { SERVICES } from "#deploy/local/services.ts";
import { makeTlsFolder } from "#tests/support/tls-folder.ts";

const folder = await makeTlsFolder();
afterAll(() => folder.remove());

describe("the graph, as the launcher sees it", () => {
  const graph = SERVICES.find(({ name }) => name === "graph");

  test("finds the conductor that is started beside it, wherever that listens", () => {
    expect(graph?.callees?.({})).toEqual({ COS_CONDUCTOR_ADDRESS: "127.0.0.1:50051" });
    expect(graph?.callees?.({ COS_CONDUCTOR_LISTEN: "127.0.0.1:7" })).toEqual({ COS_CONDUCTOR_ADDRESS: "127.0.0.1:7" });
  });

  test("over TLS by a name that the certificate is for", () => {
    const { cert, key } = folder.files();
    const env = { COS_HOST: "0.0.0.0", COS_TLS_CERT: cert, COS_TLS_KEY: key };
    expect(graph?.callees?.(env)).toEqual({ COS_CONDUCTOR_ADDRESS: "https://127.0.0.1:50051" });
    expect(graph?.entrance(env)).toMatchObject({ auth: "required", certificate: { file: cert } });
  });

  test("calls the one that the environment names", () => {
    expect(graph?.callees?.({ COS_CONDUCTOR_ADDRESS: "elsewhere:1" })).toEqual({});
  });

  test("has a key of its own, and is given the time that its own drain takes", () => {
    expect(graph?.keyVariable).toBe("COS_GRAPH_SERVICE_KEY");
    expect(graph?.drainMs({ COS_DRAIN_GRACE: "3s", COS_DRAIN_LEAVE_BALANCER: "2s" })).toBe(5_000);
  });
});
