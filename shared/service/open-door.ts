import type { Settings } from "#shared/config/read-settings.ts";
import { accessOfCertificates } from "#shared/identity/access-of-certificates.ts";
import type { AuthMode } from "#shared/identity/auth-mode.ts";
import { type Gatekeeper, type GatekeeperOptions, openGatekeeper } from "#shared/identity/open-gatekeeper.ts";
import { openJwtVerifier } from "#shared/identity/open-jwt-verifier.ts";
import type { Policy } from "#shared/identity/policy.ts";
import type { RATE_SETTINGS } from "#shared/identity/rate-settings.ts";
import type { Closers } from "#shared/lifecycle/closers.ts";
import type { Log } from "#shared/log/open-log.ts";

interface DoorSettings extends Settings<typeof RATE_SETTINGS> {
  readonly policy: Policy;
  readonly redisUrl: string;
  readonly auth: AuthMode;
}

interface Door {
  /** What the service calls itself: the audience of the tokens that are meant for it. */
  readonly serviceName: string;
  /** Where `cos_auth` is. */
  readonly postgres: GatekeeperOptions["postgres"];
  readonly log: Log;
}

/** Opens a service's door: who is let in by tokens of the mesh, signed ones, or certificates. */
export function openDoor(settings: DoorSettings, door: Door, closers: Closers): Gatekeeper {
  const { policy, redisUrl, auth: mode } = settings;
  const { serviceName, postgres, log } = door;
  const jwt = openJwtVerifier({ policy, serviceName, log });
  closers.add("jwt verifier", () => jwt.close());
  const gatekeeper = openGatekeeper({
    mode,
    postgres,
    redisUrl,
    log,
    rates: settings,
    verifyJwt: jwt.verifyJwt,
    accessOfCertificate: accessOfCertificates(policy),
  });
  closers.add("gatekeeper", () => gatekeeper.close());
  return gatekeeper;
}
