// A port with the start page and what it asks: the real edge, with answers of the test's own and no engine.
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService, CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { tokenInvalid, tokenMissing } from "#shared/auth/refusals.ts";
import { openLog } from "#shared/log/open-log.ts";
import { bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { openServer } from "#shared/rpc/open-server.ts";
import { readStaticPage } from "#shared/rpc/static-page.ts";
import type { TlsFiles } from "#shared/rpc/tls-certificates.ts";

export const START_PAGE = new URL("../../services/conductor/start-page.html", import.meta.url);

/** Texts that would do something if they became markup. */
export const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

const modules = [
  { name: "cc", title: "The creative corpus", description: HOSTILE, head: { module: "cc", position: 3n } },
  { name: "empty", title: "empty", head: { module: "empty", position: 0n } },
];

const recordedAt = { seconds: 1_790_000_000n, nanos: 0 };
const memories = [
  { module: "cc", position: 3n, eventType: "note", source: HOSTILE, text: HOSTILE, recordedAt },
  { module: "cc", position: 2n, eventType: "diary.entry", recordedAt, forgottenAt: recordedAt },
  { module: "cc", position: 1n, eventType: "diary.entry", source: "Samuel Pepys", text: "Up betimes.", recordedAt },
];

/** What is never asked here. */
const unused = () => {
  throw new Error("the start page does not call this");
};

export interface PageServer {
  readonly port: number;
  /** The one token that is known. */
  readonly token: string;
  /** The RPCs that handlers answered, in order: what was refused before is not among them. */
  readonly answered: string[];
  close(): Promise<void>;
}

/** Serves the page on a port of 127.0.0.1; without a token whoever is not a page is let in, as `npm start` does it. */
export async function openPageServer(tls?: TlsFiles): Promise<PageServer> {
  const token = makeApiToken(PrincipalKind.PERSON);
  const principal = { name: "owner", kind: PrincipalKind.PERSON, grants: new Map([["*", Verb.ADMIN]]) };
  const owner = new Access({ principal, credential: CredentialKind.TOKEN });
  const letIn = ({ authorization, isFromPage }: Credentials) => {
    if (authorization === `Bearer ${token}`) return owner;
    if (authorization !== undefined) throw tokenInvalid();
    if (isFromPage) throw tokenMissing();
    return localAccess();
  };
  const answered: string[] = [];
  const noted = <T>(name: string, answer: T) => {
    answered.push(name);
    return Promise.resolve(answer);
  };
  const auth = {
    ...allUnused(AuthService.method),
    whoAmI: () =>
      noted("WhoAmI", {
        principal: { name: "owner", kind: PrincipalKind.PERSON, grants: [{ module: "*", verb: Verb.ADMIN }] },
        credential: CredentialKind.TOKEN,
      }),
  } as unknown as Handlers<typeof AuthService>;
  const conductor = {
    ...allUnused(ConductorService.method),
    recordMemory: () => noted("RecordMemory", {}),
    listMemories: ({ module }: { module: string }) =>
      noted("ListMemories", { memories: module === "cc" ? memories : [] }),
  } as unknown as Handlers<typeof ConductorService>;
  const register = {
    ...allUnused(ModuleService.method),
    listModules: () => noted("ListModules", { modules }),
  } as unknown as Handlers<typeof ModuleService>;
  const server = await openServer({
    name: "page",
    services: [
      bindService(AuthService, auth),
      bindService(ConductorService, conductor),
      bindService(ModuleService, register),
    ],
    listen: { host: "127.0.0.1", port: 0 },
    log: openLog({ service: "page", level: "silent" }),
    letIn,
    page: readStaticPage(START_PAGE),
    tls,
  });
  return { port: server.address.port, token, answered, close: () => server.close() };
}

function allUnused(methods: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.keys(methods).map((name) => [name, unused]));
}
