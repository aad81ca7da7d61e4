import { isDeepStrictEqual } from "node:util";
import { SettingsError } from "#shared/config/read-settings.ts";
import type { Log } from "#shared/log/open-log.ts";
import { readCertificates, type TlsCertificates, type TlsFiles } from "./tls-certificates.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A certificate that is still here so shortly before its end was forgotten: what renews them by itself does so earlier. */
const EXPIRES_SOON_DAYS = 3;

export interface CertificateWatchOptions {
  readonly files: TlsFiles;
  /** How often the files are read. */
  readonly intervalMs: number;
  /** Takes certificates that have changed. */
  readonly onChange: (certificates: TlsCertificates) => void;
  readonly log: Log;
}

/**
 * Keeps a listener's certificates those of its files.
 *
 * Purpose: certificates are renewed every few weeks or hours, and no connection may be lost for it.
 *
 * Owner: `openServer`, which closes it.
 *
 * 1. The files are read, not watched: a mounted secret is replaced by a link, an editor by a rename, and each system tells of
 *    that in another way or not at all. Three small files every few seconds cost nothing.
 * 2. Only what is fit whole is taken: a file that is half written, or a key that came before its certificate, is told once and
 *    left; the certificates that were there stay, and the next look finds what has become of it.
 * 3. That a certificate ends soon, or has ended, is told once each. Neither ends the process: clients see it, and who renews
 *    it needs no restart.
 */
export class CertificateWatch {
  #current: TlsCertificates;
  #told = "";
  readonly #options: CertificateWatchOptions;
  readonly #timer: NodeJS.Timeout;

  /** Reads the files for the first time. Throws SettingsError. */
  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#current = readCertificates(options.files);
    this.#tellOfExpiry();
    this.#timer = setInterval(() => this.#look(), options.intervalMs).unref();
  }

  get current(): TlsCertificates {
    return this.#current;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { files, log, onChange } = this.#options;
    try {
      const found = readCertificates(files);
      if (!isDeepStrictEqual(found, this.#current)) {
        onChange(found);
        this.#current = found;
        this.#told = "";
        log.info({ days_left: daysLeft(found) }, "certificates read again");
      }
      this.#tellOfExpiry();
    } catch (error) {
      const faults = error instanceof SettingsError ? error.faults : [(error as Error).message];
      this.#tell(`certificates not taken, the old ones stay: ${faults.join("; ")}`, error);
    }
  }

  #tellOfExpiry(): void {
    const leftDays = daysLeft(this.#current);
    if (leftDays < 0) this.#tell("the certificate of this listener has ended: clients will refuse it");
    else if (leftDays < EXPIRES_SOON_DAYS) this.#tell("the certificate of this listener ends within three days");
  }

  #tell(warning: string, err?: unknown): void {
    if (this.#told === warning) return;
    this.#told = warning;
    this.#options.log.warn({ days_left: daysLeft(this.#current), err }, warning);
  }
}

function daysLeft({ expiresMs }: TlsCertificates): number {
  return Math.floor((expiresMs - Date.now()) / DAY_MS);
}
