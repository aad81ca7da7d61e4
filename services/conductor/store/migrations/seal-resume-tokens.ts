import { Migration } from "@mikro-orm/migrations";

/** Gives each epoch the secret that its resume tokens are sealed with. */
export class SealResumeTokens extends Migration {
  override up(): void {
    // 32 bytes, 244 bits of them by chance. A default, so that a conductor of the version before can still begin an epoch.
    this.addSql(`alter table mem0_cc.epoch add column token_secret bytea not null
      default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')`);
  }

  override down(): void {
    this.addSql(`alter table mem0_cc.epoch drop column token_secret`);
  }
}
