import { toJsonString } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { type Consumer, type ConsumerStatus, ConsumerStatusSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { CommonOptions } from "../commands/consumers.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { fieldLines, tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { formatKey } from "./consumer-of.ts";

const HEADINGS = ["NAME", "STATE", "MODULES", "KEY", "MEMBERS", "LAG", "IN HAND", "RESTING", "WAITING", "DEAD"];
const FIGURES = [4, 5, 6, 7, 8, 9];
/** The most that one page may have (cos.highway.v1.ListConsumersRequest). */
const PAGE_MAX = 1000;

/** `cos consumers ls`. */
export function listConsumers(cli: Cli, { json, address }: CommonOptions): Promise<number> {
  return withConnection(cli, address, async ({ highway }) => {
    const all: ConsumerStatus[] = [];
    let pageToken = "";
    do {
      const page = await highway.listConsumers({ pageSize: PAGE_MAX, pageToken }, { signal: cli.terminal.signal });
      all.push(...page.consumers);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    if (json === true)
      await writeLines(
        cli.out,
        all.map((each) => toJsonString(ConsumerStatusSchema, each)),
      );
    else if (all.length === 0) await cli.err.line("cos: there are none: `cos consumers create` makes one");
    else await writeLines(cli.out, tableLines(cli.out, HEADINGS, all.map(rowOf), { right: FIGURES, gives: 2 }));
    return EXIT.ok;
  });
}

function rowOf({ consumer, members, ...status }: ConsumerStatus): string[] {
  const figures = [members.length, status.lag, status.inFlight, status.resting, status.waiting, status.deadLetters];
  return [
    consumer?.name ?? "",
    consumer?.paused === true ? "paused" : "",
    modulesOf(consumer),
    formatKey(consumer?.key ?? 0),
    ...figures.map((figure) => figure.toLocaleString("en")),
  ];
}

function modulesOf(consumer: Consumer | undefined): string {
  return consumer?.allModules === true ? "(all)" : (consumer?.modules ?? []).join(" ");
}

/** `cos consumers show`. */
export function showConsumer(cli: Cli, name: string, { json, address }: CommonOptions): Promise<number> {
  return withConnection(cli, address, async ({ highway }) => {
    const { status } = await highway.getConsumer({ name }, { signal: cli.terminal.signal });
    if (status?.consumer === undefined) throw new CliFailure(EXIT.notFound, `there is no consumer ${name}`);
    if (json === true) await cli.out.line(toJsonString(ConsumerStatusSchema, status));
    else await writeLines(cli.out, statusLines(cli, status, status.consumer));
    return EXIT.ok;
  });
}

function statusLines(cli: Cli, status: ConsumerStatus, consumer: Consumer): string[] {
  const number = (value: bigint | number): string => value.toLocaleString("en");
  const lines = fieldLines(cli.out, [
    ["name", consumer.name],
    ["for", consumer.description],
    ["state", consumer.paused ? "paused" : "works"],
    ["modules", modulesOf(consumer)],
    ["filter", filterWords(consumer.filter)],
    ["key", formatKey(consumer.key)],
    ["lease", formatMs(consumer.lease)],
    ["ack deadline", formatMs(consumer.ackDeadline)],
    [
      "attempts",
      `${consumer.maxAttempts}, resting ${formatMs(consumer.backoffInitial)}..${formatMs(consumer.backoffMax)}`,
    ],
    ["in hand", `${number(status.inFlight)} of ${number(consumer.maxInFlight)} at most`],
    ["resting", number(status.resting)],
    ["waiting", number(status.waiting)],
    ["lag", number(status.lag)],
    ["dead letters", number(status.deadLetters)],
    ["created", `${formatInstant(consumer.createdAt)} by ${consumer.createdBy}`],
    ["changed", formatInstant(consumer.updatedAt)],
  ]);
  const places = status.places.map(({ settled, read, head }) => [
    settled?.module ?? "",
    ...[settled?.position ?? 0n, read, head].map(number),
  ]);
  const members = status.members.map((member) => [
    member.name,
    member.principal,
    formatInstant(member.joinedAt),
    formatInstant(member.leaseUntil),
    number(member.inFlight),
  ]);
  if (places.length > 0) {
    lines.push("", ...tableLines(cli.out, ["MODULE", "SETTLED", "READ", "HEAD"], places, { right: [1, 2, 3] }));
  }
  if (members.length > 0) {
    const headings = ["MEMBER", "AS", "JOINED", "LEASE UNTIL", "IN HAND"];
    lines.push("", ...tableLines(cli.out, headings, members, { right: [4] }));
  }
  return lines;
}

function filterWords(filter: Filter | undefined): string {
  const words = [
    ...(filter?.eventTypes ?? []).map((type) => `type=${type}`),
    ...(filter?.sources ?? []).map((source) => `source=${source}`),
    ...(filter?.sessionIds ?? []).map((session) => `session=${session}`),
    ...(filter?.tags ?? []).map((tag) => `tag=${tag}`),
  ];
  return words.join(" ");
}

function formatMs(duration: Duration | undefined): string {
  if (duration === undefined) return "";
  const ms = durationMs(duration);
  const [size, unit] = (
    [
      [86_400_000, "d"],
      [3_600_000, "h"],
      [60_000, "m"],
      [1000, "s"],
    ] as const
  ).find(([each]) => ms >= each && ms % each === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}
