const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text has the form of a memory's or a token's id: a UUID. */
export function isId(text: string): boolean {
  return ID.test(text);
}
