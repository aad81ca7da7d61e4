/**
 * A web address by which a page is known: scheme and host in small letters, no credentials, no fragment, no sentence's marks behind it,
 * no slash after a bare host. At most `max` characters.
 */
export function urlKey(form: string, max: number): string {
  const address = form.trim().slice(0, 4_000);
  const [, scheme, authority = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/i.exec(address) ?? [];
  if (scheme === undefined) return address.slice(0, max).trim().toWellFormed();
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  const path = rest === "/" ? "" : rest;
  return `${scheme.toLowerCase()}://${host}${path}`
    .slice(0, max)
    .replace(/[\s.,;:!?'’*_\]…]+$/, "")
    .toWellFormed();
}
