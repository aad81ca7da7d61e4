import { Command, InvalidArgumentError } from "commander";
import type { Cli } from "../cli.ts";
import { addNewConsumerOptions, type NewConsumer } from "../options/consumer-options.ts";
import { consumerName, countTo, durationS, text } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, runs } from "./command-parts.ts";

export interface ConsumeOptions extends NewConsumer {
  readonly address?: string;
  readonly exec?: string;
  readonly concurrency: number;
  /** In seconds. */
  readonly timeout?: number;
  readonly member?: string;
}

const DESCRIPTION = [
  "Works as a member of a consumer, without end. With --module or --all it creates the consumer, if it is not there, as `cos " +
    "consumers create` does. Several that run at once share the work.",
  "With --exec a shell runs the command for each event, with the memory in JSON on its standard input, and COS_MODULE, COS_POSITION, " +
    "COS_ID, COS_EVENT_TYPE and COS_ATTEMPT in its environment. Exit code 0: done. 65: not to be tried again, a dead letter. 126, 127: " +
    "the command cannot be run, and nothing goes on. Any other, 75 for one: tried again. What it wrote last to its standard error is kept " +
    "with the event. Without --exec each memory is printed in JSON, and done once it is written.",
  "Ctrl-C takes nothing more and lets commands that run finish; a second one kills them.",
].join("\n\n");

/** An empty one would do nothing, and call everything done. */
function shellCommand(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("it must not be empty.");
  return text(value);
}

/** Commands at once. */
const CONCURRENCY_MAX = 100;

export function consumeCommand(cli: Cli): Command {
  const command = new Command("consume")
    .summary("work on what is recorded, with retries")
    .description(DESCRIPTION)
    .argument("<name>", "the consumer", consumerName)
    .option("--exec <command>", "what to run for each event", shellCommand)
    .option("--concurrency <count>", "commands at once, of different keys", countTo(CONCURRENCY_MAX), 1)
    .option("--timeout <time>", "how long one command may take; then it is killed, and has failed", durationS)
    .option(
      "--member <name>",
      "the member's name, (default: one of its own); a second one of the name takes over",
      text,
    );
  addAddressOption(addNewConsumerOptions(command));
  addExamples(command, [
    ["cos consume drafts-editor --module drafts --exec ./on-memory.sh", "from now on, created the first time"],
    ["cos consume drafts-editor --exec ./on-memory.sh --concurrency 4 --timeout 5m", "a second member, somewhere else"],
    ["cos consume archive --all --from beginning | gzip > archive.jsonl.gz", "everything there is, and will be"],
  ]);
  const run = runs(cli, async (name: string, options: ConsumeOptions) => {
    const { consumeEvents } = await import("../consumers/consume-events.ts");
    return consumeEvents(cli, name, options);
  });
  return command.action(run);
}
