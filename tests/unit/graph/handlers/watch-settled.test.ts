import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { localScope } from "#shared/auth/scope.ts";
import { graph } from "./running-graph.ts";
import { beginning, cursors, type Needs, names, storeWith, watch } from "./watch.ts";

type Changes = Needs["store"]["changes"];

/** A store that tells a module up to a position alone, as Neo4j does while a commit is being shown; and what settles it further. */
function settled(needs: Needs, position: number) {
  let told = position;
  let looks = 0;
  const changes: Changes = async (scope, query, signal) => {
    looks += 1;
    await delay(1);
    const page = await needs.store.changes(scope, { ...query, limit: 10_000 }, signal);
    const upTo = Math.min(page.upTo, told);
    const within = page.changes.filter((change) => changedAt(change) <= upTo);
    return { changes: within.slice(0, query.limit), upTo };
  };
  return {
    needs: { ...needs, store: storeWith(needs, { changes }) },
    settle: (next: number) => {
      told = next;
    },
    looks: () => looks,
  };
}

function changedAt(change: Awaited<ReturnType<Changes>>["changes"][number]): number {
  if (change.what === "removed") return change.changed;
  return change.what === "node" ? change.node.changed : change.edge.changed;
}

describe("WatchGraph, of a module that is told less far than it has come", () => {
  test("X1: names no position above what it was told, and tells what is settled later", async () => {
    const running = await graph({ pageRows: 500, texts: ["Anna met Bert", "Emil"] });
    const { needs, settle } = settled(running, 1);
    const { until } = watch(needs, beginning);
    const seen = await until("caughtUp");
    expect([names(seen).includes("Anna"), names(seen).includes("Emil"), cursors(seen).at(-1)]).toEqual([
      true,
      false,
      1,
    ]);
    expect(seen.at(-1)).toMatchObject({ value: { cursors: [{ position: 1n }] } });
    settle(2);
    const later = await until("changes");
    expect([names(later).includes("Emil"), cursors(later).at(-1)]).toEqual([true, 2]);
  });

  test("X1: where nothing is settled yet it names the beginning", async () => {
    const { needs, settle } = settled(await graph({ pageRows: 500, texts: ["Anna met Bert"] }), 0);
    const { until } = watch(needs, beginning);
    const seen = await until("caughtUp");
    expect([names(seen), cursors(seen)]).toEqual([[], [0]]);
    settle(1);
    expect(names(await until("changes"))).toContain("Anna");
  });

  test("X1: from now on is from where it is told", async () => {
    const { needs, settle } = settled(await graph({ pageRows: 500, texts: ["Anna met Bert", "Emil"] }), 1);
    const { next, until } = watch(needs);
    expect(await next()).toMatchObject({ value: { progress: [{ cursor: { position: 1n } }] } });
    await until("caughtUp");
    settle(2);
    const later = await until("changes");
    expect([names(later).includes("Emil"), names(later).includes("Anna")]).toEqual([true, false]);
  });

  test("what goes above the place that was told first is told, of a watcher from the beginning too", async () => {
    const running = await graph({ pageRows: 500, texts: ["Anna met Bert", "Emil"] });
    const [row] = await running.store.findNodes(localScope(), { labels: [], name: "Anna", properties: {}, limit: 1 });
    const anna = row as NonNullable<typeof row>;
    // It goes at 2, of which the first page sees nothing.
    let isFirst = true;
    const changes: Changes = async () => {
      const node = { what: "node", node: { ...anna, changed: 1 } } as const;
      if (!isFirst) return { changes: [{ what: "removed", id: anna.id, changed: 2 }], upTo: 2 };
      isFirst = false;
      return { changes: [node], upTo: 1 };
    };
    const { until } = watch({ ...running, store: storeWith(running, { changes }) }, beginning);
    await until("caughtUp");
    expect((await until("changes")).at(-1)).toMatchObject({ value: { removed: [anna.id], cursor: { position: 2n } } });
  });

  test("X6: it is not looked at again and again until it is settled", async () => {
    const { needs, looks, settle } = settled(await graph({ pageRows: 500, texts: ["Anna met Bert", "Emil"] }), 1);
    const { until } = watch({ ...needs, lookMs: 100 }, beginning);
    await until("caughtUp");
    const before = looks();
    const news = until("changes");
    await delay(50);
    expect(looks() - before).toBeLessThan(4);
    settle(2);
    expect(names(await news)).toContain("Emil");
  });
});
