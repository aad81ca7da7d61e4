import { create } from "@bufbuild/protobuf";
import {
  type DeadLetter,
  type DeadLetterSelector,
  DeadLetterSelectorSchema,
  EventPlacesSchema,
} from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { PurgeDeadLettersOptions, SelectDeadLettersOptions } from "../commands/dead-letters.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { canAsk, confirm } from "../memories/confirm.ts";
import type { GivenPlace } from "../options/parse-place.ts";
import { countOf } from "../output/count-of.ts";
import { pagesOfDeadLetters } from "./pages-of-dead-letters.ts";
import { deadLetterLines } from "./show-dead-letters.ts";

/** How many are enough to see whether they are what was meant. */
const SHOWN_MAX = 5;

/** `cos dead-letters replay`. */
export function replayDeadLetters(
  cli: Cli,
  consumer: string,
  which: readonly GivenPlace[] | undefined,
  options: SelectDeadLettersOptions,
): Promise<number> {
  const selector = selectorOf(which ?? [], options);
  return withConnection(cli, options.address, async ({ highway }) => {
    let replayed = 0n;
    // Those that die again meanwhile come after the others, and are left dead.
    let left = 1n;
    while (left > 0n) {
      const answer = await highway.replayDeadLetters({ consumer, selector }, { signal: cli.terminal.signal });
      left = replayed === 0n ? answer.remaining : left - answer.replayed;
      replayed += answer.replayed;
      if (answer.replayed === 0n) break;
    }
    const words = replayed === 0n ? "there was nothing to replay" : `replayed ${letters(replayed)}`;
    await cli.out.line(options.json === true ? JSON.stringify({ consumer, replayed: String(replayed) }) : words);
    return replayed === 0n && selector.which.case === "places" ? EXIT.notFound : EXIT.ok;
  });
}

/** `cos dead-letters purge`: shows what it will remove, and asks; or takes the number for an answer. */
export function purgeDeadLetters(
  cli: Cli,
  consumer: string,
  which: readonly GivenPlace[] | undefined,
  options: PurgeDeadLettersOptions,
): Promise<number> {
  const selector = selectorOf(which ?? [], options);
  if (options.count === undefined && !canAsk(cli)) {
    throw new CliFailure(EXIT.usage, "there is nobody to ask: --count says how many you mean to throw away");
  }
  return withConnection(cli, options.address, async (connection) => {
    const count = options.count === undefined ? await askFor(cli, connection, consumer, selector) : options.count;
    if (count === undefined) return EXIT.failed;
    let purged = 0n;
    if (count > 0) {
      const request = { consumer, selector, count: BigInt(count) };
      ({ purged } = await connection.highway.purgeDeadLetters(request, { signal: cli.terminal.signal }));
    }
    const words = purged === 0n ? "there was nothing to purge" : `purged ${letters(purged)}`;
    await cli.out.line(options.json === true ? JSON.stringify({ consumer, purged: String(purged) }) : words);
    return EXIT.ok;
  });
}

/** How many there are, if they may go; undefined: they may not. */
async function askFor(
  cli: Cli,
  connection: Connection,
  consumer: string,
  selector: DeadLetterSelector,
): Promise<number | undefined> {
  const module = selector.which.case === "module" ? selector.which.value : undefined;
  const shown: DeadLetter[] = [];
  let count = 0;
  for await (const letter of pagesOfDeadLetters(connection, { consumer, module }, cli.terminal.signal)) {
    if (!isSelected(selector, letter)) continue;
    count += 1;
    if (shown.length < SHOWN_MAX) shown.push(letter);
  }
  if (count === 0) return 0;
  await cli.err.line(`${letters(count)} of ${consumer} to throw away${count > SHOWN_MAX ? ", such as:" : ":"}`);
  for (const line of deadLetterLines({ out: cli.err }, shown)) await cli.err.line(`  ${line}`);
  if (await confirm(cli, "Throw them away for good?")) return count;
  await cli.err.line("cos: nothing was thrown away");
  return undefined;
}

function isSelected({ which }: DeadLetterSelector, { event }: DeadLetter): boolean {
  if (which.case !== "places") return true;
  if (event?.body.case !== "memory") return false;
  const { module, position } = event.body.value;
  return which.value.places.some((place) => place.module === module && place.position === position);
}

function selectorOf(places: readonly GivenPlace[], { all, module }: SelectDeadLettersOptions): DeadLetterSelector {
  const given = [places.length > 0, all === true, module !== undefined].filter(Boolean);
  if (given.length !== 1) throw new CliFailure(EXIT.usage, "say which: --all, --module, or places such as pepys/40");
  const which: DeadLetterSelector["which"] =
    places.length > 0
      ? { case: "places", value: placesOf(places) }
      : module === undefined
        ? { case: "all", value: true }
        : { case: "module", value: module };
  return create(DeadLetterSelectorSchema, { which });
}

function placesOf(places: readonly GivenPlace[]) {
  return create(EventPlacesSchema, { places: [...places] });
}

function letters(count: number | bigint): string {
  return countOf(count, "dead letter", "dead letters");
}
