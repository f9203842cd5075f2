import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { errorFromResponse } from './problems.ts';
import type { AcmeTransport } from './transport.ts';

const directorySchema = z.object({
  newNonce: z.url(),
  newAccount: z.url(),
  newOrder: z.url(),
  revokeCert: z.url(),
  /** RFC 9773 §3; absent: the CA offers no renewal information. */
  renewalInfo: z.url().optional(),
});
/** A directory (RFC 8555 §7.1.1), reduced to the members that certman uses. */
export type AcmeDirectory = z.infer<typeof directorySchema>;

const MAX_AGE_MS = 3_600_000;

/** A CA's directory, fetched at most once an hour. While a fetch fails the stale copy is used. */
export class DirectoryCache {
  readonly #transport: AcmeTransport;
  readonly #url: string;
  #cached: { readonly directory: AcmeDirectory; readonly since: number } | undefined;
  #pending: Promise<AcmeDirectory> | undefined;

  constructor(transport: AcmeTransport, url: string) {
    this.#transport = transport;
    this.#url = url;
  }

  /** @throws CertmanError `acme/unreachable`, `acme/serverError`, … when the fetch fails without a stale copy. */
  async get(): Promise<AcmeDirectory> {
    if (this.#cached !== undefined && Date.now() - this.#cached.since < MAX_AGE_MS) return this.#cached.directory;
    // All callers share this fetch, so no caller's signal cancels it; the transport's time-out bounds it.
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    const stale = this.#cached?.directory;
    return stale === undefined ? this.#pending : this.#pending.catch(() => stale);
  }

  async #fetch(): Promise<AcmeDirectory> {
    const { status, headers, data } = await this.#transport.send('GET', this.#url, undefined);
    if (status >= 400) {
      const { host } = new URL(this.#url);
      const retryAfter = headers['retry-after'];
      throw errorFromResponse({ host, what: 'its directory', status, body: data, retryAfter, now: new Date() });
    }
    const parsed = directorySchema.safeParse(data);
    if (!parsed.success) {
      throw new CertmanError({
        code: 'acme/unexpected',
        message: `The answer of ${this.#url} (HTTP ${status}) is not an ACME directory: ${z.prettifyError(parsed.error).slice(0, 300)}`,
        remedy: 'Check the configured ACME directory URL.',
      });
    }
    this.#cached = { directory: parsed.data, since: Date.now() };
    return parsed.data;
  }
}
