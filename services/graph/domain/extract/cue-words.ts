const setOf = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s+/));

/** What only people do, or what is only done to them: after an unknown name it makes a person of it wherever it is written. */
export const SPEAKING: ReadonlySet<string> = setOf(
  "said says told tells asked asks replied answered whispered smiled laughed nodded sighed shrugged grinned frowned muttered murmured " +
    "shouted cried dined supped drank wept exclaimed",
);

/** The same, of what things are also said to do: believed where the text is about people. */
export const ACTING: ReadonlySet<string> = setOf(
  "came comes come went goes who whom whose walked sat stood brought told tells showed shows gave " +
    "leaves left carried dined talked spoke being himself herself took knew thought coming promised desired died",
);

/** Before an unknown name: it is a person's. */
export const MEETING: ReadonlySet<string> = setOf(
  "said told asked met visited thanked kissed hugged married meeting saluted visit visiting replied answered",
);

/** Before an unknown name, where the text is about people. */
export const CALLING: ReadonlySet<string> = setOf(
  "one little poor young dear come comes came took take sent saw see found find called carried bade bid our old honest drowsy " +
    "between nor than",
);

/** The same before `with`. */
export const COMPANY: ReadonlySet<string> = setOf(
  "met meet meeting dined dine dinner walked walk talked talk talking spoke speak drank drink sat supped went go going came come thence home me him " +
    "her us and I out away up abroad back discourse discoursed lunch coffee spent stayed lived married thither angry alone again together " +
    "company I wife he she they we there then down agreed agree spend ride rode",
);

/** Before `to`, `from`, `in`: whoever does that does it in a place. */
export const MOVING: ReadonlySet<string> = setOf(
  "went go goes going come came comes walked walk rode ride coach water boat horse land thence sailed arrived travelled traveled journey " +
    "road way moved flew fly drove drive returned return returning born lived lives live living lodged dwells dwelt stayed lay lies lie " +
    "gone marched train ship bus flight fled miles mile rid foot news letters letter voyage sail bound galley carrier post towards",
);

/** Before `of`: what follows is where. */
export const LOCALITIES: ReadonlySet<string> = setOf(
  "town city village county parish port isle island river kingdom bay hamlet suburb district province outskirts streets people north south east west",
);

/** Relations that one can have but one of: they need no name. */
export const ONLY_KIN: ReadonlyMap<string, string> = new Map(
  "wife husband father mother fiancé fiancée mother-in-law father-in-law".split(" ").map((word) => [word, word]),
);

/** Relations that name somebody together with a name: `my uncle Wight`. */
export const KIN: ReadonlyMap<string, string> = new Map([
  ...ONLY_KIN,
  ...[
    "brother",
    "sister",
    "uncle",
    "aunt",
    "cousin",
    "son",
    "daughter",
    "nephew",
    "niece",
    "grandfather",
    "grandmother",
  ].map((word): [string, string] => [word, word]),
  ["cozen", "cousin"],
  ["coz", "cousin"],
  ["cosen", "cousin"],
  ["she-cousin", "cousin"],
  ["she-cozen", "cousin"],
]);
