import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { CountedTerm } from "#shared/ranking/choose-terms.ts";
import type { NamedMonth } from "#shared/ranking/named-months.ts";
import type { RankedPassage } from "#shared/ranking/rank-passages.ts";

// The index of SearchMemories, as those who search see it. Everything takes the caller's scope into its query.

/** One search: whose it is, and how long it may go on. */
export interface SearchCall {
  readonly scope: Scope;
  readonly signal: AbortSignal;
  /** In milliseconds of the epoch; what is not done by then is stopped. */
  readonly endMs: number;
}

/** How far the index of a module is, and how much it holds. */
export interface IndexedModule {
  readonly module: string;
  /** The text search configuration that its words were reduced by. */
  readonly language: string;
  /** What was recorded up to here can be found. */
  readonly position: number;
  /** The module's last position. */
  readonly head: number;
  readonly passages: number;
  readonly words: number;
}

/** What a stretch of a query comes to, in each of the languages asked for. */
export interface Lexemes {
  /** By language, in their order. */
  readonly lexemes: readonly (readonly string[])[];
  /** As a tsquery: its words one after the other, in any of the languages. Empty: they say nothing. */
  readonly phrase: string;
}

export interface PassageKey {
  readonly module: string;
  readonly position: number;
  readonly part: number;
}

/** Which passages are wanted, whatever their words. */
export interface SearchWhere {
  readonly modules: readonly string[];
  /** They are all that there are: nothing needs to be compared. */
  readonly isEverywhere: boolean;
  readonly filter: Filter | undefined;
  /** Phrases, as tsqueries; the memory of a passage holds each of them. */
  readonly required: readonly string[];
  /** The same of what it must not hold. */
  readonly excluded: readonly string[];
}

export interface CandidateQuery extends SearchWhere {
  /** As a tsquery: only passages that match are looked at. */
  readonly leading: string;
  /** How much the length of a passage counts against it, from 0 to 1. */
  readonly lengthWeight: number;
  readonly weights: readonly { readonly lexeme: string; readonly idf: number }[];
  /** The mean length of a passage, in words. */
  readonly meanLength: number;
  /** What happened in one of these counts so many times as much. */
  readonly months: readonly NamedMonth[];
  readonly monthFactor: number;
  readonly limit: number;
}

export interface AroundQuery {
  readonly keys: readonly PassageKey[];
  /** Which of them, and of their neighbours, are wanted. */
  readonly where: SearchWhere;
  /** Whose frequencies are told. */
  readonly lexemes: readonly string[];
  /** How many neighbours on each side are wanted too; with so many of their own again. */
  readonly neighbours: number;
}

/** A passage as it is ranked and shown. */
export interface FoundPassage extends RankedPassage {
  readonly startAt: number;
  readonly characters: number;
}

/** Memories that are shown, each with its passage as the log has it now. */
export interface ShownMemories {
  readonly shown: readonly {
    /** Which of those that were asked for, from 0. */
    readonly index: number;
    readonly memory: Memory;
    readonly passage: string;
  }[];
  /** Those after the last shown were left out for their size. */
  readonly isCut: boolean;
}

export interface SearchIndex {
  /** The modules of these names, or all, that the caller may see, by name. */
  readModules(call: SearchCall, names: readonly string[] | "all"): Promise<IndexedModule[]>;
  /** What each text comes to, in the languages given. */
  readLexemes(call: SearchCall, languages: readonly string[], texts: readonly string[]): Promise<Lexemes[]>;
  /** How many passages of the modules hold each lexeme; those that none holds are left out. */
  countTerms(call: SearchCall, modules: readonly string[], lexemes: readonly string[]): Promise<CountedTerm[]>;
  /** What looks like each of the lexemes; undefined: the database cannot tell. */
  nearLexemes(
    call: SearchCall,
    modules: readonly string[],
    lexemes: readonly string[],
  ): Promise<CountedTerm[][] | undefined>;
  /** Whether the filter leaves so few passages that each may be looked at. */
  isNarrow(call: SearchCall, where: SearchWhere, most: number): Promise<boolean>;
  findCandidates(call: SearchCall, query: CandidateQuery, isNarrow: boolean): Promise<PassageKey[]>;
  /** Passages and those around them. */
  readAround(call: SearchCall, query: AroundQuery): Promise<FoundPassage[]>;
  /** The memories of passages, in their order, without those that were forgotten. */
  readMemories(call: SearchCall, passages: readonly FoundPassage[], view: MemoryView): Promise<ShownMemories>;
  /** The lexemes of each word, in a language. */
  readWords(call: SearchCall, words: readonly WordIn[]): Promise<(readonly string[])[]>;
}

export interface WordIn {
  readonly word: string;
  readonly language: string;
}
