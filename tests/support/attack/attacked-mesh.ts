// A conductor to be attacked, and what an attack may cost it.
//
// Owner: the test file that opens it.
//
//  A1  Each attack is one call of `under`: it fails where the process has grown or worked beyond the ceilings, has logged an error, or
//      does not serve a normal caller afterwards.
//  A2  The ceilings are many times what was measured: they tell a defence from none, not a fast machine from a slow one.
import { readFileSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { cpuMsOf } from "#tests/performance/cpu-ms-of.ts";
import { openMesh } from "../mesh.ts";

const GROWTH_BYTES_MAX = 200 * 1024 * 1024;
const CPU_MS_MAX = 20_000;

export interface AttackedMesh {
  readonly port: number;
  readonly url: string;
  /** A token with all rights. */
  readonly token: string;
  /** Attacks, and proves that it did no harm (A1); gives what the attack gives. */
  under<T>(attack: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export async function openAttackedMesh(): Promise<AttackedMesh> {
  const mesh = await openMesh({ env: { COS_AUTH: "required" } });
  const token = makeApiToken(PrincipalKind.PERSON);
  const log = openLog({ service: "test", level: "warn" });
  await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(token), log });
  const { pid, output } = mesh.conductor;
  const cpuMs = cpuMsOf(pid);
  const serveOnce = async () => {
    const transport = openTransport({ address: mesh.address, token });
    const memory = { eventType: "note", source: "attack", text: "still here" };
    await createClient(ConductorService, transport).recordMemory({ memory });
    transport.close();
  };
  await serveOnce();
  return {
    port: mesh.port,
    url: mesh.url,
    token,
    async under(attack) {
      const [cpuBefore, bytesBefore] = [cpuMs(), residentBytes(pid)];
      const given = await attack();
      const harm = { cpuMs: cpuMs() - cpuBefore, grownBytes: residentBytes(pid) - bytesBefore };
      await serveOnce();
      // (Where the system does not tell them, they are NaN, which is above nothing.)
      if (harm.cpuMs > CPU_MS_MAX || harm.grownBytes > GROWTH_BYTES_MAX)
        throw new Error(`it cost too much: ${JSON.stringify(harm)}`);
      const errors = output().match(/^.*"level":"(?:error|fatal)".*$/gm) ?? [];
      if (errors.length > 0) throw new Error(`it was logged as an error: ${errors[0]}`);
      return given;
    },
    stop: () => mesh.stop(),
  };
}

function residentBytes(pid: number): number {
  if (process.platform !== "linux") return Number.NaN;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}
