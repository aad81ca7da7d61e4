import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { type Grants, type Principal, verbAnywhere } from "#shared/auth/principal.ts";
import type { IssuerPolicy, Policy } from "./policy.ts";
import { serviceKeyId } from "./service-key-id.ts";

/** What a policy says that cannot all be meant, a line for each fault, with its path. */
export function policyContradictions({ jwt, certificates, services }: Policy): string[] {
  return [
    ...repeats("jwt", "name", jwt, ({ name }) => name),
    ...repeats("jwt", "issuer", jwt, ({ issuer }) => issuer),
    ...repeats("certificates", "name", certificates, ({ name }) => name),
    ...repeats("services", "name", services, ({ principal }) => principal.name),
    ...sharedKeys(services),
    ...jwt.flatMap((issuer, n) => [...claimFaults(issuer, `jwt[${n}]`), ...issuedAgentFaults(issuer, `jwt[${n}]`)]),
    ...certificates.flatMap(({ principal }, n) =>
      agentFaults(principal.kind, principal.grants, `certificates[${n}].grants`),
    ),
    ...twoKinds([
      ...services.map(({ principal }, n) => ({ principal, path: `services[${n}].name` })),
      ...certificates.map(({ principal }, n) => ({ principal, path: `certificates[${n}].kind` })),
    ]),
  ];
}

function repeats<T>(list: string, member: string, items: readonly T[], of: (item: T) => string): string[] {
  const values = items.map(of);
  return values.flatMap((value, n) => {
    const first = values.indexOf(value);
    return first < n ? [`${list}[${n}].${member} is that of ${list}[${first}] already`] : [];
  });
}

/** Who holds a key is who signs with it. */
function sharedKeys(services: Policy["services"]): string[] {
  const paths = new Map<string, string>();
  return services.flatMap(({ publicKeys }, n) =>
    publicKeys.flatMap((key, k) => {
      const path = `services[${n}].publicKeys[${k}]`;
      const first = paths.get(serviceKeyId(key));
      paths.set(serviceKeyId(key), first ?? path);
      return first === undefined ? [] : [`${path} is ${first} already: each service needs a key of its own`];
    }),
  );
}

/** A claim without a table, or a table without a claim, would do nothing, and whoever wrote it believes that it does. */
function claimFaults({ kindClaim, kinds, grantsClaim, grants }: IssuerPolicy, path: string): string[] {
  return [
    ...unpaired(kindClaim, kinds, `${path}.kindClaim`, `${path}.kinds`),
    ...unpaired(grantsClaim, grants, `${path}.grantsClaim`, `${path}.grants`),
  ];
}

/** Where an issuer knows agents alone, none of its tokens could ever have such a right. */
function issuedAgentFaults({ kinds, grants, defaultGrants }: IssuerPolicy, path: string): string[] {
  if ([...kinds.values()].some((kind) => kind !== PrincipalKind.AGENT)) return [];
  const byPath = new Map([...grants].map(([value, given]) => [`${path}.grants[${JSON.stringify(value)}]`, given]));
  byPath.set(`${path}.defaultGrants`, defaultGrants);
  return [...byPath].flatMap(([at, given]) => agentFaults(PrincipalKind.AGENT, given, at));
}

function unpaired(
  claim: string | undefined,
  table: ReadonlyMap<string, unknown>,
  claimPath: string,
  tablePath: string,
): string[] {
  if (claim !== undefined && table.size === 0) return [`${claimPath} needs ${tablePath}: what its values mean`];
  if (claim === undefined && table.size > 0)
    return [`${tablePath} needs ${claimPath}: the claim whose values they are`];
  return [];
}

function agentFaults(kind: PrincipalKind, grants: Grants, path: string): string[] {
  if (kind !== PrincipalKind.AGENT || verbAnywhere(grants) <= Verb.RECORD) return [];
  return [`${path} gives agents more than record, which agents never have`];
}

function twoKinds(named: readonly { readonly principal: Principal; readonly path: string }[]): string[] {
  const kinds = new Map<string, PrincipalKind>();
  return named.flatMap(({ principal: { name, kind }, path }) => {
    const known = kinds.get(name) ?? kind;
    kinds.set(name, known);
    return known === kind ? [] : [`${path}: ${name} is of another kind elsewhere in the file`];
  });
}
