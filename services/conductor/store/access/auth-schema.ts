/** The PostgreSQL schema of principals, their rights and tokens, and the audit. Every process may read it; the conductor writes it. */
export const authSchema = "cos_auth";
