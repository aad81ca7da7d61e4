import { type Client, createClient } from "@connectrpc/connect";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { Cli } from "../cli.ts";
import { lendTransport } from "./lend-transport.ts";

/** The conductor at the other end of a connection. */
export interface Connection {
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
  readonly scratch: Client<typeof ScratchService>;
  readonly highway: Client<typeof HighwayService>;
  readonly auth: Client<typeof AuthService>;
}

/** Lends a connection to the conductor at the address given, else to that of the environment, for the length of `use`. */
export function withConnection<T>(
  cli: Cli,
  address: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  return lendTransport(cli, "conductor", address, (transport) =>
    use({
      conductor: createClient(ConductorService, transport),
      modules: createClient(ModuleService, transport),
      scratch: createClient(ScratchService, transport),
      highway: createClient(HighwayService, transport),
      auth: createClient(AuthService, transport),
    }),
  );
}
