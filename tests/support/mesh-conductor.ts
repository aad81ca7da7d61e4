import { type MeshProcess, startMeshProcess } from "./mesh-process.ts";

/** One conductor, a process of its own. It ends with us, however we end: its IPC channel closes. */
export type Conductor = MeshProcess;

/** Starts a conductor; one that speaks TLS is asked for its health at `healthPort`. */
export function startConductor(port: number, env: Readonly<Record<string, string>>, healthPort?: number): Conductor {
  return startMeshProcess({
    name: "conductor",
    service: "cos.conductor.v1.ConductorService",
    port,
    env,
    healthPort,
  });
}
