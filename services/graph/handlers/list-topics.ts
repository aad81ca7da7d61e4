import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { TopicRow } from "../domain/graph-store.ts";
import { nodeOf } from "../domain/node-of.ts";
import { compareText } from "../domain/traverse.ts";
import { topicWeight } from "../domain/weights.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

const LIMITS = { unset: 20, most: 200 };
/** How many are weighed: those that most memories of the time mention. */
const WEIGHED_MAX = 2000;

export function listTopics({ store, awaitPlace }: GraphReadNeeds): Graph["listTopics"] {
  return async (request, call) => {
    await awaitPlace(request.atLeast, call);
    const module = moduleOr(request.module);
    const { since, until } = request.occurred ?? {};
    const query = { module, kinds: request.kinds, limit: WEIGHED_MAX, ...timesOf(since, until) };
    const { memories, topics } = await store.topics(call.scope, query, call.signal);
    if (memories === 0) await requireModule(store, call, module);
    const all = (await store.memoryCounts(call.scope, [module], call.signal)).get(module) ?? 0;
    const weighed = topics
      .map((topic) => ({
        topic,
        weight: topicWeight({ there: topic.count, time: memories, everywhere: topic.node.count, all }),
      }))
      .sort(compareTopics)
      .slice(0, pageSizeOf(request.limit, LIMITS));
    return {
      topics: weighed.map(({ topic: { node, count, firstMs, lastMs }, weight }) => ({
        node: nodeOf(node),
        memoryCount: BigInt(count),
        weight,
        firstAt: timestampFromMs(firstMs),
        lastAt: timestampFromMs(lastMs),
      })),
      memoryCount: BigInt(memories),
    };
  };
}

function timesOf(since: Timestamp | undefined, until: Timestamp | undefined) {
  return {
    ...(since !== undefined && { sinceMs: Math.floor(timestampMs(since)) }),
    ...(until !== undefined && { untilMs: Math.floor(timestampMs(until)) }),
  };
}

interface WeighedTopic {
  readonly topic: TopicRow;
  readonly weight: number;
}

/** Where a time is all of the module, every weight is 0: then those that most memories mention come first. */
function compareTopics(left: WeighedTopic, right: WeighedTopic): number {
  return (
    right.weight - left.weight ||
    right.topic.count - left.topic.count ||
    compareText(left.topic.node.id, right.topic.node.id)
  );
}
