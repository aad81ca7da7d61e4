// A stream of work, answered in its order while the next pieces are taken in already.
//
//  A1  Answers come in the order of the input, however the work finishes.
//  A2  An answer is given as soon as it and all before it are there; it never waits for more input.
//  A3  No more input is taken while the work in hand weighs `weightMax` or more. Whoever sends it is then held by flow
//      control, so memory is bounded by `weightMax` and one piece.
//  A4  When the reader of the answers leaves, no more input is taken.
interface Pace<I> {
  readonly weightMax: number;
  readonly weigh: (piece: I) => number;
}

interface InHand<O> {
  readonly weight: number;
  readonly answer: Promise<O>;
}

type Turn<I, O> = { readonly taken: IteratorResult<I, void> } | { readonly answered: O };

/** Works on each piece of a stream and gives the answers in order. `work` must not reject. */
export async function* answerInOrder<I, O>(
  pieces: AsyncIterable<I>,
  work: (piece: I) => Promise<O>,
  { weightMax, weigh }: Pace<I>,
): AsyncGenerator<O> {
  const input: AsyncIterator<I, void> = pieces[Symbol.asyncIterator]();
  const inHand: InHand<O>[] = [];
  let weight = 0;
  let taking: Promise<Turn<I, O>> | undefined;
  let ended = false;
  try {
    while (!ended || inHand.length > 0) {
      if (!ended && weight < weightMax) taking ??= input.next().then((taken) => ({ taken }));
      const turn = await Promise.race([...nextAnswer<I, O>(inHand), ...(taking === undefined ? [] : [taking])]);
      if ("answered" in turn) {
        weight -= inHand.shift()?.weight ?? 0;
        yield turn.answered;
        continue;
      }
      taking = undefined;
      if (turn.taken.done) {
        ended = true;
        continue;
      }
      const piece = turn.taken.value;
      const own = weigh(piece);
      weight += own;
      inHand.push({ weight: own, answer: work(piece) });
    }
  } finally {
    // Not awaited: an iterator that waits for its sender answers `return` only after that.
    taking?.catch(() => {});
    input.return?.()?.catch(() => {});
  }
}

function nextAnswer<I, O>(inHand: readonly InHand<O>[]): Promise<Turn<I, O>>[] {
  const first = inHand[0];
  return first === undefined ? [] : [first.answer.then((answered) => ({ answered }))];
}
