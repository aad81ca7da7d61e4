import { type Outcome, type Place, type Right, type Row, TABLE } from "./table.ts";

export type Kind = "person" | "agent" | "service";

/** Somebody who calls, and how they are known. */
export interface Caller {
  /** For test names and principals: `agent-here-record`. */
  readonly name: string;
  readonly credential:
    | { readonly kind: "none" }
    | { readonly kind: "token"; readonly secret: string }
    | { readonly kind: "certificate"; readonly cert: string; readonly key: string };
  /** What the table says of this caller. */
  readonly outcome: (row: Row) => Outcome;
}

/** A principal that the matrix needs: each kind with each right at each place that it may have. */
export interface Role {
  readonly name: string;
  readonly kind: Kind;
  readonly place: Place;
  readonly right: Right;
}

const RIGHTS: readonly Right[] = ["read", "record", "approve", "admin"];
const PLACES: readonly Place[] = ["here", "there", "everywhere"];
const KINDS: readonly Kind[] = ["person", "agent", "service"];

/** All roles there are: an agent's end at RECORD. */
export const ROLES: readonly Role[] = KINDS.flatMap((kind) =>
  PLACES.flatMap((place) =>
    RIGHTS.filter((_, n) => kind !== "agent" || n < 2).map((right) => ({
      name: `${kind}-${place}-${right}`,
      kind,
      place,
      right,
    })),
  ),
);

/** What a role is answered by a row of the table; `behind`: a service calls for it. */
export function outcomeOf({ place, right }: Omit<Role, "name">, behind = false): (row: Row) => Outcome {
  return (row) => {
    if (row.servicesOnly === true && !behind) return "PD";
    return row[place][RIGHTS.indexOf(right)] as Outcome;
  };
}

/** The module of a grant at a place. */
export function moduleOf(place: Place): string {
  return place === "everywhere" ? "*" : place;
}

/** The names of the RPCs that have a row. */
export function rowNames(): string[] {
  return Object.keys(TABLE);
}
