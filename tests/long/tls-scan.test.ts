import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openServer, type RpcServer } from "#shared/rpc/open-server.ts";
import { requireTool } from "#tests/support/find-tool.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(120_000);

const run = promisify(execFile);

let folder: TlsFolder;
let server: RpcServer;
beforeAll(async () => {
  folder = await makeTlsFolder();
  server = await openServer({
    name: "test",
    services: [],
    listen: { host: "127.0.0.1", port: 0 },
    log: openLog({ service: "test", level: "silent" }),
    tls: folder.files(),
    letIn: () => localAccess(),
  });
});
afterAll(async () => {
  await server?.close();
  folder.remove();
});

/** One check of sslyze, as its JSON has it. */
type Check = { readonly status: string; readonly result: Record<string, unknown> };

const VERSIONS = ["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"];
const CHECKS = [...VERSIONS, "--certinfo", "--compression", "--early_data", "--heartbleed", "--reneg"];

/** What sslyze finds, by the name of the check. */
async function scan(): Promise<Record<string, Check>> {
  const out = folder.path("scan.json");
  const target = `localhost:${server.address.port}`;
  await run(requireTool("sslyze"), [...CHECKS, "--mozilla_config=disable", `--json_out=${out}`, target]);
  const { server_scan_results: found } = JSON.parse(readFileSync(out, "utf8"));
  return found[0].scan_result;
}

describe("what sslyze finds at the port", () => {
  needs("sslyze")(
    "is TLS 1.3 alone, without compression, early data or renegotiation, and the certificate given",
    async () => {
      const found = await scan();
      const result = (name: string) => {
        expect([name, found[name]?.status]).toEqual([name, "COMPLETED"]);
        return found[name]!.result;
      };
      for (const version of ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2"]) {
        expect([version, result(`${version}_cipher_suites`).is_tls_version_supported]).toEqual([version, false]);
      }
      expect(result("tls_1_3_cipher_suites").is_tls_version_supported).toBe(true);
      expect(result("tls_compression").supports_compression).toBe(false);
      expect(result("tls_1_3_early_data").supports_early_data).toBe(false);
      expect(result("heartbleed").is_vulnerable_to_heartbleed).toBe(false);
      expect(result("session_renegotiation").is_vulnerable_to_client_renegotiation_dos).toBe(false);
      const [deployment] = result("certificate_info").certificate_deployments as {
        received_certificate_chain: { as_pem: string }[];
      }[];
      const received = deployment?.received_certificate_chain[0]?.as_pem;
      expect(received?.trim()).toBe(readFileSync(folder.path("server.pem"), "utf8").trim());
    },
  );
});
