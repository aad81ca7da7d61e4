import { Consumers } from "./consumers.ts";
import { CreateLog } from "./create-log.ts";
import { CreateRecordBatch } from "./create-record-batch.ts";
import { Forgetting } from "./forgetting.ts";
import { ScratchAndModuleSettings } from "./scratch-and-module-settings.ts";
import { SealResumeTokens } from "./seal-resume-tokens.ts";

/** The migrations of `mem0_cc`, in order. One that has been released is never changed; the next one is added below. */
export const logMigrations = [
  { name: "0001_create_log", class: CreateLog },
  { name: "0002_create_record_batch", class: CreateRecordBatch },
  { name: "0003_forgetting", class: Forgetting },
  { name: "0004_seal_resume_tokens", class: SealResumeTokens },
  { name: "0005_scratch_and_module_settings", class: ScratchAndModuleSettings },
  { name: "0007_consumers", class: Consumers },
];
