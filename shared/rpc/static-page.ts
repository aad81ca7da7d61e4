import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { NodeRequest, NodeResponse } from "./connect-call.ts";

/** One HTML page that a server shows at `/`. */
export interface StaticPage {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads a page that stands alone: its scripts and styles are in it, in `<script>` and `<style>` elements without attributes,
 * and it asks nobody but its own server.
 *
 * The policy lets in what the file holds, by hash, and nothing else (CSP 3, 6.7.3): a text that found its way into the
 * markup could neither run nor load anything. Nor may the page be framed, stored, or named to others by a `Referer`.
 */
export function readStaticPage(file: URL): StaticPage {
  const body = readFileSync(file);
  const html = body.toString();
  const policy = [
    "default-src 'none'",
    `script-src ${hashesOf(html, "script")}`,
    `style-src ${hashesOf(html, "style")}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // No string becomes markup or code, in browsers that know the rule.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-length": String(body.length),
    "content-security-policy": policy.join("; "),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  return { body, headers };
}

/** Whether a request asks for the page: a GET or HEAD of `/`, whatever follows the question mark. */
export function asksForPage({ method, url = "" }: NodeRequest): boolean {
  return (method === "GET" || method === "HEAD") && (url === "/" || url.startsWith("/?"));
}

/** Answers with the page. */
export function answerPage({ body, headers }: StaticPage, response: NodeResponse): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // To a HEAD, Node sends no body.
  response.end(body);
}

const INSIDE = { script: /<script>([\s\S]*?)<\/script>/g, style: /<style>([\s\S]*?)<\/style>/g } as const;

/** The hashes of what stands in elements of a name, as a policy lists them; `'none'` where there are none. */
function hashesOf(html: string, element: keyof typeof INSIDE): string {
  const hashes = [...html.matchAll(INSIDE[element])].map(
    ([, content = ""]) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`,
  );
  return hashes.length === 0 ? "'none'" : hashes.join(" ");
}
