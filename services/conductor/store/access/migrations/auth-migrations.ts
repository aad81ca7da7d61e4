import { CreateAuth } from "./create-auth.ts";

/** The migrations of `cos_auth`, in order. One that has been released is never changed; the next one is added below. */
export const authMigrations = [{ name: "0001_create_auth", class: CreateAuth }];
