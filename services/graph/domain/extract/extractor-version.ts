/**
 * The version of the rules by which names are found in memories and told from one another. Whoever changes what `extractMentions`,
 * `mentionKeyOf` or `entityKeyOf` answer raises it: a graph that was made by an older version is then offered a rebuild.
 */
export const EXTRACTOR_VERSION = 1;
