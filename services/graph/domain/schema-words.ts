import type { Label, Type } from "./vocabulary.ts";

/** What each label stands for, in a sentence. */
export const LABEL_WORDS: Readonly<Record<Label, string>> = {
  Module: "A module: a namespace of memories with an order of its own.",
  Session: "A session: memories that follow one another.",
  LogEntry: "A memory.",
  Prompt: "A memory that has a prompt and its answer.",
  Source: "What memories came from, as they say themselves.",
  Entity: "Somebody or something that memories name, or that somebody added by hand.",
  Concept: "An idea or subject that memories are marked with, or that somebody added by hand.",
};

/** What a relationship of each type says, in a sentence. */
export const TYPE_WORDS: Readonly<Record<Type, string>> = {
  CONTAINS: "A module contains its sessions and the memories without one; a session contains its memories.",
  FLOWS_TO: "A memory leads to the next one of its session.",
  TRIGGERED_BY: "A memory was triggered by an earlier one.",
  CREATED_BY: "A memory came from a source.",
  REFERENCES: "A memory names an entity or concept; or, made by hand, one node refers to another.",
  RELATES_TO: "Two entities occur together in memories, without a direction; or, made by hand, what its maker says.",
  DEPENDS_ON: "One node depends on another, as somebody said by hand.",
};
