import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import type { Mention } from "#services/graph/domain/mention.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import type { ProjectorNeeds, ProjectorPace } from "#services/graph/projection/projector.ts";
import { readMemory } from "#services/graph/projection/read-memory.ts";
import { openLog } from "#shared/log/open-log.ts";
import type { FakeLog } from "./fake-log.ts";

/** Every word that begins with a capital names a person. */
export function namesIn({ text }: Memory): Mention[] {
  const words = [...new Set(text.match(/\b[A-Z]\w*/g))];
  return words.map((word) => ({ kind: "person", key: word.toLowerCase(), forms: [word], count: 1, passages: [0] }));
}

/** Short times, so that nothing is waited for. */
export const QUICK: Partial<ProjectorPace> = {
  standBackMs: 20,
  retry: { initialMs: 1, maxMs: 5 },
  reconnect: { initialMs: 1, maxMs: 5 },
};

/** What a projector works with in tests: a real log of what it says. */
export function projectorNeeds(
  store: GraphStore,
  log: FakeLog,
  more: Partial<ProjectorNeeds> & { readonly said?: string[] } = {},
): ProjectorNeeds & { readonly store: GraphStore } {
  const to = { write: (line: string) => void more.said?.push(line) };
  return {
    store,
    subscribe: (modules) => log.subscribe(modules),
    read: (memory) => readMemory(memory, namesIn),
    apply: applyEvents,
    log: openLog({ service: "test", to }),
    pace: QUICK,
    ...more,
  } as ProjectorNeeds & { readonly store: GraphStore };
}
