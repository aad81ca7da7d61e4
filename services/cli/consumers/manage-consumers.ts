import { create, toJsonString } from "@bufbuild/protobuf";
import { FieldMaskSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import {
  type SeekConsumerRequest,
  SeekConsumerRequestSchema,
  SeekConsumerResponseSchema,
} from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { CommonOptions, DeleteOptions } from "../commands/consumers.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { canAsk, confirm } from "../memories/confirm.ts";
import type { ConsumerSettings, NewConsumer } from "../options/consumer-options.ts";
import type { GivenStart } from "../options/parse-start.ts";
import { countOf } from "../output/count-of.ts";
import { createRequestOf, cursorAt, settingsOf } from "./consumer-of.ts";

/** `cos consumers create`. */
export function createConsumer(cli: Cli, name: string, options: NewConsumer & CommonOptions): Promise<number> {
  const request = createRequestOf(name, options);
  return withConnection(cli, options.address, async ({ highway }) => {
    const { consumer, existed } = await highway.createConsumer(request, { signal: cli.terminal.signal });
    if (options.json === true) await cli.out.line(toJsonString(ConsumerSchema, consumer ?? create(ConsumerSchema)));
    else await cli.out.line(existed ? `${name} is there already; its place is where it was` : `created ${name}`);
    return EXIT.ok;
  });
}

/** `cos consumers update`, `pause` and `resume`. */
export function updateConsumer(
  cli: Cli,
  name: string,
  options: ConsumerSettings & CommonOptions & { readonly paused?: boolean },
): Promise<number> {
  const { consumer, paths } = settingsOf(name, options);
  if (options.paused !== undefined) {
    consumer.paused = options.paused;
    paths.push("paused");
  }
  if (paths.length === 0) throw new CliFailure(EXIT.usage, "say what to change, such as --max-attempts 10");
  return withConnection(cli, options.address, async ({ highway }) => {
    const updateMask = create(FieldMaskSchema, { paths });
    const answer = await highway.updateConsumer({ consumer, updateMask }, { signal: cli.terminal.signal });
    const did = options.paused === undefined ? "updated" : options.paused ? "paused" : "resumed";
    const json = (): string => toJsonString(ConsumerSchema, answer.consumer ?? create(ConsumerSchema));
    await cli.out.line(options.json === true ? json() : `${did} ${name}`);
    return EXIT.ok;
  });
}

/** `cos consumers seek`. */
export function seekConsumer(cli: Cli, name: string, to: GivenStart, options: CommonOptions): Promise<number> {
  return withConnection(cli, options.address, async ({ highway }) => {
    const { signal } = cli.terminal;
    const request = create(SeekConsumerRequestSchema, { name });
    if (typeof to === "object" && "position" in to) {
      const { status } = await highway.getConsumer({ name }, { signal });
      const modules = to.module === undefined ? (status?.places ?? []).map(({ settled }) => settled?.module ?? "") : [];
      request.cursors = [cursorAt(to, modules)];
    } else request.to = targetOf(to);
    const answer = await highway.seekConsumer(request, { signal });
    if (options.json === true) await cli.out.line(toJsonString(SeekConsumerResponseSchema, answer));
    for (const { module, position } of options.json === true ? [] : answer.cursors) {
      await cli.out.line(`${name} goes on in ${module} with position ${position + 1n}`);
    }
    return EXIT.ok;
  });
}

function targetOf(to: Exclude<GivenStart, { position: bigint }>): SeekConsumerRequest["to"] {
  if (to === "beginning") return { case: "beginning", value: true };
  if (to === "end") return { case: "end", value: true };
  return { case: "time", value: create(TimestampSchema, to) };
}

/** `cos consumers delete`: says what goes with it, and asks. */
export function deleteConsumer(cli: Cli, name: string, options: DeleteOptions): Promise<number> {
  if (options.yes !== true && !canAsk(cli)) {
    throw new CliFailure(EXIT.usage, "there is nobody to ask: --yes deletes without asking");
  }
  return withConnection(cli, options.address, async ({ highway }) => {
    const { signal } = cli.terminal;
    if (options.yes !== true) {
      const { status } = await highway.getConsumer({ name }, { signal });
      const letters = countOf(status?.deadLetters ?? 0n, "dead letter", "dead letters");
      const members = countOf(status?.members.length ?? 0, "member at work", "members at work");
      await cli.err.line(`${name}: ${members}, ${letters}; its place and they go with it`);
      if (!(await confirm(cli, `Delete ${name} for good?`))) {
        await cli.err.line("cos: nothing was deleted");
        return EXIT.failed;
      }
    }
    const { deadLetters } = await highway.deleteConsumer({ name }, { signal });
    const went = { name, deadLetters: String(deadLetters) };
    const letters = deadLetters === 0n ? "" : ` and ${countOf(deadLetters, "dead letter", "dead letters")}`;
    await cli.out.line(options.json === true ? JSON.stringify(went) : `deleted ${name}${letters}`);
    return EXIT.ok;
  });
}
