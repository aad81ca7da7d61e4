import { create } from "@bufbuild/protobuf";
import {
  AuditFaultSchema,
  type VerifyAuditResponse,
  VerifyAuditResponseSchema,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import { checkSeals, type KnownSeal, type SealFault, type StoredSeal } from "../../domain/check-seals.ts";
import { type AuditRow, auditColumns, sealedContentOf } from "./audit-rows.ts";
import type { Connection } from "./principals.ts";

/** How many seals are held in memory at a time. */
const batchSeals = 1000;

const faultsMax = 100;

const readSeals = `
  select s.number as seal, s.audit, s.hash, ${auditColumns}
  from cos_auth.seal s left join cos_auth.audit a on a.number = s.audit
  where s.number > $1 order by s.number limit ${batchSeals}`;

/** Whatever is neither sealed nor waits for it, or waits and is not there: sealing loses nothing by itself. */
const readStrays = `
  (select a.number, 'the entry has lost its seal' as description from cos_auth.audit a
   where not exists (select from cos_auth.seal s where s.audit = a.number)
     and not exists (select from cos_auth.unsealed u where u.audit = a.number)
   order by a.number limit ${faultsMax})
  union all
  (select u.audit, 'the entry is gone: it was taken away before it was sealed' from cos_auth.unsealed u
   where not exists (select from cos_auth.audit a where a.number = u.audit)
   order by u.audit limit ${faultsMax})`;

const countWaiting = "select count(*) from cos_auth.unsealed u join cos_auth.audit a on a.number = u.audit";

type SealRow = { readonly seal: string; readonly audit: string; readonly hash: Buffer } & (
  | AuditRow
  | { readonly number: null }
);

/**
 * Compares the whole audit with its seals, batch by batch. Runs in a transaction of its caller's, which must be REPEATABLE READ: all
 * of it is then of one moment, whatever is written and sealed meanwhile.
 */
export async function verifyAudit(client: Connection, known: KnownSeal | undefined): Promise<VerifyAuditResponse> {
  const found = await checkSeals(sealsOf(client), { known, faultsMax });
  const strays = await client.query<{ number: string; description: string }>(readStrays);
  const waiting = await client.query<{ count: string }>(countWaiting);
  const stray = strays.rows.map<SealFault>(({ number, description }) => ({ seal: 0, number, description }));
  const faults = [...found.faults, ...stray].slice(0, faultsMax);
  return create(VerifyAuditResponseSchema, {
    intact: found.intact && stray.length === 0,
    sealed: BigInt(found.sealed),
    unsealed: BigInt(waiting.rows[0]!.count),
    sealNumber: BigInt(found.last.number),
    sealHash: found.last.number === 0 ? "" : found.last.hash.toString("hex"),
    faults: faults.map(({ seal, number, description }) =>
      create(AuditFaultSchema, { seal: BigInt(seal), number: BigInt(number), description }),
    ),
  });
}

async function* sealsOf(client: Connection): AsyncGenerator<StoredSeal[]> {
  let after = "0";
  while (true) {
    const { rows } = await client.query<SealRow>(readSeals, [after]);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(storedSealOf);
    after = last.seal;
  }
}

function storedSealOf(row: SealRow): StoredSeal {
  const { seal, audit, hash } = row;
  return { number: Number(seal), audit, hash, entry: row.number === null ? undefined : sealedContentOf(row) };
}
