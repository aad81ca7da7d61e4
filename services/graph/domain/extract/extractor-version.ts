/**
 * The version of the rules by which memories are read: how names are found in them and told from one another, and which acts of the log
 * are known. Whoever changes what `extractMentions`, `mentionKeyOf` or `entityKeyOf` answer, or lets `readMemory` take up what it passed
 * over before, raises it: a graph that was made by an older version is then offered a rebuild.
 *
 *  2  links between memories are taken up
 */
export const EXTRACTOR_VERSION = 2;
