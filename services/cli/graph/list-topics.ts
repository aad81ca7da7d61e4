import { create, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type ListTopicsResponse, ListTopicsResponseSchema, type Topic } from "#gen/cos/graph/v1/surveys_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ListTopicsOptions } from "../commands/graph-ask.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { timeRange } from "../options/build-filter.ts";
import type { Instant } from "../options/parse-instant.ts";
import { countOf } from "../output/count-of.ts";
import { formatInstant } from "../output/format-instant.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { nameOf, whatIs } from "./describe-node.ts";
import { askEach, modulesToAsk } from "./modules-of.ts";
import { searchOf } from "./search-of.ts";

const HEADINGS = ["WEIGHT", "MEMORIES", "WHAT", "NAME", "FIRST", "LAST"];
const LAYOUT = { right: [0, 1], gives: 3 };

interface Answer {
  readonly module: string;
  readonly response: ListTopicsResponse;
}

/** `cos graph between`. */
export function listTopics(cli: Cli, since: Instant, until: Instant, options: ListTopicsOptions): Promise<number> {
  if (!isBefore(since, until))
    throw new CliFailure(EXIT.usage, "the time must begin before it ends: the earlier day comes first");
  return withGraph(cli, options.address, async (graph) => {
    const search = searchOf(cli, graph, { ...(options.module !== undefined && { module: options.module }) });
    const occurred = timeRange(since, until);
    const request = { kinds: options.kind ?? [], limit: options.top, ...(occurred && { occurred }) };
    const answers = await askEach(await modulesToAsk(search), async (module): Promise<Answer> => {
      return { module, response: await graph.listTopics({ ...request, module }, { signal: search.signal }) };
    });
    const [most] = answers.toSorted((a, b) => Number(b.response.memoryCount - a.response.memoryCount));
    await tell(cli, most as Answer, since, until, options);
    return EXIT.ok;
  });
}

function isBefore(a: Instant, b: Instant): boolean {
  return a.seconds === b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds;
}

async function tell(
  cli: Cli,
  answer: Answer,
  since: Instant,
  until: Instant,
  options: ListTopicsOptions,
): Promise<void> {
  const { module, response } = answer;
  const { topics, memoryCount } = response;
  if (options.json === true) {
    await cli.out.line(JSON.stringify({ module, ...(toJson(ListTopicsResponseSchema, response) as object) }));
    return;
  }
  const when = `from ${shown(since)} to before ${shown(until)}`;
  if (memoryCount === 0n) {
    await cli.err.line(`cos: no memory of ${options.module ?? "any module"} happened ${when}`);
    return;
  }
  await cli.err.line(cli.err.style("dim", `cos: ${countOf(memoryCount, "memory", "memories")} of ${module} ${when}`));
  if (topics.length === 0) await cli.err.line("cos: they name nobody and nothing of that kind");
  else await writeLines(cli.out, tableLines(cli.out, HEADINGS, topics.map(rowOf), LAYOUT));
}

function shown(instant: Instant): string {
  return formatInstant(create(TimestampSchema, instant));
}

function rowOf({ weight, memoryCount, node, firstAt, lastAt }: Topic): string[] {
  return [
    weight.toFixed(4),
    memoryCount.toLocaleString("en"),
    ...(node === undefined ? ["", ""] : [whatIs(node), nameOf(node)]),
    formatInstant(firstAt),
    formatInstant(lastAt),
  ];
}
