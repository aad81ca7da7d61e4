// One step of a projection: what some positions of a module's log make of its graph.
//
// Purpose: the graph is a function of the log. The same events from the same graph give the same graph, in any engine and in any cut of
// the log into steps.
// Owner: the projector's step, in whose transaction all of it is.
//
//  A1  Events are applied in their order; memories that follow each other are written together.
//  A2  An event reads nothing but the graph of its module, the alias table included, and acts of the log alone decide about acts.
//  A3  An act that names a stale revision, or what is not there, has no effect, and is noted as refused. It is not an error: the log has
//      it for ever, and a replay refuses it too.
//
// Failure mode: whatever throws undoes the step. An event that throws for itself alone is found by who called, and passed over.
import type { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { reasonName } from "#shared/errors/reasons.ts";
import type { ProjectionTransaction } from "../domain/graph-store.ts";
import { changeByHand } from "./change-by-hand.ts";
import { forget } from "./forget.ts";
import { addLink, endLinks } from "./link-memories.ts";
import type { LogEvent } from "./log-event.ts";
import { type Module, type Remembered, remember } from "./remember.ts";
import { mergeEntities, splitEntity } from "./rename-by-hand.ts";

/** Applies events of one module, in the order of their positions. `nowMs` dates what is refused. */
export async function applyEvents(
  transaction: ProjectionTransaction,
  module: string,
  events: readonly LogEvent[],
  nowMs: number = Date.now(),
): Promise<void> {
  let current: Module = { name: module, naming: await transaction.readNaming() };
  let run: Remembered[] = [];
  const flush = async () => {
    if (run.length > 0) await remember(transaction, current, run);
    run = [];
  };
  for (const event of events) {
    if (event.kind === "remembered") run.push(event);
    else {
      await flush();
      current = await applyAct(transaction, current, event, nowMs);
    }
  }
  await flush();
}

async function applyAct(
  transaction: ProjectionTransaction,
  module: Module,
  event: Exclude<LogEvent, Remembered>,
  nowMs: number,
): Promise<Module> {
  const outcome = await outcomeOf(transaction, module, event);
  if (typeof outcome === "object") return { ...module, naming: outcome };
  if (outcome !== undefined) {
    const { position, memoryId } = event;
    const error = reasonName(outcome);
    await transaction.addFault({
      module: module.name,
      position,
      memoryId,
      kind: "refused",
      error,
      attempts: 1,
      atMs: nowMs,
    });
  }
  return module;
}

/** The alias table, if the act changed it; a reason, if the act had no effect (A3). */
async function outcomeOf(
  transaction: ProjectionTransaction,
  module: Module,
  event: Exclude<LogEvent, Remembered>,
): Promise<Module["naming"] | ErrorReason | undefined> {
  switch (event.kind) {
    case "forgotten":
      await forget(transaction, module, event);
      return undefined;
    case "changed":
      return await changeByHand(transaction, { ...event, module: module.name });
    case "merged":
      return await mergeEntities(transaction, { ...event, module });
    case "split":
      return await splitEntity(transaction, { ...event, module });
    case "linked":
      await addLink(transaction, { module: module.name, position: event.position }, event.link);
      return undefined;
    case "unlinked":
      await endLinks(transaction, { module: module.name, position: event.position }, event.links);
      return undefined;
    case "passed":
      return undefined;
  }
}
