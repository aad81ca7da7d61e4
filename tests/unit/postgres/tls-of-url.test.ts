import { expect, test } from "@jest/globals";
import { postgresTlsOf, withSslMode } from "#shared/postgres/tls-of-url.ts";

const URL_WITHOUT = "postgres://me:hunter2@db.example:5432/cos";

test("a URL without a word of TLS stays as it is, and means none, whatever pg would find in the environment", () => {
  expect(postgresTlsOf(URL_WITHOUT)).toEqual({ url: URL_WITHOUT, ssl: false });
  expect(postgresTlsOf(`${URL_WITHOUT}?application_name=a%20b`)).toEqual({
    url: `${URL_WITHOUT}?application_name=a+b`,
    ssl: false,
  });
});

test("PGSSLMODE counts for such a URL, by the same rules, and for no other", () => {
  expect(withSslMode(URL_WITHOUT, "require")).toBe(`${URL_WITHOUT}?sslmode=require`);
  expect(withSslMode(`${URL_WITHOUT}?keepalives=1`, "disable")).toBe(`${URL_WITHOUT}?keepalives=1&sslmode=disable`);
  expect([undefined, ""].map((mode) => withSslMode(URL_WITHOUT, mode))).toEqual([URL_WITHOUT, URL_WITHOUT]);
  const verifying = `${URL_WITHOUT}?sslrootcert=system`;
  expect(withSslMode(verifying, "no-verify")).toBe(verifying);
  for (const mode of ["no-verify", "prefer", "allow"]) {
    expect(() => withSslMode(URL_WITHOUT, mode)).toThrow("must be one of disable, require, verify-ca, verify-full");
  }
});

test("what it says of TLS is taken out of it, and the host is what the certificate must name", () => {
  expect(postgresTlsOf(`${URL_WITHOUT}?sslmode=require&keepalives=1`)).toEqual({
    url: `${URL_WITHOUT}?keepalives=1`,
    ssl: { host: "db.example" },
  });
  expect(postgresTlsOf("postgres://[::1]:5432/cos?sslmode=verify-full")).toEqual({
    url: "postgres://[::1]:5432/cos",
    ssl: { host: "::1" },
  });
  expect(postgresTlsOf("postgres:///cos?sslmode=verify-full&host=db.example").ssl).toEqual({ host: "db.example" });
  expect(postgresTlsOf(`${URL_WITHOUT}?sslmode=disable`)).toEqual({ url: URL_WITHOUT, ssl: false });
  expect(postgresTlsOf(`${URL_WITHOUT}?sslrootcert=system`).ssl).toEqual({ host: "db.example" });
});

test.each([
  ["sslmode=prefer", "sslmode must be one of disable, require, verify-ca, verify-full"],
  ["sslmode=allow", "sslmode must be one of disable, require, verify-ca, verify-full"],
  ["sslmode=no-verify", "sslmode must be one of disable, require, verify-ca, verify-full"],
  ["sslmode=toString", "sslmode must be one of disable, require, verify-ca, verify-full"],
  ["ssl=no-verify", "say sslmode=verify-full (or sslmode=disable) instead of ssl=..."],
  ["sslmode=require&uselibpqcompat=true", "uselibpqcompat makes sslmode verify less: leave it out"],
  ["sslmode=disable&sslrootcert=/x", "sslmode=disable has no use for certificates: leave one of them out"],
  ["sslcert=/x", "sslcert and sslkey go together"],
  ["sslrootcert=/not/there", "sslrootcert cannot be read: ENOENT"],
])("%s is refused without repeating the URL", (parameters, message) => {
  expect(() => postgresTlsOf(`${URL_WITHOUT}?${parameters}`)).toThrow(
    expect.objectContaining({ name: "TypeError", message }),
  );
});
