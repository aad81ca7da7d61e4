import type { DescMethod } from "@bufbuild/protobuf";
import { type Answered, overConnect, overGrpc, type Target } from "./call-any.ts";
import type { Caller } from "./callers.ts";
import type { Outcome, Row } from "./table.ts";

const CODES: Readonly<Record<Outcome, number>> = { ok: 0, NF: 5, PD: 7, UA: 16 };

/** What calls are judged by. */
export interface Judged {
  readonly target: Target;
  readonly methods: readonly DescMethod[];
  readonly table: Readonly<Record<string, Row>>;
  /** Codes that RPCs answer to a right caller too, because of what the row's request names. */
  readonly answersToo: ReadonlyMap<string, number>;
}

let fresh = 0;

/** Calls every RPC, over both stacks, as one caller; answers with what was not as the table says. */
export async function judgeCalls({ target, methods, table, answersToo }: Judged, caller: Caller): Promise<string[]> {
  const grpc = overGrpc(target, caller);
  const mistakes = (method: DescMethod, expected: Outcome, stack: string, { code, message }: Answered): string[] => {
    const name = nameOf(method);
    const right = code === CODES[expected] || (expected === "ok" && code === answersToo.get(name));
    return right ? [] : [`${stack} ${name}: ${code} (${message}) instead of ${expected}`];
  };
  try {
    const wrong: string[] = [];
    for (const method of methods) {
      const row = table[nameOf(method)]!;
      const expected = caller.outcome(row);
      fresh += 2;
      const [one, other] = await Promise.all([
        grpc.call(method, row.request(fresh)),
        overConnect(target, caller, method, row.request(fresh + 1)),
      ]);
      wrong.push(...mistakes(method, expected, "gRPC", one), ...mistakes(method, expected, "Connect", other));
    }
    return wrong;
  } finally {
    grpc.close();
  }
}

/** The hidden rows of a table whose refusal, to this caller, is not in the words of what does not exist. */
export async function unlikeAbsent({ target, methods, table }: Judged, caller: Caller): Promise<string[]> {
  const hidden = methods.filter((method) => table[nameOf(method)]?.there[3] === "NF");
  if (hidden.length < 6) return ["hardly any RPC hides anything"];
  const wrong: string[] = [];
  for (const method of hidden) {
    const about = table[nameOf(method)]!.request(0);
    const elsewhere = JSON.parse(JSON.stringify(about).replaceAll('"here"', '"nowhere"')) as typeof about;
    const [unseen, absent] = await Promise.all([
      overConnect(target, caller, method, about),
      overConnect(target, caller, method, elsewhere),
    ]);
    const told = absent.message.replaceAll("nowhere", "here");
    if (unseen.code !== absent.code || unseen.message !== told)
      wrong.push(`${nameOf(method)}: ${unseen.message}, ${told}`);
  }
  return wrong;
}

/** `cos.graph.v1.GraphService/GetNode`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
