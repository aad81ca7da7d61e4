/**
 * Why a string cannot be kept, if it cannot: PostgreSQL stores no NUL, and half a surrogate pair (JSON can spell one) is no
 * Unicode text, so that neither UTF-8 nor protobuf could carry it on.
 */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "must not contain a NUL character";
  if (!text.isWellFormed()) return "must be well-formed Unicode: it contains half a surrogate pair";
  return undefined;
}
