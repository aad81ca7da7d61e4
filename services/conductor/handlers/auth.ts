import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { checkGrants } from "../domain/check-grants.ts";
import { knownSeal } from "../domain/known-seal.ts";
import { refuseReservedName } from "../domain/refuse-reserved-name.ts";
import type { AccessStore } from "../store/access/access-store.ts";

type Auth = Handlers<typeof AuthService>;

interface Needs {
  readonly store: Omit<AccessStore, "sealAudit">;
  /** Told after each change of tokens or rights, so that it takes effect at once and not at the next look. */
  readonly onChanged: () => void;
}

/** AuthService. Who may call what, the edge has judged from the contract. */
export function auth({ store, onChanged }: Needs): Auth {
  const changed = <T>(result: T): T => {
    onChanged();
    return result;
  };
  return {
    whoAmI: async (_, { access }) => whoIs(access),
    createToken: async (request, call) => {
      checkGrants(request.kind, request.grants);
      return changed(await store.createToken(call, request));
    },
    rotateToken: async (request, call) => {
      refuseReservedName(request.name);
      return changed(await store.rotateToken(call, request));
    },
    revokeToken: async (request, call) => {
      refuseReservedName(request.name);
      return changed({ tokens: await store.revokeToken(call, request) });
    },
    setGrants: async (request, call) => {
      refuseReservedName(request.name);
      return changed({ principal: await store.setGrants(call, request) });
    },
    listTokens: (request, call) => store.listTokens(request, call.signal),
    listAudit: (request, call) => store.listAudit(request, call.signal),
    verifyAudit: async (request, call) => store.verifyAudit(knownSeal(request), call.signal),
  };
}

function whoIs({ principal, grants, credential, expiresMs, via }: Access) {
  const { name, kind } = principal;
  const modules = [...grants.keys()].sort();
  return {
    principal: { name, kind, grants: modules.map((module) => ({ module, verb: grants.get(module)! })) },
    credential,
    ...(Number.isFinite(expiresMs) ? { expiresAt: timestampFromMs(Math.trunc(expiresMs)) } : {}),
    via: via?.name ?? "",
  };
}
